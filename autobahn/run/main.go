// Command run puts our server under the Autobahn test suite and judges the report.
//
// The suite comes as its official container image when Docker or Podman answers, else as a local wstest that
// autobahn/install makes. Both end in the same gate. The report stays in autobahn/reports/server.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"barewire.example/websocket/autobahn"
)

type options struct {
	engine   string
	server   string
	patterns []string
	deadline time.Duration
	jobs     int
}

// job is what one run works on.
type job struct {
	options
	root    string // of the repository
	scratch string // removed at the end
	role    *autobahn.Role
	cases   []string // ids
	report  string   // directory
}

// venue is where server and suite run: on this machine, or in containers.
type venue interface {
	// start brings the server up and returns the URL of its echo, as the suite sees it.
	start(ctx context.Context) (url string, err error)
	// suite is one suite process that works by the file spec of the report directory.
	suite(ctx context.Context, spec string) *exec.Cmd
	// inside is the report directory as the suite sees it.
	inside() string
	// stop ends and removes everything that start and suite left. A server that was already gone, or fails on the way
	// out, is an error.
	stop() error
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	opt, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, opt)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "autobahn/run:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var opt options
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.StringVar(&opt.engine, "engine", "auto", "where to run: docker, podman, local, or auto: the first of these that works")
	flags.StringVar(&opt.server, "server", "", "test this barewire binary instead of building ./cmd/barewire (local only)")
	flags.DurationVar(&opt.deadline, "deadline", 5*time.Minute, "end the suite after this time; what it has not reported is missing then")
	flags.IntVar(&opt.jobs, "j", 1, "suite processes to deal the cases to")
	cases := flags.String("case", "", "run only these cases, with * as wildcard, separated by commas")
	if err := flags.Parse(args); err != nil {
		return opt, err
	}
	opt.patterns = autobahn.SplitPatterns(*cases)
	if opt.jobs < 1 || opt.deadline <= 0 || flags.NArg() > 0 {
		return opt, fmt.Errorf("bad arguments: %s", strings.Join(args, " "))
	}
	return opt, nil
}

func run(ctx context.Context, opt options) error {
	j := &job{options: opt}
	if err := j.prepare(ctx); err != nil {
		return err
	}
	defer os.RemoveAll(j.scratch)
	suiteErr := j.runSuite(ctx)
	if ctx.Err() != nil {
		return errors.Join(suiteErr, errors.New("interrupted"))
	}
	// The gate comes after a failure too: its table shows how far the suite came.
	result, err := autobahn.Judge(j.role, j.report, j.patterns)
	if err != nil {
		return cmp.Or(suiteErr, err)
	}
	fmt.Println("report:", j.report)
	result.Print(os.Stdout)
	if suiteErr == nil && !result.Passed() {
		return errors.New("the report is not as expected")
	}
	return suiteErr
}

func (j *job) prepare(ctx context.Context) error {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("go env GOMOD: %w", err)
	}
	j.root = filepath.Dir(strings.TrimSpace(string(mod)))
	if j.role, err = autobahn.LoadRole("server"); err != nil {
		return err
	}
	if j.cases, err = j.role.Select(j.patterns); err != nil {
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

func (j *job) runSuite(ctx context.Context) (err error) {
	v, err := j.chooseVenue(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.stop()) }()
	url, err := v.start(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%d cases against %s, %d at a time, log in %s\n", len(j.cases), url, j.jobs, j.report)
	ctx, cancel := context.WithTimeoutCause(ctx, j.deadline, fmt.Errorf("the deadline of %v has passed", j.deadline))
	defer cancel()
	parts, err := j.deal(url, v.inside())
	if err != nil {
		return err
	}
	err = runParts(ctx, v, parts)
	return errors.Join(err, merge(j.report, parts))
}
