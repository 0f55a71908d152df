// Command outage takes the server away from 1,000 clients, and watches how they lose it and how they come back. The server
// is cmd/barewire in a process of its own, the clients are Redial with everything at its defaults. A line tells how each
// trial went; the exit status is 1 when one has failed. Here a wall clock judges, since what is checked are times. A trial
// that fails is done once more, up to four times, when the machine had no time for it: when timers went off much too late, or
// the waits that the clients had chosen would have kept to the bounds.
//
//   - crash: kill -9. Each client reports CloseAbnormal within 2 s. The server comes back on the same port after a pause,
//     and all clients within 30 s of that, never more than a quarter of them in the same half second.
//   - restart: kill -9, and at once a new server on the same port. All clients lose the one and get the other.
//   - shutdown: SIGTERM. Each client is told CloseGoingAway within a second, and the exit status is 0.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const deadline = 5 * time.Minute // for everything but the build

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	clients := flag.Int("clients", 1000, "a `number`; with less than a few hundred, chance may put more than a quarter in half a second")
	flag.Parse()
	if flag.NArg() > 0 || *clients < 1 {
		fmt.Fprintln(os.Stderr, "outage: bad arguments")
		os.Exit(2)
	}
	begun := time.Now()
	if err := run(ctx, *clients); err != nil {
		fmt.Println("outage: FAILED:", err)
		os.Exit(1)
	}
	fmt.Printf("outage: passed: all %d trials with %d clients in %.1f s\n", len(trials), *clients, time.Since(begun).Seconds())
}

// run builds the server, runs all trials, and leaves nothing behind.
func run(ctx context.Context, clients int) (err error) {
	scratch, err := os.MkdirTemp("", "barewire-outage-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	binary := filepath.Join(scratch, "barewire")
	if text, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/barewire").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, text)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, deadline, fmt.Errorf("the deadline of %v has passed", deadline))
	defer cancel()
	for _, t := range trials {
		e := &experiment{binary: binary, clients: clients, bounds: required, out: os.Stdout}
		err = errors.Join(err, e.run(ctx, t))
	}
	return err
}
