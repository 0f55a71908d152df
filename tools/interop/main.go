// Command interop lets our client talk to servers that nobody here wrote, and their clients to our server: those of npm's
// ws on node, and of Python's websockets. Both sides of every conversation say what they saw, and what passed between them
// is written down on our side; judge.go compares. A line tells how each peer and direction went, and another one what was
// wrong with each check that failed; the exit status is 1 then.
//
// All of that is done without compression and with it. Besides, Python's zlib inflates what our deflater makes, with windows
// of exactly the size agreed on, and we inflate what it deflates.
//
// The peers' packages are installed at exact versions into the user's cache directory, by npm and pip as these are
// configured. No Go code of anybody else is involved. The peers' programs are peer.cjs, peer.py
// and peer_zlib.py.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const (
	installDeadline = 5 * time.Minute
	checkDeadline   = 10 * time.Second // for one check, so that the others still have their turn
)

type options struct {
	skipMissing bool
	deadline    time.Duration
}

func parse(args []string, out io.Writer) (options, error) {
	var opt options
	flags := flag.NewFlagSet("interop", flag.ContinueOnError)
	flags.SetOutput(out)
	missing := flags.String("missing", "fail", "`fail` when programs that a peer needs are not installed, or skip the peer; CI never skips")
	flags.DurationVar(&opt.deadline, "deadline", 2*time.Minute, "time for everything but installing")
	if err := flags.Parse(args); err != nil {
		return opt, err
	}
	if *missing != "fail" && *missing != "skip" || opt.deadline <= 0 || flags.NArg() > 0 {
		return opt, fmt.Errorf("bad arguments: %q", args)
	}
	opt.skipMissing = *missing == "skip"
	return opt, nil
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	opt, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, opt)
	}
	if err != nil {
		fmt.Println("interop: FAILED:", err)
		os.Exit(1)
	}
}

// run makes everything, runs all suites, and leaves nothing behind but the installed packages.
func run(ctx context.Context, opt options) (err error) {
	begun := time.Now()
	ready, err := prepare(ctx, opt.skipMissing)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "barewire-interop-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	identity, err := newIdentity(time.Now())
	if err != nil {
		return err
	}
	w := &world{scratch: scratch, identity: identity, out: os.Stdout}
	if err := w.writeFiles(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, opt.deadline, fmt.Errorf("the deadline of %v has passed", opt.deadline))
	defer cancel()
	for _, p := range ready {
		p.meet(w, ctx, p)
	}
	if w.failed > 0 {
		return fmt.Errorf("%d of %d checks", w.failed, w.checks)
	}
	if w.checks == 0 {
		fmt.Println("interop: SKIPPED: everything, nothing was checked")
		return nil
	}
	fmt.Printf("interop: passed: all %d checks in %.1f s\n", w.checks, time.Since(begun).Seconds())
	return nil
}

// prepare returns the peers that can run, with their packages installed.
func prepare(ctx context.Context, skipMissing bool) ([]installed, error) {
	var ready []installed
	var errs []error
	for _, p := range peers {
		i, err := p.prepare(ctx)
		switch {
		case errors.Is(err, errMissing) && skipMissing:
			fmt.Printf("interop: SKIPPED: %v\n", err)
		case err != nil:
			errs = append(errs, err)
		default:
			ready = append(ready, i)
		}
	}
	return ready, errors.Join(errs...)
}

// writeFiles puts into the scratch directory what the peers' processes read.
func (w *world) writeFiles() error {
	return errors.Join(
		os.WriteFile(filepath.Join(w.scratch, "peer.cjs"), nodeProgram, 0o600),
		os.WriteFile(filepath.Join(w.scratch, "peer.py"), pythonProgram, 0o600),
		os.WriteFile(filepath.Join(w.scratch, "peer_zlib.py"), zlibProgram, 0o600),
		os.WriteFile(w.identityFile(), w.identity.pem, 0o600),
	)
}

func (w *world) identityFile() string { return filepath.Join(w.scratch, "identity.pem") }
