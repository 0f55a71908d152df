// These are the tests of what the body of a loop over Redial can do to it.

package websocket

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"
)

// MaxAttempts is about failures: a connection that was stable is none.
func TestRedialDoesNotCountStableConnections(t *testing.T) {
	stable := opened(lostAfter(10 * time.Second))
	inBubble(t, []outcome{stable, stable, stable, nil}, func(s *redialServer) {
		d, b := s.dialer()
		b.MaxAttempts = 1
		if err := s.run(d, b); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("ended with %v", err)
		}
		s.wantDialed(0, 10500*time.Millisecond, 21*time.Second, 31500*time.Millisecond)
	})
}

// How long a connection was open does not depend on what the body does later.
func TestRedialMeasuresConnectionsNotBodies(t *testing.T) {
	short := opened(lostAfter(0))
	inBubble(t, []outcome{short, short}, func(s *redialServer) {
		d, b := s.dialer()
		b.MaxAttempts = 2
		s.start = time.Now()
		for c, err := range d.Redial(background, "ws://test.example/", b) {
			if err == nil {
				c.Read(background)
				<-time.After(time.Minute)
			}
		}
		s.wantDialed(0, time.Minute+500*time.Millisecond)
	})
}

// The loop is left while the server still holds TCP.
func TestRedialTellsTheEndOfAConnectionThatIsBeingClosed(t *testing.T) {
	holds := opened(func(p *testPeer) {
		p.writeClose(CloseNormal, "")
		silent(p)
	})
	inBubble(t, []outcome{holds}, func(s *redialServer) {
		d, b := s.dialer()
		for c, err := range d.Redial(background, "ws://test.example/", b) {
			if err != nil {
				t.Fatal(err)
			}
			c.Read(background)
			defer func() { <-c.Done() }()
			break
		}
		if last := s.states[len(s.states)-1]; !strings.HasPrefix(last, "closed") {
			t.Errorf("the last state is %s", last)
		}
	})
}

func TestRedialClosesBehindAPanic(t *testing.T) {
	for name, phase := range map[string]RedialPhase{"of-the-body": RedialClosed, "of-on-state": RedialOpen} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan struct{})
			reads := opened(func(p *testPeer) { silent(p); close(gone) })
			inBubble(t, []outcome{reads}, func(s *redialServer) {
				d, b := s.dialer()
				b.OnState = func(state RedialState) {
					if state.Phase == phase {
						panic(name)
					}
				}
				defer func() {
					if recover() != name {
						t.Error("the panic is lost")
					}
				}()
				for range d.Redial(background, "ws://test.example/", b) {
					panic(name)
				}
			})
			<-gone
		})
	}
}
