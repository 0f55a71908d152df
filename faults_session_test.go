// This file records conversations between a Conn and a peer, and plays the
// peer's part again, byte for byte, to a Conn whose transport has a fault. It
// judges nothing but that a recording went as it should; the faults are in
// faults_bytes_test.go and faults_calls_test.go, the conversations in
// faults_sessions_test.go.

package websocket

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// These differ from each other and from their sums, so that the time which
// something took tells what ended it.
const (
	faultKeepAlive    = 7 * time.Second
	faultPongTimeout  = 2 * time.Second
	faultWriteTimeout = 4 * time.Second
	faultCloseTimeout = 3 * time.Second
)

// A faultSession is a conversation. What both say is the same in every run, and
// so is the order in which the Conn sends it. The peer's Close is the last thing
// that it writes, with a Write of its own, when nothing else is owed to it.
type faultSession struct {
	name  string
	opts  Options
	early bool                  // the peer's first Write comes with the handshake
	act   func(a *faultActor)   // what the Conn's user does
	peer  func(p *compressPeer) // what the peer does
	reads []string              // what the Conn's user reads
	end   CloseError
}

func (s *faultSession) options() Options {
	o := s.opts
	o.Logger = slog.New(slog.DiscardHandler)
	o.KeepAlive, o.PongTimeout = faultKeepAlive, faultPongTimeout
	o.WriteTimeout, o.CloseTimeout = faultWriteTimeout, faultCloseTimeout
	return o
}

// A faultActor is the user of the Conn under test. It stops at the first call
// that fails.
type faultActor struct {
	c       *Conn
	got     []Message
	err     error // of that call
	closing bool  // it has begun to close before
}

func (a *faultActor) call(f func() error) {
	if a.err != nil {
		return
	}
	if err := f(); a.err == nil {
		a.err = err
	}
}

func (a *faultActor) write(t MessageType, text string) {
	a.batch(Message{Type: t, Data: []byte(text)})
}

func (a *faultActor) batch(messages ...Message) {
	a.call(func() error { return a.c.WriteBatch(background, messages...) })
}

func (a *faultActor) read() {
	a.call(func() error {
		t, data, err := a.c.Read(background)
		return a.take(t, data, err)
	})
}

func (a *faultActor) take(t MessageType, data []byte, err error) error {
	if err == nil {
		a.got = append(a.got, Message{Type: t, Data: data})
	}
	return err
}

// readPieces reads a message with NextReader, a few bytes at a time.
func (a *faultActor) readPieces() {
	a.call(func() error {
		t, r, err := a.c.NextReader(background)
		if err != nil {
			return err
		}
		var data bytes.Buffer
		_, err = io.CopyBuffer(&data, struct{ io.Reader }{r}, make([]byte, 7))
		return a.take(t, data.Bytes(), err)
	})
}

// readAll reads until the connection ends.
func (a *faultActor) readAll() {
	for a.err == nil {
		a.read()
	}
}

func (a *faultActor) ping() {
	a.call(func() error {
		_, err := a.c.Ping(background)
		return err
	})
}

// stream writes a message with NextWriter and does something between its
// pieces.
func (a *faultActor) stream(t MessageType, between func(), pieces ...string) {
	a.call(func() error {
		w, err := a.c.NextWriter(background, t)
		if err != nil {
			return err
		}
		for i := 0; i < len(pieces) && err == nil && a.err == nil; i++ {
			if i > 0 {
				between()
			}
			_, err = io.WriteString(w, pieces[i])
		}
		closed := w.Close()
		return cmp.Or(err, closed)
	})
}

func (a *faultActor) close(code CloseCode, reason string) {
	a.call(func() error {
		a.closing = true
		return a.c.Close(code, reason)
	})
}

func (a *faultActor) closeWrite(code CloseCode, reason string) {
	a.call(func() error {
		a.closing = true
		return a.c.CloseWrite(code, reason)
	})
}

// A faultChunk is a Write of the peer.
type faultChunk struct {
	after int // bytes of the Conn's that the peer had seen
	data  []byte
}

// A recording is a session without faults. It is not changed.
type recording struct {
	*faultSession
	role   Role         // of the Conn
	theirs []faultChunk // what the peer says
	length int          // of it
	ours   []byte       // what the Conn says
	failed error        // what the first call that failed has returned, if one has
	took   time.Duration
}

// closeAfter is how many bytes the Conn has sent when the peer's Close comes.
func (r *recording) closeAfter() int { return r.theirs[len(r.theirs)-1].after }

// early returns what of the peer's first n bytes comes with the handshake.
func (r *recording) early(n int) []byte {
	if !r.faultSession.early {
		return nil
	}
	data := r.theirs[0].data
	return bytes.Clone(data[:min(n, len(data))])
}

// A faultRecorder is the peer's end while a session is recorded.
type faultRecorder struct {
	*simConn
	p    *testPeer
	read int
	said []faultChunk
}

func (r *faultRecorder) Read(p []byte) (int, error) {
	n, err := r.simConn.Read(p)
	r.read += n
	return n, err
}

func (r *faultRecorder) Write(p []byte) (int, error) {
	r.said = append(r.said, faultChunk{r.read - len(r.p.got), bytes.Clone(p)})
	return r.simConn.Write(p)
}

// newFaultPipe returns the ends of the Conn and of its peer.
func newFaultPipe(role Role) (ours, theirs *simConn) {
	client, server := newPipe()
	if role == RoleClient {
		return client, server
	}
	return server, client
}

// record runs a session without faults, and wants it to go as it says.
func (s *faultSession) record(t *testing.T, role Role) *recording {
	t.Helper()
	rec := &recording{faultSession: s, role: role}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ours, theirs := newFaultPipe(role)
		c, p := newTestConnOn(t, role, s.options(), ends{ours, theirs})
		tape := &faultRecorder{simConn: theirs, p: p}
		p.conn = tape
		q := &compressPeer{testPeer: p, c: c, ours: ours}
		if s.opts.Compression != nil {
			q.agreed = s.opts.Compression.normal()
		}
		a := &faultActor{c: c}
		acted := started(func() bool { s.act(a); return true })
		s.peer(q)
		synctest.Wait()
		theirs.CloseWrite()
		<-acted
		<-c.Done()
		rec.theirs, rec.ours, rec.failed, rec.took = tape.said, ours.sent(), a.err, time.Since(start)
		for _, chunk := range rec.theirs {
			rec.length += len(chunk.data)
		}
		wantReads(t, a.got, s.reads)
		wantCloseError(t, "the recording ends", c.Err(), s.end)
		checkSent(t, role, rec.ours, s.opts.Compression)
	})
	return rec
}

// wantReads compares messages, of whatever type.
func wantReads(t *testing.T, got []Message, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d messages were read, want %d", len(got), len(want))
	}
	for i, m := range got {
		if string(m.Data) != want[i] {
			t.Fatalf("message %d is %s, want %s", i, abridge(string(m.Data)), abridge(want[i]))
		}
	}
}

// eachRecording runs a test with every session, the Conn being the server and
// the client.
func eachRecording(t *testing.T, f func(t *testing.T, rec *recording)) {
	t.Helper()
	for _, s := range faultSessions {
		for _, role := range []Role{RoleServer, RoleClient} {
			t.Run(fmt.Sprint(s.name, "/", role), func(t *testing.T) { f(t, s.record(t, role)) })
		}
	}
}

// A faultPlayer plays the peer's part of a recording. It says no more than limit
// bytes, and then listens.
type faultPlayer struct {
	rec     *recording
	conn    net.Conn
	limit   int
	atLimit func() // called once it has said them, unless it is nil
	heard   int
}

// play returns when there is nothing more to say or to hear. It closes the
// connection when that has ended without an error, as both sides should.
func (p *faultPlayer) play() {
	err := p.say()
	if h, ok := p.conn.(halfCloser); ok && err == nil && p.limit == p.rec.length && p.rec.role == RoleClient {
		h.CloseWrite() // §7.1.1: the server does so first
	}
	if err == nil {
		err = p.hear(1 << 30)
	}
	if err == io.EOF {
		p.conn.Close()
	}
}

// say says everything, each thing in its place.
func (p *faultPlayer) say() error {
	left := p.limit
	for i, chunk := range p.rec.theirs {
		p.stop(left)
		if err := p.hear(chunk.after); err != nil {
			return err
		}
		said := chunk.data[:min(left, len(chunk.data))]
		left -= len(said)
		if len(said) == 0 || i == 0 && p.rec.faultSession.early {
			continue
		}
		if _, err := p.conn.Write(said); err != nil {
			return err
		}
	}
	p.stop(left)
	return p.hear(len(p.rec.ours))
}

// stop calls atLimit, once, when nothing is left to be said.
func (p *faultPlayer) stop(left int) {
	if left == 0 && p.atLimit != nil {
		p.atLimit()
		p.atLimit = nil
	}
}

// hear waits for so many bytes since the beginning.
func (p *faultPlayer) hear(n int) error {
	buf := make([]byte, 4<<10)
	for p.heard < n {
		m, err := p.conn.Read(buf)
		p.heard += m
		if err != nil {
			return err
		}
	}
	return nil
}
