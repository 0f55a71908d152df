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
	"strings"
	"time"

	"barewire.example/websocket"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	s := suite{
		url:   cmp.Or(os.Getenv("AUTOBAHN_URL"), "ws://127.0.0.1:9001"),
		agent: cmp.Or(os.Getenv("AUTOBAHN_AGENT"), "barewire-client"),
		limit: caseLimit,
	}
	if err := s.run(ctx, os.Getenv("AUTOBAHN_CASES")); err != nil {
		fmt.Fprintln(os.Stderr, "testee:", err)
		os.Exit(1)
	}
}

// dialer has what the suite needs beyond the defaults. It offers to compress, and compresses all that it sends (categories
// 12 and 13). By the offer's client_max_window_bits the suite may choose the parameters: it answers each group of 13 with
// other ones.
var dialer = websocket.Dialer{
	Options: websocket.Options{
		MaxMessageSize: 16 << 20, // category 9
		Compression:    &websocket.Compression{Threshold: -1},
	},
	HandshakeTimeout: time.Minute, // /updateReports is answered when they are written
}

// caseLimit is more than the suite's own limits, of which the longest is 8 minutes, so that it is the suite that judges
// what is slow. A suite that accepts a connection and then says nothing, as it does for a path that it does not know,
// would otherwise be waited for without end.
const caseLimit = 10 * time.Minute

// suite is a running wstest -m fuzzingserver.
type suite struct {
	url   string // with or without a slash at its end
	agent string
	limit time.Duration // of a case, of asking how many there are, and of updating the reports
}

// run runs the cases 1 to n, and asks for n when it is empty.
func (s suite) run(ctx context.Context, n string) error {
	if n == "" {
		count, err := s.caseCount(ctx)
		if err != nil {
			return fmt.Errorf("/getCaseCount: %w", err)
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
	c, _, err := dialer.Dial(ctx, strings.TrimRight(s.url, "/")+path+"?"+query.Encode())
	return c, err
}

// limited returns the context of one connection.
func (s suite) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.limit, fmt.Errorf("not over after %v", s.limit))
}

func (s suite) caseCount(ctx context.Context) (string, error) {
	ctx, cancel := s.limited(ctx)
	defer cancel()
	c, err := s.dial(ctx, "/getCaseCount", nil)
	if err != nil {
		return "", err
	}
	defer c.CloseNow()
	_, n, err := c.Read(ctx)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return string(n), err
}

// runCase returns an error when there was no connection, or no end of it in time. How it ends is no error of ours: in most
// cases the suite breaks a rule in order to see what we do.
func (s suite) runCase(ctx context.Context, n string) error {
	ctx, cancel := s.limited(ctx)
	defer cancel()
	c, err := s.dial(ctx, "/runCase", url.Values{"case": {n}, "agent": {s.agent}})
	if err != nil {
		return err
	}
	defer c.CloseNow()
	echo(ctx, c)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
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
	ctx, cancel := s.limited(ctx)
	defer cancel()
	c, err := s.dial(ctx, "/updateReports", url.Values{"agent": {s.agent}})
	if err != nil {
		return err
	}
	defer c.CloseNow()
	_, _, err = c.Read(ctx)
	if status, ok := websocket.CloseStatus(err); ok && status.Remote {
		return nil // closed, not lost
	}
	if ctx.Err() != nil {
		return fmt.Errorf("/updateReports: %w", context.Cause(ctx))
	}
	return cmp.Or(err, errors.New("the suite sent a message instead of updating its reports"))
}
