// This file is the language of the tests of compressed connections: a Conn on
// one end of a pipe, and on the other a peer that compresses and inflates with
// compress/flate and writes any frame. Its own tests are those of what is agreed
// on and of what is off by default. compress_*_test.go have the rest.

package websocket

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// compressAll has messages of any length compressed.
var compressAll = Options{Compression: &Compression{Threshold: -1}}

// withCompression returns options with what was agreed on.
func withCompression(c Compression) Options { return Options{Compression: &c} }

// compressPeer is the other side of a Conn with compression.
type compressPeer struct {
	*testPeer
	c      *Conn
	ours   *simConn
	agreed Compression

	window []byte // what the Conn has sent, as far back as it may refer to
	out    bytes.Buffer
	w      *flate.Writer
}

// newCompressConn returns a Conn and its peer, on a new pipe, with o.Compression
// agreed on. At the end of the test all that the Conn has sent must have been
// legal.
func newCompressConn(t *testing.T, role Role, o Options) (*Conn, *compressPeer) {
	t.Helper()
	return newCompressConnOn(t, role, o, func(ours *simConn) transport { return ours })
}

// newCompressConnOn is newCompressConn with something around the Conn's end.
func newCompressConnOn(t *testing.T, role Role, o Options, wrap func(ours *simConn) transport) (*Conn, *compressPeer) {
	t.Helper()
	client, server := newPipe()
	ours, theirs := server, client
	if role == RoleClient {
		ours, theirs = client, server
	}
	c, p := newTestConnOn(t, role, o, ends{wrap(ours), theirs})
	q := &compressPeer{testPeer: p, c: c, ours: ours, agreed: o.Compression.normal()}
	t.Cleanup(func() {
		c.CloseNow()
		theirs.Close()
		q.checkSent()
	})
	return c, q
}

// eachCompress runs a test twice, as server and as client, in bubbles.
func eachCompress(t *testing.T, o Options, f func(t *testing.T, c *Conn, p *compressPeer)) {
	t.Helper()
	inEachRole(t, func(t *testing.T, role Role) {
		c, p := newCompressConn(t, role, o)
		f(t, c, p)
	})
}

// checkSent judges what the Conn has sent: its frames, and how far back it
// refers.
func (p *compressPeer) checkSent() {
	p.t.Helper()
	r := NewReceiver(p.role, Limits{-1, -1})
	r.SetCompression(&p.agreed)
	for b := p.ours.sent(); len(b) > 0 && !r.Closed(); {
		_, n, err := r.Next(b)
		if err != nil {
			p.t.Errorf("the Conn has sent an illegal frame: %v", err)
			return
		}
		b = b[n:]
	}
}

// meanwhile is testPeer.meanwhile, but that a test which fails waits too.
func (p *compressPeer) meanwhile(f func()) (wait func()) {
	wait = p.testPeer.meanwhile(f)
	p.t.Cleanup(wait)
	return wait
}

// outgoing returns what was agreed on for what the Conn sends.
func (p *compressPeer) outgoing() (bits int, takeover bool) {
	if p.role == RoleClient {
		return p.agreed.ServerMaxWindowBits, !p.agreed.ServerNoContextTakeover
	}
	return p.agreed.ClientMaxWindowBits, !p.agreed.ClientNoContextTakeover
}

// deflated compresses the next message of the peer.
func (p *compressPeer) deflated(payload string) string {
	takeover := !p.agreed.ServerNoContextTakeover
	if p.role == RoleClient {
		takeover = !p.agreed.ClientNoContextTakeover
	}
	if p.w == nil || !takeover {
		p.w, _ = flate.NewWriter(&p.out, 6)
	}
	p.out.Reset()
	io.WriteString(p.w, payload)
	p.w.Flush()
	return strings.TrimSuffix(p.out.String(), "\x00\x00\xff\xff")
}

// raw encodes a frame whose first byte is given.
func (p *compressPeer) raw(first byte, payload string) []byte {
	return p.encode(Header{
		Fin: first&0x80 != 0, RSV1: first&0x40 != 0, RSV2: first&0x20 != 0, RSV3: first&0x10 != 0,
		Opcode: Opcode(first & 15), Masked: p.role == RoleClient, Length: uint64(len(payload)),
	}, payload)
}

// compressed encodes the peer's next message, compressed, in fragments of at
// most so many bytes.
func (p *compressPeer) compressed(typ MessageType, payload string, most int) (frames []byte) {
	data, first := p.deflated(payload), byte(typ)|0x40
	for ; len(data) > most; first = 0 {
		frames = append(frames, p.raw(first, data[:most])...)
		data = data[most:]
	}
	return append(frames, p.raw(first|0x80, data)...)
}

// send writes the peer's next message, compressed, in one frame.
func (p *compressPeer) send(typ MessageType, payload string) {
	p.t.Helper()
	p.writeBytes(p.compressed(typ, payload, len(payload)+64))
}

// readAny is readFrame, for compressed messages too.
func (p *compressPeer) readAny(why string) (h Header, payload string) {
	p.t.Helper()
	for len(p.got) == 0 {
		if err := p.fill(); err != nil {
			p.t.Fatalf("%s: no frame came: %v", why, err)
		}
	}
	rsv1 := p.got[0]&0x40 != 0
	p.got[0] &^= 0x40
	h, payload = p.readFrame(why)
	h.RSV1 = rsv1
	return h, payload
}

// A sentMessage is a message as a Conn has sent it.
type sentMessage struct {
	typ        MessageType
	compressed bool
	payload    string
	frames     []int // the length of what each carried
	size       int   // of them all
}

// message returns the next message that the Conn has sent. RSV1 must be on its
// first frame or on none (7692 §6.1).
func (p *compressPeer) message(why string) (m sentMessage) {
	p.t.Helper()
	var data strings.Builder
	for fin := false; !fin; {
		h, payload := p.readAny(why)
		if h.Opcode.IsControl() || (h.Opcode == OpContinuation) != (m.typ != 0) || h.RSV1 && m.typ != 0 {
			p.t.Fatalf("%s: out of place: %+v", why, h)
		}
		if m.typ == 0 {
			m.typ, m.compressed = MessageType(h.Opcode), h.RSV1
		}
		m.frames = append(m.frames, len(payload))
		data.WriteString(payload)
		fin = h.Fin
	}
	m.payload, m.size = data.String(), data.Len()
	if m.compressed {
		m.payload = p.inflated(why, m.payload)
	}
	return m
}

// inflated inflates a message of the Conn, which may refer to the window only.
func (p *compressPeer) inflated(why, data string) string {
	p.t.Helper()
	const tail = "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff" // 7692 §7.2.2, and an end for compress/flate
	got, err := io.ReadAll(flate.NewReaderDict(strings.NewReader(data+tail), p.window))
	if err != nil {
		p.t.Fatalf("%s: after %s: %v", why, abridge(string(got)), err)
	}
	if bits, takeover := p.outgoing(); takeover {
		p.window = append(p.window, got...)
		p.window = p.window[max(0, len(p.window)-1<<bits):]
	}
	return string(got)
}

// wantMessage waits for a message, which must have been compressed or not.
func (p *compressPeer) wantMessage(why string, typ MessageType, compressed bool, payload string) sentMessage {
	p.t.Helper()
	m := p.message(why)
	if m.typ != typ || m.compressed != compressed || m.payload != payload {
		p.t.Fatalf("%s: got %v compressed=%v %s; want %v compressed=%v %s",
			why, m.typ, m.compressed, abridge(m.payload), typ, compressed, abridge(payload))
	}
	return m
}

// compressJSON returns text as applications send it, which begins like that of
// other sizes.
func compressJSON(n int) string {
	var b strings.Builder
	random := rand.New(rand.NewPCG(1, 2))
	for b.Len() < n {
		fmt.Fprintf(&b, `{"id":%d,"name":"user-%x","tags":["red","blue"],"at":"2024-05-%02dT10:00:00Z","price":%.2f},`,
			random.IntN(1e6), random.Uint32(), 1+random.IntN(28), random.Float64()*100)
	}
	return b.String()[:n]
}

// compressNoise returns bytes that cannot be compressed.
func compressNoise(n int, seed uint64) string {
	b := make([]byte, n)
	random := rand.New(rand.NewPCG(seed, 3))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return string(b)
}

// compressOffer is the value of the field by which browsers ask for it.
const compressOffer = "permessage-deflate; client_max_window_bits"

// S-19: who has not asked for compression gets none.
func TestCompressionIsOffByDefault(t *testing.T) {
	dialBubble(t, Dialer{}, testURL, func(s *dialing) {
		p, head := s.answer()
		if strings.Contains(strings.ToLower(head), "extensions") {
			s.t.Errorf("the request is %q", head)
		}
		r := s.opened()
		if r.c.Compression() != nil {
			s.t.Error("compression was agreed on")
		}
		wantWorking(r.c, p)
	})
	eachServer(t, func(t *testing.T, serve serveFunc) {
		l := serve(t, Upgrader{}, func(ctx context.Context, c *Conn) error {
			if c.Compression() != nil {
				t.Error("compression was agreed on")
			}
			return serveEcho(ctx, c)
		})
		p := newClientPeer(t, dialServer(t, l))
		p.writeBytes([]byte(rawRequest("+Sec-WebSocket-Extensions: " + compressOffer)))
		if head := readHTTPHead(p); !strings.HasPrefix(head, "HTTP/1.1 101 ") || strings.Contains(head, "Extensions") {
			t.Fatalf("the answer is %q", head)
		}
		wantEcho(p, strings.Repeat("x", 1000))
		finishPeer(p)
	})
}

func TestCompressionIsAgreedOnWithAServer(t *testing.T) {
	d := Dialer{Options: Options{Compression: &Compression{ServerMaxWindowBits: 12, Effort: 2}}}
	dialBubble(t, d, testURL, func(s *dialing) {
		p, head := s.answer("+Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=11; client_max_window_bits=10; client_no_context_takeover")
		if got := fieldOf(s.t, head, "Sec-WebSocket-Extensions"); got != "permessage-deflate; server_max_window_bits=12; client_max_window_bits" {
			s.t.Errorf("offered %q", got)
		}
		c := s.opened().c
		want := Compression{ClientNoContextTakeover: true, ServerMaxWindowBits: 11, ClientMaxWindowBits: 10, Effort: 2, Threshold: 128}
		if got := c.Compression(); got == nil || *got != want {
			s.t.Errorf("agreed on %+v, want %+v", got, want)
		}
		p.write(OpText, true, "plain")
		reads(s.t, c).want("a server may send what it likes", Text, "plain")
	})
}

func TestCompressionIsNotForcedOnAServer(t *testing.T) {
	dialBubble(t, Dialer{Options: compressAll}, testURL, func(s *dialing) {
		p, r := s.open()
		if r.c.Compression() != nil {
			s.t.Error("the server has not agreed")
		}
		wantWorking(r.c, p)
	})
}

// S-12 and more that no server may answer.
func TestCompressionWithABadAnswerFailsTheDial(t *testing.T) {
	wrong := map[Rule][]string{
		RuleExtensions:       {`; server_max_window_bits=""`}, // no token
		RuleAnswerExtensions: {", permessage-deflate"},
		RuleAnswerDeflate: {
			"; server_max_window_bits=7", "; server_max_window_bits=16", "; server_max_window_bits=0", "; server_max_window_bits=-1",
			"; server_max_window_bits=08", "; server_max_window_bits", "; server_max_window_bits=999999999999",
			"; client_max_window_bits", "; client_max_window_bits=16", "; server_no_context_takeover=1", "; unknown",
			"; client_no_context_takeover; client_no_context_takeover",
		},
	}
	for rule, answers := range wrong {
		for _, params := range answers {
			dialBubble(t, Dialer{Options: compressAll}, testURL, func(s *dialing) {
				p, _ := s.answer("+Sec-WebSocket-Extensions: permessage-deflate" + params)
				if he, _ := s.wantRule(rule); he.Status != 101 {
					s.t.Errorf("%s: %+v", params, he)
				}
				p.wantGone("the answer was not legal")
			})
		}
	}
}

// Settings that cannot be are found before anything is sent.
func TestCompressionThatCannotBeIsRefused(t *testing.T) {
	for _, c := range []Compression{{ServerMaxWindowBits: 7}, {ClientMaxWindowBits: 16}, {Effort: 4}, {Effort: -1}} {
		dialBubble(t, Dialer{Options: withCompression(c)}, testURL, func(s *dialing) { s.wantNoConnection(ErrHandshakeValue) })
		u := Upgrader{Options: withCompression(c)}
		wantIs(t, "Validate", u.Validate(), ErrHandshakeValue)
	}
}
