package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A server that does not answer our Close costs a script that has what it wants
// nothing but time, and others the status of a loss.
func TestDialWithoutAnAnswerToItsClose(t *testing.T) {
	url := stub(t, func(nc net.Conn) {
		nc.Write([]byte("\x81\x01a"))
		time.AfterFunc(50*time.Millisecond, func() { nc.(*net.TCPConn).CloseWrite() })
		io.Copy(io.Discard, nc)
	})
	status, stdout, _ := piped(t, "", "-n", "1", url)
	if status != exitOK || stdout != "a\n" {
		t.Errorf("status %d, stdout %q", status, stdout)
	}
	if status, _, stderr := piped(t, "", url); status != exitLost {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// An interrupt while the answer to our Close is waited for is an interrupt.
func TestDialIsInterruptedWhileItCloses(t *testing.T) {
	closed := make(chan struct{})
	url := stub(t, func(nc net.Conn) {
		io.ReadFull(nc, make([]byte, 8)) // its Close
		close(closed)
		io.Copy(io.Discard, nc)
	})
	c := call(t, terminals{}, url)
	c.stdin.Close()
	<-closed
	c.interrupt()
	if status := c.exit(); status != exitInterrupted || !strings.Contains(c.stderr.String(), "has not answered our Close") {
		t.Errorf("status %d, stderr %q", status, c.stderr.String())
	}
}

// fullDisk is a stdout that takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestDialReportsAStdoutThatTakesNoEvents(t *testing.T) {
	var stderr transcript
	status := run(t.Context(), []string{"dial", "-json", peer(t, saying(nil))}, streams{in: strings.NewReader(""), out: fullDisk{}, err: &stderr})
	if status != exitFailure || !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
}

// What we have sent is told, though the server's answer does not repeat it.
func TestDialTellsTheReasonThatItHasSent(t *testing.T) {
	c := call(t, terminals{in: true}, peer(t, echoes))
	io.WriteString(c.stdin, "/close 4001 bye\n")
	if status := c.exit(); status != exitOK || !strings.Contains(c.stderr.String(), `closed by us: 4001, reason "bye"`) {
		t.Errorf("status %d, stderr %q", status, c.stderr.String())
	}
}

// A stdout that nobody reads must not hold what an interrupt ends, whatever was
// going on then.
func TestDialIsInterruptedAlthoughItClosesOnAStuckStdout(t *testing.T) {
	stuck := newStuckPipe()
	defer close(stuck.release)
	closing := make(chan struct{})
	url := stub(t, func(nc net.Conn) {
		nc.Write([]byte("\x81\x01a"))
		io.ReadFull(nc, make([]byte, 8)) // its Close
		nc.Write([]byte("\x88\x02\x03\xe8"))
		nc.(*net.TCPConn).CloseWrite()
		close(closing)
		io.Copy(io.Discard, nc)
	})
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var stderr transcript
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"dial", "-wait", "50ms", url}, streams{in: strings.NewReader(""), out: stuck, err: &stderr})
	}()
	<-closing
	interrupt()
	if got := <-status; got != exitInterrupted {
		t.Errorf("status %d, stderr %q", got, stderr.String())
	}
}
