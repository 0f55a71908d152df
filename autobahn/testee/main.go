// Command testee is our client as the Autobahn suite's fuzzing server wants it: for each case it connects, echoes what
// comes until the connection ends, and connects for the next one. The suite judges what it sees; nothing is judged here.
//
//	AUTOBAHN_URL    where the suite listens; default ws://127.0.0.1:9001
//	AUTOBAHN_AGENT  the name in its report; default barewire-client
//	AUTOBAHN_CASES  how many of its cases to run; by default the suite is asked how many it has
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"time"

	"barewire.example/websocket"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	s := suite{
		url:   cmp.Or(os.Getenv("AUTOBAHN_URL"), "ws://127.0.0.1:9001"),
		agent: cmp.Or(os.Getenv("AUTOBAHN_AGENT"), "barewire-client"),
	}
	if err := s.run(ctx, os.Getenv("AUTOBAHN_CASES")); err != nil {
		fmt.Fprintln(os.Stderr, "testee:", err)
		os.Exit(1)
	}
}

// dialer has what the suite needs beyond the defaults.
var dialer = websocket.Dialer{
	Options:          websocket.Options{MaxMessageSize: 16 << 20}, // category 9
	HandshakeTimeout: time.Minute,                                 // /updateReports is answered when they are written
}

// suite is a running wstest -m fuzzingserver.
type suite struct {
	url   string
	agent string
}

// run runs the cases 1 to n, and asks for n when it is empty.
func (s suite) run(ctx context.Context, n string) error {
	if n == "" {
		count, err := s.caseCount(ctx)
		if err != nil {
			return err
		}
		n = count
	}
	last, err := strconv.Atoi(n)
	if err != nil || last < 1 {
		return fmt.Errorf("%q is no number of cases", n)
	}
	for i := 1; i <= last; i++ {
		if err := s.runCase(ctx, strconv.Itoa(i)); err != nil {
			return fmt.Errorf("case %d of %d: %w", i, last, err)
		}
		if i%50 == 0 || i == last {
			fmt.Fprintf(os.Stderr, "%d of %d cases\n", i, last)
		}
	}
	return s.updateReports(ctx)
}

func (s suite) dial(ctx context.Context, path string, query url.Values) (*websocket.Conn, error) {
	c, _, err := dialer.Dial(ctx, s.url+path+"?"+query.Encode())
	return c, err
}

func (s suite) caseCount(ctx context.Context) (string, error) {
	c, err := s.dial(ctx, "/getCaseCount", nil)
	if err != nil {
		return "", err
	}
	defer c.CloseNow()
	_, n, err := c.Read(ctx)
	return string(n), err
}

// runCase returns an error when there was no connection. How that ends is no error of ours: in most cases the suite breaks
// a rule in order to see what we do.
func (s suite) runCase(ctx context.Context, n string) error {
	c, err := s.dial(ctx, "/runCase", url.Values{"case": {n}, "agent": {s.agent}})
	if err != nil {
		return err
	}
	echo(ctx, c)
	// It has ended already. This waits until the suite has closed it too, and with it the case.
	c.Close(websocket.CloseNormal, "")
	return nil
}

// echo sends every message back, until the connection or ctx ends. All messages are read into the same memory.
func echo(ctx context.Context, c *websocket.Conn) error {
	var buf []byte
	for {
		t, message, err := c.AppendRead(ctx, buf[:0])
		if err != nil {
			return err
		}
		if err := c.Write(ctx, t, message); err != nil {
			return err
		}
		buf = message
	}
}

// updateReports makes the suite write its reports. It closes the connection when they are complete.
func (s suite) updateReports(ctx context.Context) error {
	c, err := s.dial(ctx, "/updateReports", url.Values{"agent": {s.agent}})
	if err != nil {
		return err
	}
	defer c.CloseNow()
	_, _, err = c.Read(ctx)
	if status, ok := websocket.CloseStatus(err); ok && status.Remote {
		return nil // closed, not lost
	}
	return cmp.Or(err, errors.New("the suite sent a message instead of updating its reports"))
}
