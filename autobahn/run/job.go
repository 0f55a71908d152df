package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"barewire.example/websocket/autobahn"
)

// job is the run of one role.
type job struct {
	options
	root    string // of the repository
	scratch string // removed at the end
	role    *autobahn.Role
	cases   []string // ids
	report  string   // directory
	venue   venue
}

// venue is where the suite runs, and our server with it: on this machine, or in containers. What start… starts runs in
// the background, and has to be stopped also when there is an error, unless it is nil.
type venue interface {
	// startServer brings our server up and returns the URL of its echo, as the suite sees it.
	startServer(ctx context.Context) (url string, s stopper, err error)
	// suiteClient is a suite process that connects to our server, and ends by itself.
	suiteClient(ctx context.Context, p part) *exec.Cmd
	// startSuiteServer starts a suite process that listens on p.addr, for our client.
	startSuiteServer(ctx context.Context, p part) (stopper, error)
	// inside is the report directory as the suite sees it.
	inside() string
	// remove removes what is left when everything is stopped, or could not be.
	remove() error
}

// stopper is a process in the background. One that was already gone when it is stopped, or fails on the way out, is an error.
type stopper interface {
	stop() error
}

func (j *job) prepare(ctx context.Context) error {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("go env GOMOD: %w", err)
	}
	j.root = filepath.Dir(strings.TrimSpace(string(mod)))
	if j.cases, err = j.role.Select(j.patterns); err != nil {
		return err
	}
	if j.venue, err = j.chooseVenue(ctx); err != nil {
		return err
	}
	// An old report must never be judged in place of one that was not written.
	j.report = filepath.Join(j.root, "autobahn", filepath.FromSlash(j.role.Report))
	if err := os.RemoveAll(j.report); err != nil {
		return err
	}
	if err := os.MkdirAll(j.report, 0o755); err != nil {
		return err
	}
	j.scratch, err = os.MkdirTemp("", "barewire-autobahn-")
	return err
}

// run runs the suite and judges its report. It returns the line that sums it up, unless there was nothing to judge.
func (j *job) run(ctx context.Context) (sum string, err error) {
	defer os.RemoveAll(j.scratch)
	suiteErr := j.runSuite(ctx)
	if ctx.Err() != nil {
		return "", suiteErr
	}
	// The gate comes after a failure too: its table shows how far the suite came.
	result, err := autobahn.Judge(j.role, j.report, j.patterns)
	if err != nil {
		return "", cmp.Or(suiteErr, err)
	}
	fmt.Println("report:", j.report)
	result.Print(os.Stdout)
	if suiteErr == nil && !result.Passed() {
		suiteErr = errors.New("the report is not as expected")
	}
	return result.Sum(), suiteErr
}

func (j *job) runSuite(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, j.venue.remove()) }()
	if j.role.Name == "client" {
		return j.runClient(ctx)
	}
	return j.runServer(ctx)
}

// limit is ctx with the deadline of the suite. What was built or pulled before does not count.
func (j *job) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, j.deadline, fmt.Errorf("the deadline of %v has passed", j.deadline))
}

// binary returns the one that the caller wants to test, or builds ours.
func (j *job) binary(ctx context.Context, given, pkg string) (string, error) {
	if given != "" {
		return given, nil
	}
	binary := filepath.Join(j.scratch, filepath.Base(pkg))
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, pkg)
	build.Dir = j.root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, bytes.TrimSpace(out))
	}
	return binary, nil
}
