// These are the tests of ending a Dial: by its context, by a deadline, or by
// HandshakeTimeout, at every stage. Whichever it is, it takes effect at once.

package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// endings end a Dial after three seconds.
var endings = map[string]struct {
	arm  func(ctx context.Context, d *Dialer) (context.Context, context.CancelFunc)
	want error
}{
	"cancel": {func(ctx context.Context, _ *Dialer) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(3*time.Second, cancel)
		return ctx, cancel
	}, context.Canceled},
	"deadline": {func(ctx context.Context, d *Dialer) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, 3*time.Second)
	}, context.DeadlineExceeded},
	"timeout": {func(ctx context.Context, d *Dialer) (context.Context, context.CancelFunc) {
		d.HandshakeTimeout = 3 * time.Second
		return ctx, func() {}
	}, context.DeadlineExceeded},
}

// A stage is where a Dial gets stuck: the server stops there.
type stage struct {
	url, proxy string
	play       func(c *simConn)
	opts       []func(*simKnobs)
}

// stages returns those that need no TLS.
func stages(t *testing.T) map[string]stage {
	const ws, httpProxy, socksProxy = "ws://test.example/", "http://user:" + stubSecret + "@proxy.example", "socks5://user:" + stubSecret + "@proxy.example"
	all := map[string]stage{
		"write":         {url: ws, play: stayAway, opts: []func(*simKnobs){func(k *simKnobs) { k.stallWrites = true }}},
		"write-part":    {url: ws, play: stayAway, opts: []func(*simKnobs){func(k *simKnobs) { k.capacity = 40 }}},
		"answer":        {url: ws, play: awaitClose},
		"answer-part":   {url: ws, play: turns(t, "", "HTTP/1.1 101 Switching Protocols\r\nUpgr")},
		"answer-hint":   {url: ws, play: turns(t, "", "HTTP/1.1 103 Early Hints\r\n\r\n")},
		"connect":       {url: ws, proxy: httpProxy, play: turns(t, connectAsk)},
		"connect-part":  {url: ws, proxy: httpProxy, play: turns(t, connectAsk, "HTTP/1.1 200 OK\r\nVia")},
		"connect-write": {url: ws, proxy: httpProxy, play: stayAway, opts: []func(*simKnobs){func(k *simKnobs) { k.capacity = 1 }}},
		"tunnel":        {url: ws, proxy: httpProxy, play: turns(t, connectAsk, "HTTP/1.1 200 OK\r\n\r\n")},
	}
	// Behind each byte of what a SOCKS proxy says.
	whole := "\x05\x02" + "\x01\x00" + "\x05\x00\x00\x03\x04stub\x00\x50"
	for at := range len(whole) + 1 {
		all["socks-"+string(rune('a'+at))] = stage{url: ws, proxy: socksProxy, play: func(c *simConn) {
			c.Write([]byte(whole[:at])) // the client takes it as it comes
			awaitClose(c)
		}}
	}
	return all
}

// stayAway reads nothing until the peer is closed.
func stayAway(c *simConn) {
	defer c.locked()()
	for !c.peer.closed {
		c.wire.moved.Wait()
	}
}

func TestClientEndsAtEveryStage(t *testing.T) { testEndings(t, "", stages(t)) }

func testEndings(t *testing.T, prefix string, stages map[string]stage) {
	for name, s := range stages {
		for how := range endings {
			t.Run(prefix+name+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testEnding(t, s, how) })
			})
		}
	}
}

// testEnding wants a Dial that gets stuck to end as asked for, exactly then.
func testEnding(t *testing.T, s stage, how string) {
	conns, d := newStub(t, s.play)
	conns.opts = s.opts
	d.TLSConfig = &tls.Config{RootCAs: theAuthority().pool}
	if s.proxy != "" {
		d.Proxy = through(stubURL(t, s.proxy))
	}
	start := time.Now()
	ctx, cancel := endings[how].arm(t.Context(), d)
	defer cancel()
	c, resp, err := d.Dial(ctx, s.url)
	simWantElapsed(t, start, 3*time.Second)
	wantNoSecret(t, err)
	if c != nil || resp != nil || !errors.Is(err, endings[how].want) || errors.Is(err, net.ErrClosed) {
		t.Errorf("Dial = %v, %v, %v; want %v", c, resp, err, endings[how].want)
	}
	conns.wantClosed(1)
}

// The peer in the TLS handshake, proxy or server, goes silent after some of its
// flights; the last of them is answered by a request that nobody answers.
func TestClientEndsInTLS(t *testing.T) {
	for flights := range 4 {
		testEndings(t, fmt.Sprint("1.2/", flights, "/"), stagesOfTLS(tls.VersionTLS12, flights))
		testEndings(t, fmt.Sprint("1.3/", flights, "/"), stagesOfTLS(tls.VersionTLS13, flights))
	}
}

func stagesOfTLS(version uint16, flights int) map[string]stage {
	cert := certificateFor("proxy.example", "test.example")
	silent := func(nc net.Conn) {
		nc = &fadingConn{nc, flights}
		tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version}).Read(make([]byte, 1))
	}
	direct := func(c *simConn) {
		silent(c)
		awaitClose(c)
	}
	return map[string]stage{
		"server": {url: "wss://test.example/", play: direct},
		"proxy":  {url: "ws://test.example/", proxy: "https://proxy.example", play: direct},
		"behind-proxy": {url: "wss://test.example/", proxy: "https://proxy.example", play: func(c *simConn) {
			nc := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
			openCONNECT(nc)
			silent(nc)
			awaitClose(c)
		}},
	}
}

func TestClientEndsInNetDial(t *testing.T) {
	for how, ending := range endings {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &Dialer{Proxy: noProxy, NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
					<-ctx.Done()
					return nil, errTest // what it says does not matter
				}}
				start := time.Now()
				ctx, cancel := ending.arm(t.Context(), d)
				defer cancel()
				if _, _, err := d.Dial(ctx, "ws://test.example/"); !errors.Is(err, ending.want) {
					t.Errorf("error is %v", err)
				}
				simWantElapsed(t, start, 3*time.Second)
			})
		})
	}
}

// The answer has come: the rest of its body is not worth waiting for, and the
// redirect in it is not followed any more.
func TestClientEndsInARefusal(t *testing.T) {
	for _, answer := range []string{"403 Forbidden", "302 Found\r\nLocation: /other"} {
		for how, ending := range endings {
			t.Run(answer[:3]+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					conns, d := newStub(t, func(c *simConn) {
						takeHead(c)
						<-time.After(2500 * time.Millisecond) // the body has a second
						c.Write([]byte("HTTP/1.1 " + answer + "\r\nContent-Length: 100\r\n\r\nbegun"))
						awaitClose(c)
					})
					start := time.Now()
					ctx, cancel := ending.arm(t.Context(), d)
					defer cancel()
					_, resp, err := d.Dial(ctx, "ws://test.example/")
					simWantElapsed(t, start, 3*time.Second)
					if he := (*HandshakeError)(nil); !errors.As(err, &he) || string(he.Body) != "begun" || resp == nil {
						t.Errorf("Dial = %v, %v", resp, err)
					}
					conns.wantClosed(1)
				})
			})
		}
	}
}

// HandshakeTimeout is for all redirects together.
func TestClientEndsBetweenRedirects(t *testing.T) {
	for how, ending := range endings {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conns, d := newStub(t, func(c *simConn) {
					takeHead(c)
					<-time.After(800 * time.Millisecond)
					c.Write([]byte("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"))
					awaitClose(c)
				})
				d.MaxRedirects = 100
				start := time.Now()
				ctx, cancel := ending.arm(t.Context(), d)
				defer cancel()
				if _, _, err := d.Dial(ctx, "ws://test.example/"); !errors.Is(err, ending.want) {
					t.Errorf("error is %v", err)
				}
				simWantElapsed(t, start, 3*time.Second)
				conns.wantClosed(4)
				<-time.After(time.Second) // the last server notices
			})
		})
	}
}
