// This file sends every row of table H to both servers, whole and a byte at a
// time, with compression and without.

package websocket

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// answeredByNetHTTP are the rows that net/http refuses by itself, so that the
// text is not ours. It answers the TLS client with silence: it waits for the end
// of a line.
var answeredByNetHTTP = []string{
	"H-22", "H-23", "H-25", "H-27", "H-29", "H-32", "H-33", "H-34", "H-35", "H-36", "H-45", "H-46", "H-47", "H-110",
}

func TestHostile(t *testing.T) {
	for _, r := range hostileRequests {
		t.Run(r.id, func(t *testing.T) {
			t.Run("raw", func(t *testing.T) { hostileRun{row: r, serve: serveRaw}.run(t) })
			t.Run("net-http", func(t *testing.T) {
				number := r.id[:strings.Index(r.id[2:], "-")+2]
				foreign := slices.Contains(answeredByNetHTTP, number)
				hostileRun{row: r, serve: serveHTTP, also: r.also, netHTTP: true, foreign: foreign}.run(t)
			})
		})
	}
}

// A hostileRun is a row sent to a server.
type hostileRun struct {
	row     hostileRequest
	serve   serveFunc
	also    []int // statuses that are tolerated
	netHTTP bool  // which does not linger, so a reset could destroy its answers
	foreign bool  // the answer is not ours
	plain   bool  // the server has not turned compression on
}

func (h hostileRun) run(t *testing.T) {
	piece := 1
	if len(h.row.raw) > MaxHead*2 {
		piece = 100 // or it takes a second: see TestHostileFlood
	}
	for name, readAtMost := range map[string]int{"whole": 0, "bytewise": piece} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { h.send(t, readAtMost) })
		})
	}
	if strings.Contains(h.row.raw, "Sec-WebSocket-Extensions") { // S-19: by default none is accepted
		h.plain, h.row.extension = true, ""
		t.Run("plain", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { h.send(t, 0) })
		})
	}
}

func (h hostileRun) send(t *testing.T, readAtMost int) {
	var calls atomic.Int32
	u := Upgrader{Options: Options{Subprotocols: []string{"chat"}}, Origins: h.row.origins, Hosts: h.row.hosts}
	if !h.plain {
		u.Compression = &Compression{}
	}
	l := h.serve(t, u, func(ctx context.Context, c *Conn) error {
		calls.Add(1)
		return serveEcho(ctx, c)
	})
	conn := dialServer(t, l)
	conn.peer.tune(func(k *simKnobs) { k.readAtMost, k.neverReset = readAtMost, h.netHTTP })
	conn.tune(func(k *simKnobs) { k.capacity = 2 << 20 })
	simMustWrite(t, conn, h.row.raw)

	p := newClientPeer(t, conn)
	if head := readHTTPHead(p); strings.HasPrefix(head, "HTTP/1.1 101 ") {
		h.accepted(p, head)
		synctest.Wait()
		if n := calls.Load(); n != 1 {
			t.Errorf("the handler was called %d times", n)
		}
		return
	} else if head != "" {
		p.got = append([]byte(head), p.got...)
		h.refused(p)
	} else if !h.foreign || !strings.HasPrefix(h.row.id, "H-25") {
		t.Errorf("there was no answer")
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("the handler was called %d times for a refused request", n)
	}
}

// accepted judges a 101, byte by byte, and uses the connection.
func (h hostileRun) accepted(p *testPeer, head string) {
	p.t.Helper()
	if h.row.status != 101 && !slices.Contains(h.also, 101) {
		p.t.Fatalf("accepted; want %d", h.row.status)
	}
	want := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + AcceptKey(keyIn(h.row.raw)) + "\r\n"
	if h.row.subprotocol != "" {
		want += "Sec-WebSocket-Protocol: " + h.row.subprotocol + "\r\n"
	}
	if h.row.extension != "" {
		want += "Sec-WebSocket-Extensions: " + h.row.extension + "\r\n"
	}
	if want += "\r\n"; head != want {
		p.t.Errorf("the answer is %q, want %q", head, want)
	}
	if h.row.rest != "" && h.row.rest != maskedHello {
		// "GE" has reserved bits set. No second answer comes, and no echo.
		p.wantClose("what follows is no frame", CloseProtocolError, RuleReservedBit.Text())
		p.wantEOF("the connection has failed")
		return
	}
	if h.row.rest == maskedHello {
		p.wantFrame("the frame behind the request is processed", OpText, "Hello")
	}
	wantEcho(p, "again")
	h.useCompression(p)
	finishPeer(p)
}

// useCompression wants what was agreed on to hold. The echo is too short to be
// compressed.
func (h hostileRun) useCompression(p *testPeer) {
	p.t.Helper()
	if h.row.extension != "" {
		p.writeCompressed()
		p.wantFrame("what was compressed is echoed", OpText, "Hello")
	}
}

func keyIn(raw string) string {
	_, rest, _ := strings.Cut(raw, "Sec-WebSocket-Key:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.Trim(line, " \t\r")
}

// refused judges the one answer of a refusal.
func (h hostileRun) refused(p *testPeer) {
	p.t.Helper()
	method, _, _ := strings.Cut(h.row.raw, " ")
	resp, body := readWireRefusal(p, method)
	if resp.StatusCode != h.row.status && !slices.Contains(h.also, resp.StatusCode) {
		p.t.Errorf("status %s, want %d, or one of %d", resp.Status, h.row.status, h.also)
	}
	if h.foreign {
		return
	}
	wantBody := h.row.rule.Error() + "\n"
	if method == http.MethodHead {
		wantBody = ""
	}
	if body != wantBody {
		p.t.Errorf("the body is %q, want %q", body, wantBody)
	}
	wantRefusalFields(p.t, resp)
}

// wantRefusalFields wants the fields that a status demands.
func wantRefusalFields(t *testing.T, resp *http.Response) {
	t.Helper()
	want := map[string]string{"Content-Type": "text/plain; charset=utf-8"}
	switch resp.StatusCode {
	case http.StatusMethodNotAllowed:
		want["Allow"] = "GET"
	case http.StatusUpgradeRequired:
		want["Upgrade"], want["Sec-Websocket-Version"] = "websocket", "13"
	}
	for name, value := range want {
		if got := resp.Header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if resp.Header.Get("Sec-Websocket-Accept") != "" {
		t.Error("a refusal carries Sec-WebSocket-Accept")
	}
}
