package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The plans that are made must have all outcomes, and lead to the one they say.
func TestPlansHaveEveryOutcome(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var outcomes [4]int
	var latency, slices, stalls, resets int
	for range 1000 {
		p := makePlan(rng)
		outcomes[p.outcome()]++
		latency += min(1, int(p.Latency))
		slices += min(1, p.Slice)
		stalls += min(1, int(p.Stall))
		if p.Reset {
			resets++
		}
		if p.outcome() == kept && p.Stall > shortStall {
			t.Errorf("a stall of %v is survived", p.Stall)
		}
		if p.Cut >= shortAnswer && p.Cut < longAnswer || p.StallAt > 0 && p.StallAt < longAnswer {
			t.Errorf("the handshake ends so or so with %+v", p)
		}
	}
	if min(outcomes[kept], outcomes[unopened], outcomes[lost], outcomes[dead]) == 0 || min(latency, slices, stalls, resets) == 0 {
		t.Errorf("outcomes %v, latency %d, slices %d, stalls %d, resets %d", outcomes, latency, slices, stalls, resets)
	}
}

// through returns both ends of a connection over a proxy.
func through(t *testing.T, p plan) (client, server *net.TCPConn) {
	t.Helper()
	proxy, err := startProxy()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.stop)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	nc, err := proxy.dialer(p)(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	for _, end := range []net.Conn{nc, accepted} {
		end.SetDeadline(time.Now().Add(time.Minute))
	}
	return nc.(*net.TCPConn), accepted.(*net.TCPConn)
}

func TestProxyPassesBothDirectionsToTheirEnds(t *testing.T) {
	for name, p := range map[string]plan{
		"plainly":     {},
		"in-slices":   {Slice: 10},
		"late":        {Latency: time.Microsecond},
		"with-stalls": {StallAt: 5000, Stall: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := through(t, p)
			question, answer := bytes.Repeat([]byte("question"), 4000), bytes.Repeat([]byte("answer"), 3000)
			go func() {
				client.Write(question)
				client.CloseWrite()
			}()
			if got, err := io.ReadAll(server); err != nil || !bytes.Equal(got, question) {
				t.Errorf("the server gets %d bytes of %d, %v", len(got), len(question), err)
			}
			go func() {
				server.Write(answer)
				server.CloseWrite()
			}()
			if got, err := io.ReadAll(client); err != nil || !bytes.Equal(got, answer) {
				t.Errorf("the client gets %d bytes of %d, %v", len(got), len(answer), err)
			}
		})
	}
}

func TestProxyCutsAtTheByte(t *testing.T) {
	for _, p := range []plan{{Cut: 1}, {Cut: 777}, {Cut: 777, Slice: 10}, {Cut: 777, Reset: true}} {
		client, server := through(t, p)
		go server.Write(make([]byte, 10000))
		got, err := io.ReadAll(client)
		switch {
		case p.Reset && (err == nil || !isCut(err) || len(got) > int(p.Cut)):
			t.Errorf("%+v: the client gets %d bytes, %v", p, len(got), err)
		case !p.Reset && (err != nil || len(got) != int(p.Cut)):
			t.Errorf("%+v: the client gets %d bytes, %v", p, len(got), err)
		}
		if got, err := io.ReadAll(server); len(got) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%+v: the server gets %q, %v", p, got, err)
		}
	}
}

func TestProxyStallsBothDirections(t *testing.T) {
	client, server := through(t, plan{StallAt: 100, Stall: time.Hour})
	server.Write(make([]byte, 200))
	if _, err := io.ReadFull(client, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	// The proxy may still be about to note that it stalls.
	for err := error(nil); err == nil; {
		client.Write([]byte("x"))
		server.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err = server.Read(make([]byte, 100)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	client.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := client.Read(make([]byte, 100)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client gets %d bytes, %v", n, err)
	}
}

func TestLinkWaitsWhileItStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &link{plan: plan{Stall: 10 * time.Second}}
		k.ctx, k.cancel = context.WithCancel(t.Context())
		if !k.clear() || !k.wait(0) {
			t.Error("a link is over from the beginning")
		}
		begun := time.Now()
		if !k.stall() || time.Since(begun) != 10*time.Second {
			t.Errorf("it ends after %v", time.Since(begun))
		}
		go k.stall()
		synctest.Wait()
		if !k.clear() || time.Since(begun) != 20*time.Second {
			t.Errorf("it stalls for %v", time.Since(begun))
		}
		go k.stall()
		synctest.Wait()
		k.pass(new(net.TCPConn), strings.NewReader("x"), func([]byte) error {
			if time.Since(begun) != 30*time.Second {
				t.Errorf("a piece gets through after %v", time.Since(begun))
			}
			return nil
		})
		go k.stall()
		synctest.Wait()
		k.cancel()
		if k.clear() || k.wait(0) || time.Since(begun) != 30*time.Second {
			t.Error("a link that is over goes on")
		}
	})
}

// Whoever has survived such a stall is cut off, so that it is noticed.
func TestLinkIsOverBehindALongStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &link{plan: plan{Stall: longStall}}
		k.ctx, k.cancel = context.WithCancel(t.Context())
		begun := time.Now()
		if k.stall() || time.Since(begun) != longStall {
			t.Errorf("a link goes on after %v", time.Since(begun))
		}
		k.pass(new(net.TCPConn), strings.NewReader("xyz"), func([]byte) error { return nil })
		if time.Since(begun) != longStall {
			t.Error("what would be thrown away has to wait")
		}
	})
}

func TestLinkCutsSlices(t *testing.T) {
	k := &link{plan: plan{Slice: 10}}
	k.ctx, k.cancel = context.WithCancel(t.Context())
	nowhere := new(net.TCPConn) // fails when its direction is closed
	var got []byte
	var lengths [11]int
	want := bytes.Repeat([]byte("0123456"), 1000)
	k.pass(nowhere, bytes.NewReader(want), func(piece []byte) error {
		lengths[len(piece)]++
		got = append(got, piece...)
		return nil
	})
	if !bytes.Equal(got, want) || lengths[0] > 0 {
		t.Errorf("%d bytes become %d in pieces of %v", len(want), len(got), lengths)
	}
	for length, n := range lengths[1:] {
		if n == 0 {
			t.Errorf("no piece of %d bytes: %v", length+1, lengths)
		}
	}
}
