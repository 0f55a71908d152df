// This file connects and disconnects many times on loopback, each time badly, and
// looks for what is left: goroutines, descriptors, memory. What the connections
// say about it is tested elsewhere.

package websocket

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// enduredCycles is how often each way to disconnect is gone.
const enduredCycles = 200

// enduredLeak is what the heap may grow in a test, in bytes. A Conn that stays for
// each of the cycles of one kind would be more.
const enduredLeak = 200 << 10

// A keeper holds the sockets of the side under test, so that no collection closes
// one that was forgotten.
type keeper struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (k *keeper) Accept() (net.Conn, error) {
	c, err := k.Listener.Accept()
	return k.keep(c), err
}

func (k *keeper) keep(c net.Conn) net.Conn {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.conns = append(k.conns, c)
	return c
}

func (k *keeper) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.conns = nil
}

// leavesNothing wants all to be as before when the cycles are over. The runtime
// keeps memory for as many goroutines as there have been at once, so the heap may
// grow now and then. A leak is there each time.
func leavesNothing(t *testing.T, k *keeper, cycles func()) {
	t.Helper()
	const tries = 5
	for try := 1; ; try++ {
		waitUntil(t, "all connections have ended", noConnections)
		k.release()
		heap, descriptors := liveHeap(), countDescriptors(t)
		cycles()
		// Some may not have been accepted yet. What earlier tests had open may be
		// gone.
		waitUntil(t, "all connections have ended, and no descriptor is left", func() bool {
			return noConnections() && countDescriptors(t) <= descriptors
		})
		k.release()
		grown := liveHeap() - heap
		if grown <= enduredLeak {
			return
		}
		if try == tries {
			t.Fatalf("the heap has grown by %d bytes, and as much in each of %d tries", grown, tries-1)
		}
	}
}

// noConnections reports whether no goroutine serves or makes a connection, ours
// or net/http's.
func noConnections() bool {
	stacks := allStacks()
	for _, busy := range []string{"serveConn(", "(*Conn).", "(*conn).serve(", "(*Dialer)."} {
		if strings.Contains(stacks, busy) {
			return false
		}
	}
	return true
}

// waitUntil waits for something that no channel tells.
func waitUntil(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); !done(); <-tick.C {
		if time.Since(start) > testPatience {
			t.Fatalf("after %v this is not so: %s; there are\n%s", testPatience, what, allStacks())
		}
	}
}

// leave ends a connection with RST or with FIN.
func leave(c *net.TCPConn, reset bool) {
	if reset {
		c.SetLinger(0)
	}
	c.Close()
}

// enduredClients are how clients behave before they leave. Those that want to see
// the 101 return false if there is none.
var enduredClients = map[string]func(c *net.TCPConn) bool{
	"connected":          func(c *net.TCPConn) bool { return true },
	"half-a-request":     clientSends(rawRequest()[:60]),
	"bad-request":        clientSends(rawRequest("-Host")),
	"request":            clientSends(rawRequest()),
	"request-and-frames": clientSends(rawRequest() + maskedHello + maskedHello[:4]),
	"opened":             clientOpens(""),
	"in-a-header":        clientOpens("\x81"),
	"in-a-payload":       clientOpens(maskedHello[:8]),
	"between-fragments":  clientOpens("\x01" + maskedHello[1:]),
	"echo-not-read":      clientOpens(strings.Repeat(maskedHello, 100)),
	"ping":               clientOpens("\x89" + maskedHello[1:]),
	"broken-rule":        clientOpens("\x83" + maskedHello[1:]),
	"close":              clientOpens("\x88\x80key!"),
	"in-a-close":         clientOpens("\x88\x82key!"),
}

func clientSends(text string) func(c *net.TCPConn) bool {
	return func(c *net.TCPConn) bool {
		_, err := io.WriteString(c, text)
		return err == nil
	}
}

func clientOpens(more string) func(c *net.TCPConn) bool {
	return func(c *net.TCPConn) bool {
		io.WriteString(c, rawRequest())
		head := make([]byte, 12) // the server is open once it answers
		c.SetReadDeadline(time.Now().Add(testPatience))
		if _, err := io.ReadFull(c, head); err != nil || string(head) != "HTTP/1.1 101" {
			return false
		}
		_, err := io.WriteString(c, more)
		return err == nil
	}
}

// clients leave a server at every point.
func TestEndureClientsThatLeave(t *testing.T) {
	for name, serve := range map[string]func(l net.Listener) (stop func()){
		"raw": enduredServer, "net-http": enduredHTTPServer,
	} {
		t.Run(name, func(t *testing.T) {
			l := listenLoopback(t)
			addr := l.Addr().String()
			defer serve(l)()
			for client := range enduredClients { // whatever is made once is made now
				clientCycle(t, addr, client, true)
			}
			leavesNothing(t, l, func() {
				for client := range enduredClients {
					for i := range enduredCycles {
						clientCycle(t, addr, client, i%2 == 0)
					}
				}
			})
		})
	}
}

func enduredServer(l net.Listener) (stop func()) {
	s := &Server{Handler: withoutRequest(serveEcho), Upgrader: Upgrader{Options: Options{Logger: slog.New(slog.DiscardHandler)}}}
	served := started(func() error { return s.Serve(l) })
	return func() {
		s.Shutdown(context.Background())
		<-served
	}
}

func enduredHTTPServer(l net.Listener) (stop func()) {
	s := &http.Server{Handler: Handler(serveEcho, nil), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: testPatience}
	served := started(func() error { return s.Serve(l) })
	return func() {
		s.Close()
		<-served
	}
}

func listenLoopback(t *testing.T) *keeper {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &keeper{Listener: l}
}

// clientCycle connects, behaves, and leaves.
func clientCycle(t *testing.T, addr, client string, reset bool) {
	t.Helper()
	c := dialTCP(t, addr)
	if !enduredClients[client](c) {
		t.Fatalf("%s: the server is gone", client)
	}
	leave(c, reset)
}

func dialTCP(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}
