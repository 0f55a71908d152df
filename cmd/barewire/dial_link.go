// This file runs one connection: its goroutines, and when it is closed. How it ended is
// told in dial_exit.go.

package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"barewire.example/websocket"
)

const (
	pongPatience  = 10 * time.Second // for the answer to a ping that is sent once
	closePatience = 30 * time.Second // for messages behind our Close
	endPatience   = 5 * time.Second  // for the end, when no more messages are wanted
	lastPatience  = time.Second      // for that after an interrupt, and for a stdout that takes nothing
)

// A link is one connection of a session, and the goroutines on it. They end with
// the connection.
type link struct {
	*session
	conn *websocket.Conn
	all  sync.WaitGroup

	ended chan error    // from the reader, once: nil when no more messages are wanted
	sent  chan closing  // from the sender, once: what it wants, or nothing at the end of stdin
	idle  chan struct{} // closed when -wait has passed behind the end of stdin
	slow  atomic.Bool   // stdout does not take what has come
	dead  atomic.Bool   // a ping was not answered
}

// closing is how this side wants to end a connection.
type closing struct {
	code   websocket.CloseCode // 0 for not at all
	reason string
	status int // that the program exits with in any case, or 0
}

// An outcome is how a connection has ended.
type outcome struct {
	websocket.CloseError
	by    string  // "peer", "us" or "nobody"
	err   error   // of the connection
	asked closing // what this side wanted

	unanswered bool // the peer has not answered our Close
}

// talk uses a connection until it is over.
func (s *session) talk(ctx context.Context, c *websocket.Conn) outcome {
	l := &link{session: s, conn: c, ended: make(chan error, 1), sent: make(chan closing, 1), idle: make(chan struct{})}
	s.opened(c)
	s.input.start()
	l.all.Go(l.read)
	l.all.Go(l.send)
	if s.flags.ping > 0 {
		l.all.Go(l.pings)
	}
	asked := l.wait(ctx)
	l.close(ctx, asked)
	joined := l.join(ctx)
	end := l.outcome(asked)
	if !joined || end.unanswered && ctx.Err() != nil && !s.finished() {
		end.asked.status = stopped(ctx).status
	}
	s.closed(end)
	return end
}

// wait returns when the connection shall be closed, or is over.
func (l *link) wait(ctx context.Context) closing {
	for {
		select {
		case err := <-l.ended:
			l.ended <- err // for close
			return l.afterRead(err)
		case asked := <-l.sent:
			if asked.code != 0 {
				return asked
			}
			l.all.Go(l.settle)
		case <-l.idle:
			return closing{code: websocket.CloseNormal}
		case <-ctx.Done():
			return stopped(ctx)
		}
	}
}

// stopped is what to do when ctx has ended.
func stopped(ctx context.Context) closing {
	if context.Cause(ctx) == errTimeout {
		return closing{websocket.CloseGoingAway, "", exitTimeout}
	}
	return closing{websocket.CloseGoingAway, "", exitInterrupted}
}

// close ends the connection, if that has not happened yet. Messages are read up to
// the server's answer, unless they are not wanted any more.
func (l *link) close(ctx context.Context, asked closing) {
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(lastPatience, func() { l.conn.CloseNow() })
	})
	defer stop()
	if asked.code != 0 {
		l.conn.CloseWrite(asked.code, asked.reason)
	}
	select {
	case <-l.ended: // nobody reads any more
	case <-ctx.Done():
	}
	timer := time.AfterFunc(endPatience, func() { l.conn.CloseNow() })
	defer timer.Stop()
	l.conn.Close(websocket.CloseGoingAway, "")
	<-l.conn.Done()
}

// errOutput is why no more messages are read when stdout takes none.
var errOutput = errors.New("cannot write to stdout")

func (l *link) afterRead(err error) closing {
	switch {
	case err == nil:
		return closing{code: websocket.CloseNormal}
	case errors.Is(err, errOutput):
		return closing{websocket.CloseGoingAway, "", exitFailure}
	}
	return closing{}
}

// join waits for the goroutines. One may hang in a stdout that nobody reads,
// which must not outlast an interrupt: then it returns false.
func (l *link) join(ctx context.Context) bool {
	joined := make(chan struct{})
	go func() {
		l.all.Wait()
		close(joined)
	}()
	select {
	case <-joined:
		return true
	case <-ctx.Done():
	}
	timer := time.NewTimer(lastPatience)
	defer timer.Stop()
	select {
	case <-joined:
		return true
	case <-timer.C:
		return false
	}
}

// read prints messages until there are no more, or enough. It goes on while the
// connection is being closed.
func (l *link) read() { l.ended <- l.readAll() }

func (l *link) readAll() error {
	var buf []byte
	for !l.finished() {
		t, p, err := l.conn.AppendRead(context.Background(), buf[:0])
		if err != nil {
			return err
		}
		buf = p
		l.slow.Store(true)
		err = l.out.message(t, p)
		l.slow.Store(false)
		if err != nil {
			l.flawed.Store(true)
			l.complainAbout(errOutput.Error() + ": " + err.Error())
			return errOutput
		}
		l.received++
	}
	return nil
}

// settle is for the time behind the end of stdin.
func (l *link) settle() {
	if l.flags.wait < 0 || l.flags.count > 0 && !l.flags.waits {
		return
	}
	timer := time.NewTimer(l.flags.wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		close(l.idle)
	case <-l.conn.Done():
	}
}

// pings sends one after the other.
func (l *link) pings() {
	ticker := time.NewTicker(l.flags.ping)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-l.conn.Done():
			return
		}
		// A pong behind messages that stdout does not take says nothing.
		if !l.pingOnce(l.flags.ping) && !l.slow.Load() {
			l.dead.Store(true)
			l.conn.CloseNow()
		}
	}
}

// pingOnce reports whether a ping was answered in time, and prints when.
func (l *link) pingOnce(patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	rtt, err := l.conn.Ping(ctx)
	if err != nil {
		return !errors.Is(err, context.DeadlineExceeded)
	}
	ms := milliseconds(rtt)
	l.out.tell(event{Event: "pong", RTT: &ms})
	l.out.note("pong after %.3f ms", ms)
	return true
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
