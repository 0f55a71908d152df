// This file tests what a transport can do to bytes without losing any: it takes
// them one at a time, or not all, and gives them in pieces or together with an
// error. What comes out must be right, or nothing more. Sessions in which the
// transport fails somewhere are in the faults_*_test.go.

package websocket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// enduredOptions make a message of 1000 bytes several writes.
var enduredOptions = map[string]Options{
	"plain":      {WriteBuffer: 256},
	"compressed": {WriteBuffer: 256, Compression: &Compression{Threshold: -1}},
}

// sendAll sends in every way, step by step, until an error.
func sendAll(c *Conn, p *testPeer) (err error) {
	noise := []byte(compressNoise(1000, 1))
	for _, step := range []func() error{
		func() error { return c.Write(background, Text, []byte("small")) },
		func() error { return c.Write(background, Binary, noise) },
		func() error {
			return c.WriteBatch(background, Message{Type: Text, Data: []byte("a")}, Message{Type: Binary, Data: noise[:500]}, Message{Type: Text})
		},
		func() error { return writeSomehow(c, 2, []byte(testPayload(600))) },
		func() error {
			p.write(OpPing, true, "answer me")
			synctest.Wait() // until that has been done
			return nil
		},
		func() error { return c.sendPing(background, c.pings.add()) },
		func() error { return c.CloseWrite(CloseNormal, "done") },
	} {
		if err == nil {
			err = step()
		}
	}
	return err
}

// soundStream returns what a Conn sends when nothing is wrong, and in which
// writes.
func soundStream(t *testing.T, role Role, o Options) (stream []byte, writes []int) {
	t.Helper()
	c, p := newTestConn(t, role, o)
	startRead(c)
	wantNil(t, "without a fault", sendAll(c, p))
	return p.sim.peer.sent(), p.sim.peer.writes()
}

// errTryAgain is what a transport returns that should not be used without a loop.
type errTryAgain struct{}

func (errTryAgain) Error() string   { return "resource temporarily unavailable" }
func (errTryAgain) Temporary() bool { return true }
func (errTryAgain) Timeout() bool   { return false }

// each write in turn takes only some of its bytes, and says so in one of
// three ways. What is on the wire then is all that will ever be: io.Writer does
// not tell whether more would be in the right place.
func TestEnduredShortWritesAreTheLast(t *testing.T) {
	faults := map[string]struct{ returned, want error }{
		"no-error":    {nil, io.ErrShortWrite},
		"short-write": {io.ErrShortWrite, io.ErrShortWrite},
		"try-again":   {errTryAgain{}, errTryAgain{}},
	}
	for setting, o := range enduredOptions {
		for name, fault := range faults {
			t.Run(setting+"/"+name, func(t *testing.T) {
				inEachRole(t, func(t *testing.T, role Role) {
					stream, writes := soundStream(t, role, o)
					before := 0
					for i, size := range writes {
						for _, take := range []int{0, 1, size / 2, size - 1} {
							c, p := newTestConn(t, role, o)
							p.sim.peer.failAfter(simWrite, i+1, take, fault.returned)
							testShortWrite(t, c, p, fault.want)
							if got := p.sim.peer.sent(); !bytes.Equal(got, stream[:before+take]) {
								t.Fatalf("write %d took %d of %d bytes: on the wire are %d bytes, not the first %d of the stream", i, take, size, len(got), before+take)
							}
						}
						before += size
					}
				})
			})
		}
	}
}

// testShortWrite wants the connection to fail because of want, soon.
func testShortWrite(t *testing.T, c *Conn, p *testPeer, want error) {
	t.Helper()
	read := startRead(c)
	err := sendAll(c, p)
	for range 3 {
		wantAbnormal(t, "behind the fault", c.Write(background, Text, []byte("more")), want)
	}
	if err != nil { // a pong's fault has no call to tell
		wantAbnormal(t, "the fault", err, want)
	}
	<-c.Done()
	wantAbnormal(t, "Read", <-read, want)
}

// a transport that takes a byte at a time makes no difference.
func TestEnduredWritesOfOneByte(t *testing.T) {
	for setting, o := range enduredOptions {
		t.Run(setting, func(t *testing.T) {
			inEachRole(t, func(t *testing.T, role Role) {
				stream, _ := soundStream(t, role, o)
				c, p := newTestConn(t, role, o, func(k *simKnobs) { k.capacity = 1 })
				startRead(c)
				drained := p.meanwhile(func() {
					for len(p.got) < len(stream) && p.fill() == nil {
					}
				})
				wantNil(t, "sendAll", sendAll(c, p))
				drained()
				if !bytes.Equal(p.got, stream) {
					t.Errorf("%d bytes came, which are not the %d of the stream", len(p.got), len(stream))
				}
			})
		})
	}
}

// a kernel with little room takes part of a writev. The net package goes on
// with the rest.
func TestEnduredShortWritesOfTheKernel(t *testing.T) {
	for _, role := range []Role{RoleServer, RoleClient} {
		t.Run(role.String(), func(t *testing.T) {
			ours, theirs := unixPair(t)
			for _, c := range []net.Conn{ours, theirs} {
				wantNil(t, "SetWriteBuffer", c.(*net.UnixConn).SetWriteBuffer(4<<10))
			}
			c, p := newTestConnOn(t, role, Options{WriteTimeout: testPatience}, ends{ours, theirs})
			p.buf = make([]byte, 1000)
			payload := testPayload(1 << 20)
			defer p.meanwhile(func() {
				for range 2 {
					if err := c.Write(background, Binary, []byte(payload)); err != nil {
						t.Error(err)
					}
				}
			})()
			for range 2 {
				p.wantFrame("in whatever pieces", OpBinary, payload)
			}
		})
	}
}

// A cutInput is a transport whose Reads give at most so many bytes of the input,
// and whose last bytes come with the error, or before it.
type cutInput struct {
	*simConn
	input []byte
	most  int
	err   error
	with  bool

	streamed bool // by NextReader
}

func (c *cutInput) Read(p []byte) (n int, err error) {
	n = copy(p[:min(len(p), c.most)], c.input)
	c.input = c.input[n:]
	if len(c.input) == 0 && (c.with || n == 0) {
		err = c.err
	}
	return n, err
}

// enduredMessages reads everything, in one way of two, and returns it with the error.
func enduredMessages(c *Conn, streamed bool) (got []string, err error) {
	for {
		typ, data, err := readOne(c, streamed)
		if err != nil {
			return got, err
		}
		got = append(got, typ.String()+" "+string(data))
	}
}

func readOne(c *Conn, streamed bool) (MessageType, []byte, error) {
	if !streamed {
		return c.Read(background)
	}
	typ, r, err := c.NextReader(background)
	if err != nil {
		return 0, nil, err
	}
	data, err := io.ReadAll(r)
	return typ, data, err
}

// wholeMessages is what a Receiver finds in the input, as enduredMessages has it.
func wholeMessages(t *testing.T, role Role, input []byte) (got []string) {
	t.Helper()
	var m strings.Builder
	r := NewReceiver(role, Limits{-1, -1})
	for b := bytes.Clone(input); len(b) > 0; {
		ev, n, err := r.Next(b)
		wantNil(t, "the Receiver", err)
		b = b[n:]
		if ev.Kind != DataReceived {
			continue
		}
		if m.Write(ev.Data); ev.Final {
			got = append(got, MessageType(ev.Op).String()+" "+m.String())
			m.Reset()
		}
	}
	return got
}

// however the input is cut, and wherever it ends, the same messages come
// out; and the bytes that come with an error come first.
func TestEnduredReadsOfFewBytesAndWithErrors(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		_, p := newTestConn(t, role, smallBuffer)
		stream, want := interruptedStream(p)
		if got := wholeMessages(t, role, stream); len(got) != len(want) {
			t.Fatalf("%d messages are in the stream, want %d", len(got), len(want))
		}
		for end := 0; end <= len(stream); end += max(1, (end-120)/8) { // fewer in the large ones
			want := strings.Join(wholeMessages(t, role, stream[:end]), "\n")
			for _, most := range []int{1, len(stream)} {
				for i := range 4 {
					in := &cutInput{input: bytes.Clone(stream[:end]), most: most, err: errTest, with: i&1 > 0, streamed: i&2 > 0}
					testCutInput(t, role, in, want)
				}
			}
		}
	})
}

func testCutInput(t *testing.T, role Role, in *cutInput, want string) {
	t.Helper()
	ours, theirs := newPipe()
	defer theirs.Close()
	in.simConn = ours
	size := len(in.input)
	c := newConn(in, role, Options{ReadBuffer: minRoom, KeepAlive: -1}, nil)
	got, err := enduredMessages(c, in.streamed)
	if all := strings.Join(got, "\n"); all != want {
		t.Fatalf("%d bytes, at most %d at once, with=%v, streamed=%v: got %s, want %s", size, in.most, in.with, in.streamed, abridge(all), abridge(want))
	}
	wantAbnormal(t, "the end", err, errTest)
}

// an error that comes with a byte and is not repeated has not happened.
func TestEnduredErrorsThatPass(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		stream, want := readStream(p)
		for i := range stream {
			p.sim.peer.failAfter(simRead, 1, 1, errTryAgain{})
			p.writeBytes(stream[i : i+1])
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			typ, data, err := c.Read(ctx)
			cancel()
			switch {
			case err == nil:
				wantSame(t, Message{Type: typ, Data: data}, want[0])
				want = want[1:]
			case !errors.Is(err, context.DeadlineExceeded):
				t.Fatalf("at byte %d: %v", i, err)
			}
		}
		if len(want) > 0 {
			t.Errorf("%d messages are missing", len(want))
		}
	})
}
