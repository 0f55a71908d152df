// This file has our client and our server agree on every pair of parameters, and
// talk. What one has sent beyond the window that was agreed on, the other could
// not inflate.

package websocket

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
)

// A compressLink is a client and a server behind their handshake.
type compressLink struct {
	t          *testing.T
	conns      [2]*Conn // by role
	ends       [2]*simConn
	handshakes [2]int // how many bytes each has sent for it
}

// newCompressLink has a Dialer and an Upgrader agree.
func newCompressLink(t *testing.T, client, server Compression) *compressLink {
	t.Helper()
	l := &compressLink{t: t}
	clientEnd, serverEnd := newPipe(func(k *simKnobs) { k.capacity = 1 << 20 })
	l.ends[RoleClient], l.ends[RoleServer] = clientEnd, serverEnd
	upgraded := started(func() *Conn {
		u := Upgrader{Options: Options{KeepAlive: -1, Compression: &server}}
		c, _, err := u.UpgradeConn(serverEnd)
		if err != nil {
			t.Errorf("UpgradeConn = %v", err)
		}
		return c
	})
	d := Dialer{Options: Options{KeepAlive: -1, Compression: &client}, Proxy: noProxy}
	d.NetDial = func(context.Context, string, string) (net.Conn, error) { return clientEnd, nil }
	c, _, err := d.Dial(t.Context(), testURL)
	wantNil(t, "Dial", err)
	l.conns[RoleClient], l.conns[RoleServer] = c, <-upgraded
	for role, end := range l.ends {
		l.handshakes[role] = len(end.sent())
	}
	return l
}

// close closes both sides in order.
func (l *compressLink) close() {
	closed := startClose(l.conns[RoleServer], CloseNormal, "")
	_, _, err := l.conns[RoleClient].Read(l.t.Context())
	wantCloseError(l.t, "the client's end", err, CloseError{Code: CloseNormal, Remote: true})
	wantNil(l.t, "Close", <-closed)
	<-l.conns[RoleClient].Done()
}

// pass sends a message, and returns how many bytes that took.
func (l *compressLink) pass(from Role, m Message) (size int) {
	l.t.Helper()
	before := l.size(from)
	wantNil(l.t, "Write", l.conns[from].Write(l.t.Context(), m.Type, m.Data))
	reads(l.t, l.conns[opposite(from)]).want(from.String()+" sends", m.Type, string(m.Data))
	return l.size(from) - before
}

func (l *compressLink) size(from Role) int {
	defer l.ends[from].locked()()
	return len(l.ends[from].written)
}

// wantAgreed wants both sides to know what was agreed on.
func (l *compressLink) wantAgreed(want Compression) {
	l.t.Helper()
	want = want.normal()
	for _, c := range l.conns {
		if got := c.Compression(); got == nil || *got != want {
			l.t.Fatalf("the %v has agreed on %+v, want %+v", c.role, got, want)
		}
	}
}

// wantWindow wants messages to arrive that lie within the window and across it,
// and the window to be kept between messages or not.
func (l *compressLink) wantWindow(from Role, bits int, takeover bool) {
	l.t.Helper()
	noise := compressNoise(200, uint64(bits))
	l.pass(from, Message{Type: Binary, Data: []byte(noise)})
	if again := l.pass(from, Message{Type: Binary, Data: []byte(noise)}); (again < 100) != takeover {
		l.t.Fatalf("%v: %d bytes for noise that was sent before, but takeover is %v", from, again, takeover)
	}
	// A window apart, a byte further than that, and near each other.
	size := 1 << bits
	block := compressNoise(size, uint64(bits))
	l.pass(from, Message{Type: Binary, Data: []byte(block + block[:250])})
	l.pass(from, Message{Type: Binary, Data: []byte(block + "." + block[:250] + block[:50])})
	json := compressJSON(size + 100)
	if n := l.pass(from, Message{Type: Text, Data: []byte(json)}); n > len(json)*9/10 {
		l.t.Errorf("%v: %d bytes for %d of text at %d bits", from, n, len(json), bits)
	}
	l.pass(from, Message{Type: Text})
	l.pass(from, Message{Type: Text, Data: []byte("short, so it is plain")})
	l.pass(from, Message{Type: Text, Data: []byte(json[len(json)-200:])})
}

// eachAgreement calls f with every pair of parameters.
func eachAgreement(f func(c Compression)) {
	for server := minWindowBits; server <= maxWindowBits; server++ {
		for client := minWindowBits; client <= maxWindowBits; client++ {
			for takeover := range 4 {
				f(Compression{
					ServerMaxWindowBits: server, ServerNoContextTakeover: takeover&1 != 0,
					ClientMaxWindowBits: client, ClientNoContextTakeover: takeover&2 != 0,
				})
			}
		}
	}
}

// TestCompressionOfEveryAgreement has both sides ask for the same.
func TestCompressionOfEveryAgreement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		eachAgreement(func(agreed Compression) {
			l := newCompressLink(t, agreed, agreed)
			l.wantAgreed(agreed)
			l.wantWindow(RoleClient, agreed.ClientMaxWindowBits, !agreed.ClientNoContextTakeover)
			l.wantWindow(RoleServer, agreed.ServerMaxWindowBits, !agreed.ServerNoContextTakeover)
			l.close()
		})
	})
}

// TestCompressionAskedForByOneSide has the other side leave it open, or ask for
// less.
func TestCompressionAskedForByOneSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		eachAgreement(func(asked Compression) {
			bothKept := asked
			bothKept.ServerNoContextTakeover, bothKept.ClientNoContextTakeover = false, false
			wide := asked
			wide.ServerMaxWindowBits, wide.ClientMaxWindowBits = 0, 0
			for _, pair := range [][2]Compression{{asked, {}}, {{}, asked}, {asked, wide}, {bothKept, asked}} {
				l := newCompressLink(t, pair[0], pair[1])
				l.wantAgreed(asked)
				l.pass(RoleClient, Message{Type: Text, Data: []byte(compressJSON(300))})
				l.pass(RoleServer, Message{Type: Text, Data: []byte(compressJSON(300))})
				l.close()
			}
		})
	})
}

// Each side's effort and threshold are its own.
func TestCompressionEffortIsNotAgreedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := []byte(compressJSON(30_000))
		var sizes [4]int
		for effort := 1; effort <= 3; effort++ {
			l := newCompressLink(t, Compression{Effort: effort, Threshold: 1000}, Compression{Effort: 4 - effort, Threshold: -1})
			if c, s := l.conns[RoleClient].Compression(), l.conns[RoleServer].Compression(); c.Effort != effort || s.Effort != 4-effort || c.Threshold != 1000 || s.Threshold != -1 {
				t.Errorf("the client has %+v, the server %+v", c, s)
			}
			sizes[effort] = l.pass(RoleClient, Message{Type: Text, Data: text})
			if n := l.pass(RoleClient, Message{Type: Text, Data: text[:999]}); n < 999 {
				t.Error("the client compresses below its threshold")
			}
			if n := l.pass(RoleServer, Message{Type: Text, Data: text[:100]}); n > 100 {
				t.Error("the server does not compress above its threshold")
			}
			l.close()
		}
		if sizes[1] <= sizes[2] || sizes[2] <= sizes[3] {
			t.Errorf("%v bytes with each effort", sizes[1:])
		}
	})
}

// Behind net/http and behind Server, and one side alone without compression.
func TestCompressionThroughServers(t *testing.T) {
	eachServer(t, func(t *testing.T, serve serveFunc) {
		for _, server := range []*Compression{nil, {ServerMaxWindowBits: 10}} {
			l := serve(t, Upgrader{Options: Options{Compression: server}}, serveEcho)
			for _, client := range []*Compression{nil, {}} {
				d := Dialer{Options: Options{Compression: client, KeepAlive: -1}, Proxy: noProxy, NetDial: l.Dial}
				c, resp, err := d.Dial(t.Context(), testURL)
				wantNil(t, "Dial", err)
				want := ""
				if client != nil && server != nil {
					want = "permessage-deflate; server_max_window_bits=10"
				}
				if got := resp.Header.Get("Sec-WebSocket-Extensions"); got != want || (c.Compression() != nil) != (want != "") {
					t.Errorf("agreed on %q, want %q", got, want)
				}
				for i := range 5 {
					text := strings.Repeat(fmt.Sprint(i, compressJSON(500)), 10*i)
					go c.Write(t.Context(), Text, []byte(text))
					reads(t, c).want("the echo", Text, text)
				}
				wantNil(t, "Close", c.Close(CloseNormal, ""))
			}
		}
	})
}
