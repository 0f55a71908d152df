// These are the tests of Queue on the in-memory transport, where its goroutine
// sends everything: order, batches, what goes in front, and the end. What a full
// queue does is in queue_policy_test.go, real sockets are in queue_socket_test.go.

package websocket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// textMessage returns a text message.
func textMessage(s string) Message { return Message{Type: Text, Data: []byte(s)} }

// newStalledQueue returns a queue whose goroutine has been given the message
// "first" and can't write it.
func newStalledQueue(t *testing.T, role Role, o QueueOptions, opts Options) (*Queue, *testPeer) {
	t.Helper()
	c, p := newTestConn(t, role, opts)
	p.stall(true)
	q := NewQueue(c, o)
	wantNil(t, "Send", q.Send(background, textMessage("first")))
	synctest.Wait()
	wantWaiting(t, q, 0, 0)
	return q, p
}

// wantWaiting wants the queue to hold so much.
func wantWaiting(t *testing.T, q *Queue, messages, bytes int) {
	t.Helper()
	if m, b := q.Len(); m != messages || b != bytes {
		t.Fatalf("%d messages and %d bytes wait, want %d and %d", m, b, messages, bytes)
	}
}

// queueTexts sends texts, all of which must be taken.
func queueTexts(t *testing.T, q *Queue, texts ...string) {
	t.Helper()
	for _, text := range texts {
		wantNil(t, "Send", q.Send(background, textMessage(text)))
	}
}

// wantTexts wants messages to come in this order.
func (p *testPeer) wantTexts(why string, texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.wantFrame(why, OpText, text)
	}
}

// drains returns how many goroutines of queues there are.
func drains() int { return strings.Count(allStacks(), "(*Queue).drain(") }

func TestQueueSendsInOrder(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		q := NewQueue(c, QueueOptions{MaxMessages: 2000})
		var texts []string
		for i := range 2000 {
			texts = append(texts, fmt.Sprint(i, testPayload(i%700)))
		}
		queueTexts(t, q, texts...)
		p.wantTexts("everything comes in order", texts...)
		wantNil(t, "Flush", q.Flush(background))
		p.wantIdle("and nothing else")
	})
}

// A goroutine, and memory, exist only while something waits.
func TestQueueHoldsNothingWhenItIsEmpty(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		q, p := newStalledQueue(t, role, QueueOptions{}, Options{})
		for range 3 {
			queueTexts(t, q, "a", "b")
			synctest.Wait()
			if n := drains(); n != 1 {
				t.Errorf("%d goroutines while something waits", n)
			}
			p.stall(false)
			synctest.Wait()
			if n := drains(); n != 0 || q.waiting != nil || q.bytes != 0 || q.changed.c != nil {
				t.Errorf("%d goroutines and %v while nothing waits", n, q.waiting)
			}
			p.stall(true)
			queueTexts(t, q, "blocked")
			synctest.Wait()
		}
	})
}

// What waits is small although much has gone through.
func TestQueueHoldsLittleMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, _ := newStalledQueue(t, RoleServer, QueueOptions{Policy: DropOldest}, Options{})
		m := Prepare(textMessage("x"))
		for range 100_000 {
			wantNil(t, "Send", q.SendPrepared(background, m))
			if n := cap(q.waiting); n > 8*defaultQueueMessages {
				t.Fatalf("room for %d messages", n)
			}
		}
		wantWaiting(t, q, defaultQueueMessages, defaultQueueMessages)
		if n := q.Dropped(); n != 100_000-defaultQueueMessages {
			t.Errorf("%d were dropped", n)
		}
	})
}

// TestQueueWritesAsRarelyAsItCan: what waits leaves in writes of 64 KiB, or as
// much of that as fits the buffer.
func TestQueueWritesAsRarelyAsItCan(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		q, p := newStalledQueue(t, role, QueueOptions{}, Options{WriteBuffer: 128 << 10})
		message := testPayload(1000)
		frame := len(p.frame(OpText, true, message)) // without mask
		if role == RoleClient {
			frame += 4
		} else {
			frame -= 4
		}
		queueTexts(t, q, slices.Repeat([]string{message}, 200)...)
		p.stall(false)
		p.wantTexts("it goes on", "first")
		p.wantTexts("it goes on", slices.Repeat([]string{message}, 200)...)
		// 65 frames of 1,004 bytes are the most that fit, masked or not.
		want := []int{65 * frame, 65 * frame, 65 * frame, 5 * frame}
		if got := p.sim.peer.writes()[1:]; !slices.Equal(got, want) {
			t.Errorf("writes of %d bytes, want %d", got, want)
		}
	})
}

// A message of more than 64 KiB is a batch of its own.
func TestQueueSendsLargeMessages(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		q, p := newStalledQueue(t, role, QueueOptions{}, Options{})
		texts := []string{testPayload(100_000), "small", testPayload(65_536), "", testPayload(300_000)}
		queueTexts(t, q, texts...)
		p.stall(false)
		p.wantTexts("before", "first")
		p.wantTexts("all sizes", texts...)
	})
}

// TestQueueLetsControlFramesPass: they need not wait for more than the 64 KiB
// that are being written.
func TestQueueLetsControlFramesPass(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		q, p := newStalledQueue(t, role, QueueOptions{}, Options{})
		batch := slices.Repeat([]string{testPayload(1000)}, 65)
		queueTexts(t, q, batch...)
		queueTexts(t, q, batch...)
		pinged := startPing(background, q.conn)
		synctest.Wait()
		read := startRead(q.conn)
		p.write(OpPing, true, "due")
		synctest.Wait()
		p.stall(false)
		p.wantTexts("it is being written already", "first")
		for range 2 { // in which order is left to chance
			h, payload := p.readFrame("control frames")
			switch {
			case h.Opcode == OpPong && payload == "due":
			case h.Opcode == OpPing:
				p.write(OpPong, true, payload)
			default:
				t.Fatalf("%v %s came", h.Opcode, abridge(payload))
			}
		}
		p.wantTexts("what waited", batch...)
		p.wantTexts("what waited", batch...)
		if result := <-pinged; result.err != nil {
			t.Errorf("Ping: %v", result.err)
		}
		q.conn.CloseNow()
		<-read
	})
}

// A Close comes before what waits, which is lost; Flush is for those who mind.
func TestQueueLetsCloseOvertake(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		q, p := newStalledQueue(t, role, QueueOptions{}, Options{})
		queueTexts(t, q, slices.Repeat([]string{testPayload(1000)}, 200)...)
		flushed := started(func() error { return q.Flush(background) })
		closed := startClose(q.conn, CloseNormal, "enough")
		synctest.Wait()
		wantIs(t, "Send while it closes", q.Send(background, textMessage("late")), ErrClosed)
		p.stall(false)
		p.wantTexts("it is being written already", "first")
		p.wantClose("before what waits", CloseNormal, "enough")
		wantIs(t, "Flush", <-flushed, ErrClosed)
		wantWaiting(t, q, 0, 0)
		p.writeClose(CloseNormal, "")
		wantNil(t, "Close", <-closed)
		if n := drains(); n != 0 {
			t.Errorf("%d goroutines", n)
		}
	})
}

func TestQueueFlushWaitsForAll(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		q, p := newStalledQueue(t, role, QueueOptions{}, Options{WriteTimeout: -1})
		queueTexts(t, q, "second", "third")
		flushed := started(func() error { return q.Flush(background) })
		time.Sleep(time.Hour)
		select {
		case err := <-flushed:
			t.Fatalf("Flush returned %v too early", err)
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantIs(t, "a Flush that gives up", q.Flush(ctx), context.DeadlineExceeded)
		p.stall(false)
		wantNil(t, "Flush", <-flushed)
		p.wantTexts("all that was sent is there", "first", "second", "third")
		wantNil(t, "Flush of nothing", q.Flush(ctx))
	})
}

// Flush waits for what was sent before it, not for what others go on to send.
func TestQueueFlushIsNotHeldUpByOthers(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		q, p := newStalledQueue(t, role, QueueOptions{}, Options{WriteTimeout: -1})
		queueTexts(t, q, "before")
		flushed := started(func() error { return q.Flush(background) })
		synctest.Wait()
		queueTexts(t, q, slices.Repeat([]string{testPayload(70_000)}, 3)...)
		p.sim.peer.tune(func(k *simKnobs) { k.stallWrites, k.capacity = false, 100 })
		p.wantTexts("what was sent before", "first", "before")
		synctest.Wait()
		select {
		case err := <-flushed:
			wantNil(t, "Flush", err)
		default:
			t.Error("Flush waits for what was sent behind it")
		}
		wantWaiting(t, q, 2, 140_000)
		p.wantTexts("and that comes, too", slices.Repeat([]string{testPayload(70_000)}, 3)...)
	})
}

func TestQueueRefusesWhatCannotBeSent(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		q, p := newStalledQueue(t, role, QueueOptions{MaxMessages: 1}, Options{})
		queueTexts(t, q, "second")
		// Not ErrSlowConsumer: it would never have had a place.
		wantIs(t, "not UTF-8", q.Send(background, textMessage("\xff")), ErrInvalidUTF8)
		wantIs(t, "no type", q.Send(background, Message{Type: 9}), ErrMessageType)
		p.stall(false)
		p.wantTexts("nothing was harmed", "first", "second")
		queueTexts(t, q, "third")
		p.wantTexts("and it goes on", "third")
	})
}

func TestQueueEndsWithItsConnection(t *testing.T) {
	tests := []struct {
		name string
		end  func(c *Conn, p *testPeer)
		want error
	}{
		{"close-now", func(c *Conn, p *testPeer) { c.CloseNow() }, ErrClosed},
		{"lost", func(c *Conn, p *testPeer) { p.sim.reset() }, errors.New("1006")},
		{"write-timeout", func(c *Conn, p *testPeer) { time.Sleep(time.Minute) }, errors.New("1006")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inEachRole(t, func(t *testing.T, role Role) {
				q, p := newStalledQueue(t, role, QueueOptions{MaxMessages: 1, Policy: Block}, Options{})
				queueTexts(t, q, "waits")
				blocked := started(func() error { return q.Send(background, textMessage("has no place")) })
				flushed := started(func() error { return q.Flush(background) })
				synctest.Wait()
				tt.end(q.conn, p)
				for name, err := range map[string]error{"blocked": <-blocked, "flush": <-flushed, "later": q.Send(background, textMessage("later"))} {
					if tt.want == ErrClosed {
						wantIs(t, name, err, ErrClosed)
					} else {
						wantCloseError(t, name, err, CloseError{Code: CloseAbnormal})
					}
				}
				wantWaiting(t, q, 0, 0)
				synctest.Wait()
				if n := drains(); n != 0 {
					t.Errorf("%d goroutines", n)
				}
			})
		})
	}
}

// TestQueueGoesWithOtherWrites mixes the queue's messages, each compressed by
// itself, with those that refer to what was sent before.
func TestQueueGoesWithOtherWrites(t *testing.T) {
	for name, agreed := range takeovers {
		t.Run(name, func(t *testing.T) {
			inEachRole(t, func(t *testing.T, role Role) {
				c, other := preparedPair(t, role, Options{Compression: &agreed})
				q := NewQueue(c, QueueOptions{})
				wrote := started(func() error {
					for i := range 60 {
						if err := errors.Join(q.Send(background, textMessage(mixedText("q", i))), q.Flush(background)); err != nil {
							return err
						}
						if err := c.Write(background, Text, []byte(mixedText("w", i))); err != nil {
							return err
						}
					}
					return nil
				})
				for i := range 60 {
					wantRead(t, other, []byte(mixedText("q", i)))
					wantRead(t, other, []byte(mixedText("w", i)))
				}
				wantNil(t, "all of them", <-wrote)
			})
		})
	}
}

// mixedText returns a text that has much in common with those before it.
func mixedText(from string, i int) string {
	return fmt.Sprintf(`{"from":%q,"number":%d,"payload":%q}`, from, i, testPayload(i*i%5000))
}
