// This file tests servers that go on for ever, fall silent or stop anywhere:
// what a client takes from them is bounded in bytes and in time, and how it ended
// is told. At its end are a few rows of table C over TCP.

package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// floodWith sends text again and again until the client closes the connection,
// which it has to do before that are limit bytes.
func floodWith(p *testPeer, text string, limit int) {
	p.t.Helper()
	for sent := 0; sent < limit; sent += len(text) {
		if _, err := p.conn.Write([]byte(text)); err != nil {
			return
		}
	}
	p.t.Fatalf("the client has not closed the connection within %d bytes", limit)
}

// taken returns how many of p's bytes the client has read.
func taken(p *testPeer) int { return len(p.sim.sent()) - p.sim.peer.unread() }

// C-11 and C-37, and what comes too slowly: nothing prolongs HandshakeTimeout.
func TestHostileServersFallSilent(t *testing.T) {
	for _, row := range hostileResponses {
		for _, limit := range []time.Duration{0, 3 * time.Second, time.Hour} {
			if !row.unfinished {
				break
			}
			t.Run(fmt.Sprint(row.id, "/", limit), func(t *testing.T) {
				d := hostileDialer()
				d.HandshakeTimeout = limit
				dialBubble(t, d, testURL, func(s *dialing) {
					p, head := s.accept()
					p.writeBytes([]byte(row.raw(keyOf(s.t, head))))
					r := s.failed()
					want := limit
					if want == 0 {
						want = 10 * time.Second
					}
					simWantElapsed(s.t, s.start, want)
					wantIs(s.t, "Dial", r.err, context.DeadlineExceeded)
					if r.resp != nil {
						s.t.Errorf("there is an answer: %v", r.resp)
					}
					p.wantGone("the time is over")
				})
			})
		}
	}
}

func TestHostileServersDripAnswers(t *testing.T) {
	for name, drip := range map[string]string{
		"bytes": "HTTP/1.1 101 Switching Protocols\r\n", "fields": "HTTP/1.1 101 Switching Protocols\r\nX: y\r\n",
		"answers": "HTTP/1.1 102 Processing\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			dialBubble(t, hostileDialer(), testURL, func(s *dialing) {
				p, _ := s.accept()
				stop := p.meanwhile(func() {
					for i := 0; ; i++ {
						piece := drip
						if name == "bytes" {
							piece = drip[i%len(drip) : i%len(drip)+1]
						}
						if _, err := p.conn.Write([]byte(piece)); err != nil {
							return
						}
						<-time.After(time.Second)
					}
				})
				r := s.failed()
				simWantElapsed(s.t, s.start, 10*time.Second)
				wantIs(s.t, "Dial", r.err, context.DeadlineExceeded)
				stop()
			})
		})
	}
}

// C-36 and the like: heads without end. The client takes no more than two heads
// of them, the second for the last interim answer that it puts up with.
func TestHostileServersEndlessHeads(t *testing.T) {
	status := "HTTP/1.1 101 Switching Protocols\r\n"
	field := "X: " + strings.Repeat("a", 995) + "\r\n"
	for name, test := range map[string]struct {
		begin, more string
		limit       int
	}{
		"C-36-fields":       {status, field, MaxHead},
		"C-36-short-fields": {status, "X: a\r\n", 8 << 10},
		"C-36-field":        {status + "X: ", "aaaa", MaxHead},
		"C-36-status-line":  {"HTTP/1.1 101 ", "aaaa", MaxStartLine},
		"C-11-answers":      {"", "HTTP/1.1 102 Processing\r\n\r\n", MaxHead},
		"C-11-long-answers": {"", "HTTP/1.1 103 Early Hints\r\n" + strings.Repeat(field, 60) + "\r\n", 2 * MaxHead},
		"C-11-then-endless": {"HTTP/1.1 103 Early Hints\r\n" + strings.Repeat(field, 60) + "\r\n" + status, field, 2 * MaxHead},
		"C-11-then-the-end": {strings.Repeat("HTTP/1.1 103 Early Hints\r\n"+field+"\r\n", 70) + status, "\r\n", 2 * MaxHead},
	} {
		t.Run(name, func(t *testing.T) {
			dialBubble(t, hostileDialer(), testURL, func(s *dialing) {
				p, _ := s.accept()
				p.conn.Write([]byte(test.begin))
				floodWith(p, test.more, 1<<20)
				he, resp := s.wantRule(RuleHeadSize)
				if resp != nil || he.Status != 0 {
					s.t.Errorf("Dial = %v, %v", resp, he)
				}
				simWantElapsed(s.t, s.start, 0)
				// Buffers grow, so a read can take more than was asked for.
				if n := taken(p); n > test.limit+test.limit/2 {
					s.t.Errorf("%d bytes were taken, want about %d", n, test.limit)
				}
				p.wantGone("the head is too large")
			})
		})
	}
}

// Interim answers are legal (RFC 9110 §15.2).
func TestHostileServersManyInterimAnswers(t *testing.T) {
	dialBubble(t, hostileDialer(), testURL, func(s *dialing) {
		hint := "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
		p, head := s.refuse("", strings.TrimSuffix(strings.Repeat(hint, 1000), "\r\n\r\n"))
		p.writeBytes([]byte(hostileResponse{text: rawAnswer()}.raw(keyOf(s.t, head))))
		wantWorking(s.opened().c, p)
	})
}

// A refusal is an answer with a body, and what a client does with that.
type refusal struct {
	head []string // behind the status line
	body string
	more string        // that follows for ever
	kept string        // of the body
	wait time.Duration // that Dial takes
}

func (r refusal) run(t *testing.T, status string) {
	dialBubble(t, hostileDialer(), testURL, func(s *dialing) {
		p, _ := s.refuse(r.body, append([]string{"HTTP/1.1 " + status}, r.head...)...)
		head := len(p.sim.sent()) - len(r.body)
		if r.more != "" {
			floodWith(p, r.more, 1<<20)
		}
		he, resp := s.wantRule(RuleStatus)
		simWantElapsed(s.t, s.start, r.wait)
		body, err := io.ReadAll(resp.Body)
		if string(he.Body) != r.kept || string(body) != r.kept || err != nil {
			s.t.Errorf("the bodies are %q and %q, %v; want %q", he.Body, body, err, r.kept)
		}
		// The head is read with a buffer of 4 KiB, and at most as much is then
		// read for the body.
		if n := taken(p) - head; n > 8<<10 {
			s.t.Errorf("%d bytes of the body were taken", n)
		}
		p.wantGone("the answer is no acceptance")
	})
}

// C-39 and S-51.
func TestHostileServersRefuseAtLength(t *testing.T) {
	const patience = time.Second
	text := strings.Repeat("0123456789abcdef", 64)
	long := strings.Repeat("a", 512)
	chunked := []string{"Transfer-Encoding: chunked"}
	for name, r := range map[string]refusal{
		"1-GiB":            {head: []string{"Content-Length: 1073741824"}, more: text, kept: text},
		"1-GiB-late":       {head: []string{"Content-Length: 1073741824"}, body: "begun", kept: "begun", wait: patience},
		"8-EiB":            {head: []string{"Content-Length: 9223372036854775807"}, more: text, kept: text},
		"no-length":        {more: text, kept: text},
		"no-length-open":   {body: "some", kept: "some", wait: patience},
		"no-body-open":     {wait: patience},
		"length-0":         {head: []string{"Content-Length: 0"}, body: "no body"},
		"length-reached":   {head: []string{"Content-Length: 4"}, body: "bodyrest", kept: "body"},
		"length-negative":  {head: []string{"Content-Length: -1"}, body: "body"},
		"length-no-number": {head: []string{"Content-Length: 4, 4"}, more: text, kept: text},
		"length-too-large": {head: []string{"Content-Length: 18446744073709551616"}, more: text, kept: text},
		"long-head":        {head: []string{"X: " + strings.Repeat(long, 8)}, more: text, kept: text},
		"chunk":            {head: chunked, body: "ffffffff\r\n", more: text, kept: text},
		"chunks":           {head: chunked, more: "10\r\n0123456789abcdef\r\n", kept: text},
		"chunks-end":       {head: chunked, body: "4\r\nbody\r\n0\r\n\r\nrest", kept: "body"},
		"chunks-and-size":  {head: append([]string{"Content-Length: 3"}, chunked...), body: "4\r\nbody\r\n0\r\n\r\n", kept: "body"},
		"chunks-open":      {head: chunked, body: "4\r\nbo", kept: "bo", wait: patience},
		"chunks-malformed": {head: chunked, body: "4\r\nbody\r\nzz\r\nbody\r\n", kept: "body"},
		"chunk-extension":  {head: chunked, body: "4;", more: long},
		"chunk-overflow":   {head: chunked, body: "10000000000000000\r\n", more: long},
		"long-extensions":  {head: chunked, more: "1;" + long + "\r\nx\r\n", kept: "xxxxxxx"},
	} {
		t.Run(name, func(t *testing.T) { r.run(t, "401 Unauthorized") })
	}
	for _, status := range []string{"204 No Content", "304 Not Modified"} {
		// RFC 9112 §6.3: whatever the fields say, these have no body.
		t.Run(status[:3], func(t *testing.T) {
			refusal{head: []string{"Content-Length: 4"}, body: "body"}.run(t, status)
		})
	}
	t.Run("101", func(t *testing.T) {
		dialBubble(t, hostileDialer(), testURL, func(s *dialing) {
			s.answer("Upgrade: foo", "+Content-Length: 1073741824")
			he, _ := s.wantRule(RuleAnswerUpgrade)
			simWantElapsed(s.t, s.start, 0)
			if he.Body != nil {
				s.t.Errorf("the body is %q", he.Body)
			}
		})
	})
}

// Chunks of one byte cost six: what fits into 4 KiB is kept.
func TestHostileServersRefuseInSmallChunks(t *testing.T) {
	refusal{head: []string{"Transfer-Encoding: chunked"}, more: "1\r\nx\r\n", kept: strings.Repeat("x", 683)}.run(t, "403 Forbidden")
}

// What drips has one second, not one for each piece.
func TestHostileServersDripRefusals(t *testing.T) {
	dialBubble(t, hostileDialer(), testURL, func(s *dialing) {
		p, _ := s.refuse("", "HTTP/1.1 401 Unauthorized")
		stop := p.meanwhile(func() {
			for err := error(nil); err == nil; {
				_, err = p.conn.Write([]byte("x"))
				<-time.After(300 * time.Millisecond)
			}
		})
		he, _ := s.wantRule(RuleStatus)
		simWantElapsed(s.t, s.start, time.Second)
		if string(he.Body) != "xxxx" {
			s.t.Errorf("the body is %q", he.Body)
		}
		stop()
	})
}

// cuts end a server's bytes.
var cuts = map[string]struct {
	at   func(p *testPeer, offset int)
	want error
}{
	"eof": {func(p *testPeer, offset int) { p.sim.eofAt(offset) }, io.ErrUnexpectedEOF},
	"eof-with-data": {func(p *testPeer, offset int) {
		p.sim.peer.tune(func(k *simKnobs) { k.eofWithData = true })
		p.sim.eofAt(offset)
	}, io.ErrUnexpectedEOF},
	"reset": {func(p *testPeer, offset int) { p.sim.resetAt(offset) }, syscall.ECONNRESET},
}

// in the answer, the interim one before it, and right behind it.
func TestHostileServersStopInTheAnswer(t *testing.T) {
	answer := hostileResponse{text: "HTTP/1.1 100 Continue\r\n\r\n" + rawAnswer()}
	whole := len(answer.raw(sampleKey))
	for name, cut := range cuts {
		for at := range whole + 1 {
			dialBubble(t, hostileDialer(), testURL, func(s *dialing) {
				p, head := s.accept()
				cut.at(p, at)
				p.conn.Write([]byte(answer.raw(keyOf(s.t, head))))
				if at == whole {
					wantAbnormal(s.t, name, <-startRead(s.opened().c), cut.want)
					return
				}
				r := s.failed()
				if he := (*HandshakeError)(nil); errors.As(r.err, &he) || r.resp != nil || !errors.Is(r.err, cut.want) || errors.Is(r.err, io.EOF) {
					s.t.Fatalf("%s at byte %d: Dial = %v, %v; want %v", name, at, r.resp, r.err, cut.want)
				}
				wantCloseCall(p)
			})
		}
	}
}

// wantCloseCall wants the client to have closed its end, whatever came of that.
func wantCloseCall(p *testPeer) {
	p.t.Helper()
	synctest.Wait()
	if calls := p.sim.closes(); !slices.Contains(calls, "client close") {
		p.t.Fatalf("the client has not closed the connection: %q", calls)
	}
}

// A refusal is one, wherever its body stops.
func TestHostileServersStopInTheBody(t *testing.T) {
	head, body := "HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\n", "no entry"
	for name, cut := range cuts {
		for at := range len(body) + 1 {
			dialBubble(t, hostileDialer(), testURL, func(s *dialing) {
				p, _ := s.accept()
				cut.at(p, len(head)+at)
				p.conn.Write([]byte(head + body))
				if he, _ := s.wantRule(RuleStatus); string(he.Body) != body[:at] {
					s.t.Errorf("%s at byte %d: the body is %q", name, at, he.Body)
				}
				simWantElapsed(s.t, s.start, 0)
				wantCloseCall(p)
			})
		}
	}
}

// A few rows over TCP, where C-39 has its body.
func TestHostileServersOnTCP(t *testing.T) {
	for _, row := range hostileResponses {
		number, _, _ := strings.Cut(row.id[2:], "-")
		if !strings.Contains("01 02 03 19 40", number) {
			continue
		}
		t.Run(row.id, func(t *testing.T) {
			s := startDialOnTCP(t, hostileDialer())
			p, head := s.accept()
			p.writeBytes([]byte(row.raw(keyOf(t, head))))
			row.want(s, p, keyOf(t, head))
		})
	}
	t.Run("C-39-unauthorized-with-huge-body", func(t *testing.T) {
		s := startDialOnTCP(t, hostileDialer())
		p, _ := s.refuse("", "HTTP/1.1 401 Unauthorized", "Content-Length: 1073741824")
		floodWith(p, strings.Repeat("body", 4<<10), 64<<20)
		he, _ := s.wantRule(RuleStatus)
		if want := strings.Repeat("body", 256); he.Status != 401 || string(he.Body) != want {
			t.Errorf("got %d with %d bytes, want 401 with the first %d", he.Status, len(he.Body), len(want))
		}
	})
}

func startDialOnTCP(t *testing.T, d Dialer) *dialing {
	t.Helper()
	ours, theirs := loopback(t)
	return startDialOn(t, d, testURL, func() (net.Conn, net.Conn) { return ours, theirs })
}
