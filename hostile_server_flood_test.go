// This file tests handshakes that want too much work or memory: rows S-31 to
// S-38 and R-01. Work is counted, in bytes read and allocated.

package websocket

import (
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// A countingConn counts the bytes that a server reads, up to its answer and in
// all.
type countingConn struct {
	*simConn
	upToAnswer, inAll int
}

func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.simConn.Read(p)
	c.inAll += n
	return n, err
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.upToAnswer = c.inAll
	return c.simConn.Write(p)
}

// A flood is a handshake that does not end well.
type flood struct {
	text   string
	piece  int // bytes a read; 0 for as many as there are
	rule   Rule
	beyond bool // the text goes on for ever
}

// send sends the flood to UpgradeConn, and returns how much that has read and
// allocated.
func (f flood) send(t *testing.T) (read *countingConn, allocated int) {
	t.Helper()
	client, server := newPipe(func(k *simKnobs) { k.capacity = 4 << 20 })
	defer client.Close()
	server.tune(func(k *simKnobs) { k.readAtMost = f.piece })
	simMustWrite(t, client, f.text)
	if f.beyond {
		go func() {
			for err := error(nil); err == nil; {
				_, err = io.WriteString(client, f.text)
			}
		}()
	} else {
		client.CloseWrite()
	}
	counted := &countingConn{simConn: server}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, _, err := new(Upgrader).UpgradeConn(counted)
	runtime.ReadMemStats(&after)
	if c != nil || !errors.Is(err, f.rule) {
		t.Errorf("UpgradeConn = %v, %v; want %v", c, err, f.rule)
	}
	if answer := string(server.sent()); !strings.HasPrefix(answer, "HTTP/1.1 4") || !strings.HasSuffix(answer, f.rule.Error()+"\n") {
		t.Errorf("answered with %q", answer)
	}
	return counted, int(after.TotalAlloc - before.TotalAlloc)
}

func (f flood) run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, allocated := f.send(t)
		if limit := 2 * MaxHead; read.upToAnswer > limit {
			t.Errorf("%d bytes were read before the answer, want at most %d", read.upToAnswer, limit)
		}
		if limit := 2*MaxHead + refusedLimit; read.inAll > limit {
			t.Errorf("%d bytes were read, want at most %d", read.inAll, limit)
		}
		// What grows up to MaxHead takes a few times that. A flood without end
		// allocates on the side of the client.
		if limit := 8 * MaxHead; !f.beyond && allocated > limit {
			t.Errorf("%d bytes were allocated, want at most %d", allocated, limit)
		}
	})
}

func TestHostileFlood(t *testing.T) {
	begin := "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	fields := strings.Repeat("X: "+strings.Repeat("a", 995)+"\r\n", 100)
	for name, f := range map[string]flood{
		"S-31-huge-field":         {text: begin + "X: " + strings.Repeat("a", 1_100_000), rule: RuleHeadSize},
		"S-31-pieces-of-1":        {text: begin + "X: " + strings.Repeat("a", 1_100_000), rule: RuleHeadSize, piece: 1},
		"S-31-pieces-of-100":      {text: begin + "X: " + strings.Repeat("a", 1_100_000), rule: RuleHeadSize, piece: 100},
		"S-31-huge-target":        {text: "GET /" + strings.Repeat("a", 200_000), rule: RuleHeadSize, piece: 1},
		"S-31-many-fields":        {text: begin + strings.Repeat("A: b\r\n", 30_000), rule: RuleHeadSize, piece: 1},
		"S-32-fields-without-end": {text: begin + fields, rule: RuleHeadSize, beyond: true},
		"S-32-target-without-end": {text: "GET /" + strings.Repeat("a", 100_000), rule: RuleHeadSize, beyond: true},
		"S-33-upgrade-is-last": {
			text: begin + strings.Repeat("X: a\r\n", 3000) + "Upgrade: websocket\r\n\r\n", rule: RuleHeadSize,
		},
		"S-34-commas":        {text: rawRequest("+Sec-WebSocket-Protocol: " + strings.Repeat(",", 60_000)), rule: RuleSubprotocols},
		"S-34-upgrades":      {text: rawRequest("Connection: " + strings.Repeat("upgradeX,", 6_000)), rule: RuleConnection},
		"S-34-blanks":        {text: rawRequest("+Sec-WebSocket-Protocol: b" + strings.Repeat(" ", 60_000) + "x"), rule: RuleSubprotocols},
		"S-34-backslashes":   {text: rawRequest(`+Sec-WebSocket-Extensions: a; b="` + strings.Repeat(`\c`, 30_000)), rule: RuleExtensions},
		"S-38-1-GiB":         {text: rawRequest("+Content-Length: 1073741824") + strings.Repeat("b", 2<<20), rule: RuleBody},
		"S-38-body-no-end":   {text: rawRequest("+Transfer-Encoding: chunked") + strings.Repeat("5\r\nHello\r\n", 1000), rule: RuleBody},
		"S-38-length-twice":  {text: rawRequest("+Content-Length: 0", "+Content-Length: 5") + "Hello", rule: RuleBody},
		"S-38-negative":      {text: rawRequest("+Content-Length: -1"), rule: RuleBody},
		"S-38-list":          {text: rawRequest("+Content-Length: 0, 5") + "Hello", rule: RuleBody},
		"S-38-identity":      {text: rawRequest("+Transfer-Encoding: identity"), rule: RuleBody},
		"S-38-both":          {text: rawRequest("+Content-Length: 0", "+Transfer-Encoding: chunked") + "0\r\n\r\n", rule: RuleBody},
		"S-38-endless-chunk": {text: rawRequest("+Transfer-Encoding: chunked") + "ffffffff\r\n" + strings.Repeat("b", 1<<20), rule: RuleBody},
	} {
		t.Run(name, f.run)
	}
}

// S-38 behind net/http, and S-33, of which net/http lets the fields through.
func TestHostileFloodBehindNetHTTP(t *testing.T) {
	body := strings.Repeat("b", 2<<20)
	for name, text := range map[string]string{
		"S-38-1-GiB":   rawRequest("+Content-Length: 1073741824") + body,
		"S-38-chunked": rawRequest("+Transfer-Encoding: chunked") + "ffffffff\r\n" + body,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := dialServer(t, serveHTTP(t, Upgrader{}, neverCalled(t)))
				conn.tune(func(k *simKnobs) { k.capacity = 4 << 20 })
				simMustWrite(t, conn, text)
				wantRefusal(newClientPeer(t, conn), 400, RuleBody)
				if left := conn.peer.unread(); len(text)-left > 1<<20 {
					t.Errorf("%d bytes were read", len(text)-left)
				}
			})
		})
	}
	t.Run("S-33-upgrade-is-last", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := serveHTTP(t, Upgrader{}, serveEcho)
			fields := strings.TrimSuffix(strings.Repeat("X: a\r\n", 3000), "\r\n")
			finishPeer(openServer(t, l, "-Upgrade", "+"+fields, "+Upgrade: websocket"))
		})
	})
}

// S-36: odd values in fields are refused, or ignored, and nothing breaks.
func TestHostileFieldsAreOdd(t *testing.T) {
	eachServer(t, func(t *testing.T, serve serveFunc) {
		l := serve(t, Upgrader{}, serveEcho)
		for _, edit := range []string{
			"+Cookie: ", "+Cookie: ;;==;\x80\xFF", "+Cookie: \t", "+X-Empty:", "+Sec-WebSocket-Accept: x", "+Sec-WebSocket-Extensions: constructor; __proto__=1",
			"+Sec-WebSocket-Protocol: constructor, __proto__", "Upgrade: ,,websocket,,", "Connection: ,upgrade,", "+Keep-Alive: timeout=0",
		} {
			finishPeer(openServer(t, l, edit))
		}
		for edit, rule := range map[string]Rule{
			"Upgrade: ":                           RuleUpgrade,
			"Upgrade: ,":                          RuleUpgrade,
			"Upgrade: \x80\xFF":                   RuleUpgrade,
			"Connection: ,":                       RuleConnection,
			"Host: [":                             RuleHost,
			"Host: [::1":                          RuleHost,
			"Host: 127.0.0.1:99999":               RuleHost,
			"Host: a..b":                          RuleHost,
			"+Sec-WebSocket-Protocol: ,":          RuleSubprotocols,
			"+Sec-WebSocket-Protocol: \x80":       RuleSubprotocols,
			"+Sec-WebSocket-Extensions: ":         RuleExtensions,
			"+Sec-WebSocket-Extensions: ;":        RuleExtensions,
			"+Sec-WebSocket-Extensions: a=b":      RuleExtensions,
			"Sec-WebSocket-Version: ":             RuleVersion,
			"Sec-WebSocket-Key: \x80\xFF":         RuleKey,
			">GET ftp://127.0.0.1/ HTTP/1.1":      RuleTarget,
			">GET http://127.0.0.1/\xFF HTTP/1.1": RuleTarget,
		} {
			p := sendRequest(t, l, edit)
			if resp, body := readWireRefusal(p, "GET"); resp.StatusCode != rule.Status() || body != rule.Error()+"\n" {
				t.Errorf("%q: got %s with %q; want %d with %q", edit, resp.Status, body, rule.Status(), rule.Error())
			}
		}
		finishPeer(openServer(t, l))
	})
}

// net/http takes the field when the target has an empty authority.
func TestHostileAuthorityIsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serveRaw(t, Upgrader{}, neverCalled(t))
		for _, target := range []string{"http://", "http:///a", "https://:80/", "http://?a"} {
			wantRefusal(sendRequest(t, l, ">GET "+target+" HTTP/1.1"), 400, RuleHost)
		}
	})
}

// A readSignal tells when its first bytes have been read and more are wanted.
type readSignal struct {
	net.Conn
	waiting chan struct{}
	got     atomic.Bool
}

func (c *readSignal) Read(p []byte) (int, error) {
	if c.got.Swap(true) {
		c.waiting <- struct{}{}
	}
	return c.Conn.Read(p)
}

type signalListener struct {
	net.Listener
	waiting chan struct{}
}

func (l signalListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &readSignal{Conn: c, waiting: l.waiting}, nil
}

// a connection in its handshake holds at most 8 KiB of heap, both ends of
// it and the tracking included, and one goroutine.
func TestServerHoldsLittleForPendingHandshakes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const pending = 300
	waiting := make(chan struct{}, pending)
	startServer(t, &Server{Handler: withoutRequest(neverCalled(t))}, signalListener{l, waiting})
	before, goroutines := heapInUse(), runtime.NumGoroutine()
	for range pending {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, rawRequest()[:100]); err != nil {
			t.Fatal(err)
		}
		<-waiting
	}
	if held := (heapInUse() - before) / pending; held > 8<<10 {
		t.Errorf("a pending connection holds %d bytes", held)
	}
	if n := runtime.NumGoroutine() - goroutines; n != pending {
		t.Errorf("there are %d goroutines for %d connections", n, pending)
	}
}

func heapInUse() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
