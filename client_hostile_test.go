// This file sends every row of table C to a client, whole and in pieces. What a
// server does for too long or too often, and rows over TCP, are in
// client_hostile_flood_test.go.

package websocket

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/textproto"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// hostileDialer is the client that table C is about.
func hostileDialer() Dialer {
	return Dialer{Options: Options{Subprotocols: []string{"chat", "superchat"}, Compression: &Compression{}}}
}

// broken returns the rule that makes hostileDialer refuse the row, if any.
func (r hostileResponse) broken() Rule {
	if r.later && r.rest == "" {
		return RuleAnswerDeflate
	}
	return r.rule
}

// A delivery is how the bytes of an answer come to the client.
type delivery func(p *testPeer, raw string)

// The client may close the connection before it has everything, so these do not
// mind.
var deliveries = map[string]delivery{
	"whole": func(p *testPeer, raw string) { p.conn.Write([]byte(raw)) },
	"bytewise": func(p *testPeer, raw string) {
		p.sim.peer.tune(func(k *simKnobs) { k.readAtMost = 1 })
		p.conn.Write([]byte(raw))
	},
	"cut-1": cutAtRandom(1), "cut-2": cutAtRandom(2), "cut-3": cutAtRandom(3), "cut-4": cutAtRandom(4),
}

// cutAtRandom delivers in up to ten pieces, each of which the client reads
// before the next comes.
func cutAtRandom(seed uint64) delivery {
	return func(p *testPeer, raw string) {
		random := rand.New(rand.NewPCG(seed, uint64(len(raw))))
		for range 9 {
			n := random.IntN(len(raw) + 1)
			p.conn.Write([]byte(raw[:n]))
			synctest.Wait()
			raw = raw[n:]
		}
		p.conn.Write([]byte(raw))
	}
}

func TestHostileServers(t *testing.T) {
	rows := append([]hostileResponse{
		goodAnswer("C-01-base-without-extension", rawAnswer("+Sec-WebSocket-Protocol: chat")),
		goodAnswer("S-32-long-answer", rawAnswer("+X-Long: "+strings.Repeat("a", 60_000))),
	}, hostileResponses...)
	for _, row := range rows {
		t.Run(row.id, func(t *testing.T) {
			for name, deliver := range deliveries {
				if row.unfinished {
					continue // see TestHostileServersFallSilent
				}
				t.Run(name, func(t *testing.T) {
					dialBubble(t, hostileDialer(), testURL, func(s *dialing) {
						p, head := s.accept()
						deliver(p, row.raw(keyOf(s.t, head)))
						row.want(s, p, keyOf(s.t, head))
					})
				})
			}
		})
	}
}

// want judges what Dial makes of the row, as the answer to a request with this
// key.
func (r hostileResponse) want(s *dialing, p *testPeer, key string) {
	s.t.Helper()
	switch {
	case r.broken() != 0:
		r.wantRefused(s, p, key)
	case r.rest == maskedHello:
		wantMaskRefused(s.opened().c, p)
	default:
		r.wantAccepted(s.opened(), p)
	}
	if len(s.peers) > 0 {
		s.t.Errorf("there was another connection, to %s", <-s.addrs)
	}
}

func (r hostileResponse) wantAccepted(d dialed, p *testPeer) {
	p.t.Helper()
	if r.rest != "" {
		reads(p.t, d.c).want("the frame behind the answer is delivered", Text, "Hello")
	}
	wantWorking(d.c, p)
	want := ""
	if strings.Contains(r.text, "Sec-WebSocket-Protocol: chat\r\n") {
		want = "chat"
	}
	if got := d.c.Subprotocol(); got != want {
		p.t.Errorf("Subprotocol = %q, want %q", got, want)
	}
	agreed := strings.Contains(r.text, "Sec-WebSocket-Extensions: permessage-deflate")
	if got := d.c.Compression(); (got != nil) != agreed {
		p.t.Errorf("Compression = %+v, want some: %v", got, agreed)
	}
	if agreed {
		p.writeCompressed()
		reads(p.t, d.c).want("a compressed message of the server", Text, "Hello")
	}
}

// wantMaskRefused is for C-40. The Close is masked, as all that p wants.
func wantMaskRefused(c *Conn, p *testPeer) {
	p.t.Helper()
	read := startRead(c)
	p.wantClose("the server has masked a frame", CloseProtocolError, RuleMaskForbidden.Text())
	wantIs(p.t, "Read", <-read, RuleMaskForbidden)
}

// wantRefused wants the error to have what was received, and the connection to be
// closed with nothing sent but the request.
func (r hostileResponse) wantRefused(s *dialing, p *testPeer, key string) {
	s.t.Helper()
	he, resp := s.wantRule(r.broken())
	if p.sim != nil {
		// A status other than 101 has a body, which does not come.
		simWantElapsed(s.t, s.start, map[bool]time.Duration{true: time.Second}[he.Rule == RuleStatus])
	}
	p.wantGone("the answer is refused")
	if he.Rule == RuleHeader || he.Rule == RuleHeadSize {
		if resp != nil || he.Status != 0 || he.Header != nil {
			s.t.Errorf("Dial = %+v, %+v; want nothing of what was not understood", resp, he)
		}
		return
	}
	status, header := r.parsed(s.t, key)
	if strconv.Itoa(he.Status) != status || !reflect.DeepEqual(http.Header(he.Header), header) {
		s.t.Errorf("the error has %d %v, want %s %v", he.Status, he.Header, status, header)
	}
	if resp == nil || resp.StatusCode != he.Status || !reflect.DeepEqual(resp.Header, header) {
		s.t.Errorf("Dial = %+v, want %s %v", resp, status, header)
	}
}

// parsed returns what net/textproto makes of the row's head. net/http would keep
// "Connection: close" to itself.
func (r hostileResponse) parsed(t *testing.T, key string) (status string, header http.Header) {
	t.Helper()
	tp := textproto.NewReader(bufio.NewReader(strings.NewReader(r.raw(key))))
	line, err := tp.ReadLine()
	wantNil(t, "ReadLine", err)
	fields, err := tp.ReadMIMEHeader()
	wantNil(t, "ReadMIMEHeader", err)
	return strings.SplitN(line, " ", 3)[1], http.Header(fields)
}

// C-02 and R-14: what came with the answer stays as it came, whatever the buffer
// of the answer is used for next.
func TestHostileServersGluedFrameIsKept(t *testing.T) {
	for range 10 { // the pool may have another buffer for us
		synctest.Test(t, func(t *testing.T) {
			_, d := newStub(t, func(c *simConn) {
				answer := hostileResponse{text: rawAnswer() + "\x81\x05Hello"}
				c.Write([]byte(answer.raw(keyOf(t, takeHead(c)))))
				awaitClose(c)
			})
			c, _, err := d.Dial(t.Context(), testURL)
			wantNil(t, "Dial", err)
			buf := getBuffer(headBuffer)
			copy(*buf, bytes.Repeat([]byte{0xDB}, len(*buf)))
			reads(t, c).want("the frame behind the answer", Text, "Hello")
			putBuffer(buf)
			c.CloseNow()
		})
	}
}

// C-38: by default a redirect is an answer like others. Where redirects are
// followed, none leads from wss to ws (S-45).
func TestHostileServersRedirect(t *testing.T) {
	for _, to := range []string{"ws://evil.example/", "http://evil.example/", "wss://test.example/", "/"} {
		dialBubble(t, hostileDialer(), testURL, func(s *dialing) {
			p, _ := s.refuse("", "HTTP/1.1 302 Found", "Location: "+to, "Content-Length: 0")
			he, resp := s.wantRule(RuleStatus)
			if he.Status != 302 || resp.Header.Get("Location") != to || len(s.peers) > 0 {
				s.t.Errorf("to %s: got %d %v, and %d connections", to, he.Status, he.Header, len(s.peers))
			}
			p.wantGone("the redirect is not followed")
		})
	}
	for _, to := range []string{"ws://test.example/", "http://test.example/", "ws://evil.example/"} {
		synctest.Test(t, func(t *testing.T) {
			conns, d := newStub(t, func(c *simConn) {
				nc := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificateFor("test.example")}})
				takeHead(nc)
				nc.Write([]byte("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + to + "\r\n\r\n"))
				awaitClose(c)
			})
			d.MaxRedirects = 5
			d.TLSConfig = &tls.Config{RootCAs: theAuthority().pool}
			c, _, err := d.Dial(t.Context(), "wss://test.example/")
			if c != nil || !errors.Is(err, RuleRedirect) {
				t.Errorf("to %s: Dial = %v, %v", to, c, err)
			}
			conns.wantClosed(1)
		})
	}
}

// C-41: the server's versions are for the application to see, and nothing is
// tried again.
func TestHostileServersKnowOtherVersions(t *testing.T) {
	for name, test := range map[string]struct {
		lines []string
		want  []string
	}{
		"one-line":  {[]string{"Sec-WebSocket-Version: 8, 7"}, []string{"8", "7"}},
		"two-lines": {[]string{"Sec-WebSocket-Version: 8", "sec-websocket-version:7"}, []string{"8", "7"}},
		"ours":      {[]string{"Sec-WebSocket-Version: 13"}, []string{"13"}},
		"malformed": {[]string{"Sec-WebSocket-Version: 8 7"}, nil},
		"half":      {[]string{"Sec-WebSocket-Version: 8", `Sec-WebSocket-Version: "7"`}, nil},
		"none":      {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := hostileDialer()
			d.MaxRedirects = 5
			dialBubble(t, d, testURL, func(s *dialing) {
				p, _ := s.refuse("", append([]string{"HTTP/1.1 426 Upgrade Required", "Content-Length: 0"}, test.lines...)...)
				he, _ := s.wantRule(RuleStatus)
				if got := he.Versions(); !slices.Equal(got, test.want) || he.Status != 426 {
					s.t.Errorf("got %d with versions %q, want %q", he.Status, got, test.want)
				}
				if len(s.peers) > 0 {
					s.t.Error("it has tried again")
				}
				p.wantGone("the server knows other versions")
			})
		})
	}
}

// S-49: what foretells a masking key lets a page write any bytes it likes
// (§10.3). No nonce comes back either (§4.1). Of both, every bit is a coin.
func TestHostileServersCannotForetell(t *testing.T) {
	const conns, frames = 40, 2
	var nonces, masks [][]byte
	for range conns {
		dialBubble(t, Dialer{}, testURL, func(s *dialing) {
			p, head := s.answer()
			nonce, err := base64.StdEncoding.DecodeString(keyOf(s.t, head))
			if err != nil || len(nonce) != 16 {
				s.t.Fatalf("the nonce is %x, %v", nonce, err)
			}
			nonces = append(nonces, nonce)
			c := s.opened().c
			for range frames {
				wantNil(s.t, "Write", c.Write(background, Text, []byte("x")))
				h, _ := p.readFrame("a message")
				masks = append(masks, h.MaskKey[:])
			}
		})
	}
	wantCoins(t, "nonces", nonces)
	wantCoins(t, "masking keys", masks)
}

// wantCoins wants the values to be all different, and each of their bits to have
// been both 0 and 1. With 40 true coins a bit fails once in 2^39 runs.
func wantCoins(t *testing.T, what string, values [][]byte) {
	t.Helper()
	seen := map[string]bool{}
	zeros, ones := make([]byte, len(values[0])), make([]byte, len(values[0]))
	for _, v := range values {
		if seen[string(v)] {
			t.Errorf("%s: %x came again", what, v)
		}
		seen[string(v)] = true
		for i, c := range v {
			zeros[i], ones[i] = zeros[i]|^c, ones[i]|c
		}
	}
	for i := range zeros {
		if zeros[i]&ones[i] != 0xff {
			t.Errorf("%s: in byte %d, %08b were 0 once, and %08b were 1", what, i, zeros[i], ones[i])
		}
	}
}

// S-53: by default text is judged, also by a client.
func TestHostileServersSendBadText(t *testing.T) {
	for _, text := range []string{
		"\x80", "\xff", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82", "ok\xe2\x82(",
	} {
		for at := range len(text) {
			dialBubble(t, Dialer{}, testURL, func(s *dialing) {
				p, r := s.open()
				read := started(func() error {
					_, data, err := r.c.Read(background)
					if data != nil {
						s.t.Errorf("%q was delivered", data)
					}
					return err
				})
				p.writeBytes(slices.Concat(p.frame(OpText, false, text[:at]), p.frame(OpContinuation, true, text[at:])))
				p.wantClose("the text is not UTF-8", CloseInvalidPayload, RuleUTF8.Text())
				wantIs(s.t, "Read", <-read, RuleUTF8)
			})
		}
	}
}
