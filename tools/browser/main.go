// Command browser puts our server in front of a real browser, and uses its web page as a person would. A line tells how
// each check went; the exit status is 1 when one has failed.
//
// The browser is Chromium without a window: the program that the environment variable CHROMIUM names, or else chromium,
// chromium-browser or google-chrome. It is driven by the DevTools protocol, which is JSON over a WebSocket, with our own
// client (devtools.go): so each run of the checks is one for the client, too, whose server is the browser. What the browser
// and the server compress is seen by a relay between them (relay.go), because neither would notice everything that the
// other does wrong. The relay can also be told to be a bad line.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	deadline      = 3 * time.Minute  // for everything but the build
	checkDeadline = 20 * time.Second // for one check, so that the others still have their turn
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	checks := slices.Concat(plainChecks, reconnectChecks, chatChecks, returnChecks, compressionChecks())
	product, err := run(ctx, checks)
	if err != nil {
		fmt.Println("browser: FAILED:", err)
		os.Exit(1)
	}
	fmt.Printf("browser: passed: all %d checks with %s\n", len(checks), product)
}

// run makes everything, runs the checks, and leaves nothing behind.
func run(ctx context.Context, checks []check) (product string, err error) {
	program, err := findChromium(os.Getenv("CHROMIUM"))
	if err != nil {
		return "", err
	}
	scratch, err := os.MkdirTemp("", "barewire-browser-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	binary := filepath.Join(scratch, "barewire")
	if text, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/barewire").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, text)
	}

	ctx, cancel := context.WithTimeoutCause(ctx, deadline, fmt.Errorf("the deadline of %v has passed", deadline))
	defer cancel()
	c, err := startChromium(ctx, program, scratch)
	if err != nil {
		return "", err
	}
	defer c.stop()
	var version struct{ Product string }
	if err := c.call(ctx, "Browser.getVersion", nil, &version); err != nil {
		return "", err
	}
	return version.Product, runAll(ctx, trial{browser: c.target, binary: binary}, checks)
}

// runAll runs the checks in order, each in a copy of tr. It goes on after one that has failed.
func runAll(ctx context.Context, tr trial, checks []check) error {
	failed := 0
	for _, c := range checks {
		err := tr.run(ctx, c)
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", c.name, context.Cause(ctx))
		}
		if err != nil {
			failed++
			fmt.Printf("browser: FAILED: %s: %v\n", c.name, err)
			continue
		}
		fmt.Println("browser: passed:", c.name)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks", failed, len(checks))
	}
	return nil
}
