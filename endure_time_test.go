// This file tests which clock timeouts go by. A bubble's clock cannot jump, and
// has no monotonic reading that could be lost; so the clock is real here, and each
// point in time that is kept or given to a transport is asked for its own.

package websocket

import (
	"context"
	"fmt"
	"go/ast"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A clockedConn notes the deadlines that it is given.
type clockedConn struct {
	*simConn
	mu        sync.Mutex
	deadlines []time.Time
}

func (c *clockedConn) note(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadlines = append(c.deadlines, t)
}

func (c *clockedConn) SetDeadline(t time.Time) error {
	c.note(t)
	return c.simConn.SetDeadline(t)
}

func (c *clockedConn) SetReadDeadline(t time.Time) error {
	c.note(t)
	return c.simConn.SetReadDeadline(t)
}

func (c *clockedConn) SetWriteDeadline(t time.Time) error {
	c.note(t)
	return c.simConn.SetWriteDeadline(t)
}

// isMonotonic reports whether comparing t does not depend on the wall clock:
// package time shows the other reading behind it.
func isMonotonic(t time.Time) bool { return strings.Contains(t.String(), " m=") }

// check wants the deadlines to go by the monotonic clock, but for those that mean
// never and at once, and that there were so many at least.
func (c *clockedConn) check(t *testing.T, least int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, by := range c.deadlines {
		switch {
		case isMonotonic(by):
			n++
		case !by.IsZero() && !by.Equal(time.Unix(1, 0)):
			t.Errorf("the deadline %v goes by the wall clock", by)
		}
	}
	if n < least {
		t.Errorf("%d deadlines were set, want %d: %v", n, least, c.deadlines)
	}
}

// a clock that is set while connections are open moves none of their
// timeouts. Timers go by the monotonic clock anyhow.
func TestEndureClocksThatJump(t *testing.T) {
	a, b := newPipe()
	ours, theirs := &clockedConn{simConn: a}, &clockedConn{simConn: b}
	upgraded := started(func() (c *Conn) {
		c, _, err := new(Upgrader).UpgradeConn(theirs)
		if err != nil {
			t.Error(err)
		}
		return c
	})
	d := &Dialer{Proxy: noProxy, NetDial: func(context.Context, string, string) (net.Conn, error) { return ours, nil }}
	client, _, err := d.Dial(t.Context(), testURL)
	wantNil(t, "Dial", err)
	server := <-upgraded
	defer server.CloseNow()
	read, echo := startRead(client), started(func() error { return echoAll(server) })
	wantNil(t, "Write", client.Write(t.Context(), Text, []byte("hello")))
	rtt, err := client.Ping(t.Context())
	if err != nil || rtt < 0 {
		t.Errorf("Ping = %v, %v", rtt, err)
	}
	ping := client.pings.add()
	client.pings.start(ping)
	for name, since := range map[string]time.Time{
		"client's pulse": client.pulse.born, "server's pulse": server.pulse.born, "client's ping": ping.sent,
		"client's write deadline": wroteBy(client), "server's write deadline": wroteBy(server),
	} {
		if !isMonotonic(since) {
			t.Errorf("the %s goes by the wall clock: %v", name, since)
		}
	}
	wantNil(t, "Close", client.Close(CloseNormal, ""))
	<-read
	<-echo
	ours.check(t, 1)   // of a write
	theirs.check(t, 3) // of a write, the request and the answer
}

// wroteBy returns the write deadline that is set.
func wroteBy(c *Conn) time.Time {
	c.frameTurn.lock(nil, nil)
	defer c.yield()
	return c.out.by
}

// wallClock are the names of package time that lose the monotonic reading of a
// time, or are about times that never had one.
var wallClock = []string{"AddDate", "In", "Local", "Round", "Truncate", "UTC", "Unix", "UnixMicro", "UnixMilli", "UnixNano"}

// the other half of it: nothing in the package takes the reading away, but
// for what is not a time, or is no time to wait for.
func TestEndureClocksAreNotReadFromTheWall(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	var found []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		ast.Inspect(layerParse(t, name, nil).tree, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains(wallClock, sel.Sel.Name) {
					found = append(found, fmt.Sprint(name, " ", sel.Sel.Name))
				}
			}
			return true
		})
	}
	want := []string{"redial.go Round", "watch.go Unix"} // a duration's, and the deadline that means at once
	if !slices.Equal(found, want) {
		t.Errorf("the wall clock is read in %q, want %q", found, want)
	}
}
