// These are the tests of Queue on real sockets, where the sender's own goroutine
// writes what the kernel takes, and of Queue beside everything else that writes.

package websocket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
)

// shrink has the kernel take so little at once from the end of a socket. What
// it holds for the other end stays as it is: TCP with a tiny window is very slow.
func shrink(t *testing.T, c transport, bytes int) {
	t.Helper()
	if b, ok := c.(interface{ SetWriteBuffer(int) error }); ok {
		wantNil(t, "SetWriteBuffer", b.SetWriteBuffer(bytes))
	}
}

// isDraining reports whether the queue's goroutine runs.
func isDraining(q *Queue) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.draining
}

// A message that the kernel takes is sent when Send returns, without a goroutine.
func TestQueueSendsAtOnceOnASocket(t *testing.T) {
	for _, link := range testLinks[:2] {
		t.Run(link.name, func(t *testing.T) {
			ours, theirs := link.open(t)
			c, p := newTestConnOn(t, RoleServer, Options{}, ends{ours, theirs})
			q := NewQueue(c, QueueOptions{})
			for i := range 100 {
				text := fmt.Sprint(i, testPayload(i))
				queueTexts(t, q, text)
				if isDraining(q) {
					t.Fatal("there is a goroutine")
				}
				wantWaiting(t, q, 0, 0)
				if s := c.Stats(); s.MessagesSent != int64(i+1) || s.BytesSent == 0 {
					t.Fatalf("%+v", s)
				}
				p.wantTexts("it is there", text)
			}
			wantNil(t, "Flush", q.Flush(background))
		})
	}
}

// Between two batches the goroutine has no turn. What is sent in that moment goes
// behind what waits all the same.
func TestQueueDoesNotOvertakeItself(t *testing.T) {
	c, p := newTCPTestConn(t, RoleServer, Options{})
	q := NewQueue(c, QueueOptions{})
	q.draining = true // the goroutine is on its way to take the next batch
	queueTexts(t, q, "first", "second")
	wantWaiting(t, q, 2, len("firstsecond"))
	q.drainFrom(nil)
	p.wantTexts("in order", "first", "second")
	wantNil(t, "Flush", q.Flush(background))
}

// A pong that is due when a message is sent goes in front of it.
func TestQueueLetsPongsGoFirst(t *testing.T) {
	c, p := newTCPTestConn(t, RoleServer, Options{})
	q := NewQueue(c, QueueOptions{})
	c.owedMu.Lock()
	c.sender.answer(Event{Kind: PingReceived, Data: []byte("due")}, nil)
	c.owedMu.Unlock()
	c.owing.Store(true)
	queueTexts(t, q, "behind it")
	p.wantFrame("the pong", OpPong, "due")
	p.wantTexts("and then the message", "behind it")
}

// The kernel takes a part of a large message. A goroutine has to send the rest
// before anybody else can send, and a pong that comes to be due meanwhile is sent,
// too.
func TestQueueFinishesWhatTheKernelDoesNotTake(t *testing.T) {
	for _, link := range testLinks[:2] {
		t.Run(link.name, func(t *testing.T) {
			ours, theirs := link.open(t)
			shrink(t, ours, 1)
			c, p := newTestConnOn(t, RoleServer, Options{WriteTimeout: -1}, ends{ours, theirs})
			q := NewQueue(c, QueueOptions{})
			large := testPayload(4 << 20)
			queueTexts(t, q, large)
			if !isDraining(q) || c.out.sent.Load() == 0 {
				t.Errorf("draining = %v behind %d bytes", isDraining(q), c.out.sent.Load())
			}
			wantWaiting(t, q, 0, 0)
			queueTexts(t, q, "second", "third")
			wantWaiting(t, q, 2, len("second")+len("third"))
			p.write(OpPing, true, "due")
			p.write(OpText, true, "behind the ping")
			reads(t, c).want("the ping was read", Text, "behind the ping")
			flushed := started(func() error { return q.Flush(background) })
			p.wantTexts("all of it", large)
			p.wantFrame("in front of what waits", OpPong, "due")
			p.wantTexts("and the rest", "second", "third")
			wantNil(t, "Flush", <-flushed)
			queueTexts(t, q, "fourth")
			p.wantTexts("and it goes on", "fourth")
		})
	}
}

// When the kernel takes nothing at all, the message waits whole.
func TestQueueWaitsWhenTheKernelTakesNothing(t *testing.T) {
	ours, theirs := loopback(t)
	c, p := newTestConnOn(t, RoleServer, Options{WriteTimeout: -1}, ends{ours, theirs})
	q := NewQueue(c, QueueOptions{})
	want := 0
	fill := bytes.Repeat([]byte("x"), 512)
	for !isDraining(q) {
		wantNil(t, "Send", q.Send(background, Message{Type: Binary, Data: fill}))
		want++
	}
	queueTexts(t, q, "last")
	for range want {
		p.wantFrame("what filled it", OpBinary, string(fill))
	}
	p.wantTexts("what waited", "last")
}

// A write to a socket that is gone is told to the next sender at the latest, and
// the connection ends although nobody reads.
func TestQueueNoticesThatTheSocketIsGone(t *testing.T) {
	for _, link := range testLinks[:2] {
		t.Run(link.name, func(t *testing.T) {
			ours, theirs := link.open(t)
			c, _ := newTestConnOn(t, RoleServer, Options{CloseTimeout: 1}, ends{ours, theirs})
			q := NewQueue(c, QueueOptions{Policy: Block})
			if tcp, ok := theirs.(*net.TCPConn); ok {
				tcp.SetLinger(0)
			}
			theirs.Close()
			var err error
			for err == nil { // the kernel may take some before it knows
				err = q.Send(background, textMessage("into the void"))
			}
			<-c.Done()
			wantCloseError(t, "Send", q.Send(background, textMessage("again")), CloseError{Code: CloseAbnormal})
			wantCloseError(t, "Err", c.Err(), CloseError{Code: CloseAbnormal})
			q.Flush(background)
		})
	}
}

// queueMix sends on a connection by every means there is. A message is the
// number of its sender, its own number there, and as many bytes as mixSize says.
type queueMix struct {
	c    *Conn
	q    *Queue
	errs chan error
	wg   sync.WaitGroup
}

const mixMessages = 14 // of each sender

// mixSize returns sizes around those of buffers, up to 100 KB.
func mixSize(i int) int { return []int{8, 100, 1000, 8190, 20_000, 65_530, 100_000}[i%7] }

func mixMessage(sender, i int) []byte {
	p := bytes.Repeat([]byte{byte(sender), byte(i)}, mixSize(i)/2)
	binary.BigEndian.PutUint32(p, uint32(sender))
	binary.BigEndian.PutUint32(p[4:], uint32(i))
	return p
}

// send runs a sender, of which f sends a message.
func (m *queueMix) send(sender int, f func(p []byte) error) {
	m.wg.Go(func() {
		var err error
		for i := 0; i < mixMessages && err == nil; i++ {
			err = f(mixMessage(sender, i))
		}
		m.errs <- err
	})
}

// start starts six senders, and one that pings until they have ended.
func (m *queueMix) start() {
	m.errs = make(chan error, 7)
	inQueue := func(p []byte) error { return m.q.Send(background, Message{Type: Binary, Data: p}) }
	m.send(0, inQueue)
	m.send(1, inQueue)
	m.send(2, func(p []byte) error { return m.c.Write(background, Binary, p) })
	m.send(3, func(p []byte) error {
		return m.c.WritePrepared(background, Prepare(Message{Type: Binary, Data: p}))
	})
	m.send(4, func(p []byte) error {
		w, err := m.c.NextWriter(background, Binary)
		if err != nil {
			return err
		}
		_, err = w.Write(p)
		return errors.Join(err, w.Close())
	})
	m.send(5, func(p []byte) error { return errors.Join(inQueue(p), m.q.Flush(background)) })
	m.send(6, func([]byte) error { _, err := m.c.Ping(background); return err })
}

// finish waits for all, and closes the connection.
func (m *queueMix) finish() error {
	m.wg.Wait()
	err := m.q.Flush(background)
	for range cap(m.errs) {
		err = errors.Join(err, <-m.errs)
	}
	return errors.Join(err, m.c.Close(CloseNormal, ""))
}

// read reads what six senders send, each in order, until the Close.
func (m *queueMix) read(other *Conn) error {
	var next [6]int
	for msg, err := range other.Messages(background) {
		if err != nil {
			return err
		}
		sender, i := binary.BigEndian.Uint32(msg.Data), binary.BigEndian.Uint32(msg.Data[4:])
		if int(i) != next[sender] || !bytes.Equal(msg.Data, mixMessage(int(sender), int(i))) {
			return fmt.Errorf("sender %d: message %d came for %d", sender, i, next[sender])
		}
		next[sender]++
		if i%8 == 0 { // it pings, too
			if err := other.Write(background, Text, nil); err != nil {
				return err
			}
		}
	}
	if next != [6]int{mixMessages, mixMessages, mixMessages, mixMessages, mixMessages, mixMessages} {
		return fmt.Errorf("%d came", next)
	}
	return nil
}

// TestQueueMixesWithEverything has no frame inside another, none lost, and
// context takeover right, whoever sends: the queue's sender, its goroutine, Write,
// NextWriter, Ping, the payer of pongs and Close.
func TestQueueMixesWithEverything(t *testing.T) {
	for name, o := range map[string]Options{"plain": {}, "compressed": withCompression(Compression{})} {
		for _, link := range testLinks[:4] {
			for _, role := range []Role{RoleServer, RoleClient} {
				t.Run(fmt.Sprint(name, "/", link.name, "/", role), func(t *testing.T) {
					ours, theirs := link.open(t)
					shrink(t, ours, 32<<10)
					testQueueMix(t, role, o, ends{ours, theirs})
				})
			}
		}
	}
}

func testQueueMix(t *testing.T, role Role, o Options, on ends) {
	o.WriteTimeout = -1
	c, _ := newTestConnOn(t, role, o, on)
	other, _ := newTestConnOn(t, opposite(role), o, ends{on.theirs, on.ours.(net.Conn)})
	m := &queueMix{c: c, q: NewQueue(c, QueueOptions{Policy: Block, MaxMessages: 4})}
	m.start()
	ended := started(func() error { return m.read(other) })
	heard := started(func() error {
		for _, err := range c.Messages(background) {
			if err != nil {
				return err
			}
		}
		return nil
	})
	pinged := started(func() error {
		for range mixMessages {
			if _, err := other.Ping(background); err != nil {
				return err
			}
		}
		return nil
	})
	wantNil(t, "the other side's pings", <-pinged)
	wantNil(t, "this side", m.finish())
	wantNil(t, "the other side", <-ended)
	wantNil(t, "what this side reads", <-heard)
}
