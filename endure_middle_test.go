// This file puts something between the two ends that may do what a proxy may: cut
// the bytes of TCP as it likes, or the fragments of messages (§5.4). The messages
// must be the same.

package websocket

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// enduredMiddles is how many ways to cut are tried, each from its own seed.
const enduredMiddles = 3

// reslice carries bytes on in pieces that have nothing to do with those that
// come: larger, when many come soon after each other, or smaller.
func reslice(to, from *net.TCPConn, r *rand.Rand) {
	defer to.CloseWrite()
	buf := make([]byte, 32<<10)
	for err := error(nil); err == nil; {
		var n int
		n, err = from.Read(buf)
		for r.IntN(3) > 0 && err == nil && n < len(buf) {
			from.SetReadDeadline(time.Now().Add(time.Millisecond)) // what has not come by then goes with the next
			var more int
			if more, err = from.Read(buf[n:]); isTimeout(err) {
				err = nil
			}
			n += more
			from.SetReadDeadline(time.Time{})
		}
		for rest := buf[:n]; len(rest) > 0; {
			piece := min(len(rest), 1+r.IntN(1<<r.IntN(13)))
			if _, wrote := to.Write(rest[:piece]); wrote != nil {
				return
			}
			rest = rest[piece:]
		}
	}
}

// resliced returns the ends of a connection with a proxy in its middle.
func resliced(t *testing.T, seed uint64) (ours, theirs net.Conn) {
	ours, near := loopback(t)
	far, theirs := loopback(t)
	var both sync.WaitGroup
	both.Go(func() { reslice(far, near, rand.New(rand.NewPCG(seed, 1))) })
	both.Go(func() { reslice(near, far, rand.New(rand.NewPCG(seed, 2))) })
	t.Cleanup(func() {
		ours.Close()
		theirs.Close()
		both.Wait()
		near.Close()
		far.Close()
	})
	return ours, theirs
}

// enduredSizes are those of the messages that pass.
var enduredSizes = []int{0, 1, 125, 126, 1000, 8191, 8193, 65536}

// passAll sends messages in every way, and wants each of them back from an echo.
func passAll(t *testing.T, c, other *Conn) {
	t.Helper()
	echo := started(func() error { return echoAll(other) })
	var want []Message
	for _, size := range enduredSizes {
		want = append(want, Message{Type: Text, Data: []byte(testPayload(size))}, Message{Type: Binary, Data: []byte(testPayload(size))})
	}
	wrote := started(func() error {
		for i, m := range want {
			var err error
			if m.Type == Text {
				err = writeSomehow(c, i/2%3, m.Data)
			} else {
				err = c.Write(background, Binary, m.Data)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	wantMessages(t, c, "behind the proxy", want)
	wantNil(t, "the writes", <-wrote)
	wantNil(t, "Close", c.Close(CloseNormal, "done"))
	wantCloseError(t, "the echo", <-echo, CloseError{Code: CloseNormal, Reason: "done", Remote: true})
}

// the segments of TCP mean nothing, neither those that were sent nor those
// that come.
func TestEndureProxyThatCutsTheBytes(t *testing.T) {
	for setting, o := range enduredOptions {
		o.WriteTimeout, o.CloseTimeout = testPatience, testPatience
		for seed := range uint64(enduredMiddles) {
			t.Run(fmt.Sprint(setting, "/", seed), func(t *testing.T) {
				ours, theirs := resliced(t, seed)
				client, _ := newTestConnOn(t, RoleClient, o, ends{ours, theirs})
				server, _ := newTestConnOn(t, RoleServer, o, ends{theirs, ours})
				passAll(t, client, server)
			})
		}
	}
}

// refragment carries frames on. The fragments of a message go in other pieces,
// and control frames where they happen to come.
func refragment(to, from *testPeer, r *rand.Rand) {
	defer to.sim.CloseWrite()
	op, held := OpContinuation, ""
	for {
		h, payload, err := from.nextFrame()
		if err != nil {
			return
		}
		if h.Opcode.IsControl() {
			to.write(h.Opcode, true, payload)
			continue
		}
		if h.Opcode != OpContinuation {
			op = h.Opcode
		}
		for held += payload; len(held) > 0 && r.IntN(4) > 0; op = OpContinuation {
			n := r.IntN(len(held)) // all may have to wait for the end
			to.write(op, false, held[:n])
			held = held[n:]
		}
		if h.Fin {
			to.write(op, true, held)
			op, held = OpContinuation, ""
		}
	}
}

// without extensions a proxy may join fragments and cut messages (§5.4).
func TestEndureProxyThatCutsTheMessages(t *testing.T) {
	for seed := range uint64(enduredMiddles) {
		synctest.Test(t, func(t *testing.T) {
			o := Options{WriteBuffer: 256, ReadBuffer: 4 << 10}
			client, toClient := newTestConn(t, RoleClient, o)
			server, toServer := newTestConn(t, RoleServer, o)
			var both sync.WaitGroup
			both.Go(func() { refragment(toServer, toClient, rand.New(rand.NewPCG(seed, 1))) })
			both.Go(func() { refragment(toClient, toServer, rand.New(rand.NewPCG(seed, 2))) })
			stop := pingUntilClosed(client)
			passAll(t, client, server)
			toClient.conn.Close()
			toServer.conn.Close()
			both.Wait()
			<-stop
		})
	}
}

// pingUntilClosed has a ping under way at all times.
func pingUntilClosed(c *Conn) (stopped <-chan error) {
	return started(func() (err error) {
		for err == nil {
			_, err = c.Ping(background)
		}
		return err
	})
}
