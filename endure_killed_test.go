// This file tests what is left of connections when the process on the other side
// is killed: its kernel resets them, or ends them without a word of WebSocket or
// TLS. Loopback is real here, because the kernel decides what arrives. What a
// peer does in order is in the closing_*_test.go.

package websocket

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A killable listener keeps what it accepts, so that all can end at once.
type killable struct {
	net.Listener
	mu    sync.Mutex
	conns []*net.TCPConn
}

// listenKillable listens on an address, or on a free port. On Linux that is of a
// host that nobody else listens on, so that the port is still free after a kill.
func listenKillable(t *testing.T, address string) *killable {
	t.Helper()
	if address == "" {
		address = "127.0.0.1:0"
		if runtime.GOOS == "linux" {
			address = "127.84.73.22:0"
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return &killable{Listener: l}
}

func (k *killable) Accept() (net.Conn, error) {
	c, err := k.Listener.Accept()
	if err == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.conns = append(k.conns, c.(*net.TCPConn))
	}
	return c, err
}

// kill does what a kernel does for a process that ends: it sends RST where
// something was not read, which reset stands for, and else FIN.
func (k *killable) kill(reset bool) {
	k.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.conns {
		if reset {
			c.SetLinger(0)
		}
		c.Close()
	}
}

// runKillable serves on l. wait waits until that has failed and all handlers have
// returned.
func runKillable(l net.Listener) (wait func()) {
	s := &Server{Handler: withoutRequest(serveEcho), Upgrader: Upgrader{Options: Options{Logger: slog.New(slog.DiscardHandler)}}}
	served := started(func() error { return s.Serve(l) })
	return func() {
		<-served
		<-s.emptied()
	}
}

// enduredKills is how many clients a server has when it is killed. A tool does
// this with a real process and many more.
const enduredKills = 20

// all clients of a server that is killed see 1006, at once, and find the
// next one on the same port. How their attempts are spread is in redial_test.go.
func TestEnduredKillOfTheServer(t *testing.T) {
	for name, reset := range map[string]bool{"rst": true, "fin": false} {
		t.Run(name, func(t *testing.T) {
			first := listenKillable(t, "")
			wait := runKillable(first)
			url := "ws://" + first.Addr().String() + "/"
			again := make(chan struct{})
			var open, lost, back, all sync.WaitGroup
			for _, wg := range []*sync.WaitGroup{&open, &lost, &back} {
				wg.Add(enduredKills)
			}
			for range enduredKills {
				all.Go(func() {
					loseServer(t, url, open.Done)
					lost.Done()
					<-again
					loseServer(t, url, back.Done)
				})
			}
			open.Wait()
			first.kill(reset)
			wait()
			lost.Wait()
			second := listenKillable(t, first.Addr().String())
			wait = runKillable(second)
			close(again)
			back.Wait()
			second.kill(reset)
			wait()
			all.Wait()
		})
	}
}

// loseServer connects, and wants to see the server die behind opened.
func loseServer(t *testing.T, url string, opened func()) {
	ctx, cancel := context.WithTimeout(t.Context(), testPatience)
	defer cancel()
	c, _, err := (&Dialer{Proxy: noProxy}).Dial(ctx, url)
	if err == nil {
		defer c.CloseNow()
		err = c.Write(ctx, Text, []byte("hello"))
	}
	if err == nil {
		_, _, err = c.Read(ctx)
	}
	opened()
	if err != nil {
		t.Errorf("the server is not there: %v", err)
		return
	}
	_, _, err = c.Read(ctx)
	if s, ok := CloseStatus(err); !ok || s.Code != CloseAbnormal || s.Remote || errors.Is(err, io.EOF) {
		t.Errorf("the server was killed: %v", err)
	}
}

// enduredCuts are places in what a peer sends where it can vanish.
func enduredCuts(p *testPeer) map[string][]byte {
	small, large := p.frame(OpText, true, "Hello"), p.frame(OpBinary, true, testPayload(100_000))
	return map[string][]byte{
		"nothing-sent":      nil,
		"in-a-header":       small[:1],
		"behind-a-header":   large[:Header{Length: 100_000, Masked: p.role == RoleClient}.Size()],
		"in-a-payload":      small[:len(small)-2],
		"in-a-large-one":    large[:50_000],
		"between-fragments": p.frame(OpText, false, "Hel"),
		"in-a-ping":         p.frame(OpPing, true, "Hello")[:4],
		"in-a-close":        p.frame(OpClose, true, "\x03\xe8")[:3],
	}
}

// enduredReaders are the calls in which the end of the peer is seen at once.
var enduredReaders = map[string]func(c *Conn) error{
	"read": func(c *Conn) error { _, _, err := c.Read(background); return err },
	"next-reader": func(c *Conn) error {
		_, r, err := c.NextReader(background)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		return err
	},
}

// a client is killed in the middle of a frame. Its kernel sends RST.
func TestEnduredKillOfAClient(t *testing.T) {
	for name, read := range enduredReaders {
		for cut := range enduredCuts(&testPeer{role: RoleClient, maskKey: testMaskKeys('P')}) {
			t.Run(name+"/"+cut, func(t *testing.T) {
				c, p := newTCPTestConn(t, RoleServer, Options{})
				ended := started(func() error { return read(c) })
				p.writeBytes(enduredCuts(p)[cut])
				tcp := p.conn.(*net.TCPConn)
				tcp.SetLinger(0)
				tcp.Close()
				wantDone(t, c)
				wantCloseError(t, "the client was killed", <-ended, CloseError{Code: CloseAbnormal})
			})
		}
	}
}

// wantDone wants the connection to end.
func wantDone(t *testing.T, c *Conn) {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(testPatience):
		t.Fatal("the connection is not over")
	}
}

// the client's machine is gone, and nothing comes at all. When it does not
// take our ping either, WriteTimeout is first.
func TestEnduredSilenceInTheMiddleOfAFrame(t *testing.T) {
	o := beating
	o.WriteTimeout = 8 * time.Second
	for name, read := range enduredReaders {
		for cut := range enduredCuts(&testPeer{role: RoleClient, maskKey: testMaskKeys('P')}) {
			t.Run(name+"/"+cut, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testSilence(t, o, read, cut) })
			})
		}
	}
}

func testSilence(t *testing.T, o Options, read func(c *Conn) error, cut string) {
	for _, stalled := range []bool{false, true} {
		c, p := newTestConn(t, RoleServer, o, func(k *simKnobs) { k.capacity = 1 << 20 })
		start := time.Now()
		ended := started(func() error { return read(c) })
		p.writeBytes(enduredCuts(p)[cut])
		synctest.Wait()
		p.stall(stalled)
		err := <-ended
		<-c.Done()
		wantCloseError(t, "the client is gone", err, CloseError{Code: CloseAbnormal})
		limit := o.KeepAlive + o.PongTimeout
		if stalled {
			limit = o.KeepAlive + o.WriteTimeout*5/4
		} else {
			wantIs(t, "the client is gone", err, ErrPeerDead)
		}
		if took := time.Since(start); took > limit || took < o.KeepAlive {
			t.Errorf("stalled=%v: it took %v, want %v at most", stalled, took, limit)
		}
	}
}
