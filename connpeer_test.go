// This file is the language in which the tests of Conn are written: a Conn on
// one end of a connection, and on the other a peer that writes any frame, legal
// or not, and says what it wants to see. Most run in synctest bubbles, where time
// is exact and every wait ends; those that need real sockets run on loopback.

package websocket

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// testPeer is the other side of the Conn under test. Its methods belong to one
// goroutine at a time, and to that of the test where they may fail.
type testPeer struct {
	t    *testing.T
	role Role     // the peer's own
	conn net.Conn // the peer's end
	sim  *simConn // conn, when it is one, and else nil

	maskKey func() [4]byte
	got     []byte // received and not yet decoded
	buf     []byte // what it is read into
	keys    map[[4]byte]bool

	compression bool // RSV1 is legal on the first frame of a message
}

// testPatience is how long a peer waits for what it wants: fake time in
// bubbles, and elsewhere the end of a test that has failed.
const testPatience = time.Minute

// newTestConn returns a Conn in the role and its peer, on a new pipe. At the
// end of the test both are closed, and all that the Conn has sent must have been
// legal.
func newTestConn(t *testing.T, role Role, o Options, opts ...func(*simKnobs)) (*Conn, *testPeer) {
	t.Helper()
	client, server := newPipe(opts...)
	ours, theirs := server, client
	if role == RoleClient {
		ours, theirs = client, server
	}
	c, p := newTestConnOn(t, role, o, ends{ours, theirs})
	t.Cleanup(func() {
		c.CloseNow()
		p.conn.Close()
		checkSent(t, role, ours.sent(), o.Compression)
	})
	return c, p
}

// ends are the two of a transport.
type ends struct {
	ours   transport
	theirs net.Conn
}

// newTestConnOn is newTestConn on any two ends. It closes them, but cannot
// check what was sent.
func newTestConnOn(t *testing.T, role Role, o Options, on ends) (*Conn, *testPeer) {
	t.Helper()
	ours, theirs := on.ours, on.theirs
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = -1 // most tests want no frames but their own, however much time passes
	}
	c := newConn(ours, role, o, nil)
	c.frameTurn.lock(nil, nil) // keepalive may ping at once
	c.sender.maskKey = testMaskKeys('C')
	c.frameTurn.unlock()
	p := &testPeer{t: t, role: opposite(role), conn: theirs, maskKey: testMaskKeys('P'), keys: map[[4]byte]bool{}, compression: o.Compression != nil}
	p.sim, _ = theirs.(*simConn)
	t.Cleanup(func() {
		c.CloseNow()
		theirs.Close()
	})
	return c, p
}

func opposite(role Role) Role { return 1 - role }

// testMaskKeys is a source of masking keys that can be foretold and do not
// repeat. None has a zero byte, so that masking changes every byte.
func testMaskKeys(first byte) func() [4]byte {
	n := 0
	return func() [4]byte {
		n++
		return [4]byte{first, byte(n>>14) | 0x80, byte(n>>7) | 0x80, byte(n) | 0x80}
	}
}

// checkSent judges what a Conn has sent with the Receiver of the other side.
// The last frame may have been cut.
func checkSent(t *testing.T, role Role, sent []byte, agreed *Compression) {
	t.Helper()
	r := NewReceiver(opposite(role), Limits{-1, -1})
	r.SetCompression(agreed)
	for b := bytes.Clone(sent); len(b) > 0 && !r.Closed(); {
		_, n, err := r.Next(b)
		if err != nil {
			t.Errorf("the Conn has sent an illegal frame: %v", err)
			return
		}
		b = b[n:]
	}
}

// eachRole runs a test of a Conn twice, as server and as client, in bubbles.
func eachRole(t *testing.T, o Options, f func(t *testing.T, c *Conn, p *testPeer)) {
	t.Helper()
	inEachRole(t, func(t *testing.T, role Role) {
		c, p := newTestConn(t, role, o)
		f(t, c, p)
	})
}

// inEachRole runs a test as server and as client, in bubbles.
func inEachRole(t *testing.T, f func(t *testing.T, role Role)) {
	t.Helper()
	for _, role := range []Role{RoleServer, RoleClient} {
		t.Run(role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, role) })
		})
	}
}

// loopback returns the two ends of a TCP connection.
func loopback(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// newTCPTestConn is newTestConn on TCP.
func newTCPTestConn(t *testing.T, role Role, o Options) (*Conn, *testPeer) {
	t.Helper()
	ours, theirs := loopback(t)
	return newTestConnOn(t, role, o, ends{ours, theirs})
}

// frame encodes a frame as the peer's role writes it.
func (p *testPeer) frame(op Opcode, fin bool, payload string) []byte {
	h := Header{Fin: fin, Opcode: op, Length: uint64(len(payload)), Masked: p.role == RoleClient}
	return p.encode(h, payload)
}

// encode encodes any header, and masks the payload if it says so.
func (p *testPeer) encode(h Header, payload string) []byte {
	if h.Masked {
		h.MaskKey = p.maskKey()
	}
	return appendFrame(nil, h, []byte(payload))
}

// write writes a frame.
func (p *testPeer) write(op Opcode, fin bool, payload string) {
	p.t.Helper()
	p.writeBytes(p.frame(op, fin, payload))
}

// writeClose writes a Close frame; CloseNoStatus makes it empty.
func (p *testPeer) writeClose(code CloseCode, reason string) {
	p.t.Helper()
	p.write(OpClose, true, string(AppendCloseBody(nil, code, reason)))
}

// writeBytes writes b with one Write.
func (p *testPeer) writeBytes(b []byte) {
	p.t.Helper()
	p.conn.SetWriteDeadline(time.Now().Add(testPatience))
	if _, err := p.conn.Write(b); err != nil {
		p.t.Errorf("the peer's write failed: %v", err)
	}
}

// meanwhile runs f in a goroutine of its own, and wait waits for it: in a test
// that has failed, only until the peer's end is closed.
func (p *testPeer) meanwhile(f func()) (wait func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	return func() {
		if p.t.Failed() {
			p.conn.Close()
		}
		<-ended
	}
}

// readFrame returns the next frame, unmasked. It insists on what holds for
// every frame of a Conn: its mask, a fresh key, the shortest length.
func (p *testPeer) readFrame(why string) (h Header, payload string) {
	p.t.Helper()
	h, payload, err := p.nextFrame()
	if err != nil {
		p.t.Fatalf("%s: no frame came: %v; what came is %q", why, err, p.got)
	}
	p.checkHeader(why, h)
	return h, payload
}

// nextFrame is readFrame for who takes any frame, or the end.
func (p *testPeer) nextFrame() (h Header, payload string, err error) {
	for {
		h, n := ParseHeader(p.got)
		if n > 0 && uint64(len(p.got)-n) >= h.Length {
			body := p.got[n : n+int(h.Length)]
			p.got = p.got[n+int(h.Length):]
			if h.Masked {
				Mask(body, h.MaskKey, 0)
			}
			return h, string(body), nil
		}
		if err := p.fill(); err != nil {
			return h, "", err
		}
	}
}

func (p *testPeer) checkHeader(why string, h Header) {
	p.t.Helper()
	if h.RSV1 && !(p.compression && h.Opcode.startsMessage()) || h.RSV2 || h.RSV3 || h.Overlong != 0 || h.Masked != (p.role == RoleServer) {
		p.t.Fatalf("%s: illegal header %+v", why, h)
	}
	if h.Masked && p.keys[h.MaskKey] {
		p.t.Fatalf("%s: the masking key %x was used before", why, h.MaskKey)
	}
	p.keys[h.MaskKey] = true
}

// fill reads once.
func (p *testPeer) fill() error {
	p.conn.SetReadDeadline(time.Now().Add(testPatience))
	if p.buf == nil {
		p.buf = make([]byte, 64<<10)
	}
	n, err := p.conn.Read(p.buf)
	p.got = append(p.got, p.buf[:n]...)
	if n > 0 {
		return nil
	}
	return err
}

// wantFrame waits for a frame that is whole: a message in one frame, or a
// control frame.
func (p *testPeer) wantFrame(why string, op Opcode, payload string) {
	p.t.Helper()
	p.wantFragment(why, op, true, payload)
}

// wantFragment waits for any frame.
func (p *testPeer) wantFragment(why string, op Opcode, fin bool, payload string) {
	p.t.Helper()
	h, got := p.readFrame(why)
	if h.Opcode != op || h.Fin != fin || got != payload {
		p.t.Fatalf("%s: got %v fin=%v %s; want %v fin=%v %s", why, h.Opcode, h.Fin, abridge(got), op, fin, abridge(payload))
	}
}

// wantClose waits for a Close frame; CloseNoStatus stands for an empty one.
func (p *testPeer) wantClose(why string, code CloseCode, reason string) {
	p.t.Helper()
	p.wantFrame(why, OpClose, string(AppendCloseBody(nil, code, reason)))
}

// wantIdle wants nothing to come, however long everybody who can goes on. It
// needs a bubble and a pipe without latency.
func (p *testPeer) wantIdle(why string) {
	p.t.Helper()
	synctest.Wait()
	if n := p.sim.unread(); n > 0 || len(p.got) > 0 {
		for p.sim.unread() > 0 && p.fill() == nil {
		}
		p.t.Fatalf("%s: something came: %q", why, p.got)
	}
}

// wantEOF wants the Conn's bytes to end here, in order.
func (p *testPeer) wantEOF(why string) {
	p.t.Helper()
	if err := p.fill(); err != io.EOF || len(p.got) > 0 {
		p.t.Fatalf("%s: got %q, %v; want EOF", why, p.got, err)
	}
}

// abridge quotes a payload as far as an error message has room for it.
func abridge(s string) string {
	if len(s) <= 80 {
		return strings.ToValidUTF8(`"`+s+`"`, "�")
	}
	return strings.ToValidUTF8(`"`+s[:40]+"…"+s[len(s)-20:]+`"`, "�")
}

// A reading is what a test wants to read from a connection.
type reading struct {
	t *testing.T
	c *Conn
}

func reads(t *testing.T, c *Conn) reading { return reading{t, c} }

// want reads a message.
func (r reading) want(why string, typ MessageType, payload string) {
	r.t.Helper()
	got, data, err := r.c.Read(r.t.Context())
	if err != nil || got != typ || string(data) != payload {
		r.t.Fatalf("%s: Read = %v, %s, %v; want %v, %s", why, got, abridge(string(data)), err, typ, abridge(payload))
	}
}

// wantCloseError wants err to be a *CloseError like want, whatever its cause.
func wantCloseError(t *testing.T, why string, err error, want CloseError) {
	t.Helper()
	var got *CloseError
	if !errors.As(err, &got) || got.Code != want.Code || got.Reason != want.Reason || got.Remote != want.Remote {
		t.Fatalf("%s: got error %v; want a CloseError like %+v", why, err, want)
	}
}
