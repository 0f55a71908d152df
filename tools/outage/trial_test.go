package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"barewire.example/websocket"
)

// The test binary plays the server: actorEnv says how it behaves.
const actorEnv = "OUTAGE_TEST_ACTOR"

func TestMain(m *testing.M) {
	actor := os.Getenv(actorEnv)
	if actor == "" {
		os.Exit(m.Run())
	}
	if err := play(actor, os.Args[len(os.Args)-1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

// play is an echo server that ends on SIGTERM.
func play(actor, addr string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	if actor == "cannot-return" && !strings.HasSuffix(addr, ":0") {
		return errors.New("no such port")
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	var rude sync.WaitGroup
	s := websocket.Server{Handler: func(_ context.Context, c *websocket.Conn, _ *websocket.Request) error {
		if actor == "says-1000" {
			rude.Go(func() {
				<-ctx.Done()
				c.Close(websocket.CloseNormal, "")
			})
		}
		return serveAs(actor, c)
	}}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	fmt.Printf("listening on http://%s/\n", l.Addr())
	<-ctx.Done()
	rude.Wait()
	s.Shutdown(context.Background())
	<-ended
	if actor == "fails-in-the-end" {
		return errors.New("in the end")
	}
	return nil
}

func serveAs(actor string, c *websocket.Conn) error {
	t, p, err := c.Read(context.Background())
	if err != nil {
		return err
	}
	if actor == "mumbles" {
		p = []byte("mumble")
	}
	if err := c.Write(context.Background(), t, p); err != nil {
		return err
	}
	if actor == "babbles" {
		c.Write(context.Background(), t, p)
	}
	_, _, err = c.Read(context.Background())
	return err
}

func TestTrialsJudgeTheServer(t *testing.T) {
	lax := bounds{
		loss: time.Minute, pause: time.Millisecond, back: time.Minute, window: 500 * time.Millisecond, share: 1, farewell: time.Minute,
	}
	tests := []struct {
		name, actor string
		trial       int
		change      func(*bounds)
		want        string // a part of the error, empty for none
	}{
		{"crash", "good", 0, nil, ""},
		{"crash-with-one-too-slow", "good", 0, func(b *bounds) { b.loss = 0 }, "more than 0s"},
		{"crash-with-a-herd", "good", 0, func(b *bounds) { b.window, b.share = time.Minute, 0.5 }, "3 of 3 clients are back within 1m0s"},
		{"crash-with-one-late", "good", 0, func(b *bounds) { b.back = -time.Minute }, "more than -1m0s"},
		{"crash-without-return", "cannot-return", 0, nil, "on the same port: the server does not say where it listens"},
		{"restart", "good", 1, nil, ""},
		{"restart-without-return", "cannot-return", 1, nil, "no such port"},
		{"shutdown", "good", 2, nil, ""},
		{"shutdown-too-slow", "good", 2, func(b *bounds) { b.farewell = 0 }, "more than 0s"},
		{"shutdown-fails", "fails-in-the-end", 2, nil, "the server ends with exit status 3; standard error: in the end"},
		{"shutdown-with-another-code", "says-1000", 2, nil, "1000 normal, not with 1001"},
		{"shutdown-of-a-babbler", "babbles", 2, nil, `nobody has sent "client `},
		{"shutdown-of-a-mumbler", "mumbles", 2, nil, `connecting: client`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(actorEnv, test.actor)
			b := lax
			if test.change != nil {
				test.change(&b)
			}
			var out strings.Builder
			e := experiment{bounds: b, binary: os.Args[0], clients: 3, out: &out}
			err := e.run(t.Context(), trials[test.trial])
			if got := fmt.Sprint(err); err == nil && test.want != "" || err != nil && (test.want == "" || !strings.Contains(got, test.want)) {
				t.Errorf("the trial says %v, want %q", err, test.want)
			}
			if passed := strings.HasSuffix(out.String(), ": passed\n"); passed != (test.want == "") {
				t.Errorf("it has printed\n%s", &out)
			}
		})
	}
}

func TestTrialIsRepeatedOnALateMachine(t *testing.T) {
	t.Setenv(actorEnv, "good")
	for _, late := range []int{0, 1, tries - 1, tries} {
		e := experiment{binary: os.Args[0], clients: 1, out: t.Output()}
		done := 0
		err := e.run(t.Context(), trial{"late", func(*experiment, context.Context) error {
			if done++; done <= late {
				return fmt.Errorf("%w: it was", errLate)
			}
			return nil
		}})
		if want := min(late+1, tries); done != want || (err == nil) != (late < tries) {
			t.Errorf("late %d times: it is done %d times, %v", late, done, err)
		}
	}
}

func TestCrowdTellsWhenItWasToComeBack(t *testing.T) {
	t.Setenv(actorEnv, "good")
	e := experiment{bounds: bounds{loss: time.Minute}, binary: os.Args[0], clients: 3, out: t.Output()}
	err := e.run(t.Context(), trial{"due", func(e *experiment, ctx context.Context) error {
		killed := time.Now()
		if err := e.kill(); err != nil {
			return err
		}
		back, due, err := e.comeBack(ctx)
		for i := range due {
			if due[i] > back[i] {
				t.Errorf("the clients are back after %v, before they try after %v", back, due)
			}
			if due[i] < -time.Since(killed) {
				t.Errorf("the clients were to try after %v, when nothing was lost", due)
			}
		}
		return err
	}})
	if err != nil {
		t.Error(err)
	}
}

func TestGatherWantsEachClientOnce(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	c := &crowd{events: make(chan event, 3), ctx: ctx}
	begun := time.Now()
	one, two := event{client: 1, opened: true, at: begun.Add(time.Second)}, event{client: 2, opened: true, at: begun.Add(2 * time.Second)}
	c.events <- two
	c.events <- one
	all, err := c.gather(2, opened)
	if after := since(begun, all); err != nil || after[0] != time.Second || after[1] != 2*time.Second {
		t.Errorf("two clients: %v, %v", after, err)
	}
	c.events <- one
	c.events <- one
	if _, err := c.gather(2, opened); err == nil || err.Error() != "client 1: the same twice" {
		t.Errorf("one client twice: %v", err)
	}
	c.events <- one
	if _, err := c.gather(1, lost); err == nil {
		t.Error("a connection that opens counts as lost")
	}
	cancel(errors.New("enough"))
	if _, err := c.gather(1, opened); err == nil || err.Error() != "only 0 of 1 clients: enough" {
		t.Errorf("no client: %v", err)
	}
}
