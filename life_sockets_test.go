// This file tests peers that go silent, stop reading or do not stop sending, on
// real sockets, where the kernel has buffers and a mind of its own (rows R-04,
// and S-26 of the list of hostile inputs). The bubbles of other files
// say when things happen, this file that they do: no time is measured.

package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// eachSocket runs a test on TCP and on TLS over it, in both roles. The peer has
// only its end of the connection.
func eachSocket(t *testing.T, o Options, f func(t *testing.T, c *Conn, theirs net.Conn)) {
	for _, role := range []Role{RoleServer, RoleClient} {
		t.Run("tcp-"+role.String(), func(t *testing.T) {
			ours, theirs := loopback(t)
			c, _ := newTestConnOn(t, role, o, ends{ours, theirs})
			f(t, c, theirs)
		})
		t.Run("tls-"+role.String(), func(t *testing.T) {
			ours, theirs := tlsPair(t, nil)
			c, _ := newTestConnOn(t, role, o, ends{ours, theirs})
			f(t, c, theirs)
		})
	}
}

// something between here and the peer takes all that is sent and forwards
// nothing. The read that waits is told, and so is one that comes later.
func TestLifeInABlackHole(t *testing.T) {
	o := Options{KeepAlive: 20 * time.Millisecond, PongTimeout: 20 * time.Millisecond}
	eachSocket(t, o, func(t *testing.T, c *Conn, theirs net.Conn) {
		taken := started(func() int64 { n, _ := io.Copy(io.Discard, theirs); return n })
		_, _, err := c.Read(background)
		wantAbnormal(t, "Read", err, ErrPeerDead)
		<-c.Done()
		if _, _, again := c.Read(background); again != err || c.Err() != err {
			t.Errorf("Read = %v and then %v, Err = %v", err, again, c.Err())
		}
		// That the socket is closed, the peer would see if it were there.
		if n := <-taken; n == 0 {
			t.Error("there was no ping")
		}
	})
}

// R-06 and S-26: the peer's window closes. The kernels take a few MiB of the 1 GiB,
// then WriteTimeout ends the write, and with it the connection.
func TestLifeWithAClosedWindow(t *testing.T) {
	o := Options{WriteTimeout: 50 * time.Millisecond}
	eachSocket(t, o, func(t *testing.T, c *Conn, theirs net.Conn) {
		message := make([]byte, 1<<20)
		var err error
		wrote := 0
		ctx, cancel := context.WithTimeout(t.Context(), testPatience)
		defer cancel()
		for ; err == nil && wrote < 1024; wrote++ {
			err = c.Write(ctx, Binary, message)
		}
		t.Logf("%d MiB were taken", wrote-1)
		wantLost(t, c, err, os.ErrDeadlineExceeded)
		// What the peer finds when it looks at last ends in the middle of a
		// frame, and nothing comes behind that.
		taken, _ := io.Copy(io.Discard, theirs)
		header := Header{Length: 1 << 20, Masked: c.role == RoleClient}.Size()
		if whole := int64(wrote) * int64(header+len(message)); taken >= whole {
			t.Errorf("%d bytes were sent, all that was written, but the last write has failed", taken)
		}
	})
}

// lifeListeners serve f behind u on a loopback port until the end of the test, with
// and without net/http, with and without TLS, and return how to connect.
var lifeListeners = map[string]func(t *testing.T, u Upgrader, f connFunc) net.Conn{
	"raw-tcp": func(t *testing.T, u Upgrader, f connFunc) net.Conn {
		l := lifeListen(t)
		startServer(t, &Server{Upgrader: u, Handler: withoutRequest(f)}, l)
		return lifeDial(t, l)
	},
	"raw-tls": func(t *testing.T, u Upgrader, f connFunc) net.Conn {
		cert, err := testCertificate()
		wantNil(t, "the certificate", err)
		l := lifeListen(t)
		startServer(t, &Server{Upgrader: u, Handler: withoutRequest(f)}, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}}))
		return tls.Client(lifeDial(t, l), &tls.Config{InsecureSkipVerify: true})
	},
	"net-http-tcp": func(t *testing.T, u Upgrader, f connFunc) net.Conn {
		l := lifeListen(t)
		lifeServe(t, &http.Server{Handler: Handler(f, &u)}, l)
		return lifeDial(t, l)
	},
	"net-http-tls": func(t *testing.T, u Upgrader, f connFunc) net.Conn {
		cert, err := testCertificate()
		wantNil(t, "the certificate", err)
		l := lifeListen(t)
		lifeServe(t, &http.Server{Handler: Handler(f, &u)}, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}}))
		return tls.Client(lifeDial(t, l), &tls.Config{InsecureSkipVerify: true})
	},
}

func lifeListen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	wantNil(t, "Listen", err)
	return l
}

func lifeDial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	wantNil(t, "Dial", err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// lifeServe has s serve until the end of the test.
func lifeServe(t *testing.T, s *http.Server, l net.Listener) {
	s.ErrorLog = log.New(io.Discard, "", 0)
	served := started(func() error { return s.Serve(l) })
	t.Cleanup(func() {
		s.Close()
		<-served
	})
}

// a client that is sending 10 MB when it meets the limit, and looks only
// then, can read the Close and the end behind it. No reset destroys them.
func TestLifeOfACloseBehindUnreadBytes(t *testing.T) {
	const size = 10 << 20
	for name, serve := range lifeListeners {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			conn := serve(t, lifeUpgrader(), func(ctx context.Context, c *Conn) error {
				_, _, err := c.Read(ctx)
				ended <- err
				return err
			})
			p := openPeer(t, conn)
			p.writeBytes(p.encode(Header{Fin: true, Opcode: OpBinary, Length: size, Masked: true}, ""))
			if n := pour(p, size); n != size {
				t.Fatalf("the client could send %d bytes of %d", n, size)
			}
			p.wantClose("the rule's code and text", CloseTooBig, RuleTooBig.Text())
			p.wantEOF("FIN, not RST")
			conn.Close()
			wantIs(t, "Read", <-ended, ErrTooBig)
		})
	}
}

// the same when the server closes of its own accord and reads nothing. All
// that comes before the client's Close is dropped.
func TestLifeOfACloseBehindUnreadMessages(t *testing.T) {
	for name, serve := range lifeListeners {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			conn := serve(t, lifeUpgrader(), func(ctx context.Context, c *Conn) error {
				err := c.Close(CloseGoingAway, "enough")
				ended <- errors.Join(err, c.Close(CloseGoingAway, "again"))
				return nil
			})
			p := openPeer(t, conn)
			message := p.frame(OpBinary, true, testPayload(64<<10))
			for range 64 {
				p.writeBytes(message)
			}
			p.wantClose("the server's", CloseGoingAway, "enough")
			p.writeClose(CloseGoingAway, "")
			p.wantEOF("FIN, not RST")
			conn.Close()
			wantNil(t, "Close", <-ended)
		})
	}
}

// lifeUpgrader has all the time that a busy machine may need.
func lifeUpgrader() Upgrader {
	return Upgrader{Options: Options{CloseTimeout: testPatience, Logger: slog.New(slog.DiscardHandler)}, HandshakeTimeout: testPatience}
}
