// This file tests Conn.Read and AppendRead. read_context_test.go interrupts
// them, reader_test.go is about NextReader.

package websocket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
)

// testLinks are the ways to carry bytes that differ for a Conn.
var testLinks = []struct {
	name string
	open func(t *testing.T) (ours, theirs net.Conn)
}{
	{"tcp", func(t *testing.T) (ours, theirs net.Conn) { return loopback(t) }},
	{"unix", unixPair},
	{"tls", func(t *testing.T) (ours, theirs net.Conn) { return tlsPair(t, nil) }},
	{"in-memory", func(t *testing.T) (ours, theirs net.Conn) { return newPipe() }},
	{"in-memory-bytewise", func(t *testing.T) (ours, theirs net.Conn) {
		return newPipe(func(k *simKnobs) { k.readAtMost = 1 })
	}},
}

// eachLink runs a test of a Conn in both roles on every link.
func eachLink(t *testing.T, o Options, f func(t *testing.T, c *Conn, p *testPeer)) {
	t.Helper()
	for _, link := range testLinks {
		for _, role := range []Role{RoleServer, RoleClient} {
			t.Run(link.name+"/"+role.String(), func(t *testing.T) {
				ours, theirs := link.open(t)
				c, p := newTestConnOn(t, role, o, ends{ours, theirs})
				f(t, c, p)
			})
		}
	}
}

// testSizes are those at which a frame's header changes, and their neighbours.
var testSizes = []int{0, 1, 125, 126, 127, 4095, 8191, 8192, 8193, 65535, 65536, 1 << 20}

// testPayload returns n bytes, no two lengths alike.
func testPayload(n int) string {
	unit := "0123456789abcdef€" // 19 bytes, so that no buffer's size is a multiple
	s := strings.Repeat(unit, n/len(unit))
	return s + strings.Repeat("x", n-len(s))
}

// sizes returns testSizes, as many as the link carries in reasonable time.
func (p *testPeer) sizes() []int {
	if p.sim != nil && p.sim.peer.knobs.readAtMost == 1 {
		return testSizes[:9]
	}
	return testSizes
}

func TestReadDeliversEverySize(t *testing.T) {
	eachLink(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		defer p.meanwhile(func() {
			for _, n := range p.sizes() {
				p.write(OpText, true, testPayload(n))
				p.write(OpBinary, true, testPayload(n))
			}
		})()
		for _, n := range p.sizes() {
			reads(t, c).want("a message of this size", Text, testPayload(n))
			reads(t, c).want("the same as binary", Binary, testPayload(n))
		}
	})
}

// TestReadJoinsFragments has fragments of every size, empty ones too, with a
// ping in front of each.
func TestReadJoinsFragments(t *testing.T) {
	eachLink(t, Options{MaxMessageSize: -1}, func(t *testing.T, c *Conn, p *testPeer) {
		want := ""
		wait := p.meanwhile(func() {
			op := OpBinary
			for _, n := range p.sizes() {
				p.write(OpPing, true, "are you there?")
				p.write(op, false, testPayload(n))
				op = OpContinuation
			}
			p.write(OpContinuation, true, "")
		})
		for _, n := range p.sizes() {
			want += testPayload(n)
		}
		reads(t, c).want("a message in fragments", Binary, want)
		wait()
		for range p.sizes() {
			p.wantFrame("every ping is answered", OpPong, "are you there?")
		}
	})
}

// readStream is a few messages as one peer sends them, with control frames in
// every place.
func readStream(p *testPeer) (stream []byte, want []Message) {
	for _, f := range []struct {
		op      Opcode
		fin     bool
		payload string
	}{
		{OpText, true, "one"}, {OpPing, true, "a"}, {OpBinary, true, ""},
		{OpText, false, "th"}, {OpPing, true, "b"}, {OpContinuation, false, "r\xe2\x82"}, {OpPong, true, ""},
		{OpContinuation, false, ""}, {OpContinuation, true, "\xac"}, {OpPing, true, "c"},
		{OpBinary, false, ""}, {OpContinuation, true, testPayload(300)},
	} {
		stream = append(stream, p.frame(f.op, f.fin, f.payload)...)
	}
	return stream, []Message{{Type: Text, Data: []byte("one")}, {Type: Binary, Data: nil}, {Type: Text, Data: []byte("thr€")}, {Type: Binary, Data: []byte(testPayload(300))}}
}

func wantMessages(t *testing.T, c *Conn, why string, want []Message) {
	t.Helper()
	for _, m := range want {
		reads(t, c).want(why, m.Type, string(m.Data))
	}
}

func wantPongs(p *testPeer, why string, payloads ...string) {
	p.t.Helper()
	for _, payload := range payloads {
		p.wantFrame(why, OpPong, payload)
	}
}

//
func TestReadDoesNotCareHowBytesAreCut(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		length := 0
		for cut := 0; cut <= length; cut++ {
			stream, want := readStream(p)
			length = len(stream)
			p.writeBytes(stream[:cut])
			if cut > 0 && cut < length {
				go func() {
					synctest.Wait()
					p.writeBytes(stream[cut:])
				}()
			} else {
				p.writeBytes(stream[cut:])
			}
			wantMessages(t, c, "cut in two", want)
			wantPongs(p, "its pings are answered", "a", "b", "c")
		}
		stream, want := readStream(p)
		go func() {
			for i := range stream {
				synctest.Wait()
				p.writeBytes(stream[i : i+1])
			}
		}()
		wantMessages(t, c, "cut into bytes", want)
		wantPongs(p, "its pings are answered", "a", "b", "c")
		p.wantIdle("nothing else is to be sent")
	})
}

// TestReadTakesBytesThatComeWithAnError: R-26, io.Reader may return both.
func TestReadTakesBytesThatComeWithAnError(t *testing.T) {
	for _, size := range []int{3, 20_000} { // buffered and direct
		eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
			p.sim.peer.tune(func(k *simKnobs) { k.eofWithData = true })
			p.write(OpBinary, true, testPayload(size))
			p.sim.CloseWrite()
			reads(t, c).want("in front of the end", Binary, testPayload(size))
			_, _, err := c.Read(t.Context())
			wantCloseError(t, "behind it", err, CloseError{Code: CloseAbnormal})
			if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
				t.Errorf("the end of the bytes: %v", err)
			}
		})
	}
}

// TestReadGoesOnAfterAnEmptyRead: io.Reader may return 0, nil.
func TestReadGoesOnAfterAnEmptyRead(t *testing.T) {
	for _, size := range []int{3, 20_000} {
		eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
			for nth := range 5 {
				p.sim.peer.failAfter(simRead, nth+1, 0, nil)
			}
			p.write(OpBinary, true, testPayload(size))
			reads(t, c).want("after reads that returned nothing", Binary, testPayload(size))
		})
	}
}

func TestReadErrorsAreFinal(t *testing.T) {
	tests := []struct {
		name string
		do   func(p *testPeer)
		want error
	}{
		{"reset", func(p *testPeer) { p.sim.reset() }, syscall.ECONNRESET},
		{"end-in-header", func(p *testPeer) { p.writeBytes([]byte{0x81}); p.sim.CloseWrite() }, io.ErrUnexpectedEOF},
		{"end-in-payload", func(p *testPeer) {
			b := p.frame(OpText, true, "cut off")
			p.writeBytes(b[:len(b)-1])
			p.sim.CloseWrite()
		}, io.ErrUnexpectedEOF},
		{"end-between-fragments", func(p *testPeer) { p.write(OpText, false, "x"); p.sim.CloseWrite() }, io.ErrUnexpectedEOF},
		{"end-between-messages", func(p *testPeer) { p.sim.CloseWrite() }, io.ErrUnexpectedEOF},
		{"reserved-bit", func(p *testPeer) {
			p.writeBytes(p.encode(Header{Fin: true, RSV1: true, Opcode: OpText, Masked: p.role == RoleClient}, ""))
		}, RuleReservedBit},
		{"too-big", func(p *testPeer) {
			p.writeBytes(AppendHeader(nil, Header{Fin: true, Opcode: OpText, Length: 1 << 21, Masked: p.role == RoleClient}))
		}, ErrTooBig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				tt.do(p)
				_, _, first := c.Read(t.Context())
				if !errors.Is(first, tt.want) {
					t.Fatalf("Read: %v, want %v", first, tt.want)
				}
				<-c.Done()
				for range 10_000 {
					if _, _, err := c.Read(t.Context()); err != first {
						t.Fatalf("Read again: %v, first it was %v", err, first)
					}
				}
				if c.Err() != first {
					t.Errorf("Err: %v, but Read: %v", c.Err(), first)
				}
			})
		})
	}
}

func TestReadAppends(t *testing.T) {
	for _, size := range []int{0, 5, 20_000} {
		eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
			payload := testPayload(size)
			p.write(OpBinary, true, payload)
			dst := append(make([]byte, 0, 32<<10), "in front "...)
			typ, got, err := c.AppendRead(t.Context(), dst)
			if typ != Binary || string(got) != "in front "+payload || err != nil {
				t.Fatalf("AppendRead = %v, %s, %v", typ, abridge(string(got)), err)
			}
			if &got[0] != &dst[0] {
				t.Error("there was room, but memory was allocated")
			}
			p.writeBytes(append(p.frame(OpBinary, true, payload), p.frame(OpText, true, "next")...))
			if _, got, err = c.AppendRead(t.Context(), dst); string(got) != "in front "+payload || err != nil {
				t.Fatalf("with more behind: %s, %v", abridge(string(got)), err)
			}
			reads(t, c).want("only the message was taken", Text, "next")
			p.write(OpBinary, true, payload)
			if _, got, err = c.AppendRead(t.Context(), dst[:2:2]); string(got) != "in"+payload || err != nil {
				t.Fatalf("without room: %s, %v", abridge(string(got)), err)
			}

			p.write(OpBinary, false, payload)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { synctest.Wait(); cancel() }()
			_, got, err = c.AppendRead(ctx, dst)
			if !errors.Is(err, context.Canceled) || !bytes.Equal(got, dst) || &got[0] != &dst[0] {
				t.Errorf("interrupted: %s, %v; want dst as it was", abridge(string(got)), err)
			}
			p.sim.CloseWrite()
			if _, got, err = c.AppendRead(t.Context(), dst); err == nil || !bytes.Equal(got, dst) || &got[0] != &dst[0] {
				t.Errorf("lost: %s, %v; want dst as it was", abridge(string(got)), err)
			}
		})
	}
}

// TestReadersTakeTurns has several readers of messages in fragments. None may
// get a piece of another's.
func TestReadersTakeTurns(t *testing.T) {
	const readers, messages = 4, 200
	eachLink(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		got := make(chan string, messages)
		var all sync.WaitGroup
		for range readers {
			all.Go(func() {
				for range messages / readers {
					_, data, err := c.Read(t.Context())
					if err != nil {
						t.Error(err)
					}
					got <- string(data)
				}
			})
		}
		for i := range messages {
			payload := strings.Repeat(string(rune('a'+i%26)), i)
			p.write(OpText, false, payload)
			p.write(OpContinuation, true, payload)
		}
		all.Wait()
		seen := map[int]bool{}
		for range messages {
			m := <-got
			seen[len(m)/2] = true
			if m != strings.Repeat(string(rune('a'+len(m)/2%26)), len(m)) {
				t.Fatalf("a mixed message: %s", abridge(m))
			}
		}
		if len(seen) != messages {
			t.Errorf("%d different messages came, want %d", len(seen), messages)
		}
	})
}
