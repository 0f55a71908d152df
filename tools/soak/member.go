package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"barewire.example/websocket"
)

// topicSize is how many slots share a topic of the Hub.
const topicSize = 8

// publishEach is how many times as long as an echoing client a member waits between two messages, since each comes to many.
const publishEach = 4

// maxBroadcast is how large a message to a topic may be, in bytes.
const maxBroadcast = 16 << 10

// A member is a connection that publishes to a topic and gets what all its members publish. Each message begins with the
// number of its sender, how many that has sent, and what it carries.
type member struct {
	*slot
	conn   *websocket.Conn
	number int64
	sent   int
	seen   map[int64]int // how many each sender had sent when it was last heard
	own    chan int      // of those, how many of our own
	ended  chan struct{} // closed when there is nothing more to read
	err    error         // why; to be read after ended
}

// join is one life of a slot that is a member.
func (s *slot) join(ctx context.Context) error {
	conn, err := s.dial(s.dialer(), "/hub")
	if err != nil {
		return err
	}
	m := &member{
		slot: s, conn: conn, number: s.members.Add(1), seen: make(map[int64]int), own: make(chan int, 1), ended: make(chan struct{}),
	}
	err = m.enter()
	if err == nil {
		go func() {
			defer close(m.ended)
			m.err = m.listen()
		}()
		err = m.publish(ctx)
		if err == nil {
			err = m.leave()
		}
		conn.CloseNow()
		<-m.ended
	}
	conn.CloseNow()
	if err != nil {
		return fmt.Errorf("member %d: %w (the reader: %v)", m.number, err, m.err)
	}
	return nil
}

// enter joins. Nothing that others publish comes before the answer.
func (m *member) enter() error {
	ctx, cancel := context.WithTimeout(context.Background(), m.patience)
	defer cancel()
	topic := fmt.Sprint("topic ", m.n/topicSize/10)
	if err := m.conn.Write(ctx, websocket.Text, []byte(topic)); err != nil {
		return err
	}
	_, p, err := m.conn.Read(ctx)
	if err == nil && string(p) != topic {
		err = fmt.Errorf("the answer to %q is %q", topic, p)
	}
	return err
}

// publish sends messages for as long as an echoing client would.
func (m *member) publish(ctx context.Context) error {
	for range 1 + m.length()/publishEach {
		for range publishEach {
			select {
			case <-m.ended:
				return errors.New("the connection ends")
			default:
			}
			if !rest(ctx, m.pause()) {
				return nil
			}
		}
		m.sent++
		e := pick(m.rng, maxBroadcast)
		p := e.append(fmt.Appendf(nil, "%d %d %d\n", m.number, m.sent, e.at))
		err := m.conn.Write(context.Background(), e.kind, p)
		if err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	return nil
}

// leave waits until all that was published has come back, and closes.
func (m *member) leave() error {
	timer := time.NewTimer(m.patience)
	defer timer.Stop()
	for back := 0; back < m.sent; {
		select {
		case back = <-m.own:
		case <-m.ended:
			return errors.New("the connection ends")
		case <-timer.C:
			return fmt.Errorf("%d of %d messages came back", back, m.sent)
		}
	}
	if err := m.conn.Close(websocket.CloseNormal, ""); err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	return nil
}

func (m *member) listen() error {
	for {
		t, p, err := m.conn.Read(context.Background())
		if err == nil {
			err = m.hear(t, p)
		}
		if err != nil {
			return err
		}
		m.deliveries.Add(1)
	}
}

// hear checks that a message is what was published, and follows the last one of its sender.
func (m *member) hear(t websocket.MessageType, p []byte) error {
	head, content, _ := bytes.Cut(p, []byte("\n"))
	var number int64
	var n, at int
	if _, err := fmt.Sscanf(string(head), "%d %d %d", &number, &n, &at); err != nil || at < 0 || at+len(content) > corpusSize {
		return fmt.Errorf("a message begins with %q", head)
	}
	if !bytes.Equal(content, corpora[t][at:at+len(content)]) {
		return fmt.Errorf("message %d of member %d is not what was published", n, number)
	}
	// The first that is heard of another member may be any.
	if last, known := m.seen[number]; (known || number == m.number) && n != last+1 {
		return fmt.Errorf("message %d of member %d follows message %d", n, number, last)
	}
	m.seen[number] = n
	if number == m.number {
		select {
		case <-m.own:
		default:
		}
		m.own <- n
	}
	return nil
}
