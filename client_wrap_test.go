// These are the tests of transports that the application gives to Dial.

package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// A transport that the application made may be none at all.
func TestClientRefusesAMissingTransport(t *testing.T) {
	dialers := map[string]Dialer{
		"net-dial": {NetDial: func(context.Context, string, string) (net.Conn, error) { return nil, nil }},
	}
	for name, d := range dialers {
		d.Proxy = noProxy
		if c, _, err := d.Dial(background, testURL); c != nil || !errors.Is(err, errNoConn) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := Dialer{WrapConn: func(net.Conn) net.Conn { return nil }}
	dialBubble(t, d, testURL, func(s *dialing) {
		p, _ := s.connection()
		if r := s.failed(); !errors.Is(r.err, errNoConn) {
			s.t.Errorf("WrapConn: %v", r.err)
		}
		p.wantGone("nothing was asked for")
	})
}

// timeless is a transport without deadlines, such as a channel of SSH.
type timeless struct{ net.Conn }

var errTimeless = errors.New("no deadlines here")

func (timeless) SetDeadline(time.Time) error { return errTimeless }

func TestClientRefusesATransportWithoutDeadlines(t *testing.T) {
	d := Dialer{WrapConn: func(nc net.Conn) net.Conn { return timeless{nc} }}
	dialBubble(t, d, testURL, func(s *dialing) {
		p, _ := s.connection()
		if r := s.failed(); !errors.Is(r.err, errTimeless) {
			s.t.Errorf("Dial = %v", r.err)
		}
		p.wantGone("nothing was asked for")
	})
}

// opaque hides what is below, and notes the write deadline.
type opaque struct {
	net.Conn
	mu sync.Mutex
	by time.Time
}

func (o *opaque) SetWriteDeadline(at time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.by = at
	return o.Conn.SetWriteDeadline(at)
}

// TLS can be where the URL does not tell: up to a proxy, or in a NetDial.
func TestClientKnowsTLSThatTheURLDoesNotTell(t *testing.T) {
	ours, theirs := tlsPair(t, nil)
	served := started(func() error {
		_, _, err := new(Upgrader).UpgradeConn(theirs)
		return err
	})
	d := Dialer{NetDial: func(context.Context, string, string) (net.Conn, error) { return ours, nil }}
	c, _, err := d.Dial(background, testURL)
	wantNil(t, "Dial", err)
	defer c.CloseNow()
	if !c.out.talkative {
		t.Error("a deadline would be left behind")
	}
	wantNil(t, "the server", <-served)
}

// crypto/tls writes by itself, to answer a key update say: a deadline that was
// left behind would break the connection then.
func TestClientLeavesNoDeadlineOnTLSThatIsWrapped(t *testing.T) {
	cert, err := testCertificate()
	wantNil(t, "certificate", err)
	ours, theirs := loopback(t)
	served := started(func() error {
		c, _, err := new(Upgrader).UpgradeConn(tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{cert}}))
		if err == nil {
			c.Read(background)
		}
		return err
	})
	o := &opaque{}
	d := Dialer{
		Proxy: noProxy, TLSConfig: &tls.Config{InsecureSkipVerify: true},
		NetDial:  func(context.Context, string, string) (net.Conn, error) { return ours, nil },
		WrapConn: func(nc net.Conn) net.Conn { o.Conn = nc; return o },
	}
	c, _, err := d.Dial(background, "wss://test.example/")
	wantNil(t, "Dial", err)
	wantNil(t, "Write", c.Write(background, Text, []byte("x")))
	o.mu.Lock()
	if !o.by.IsZero() {
		t.Errorf("the write deadline is %v", o.by)
	}
	o.mu.Unlock()
	c.CloseNow()
	wantNil(t, "the server", <-served)
}
