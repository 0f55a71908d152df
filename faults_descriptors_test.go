// This file cuts conversations and handshakes off on real sockets, plain and
// with TLS, and counts the descriptors: what the in-memory transport cannot show
// is whether the kernel's end is given back. Time is real here, so nothing about
// it is judged.

package websocket

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"
)

// A socketPair is both ends of a connection, and the sockets below them.
type socketPair struct {
	ours, theirs           net.Conn
	ourSocket, theirSocket *net.TCPConn
}

var socketPairs = map[string]func(t *testing.T) *socketPair{
	"tcp": func(t *testing.T) *socketPair {
		a, b := loopback(t)
		return &socketPair{a, b, a, b}
	},
	"tls": func(t *testing.T) *socketPair {
		a, b := tlsPair(t, nil)
		return &socketPair{a, b, a.NetConn().(*net.TCPConn), b.NetConn().(*net.TCPConn)}
	},
}

// socketFaults are what the peer does behind its last byte.
var socketFaults = map[string]func(p *socketPair){
	"fin":   func(p *socketPair) { p.theirSocket.CloseWrite() },
	"close": func(p *socketPair) { p.theirs.Close() },
	"reset": func(p *socketPair) {
		p.theirSocket.SetLinger(0)
		p.theirSocket.Close()
	},
	"stall": func(*socketPair) {},
}

// socketPatience is for what a broken Conn would never do.
const socketPatience = time.Minute

// eachSocketFault runs a test with every fault on every kind of connection, and
// wants as many descriptors to be open at the end as there were before.
func eachSocketFault(t *testing.T, f func(t *testing.T, p *socketPair, fault string)) {
	t.Helper()
	run := func(t *testing.T, kind, fault string) {
		p := socketPairs[kind](t)
		defer p.theirs.Close()
		p.theirs.SetDeadline(time.Now().Add(socketPatience))
		f(t, p, fault)
		if err := p.ourSocket.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the socket is not closed: %v", err)
		}
	}
	run(t, "tls", "fin") // whatever is made once is made now
	before := countDescriptors(t)
	for kind := range socketPairs {
		for fault := range socketFaults {
			t.Run(kind+"/"+fault, func(t *testing.T) { run(t, kind, fault) })
		}
	}
	wantDescriptors(t, before)
}

// wantDescriptors waits for those to be closed whose last reader is on its way
// out.
func wantDescriptors(t *testing.T, want int) {
	t.Helper()
	patience := time.After(socketPatience)
	for {
		n := countDescriptors(t)
		if n <= want {
			return
		}
		select {
		case <-patience:
			t.Fatalf("%d descriptors are open, %d were", n, want)
		case <-time.After(time.Millisecond):
		}
	}
}

// hurriedBy returns options with which only a standstill is ended by time.
func hurriedBy(fault string, o Options) Options {
	o.Logger = slog.New(slog.DiscardHandler)
	o.KeepAlive, o.WriteTimeout, o.CloseTimeout = -1, socketPatience, socketPatience
	if fault == "stall" {
		o.KeepAlive, o.PongTimeout, o.CloseTimeout = 10*time.Millisecond, 10*time.Millisecond, 10*time.Millisecond
	}
	return o
}

// Conversations with pings, with a large message, which takes ways of its own on
// a socket, and with compression.
func TestFaultsLeaveNoDescriptor(t *testing.T) {
	for _, s := range []*faultSession{faultSessions[1], faultSessions[2], faultSessions[3]} {
		for _, role := range []Role{RoleServer, RoleClient} {
			rec := s.record(t, role)
			for _, at := range []int{0, 1, rec.length / 3, rec.length / 2, rec.length - 1} {
				t.Run(fmt.Sprint(s.name, "/", role, "/", at), func(t *testing.T) {
					eachSocketFault(t, func(t *testing.T, p *socketPair, fault string) {
						testSocketFault(t, rec, p, faultAt{fault, at})
					})
				})
			}
		}
	}
}

type faultAt struct {
	fault string
	at    int
}

func testSocketFault(t *testing.T, rec *recording, p *socketPair, f faultAt) {
	t.Helper()
	player := &faultPlayer{rec: rec, conn: p.theirs, limit: f.at, atLimit: func() { socketFaults[f.fault](p) }}
	a := &faultActor{c: newConn(p.ours, rec.role, hurriedBy(f.fault, rec.opts), nil)}
	played := started(func() bool { player.play(); return true })
	rec.act(a)
	a.c.Close(CloseGoingAway, "")
	<-a.c.Done()
	<-played
	wantCloseError(t, "Err", a.c.Err(), CloseError{Code: CloseAbnormal})
	if errors.Is(a.c.Err(), io.EOF) {
		t.Errorf("%v looks like an orderly end", a.c.Err())
	}
}

func TestFaultsInUpgradeConnLeaveNoDescriptor(t *testing.T) {
	text := rawRequest()
	for _, at := range []int{0, 1, len(text) / 2, len(text) - 1} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			eachSocketFault(t, func(t *testing.T, p *socketPair, fault string) {
				u := Upgrader{Options: hurriedBy(fault, Options{}), HandshakeTimeout: socketPatience}
				if fault == "stall" {
					u.HandshakeTimeout = 10 * time.Millisecond
				}
				upgraded := started(func() error { _, _, err := u.UpgradeConn(p.ours); return err })
				io.WriteString(p.theirs, text[:at])
				socketFaults[fault](p)
				wantCloseError(t, "UpgradeConn", <-upgraded, CloseError{Code: CloseAbnormal})
			})
		})
	}
}

func TestFaultsInDialLeaveNoDescriptor(t *testing.T) {
	text := rawAnswer()
	for _, at := range []int{0, 1, len(text) / 2, len(text) - 1} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			eachSocketFault(t, func(t *testing.T, p *socketPair, fault string) {
				d := Dialer{Options: hurriedBy(fault, Options{}), HandshakeTimeout: socketPatience}
				s := startDialOn(t, d, testURL, func() (net.Conn, net.Conn) { return p.ours, p.theirs })
				_, head := s.accept()
				answer := hostileResponse{text: text}.raw(keyOf(t, head))
				io.WriteString(p.theirs, answer[:at])
				socketFaults[fault](p)
				if fault == "stall" {
					s.cancel() // HandshakeTimeout might end it before there is a connection
				}
				if r := s.failed(); errors.Is(r.err, io.EOF) || r.resp != nil {
					t.Errorf("Dial = %v, %v", r.resp, r.err)
				}
			})
		})
	}
}
