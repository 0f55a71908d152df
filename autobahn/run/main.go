// Command run puts our server and our client under the Autobahn test suite and judges the reports.
//
// The suite comes as its official container image when Docker or Podman answers, else as a local wstest that
// autobahn/install makes. Both end in the same gate. The reports stay in autobahn/reports.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"barewire.example/websocket/autobahn"
)

type options struct {
	role     string
	engine   string
	server   string
	testee   string
	patterns []string
	deadline time.Duration
	jobs     int
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
	flags.StringVar(&opt.role, "role", autobahn.Both, "which of our ends to test: server, client or both")
	flags.StringVar(&opt.engine, "engine", "auto", "where to run: docker, podman, local, or auto: the first of these that works")
	flags.StringVar(&opt.server, "server", "", "test this barewire binary instead of building ./cmd/barewire (local only)")
	flags.StringVar(&opt.testee, "testee", "", "test this client binary instead of building ./autobahn/testee")
	flags.DurationVar(&opt.deadline, "deadline", 20*time.Minute, "end a role's suite after this time; what it has not reported is missing then")
	flags.IntVar(&opt.jobs, "j", 1, "suite processes to deal the cases to")
	cases := flags.String("case", "", "run only these cases, with * as wildcard, separated by commas; "+autobahn.Quick+": those of make autobahn-quick")
	if err := flags.Parse(args); err != nil {
		return opt, err
	}
	opt.patterns = autobahn.SplitPatterns(*cases)
	// A binary that would not be used must not seem to have been tested.
	unused := opt.server != "" && opt.role == "client" || opt.testee != "" && opt.role == "server"
	if opt.jobs < 1 || opt.deadline <= 0 || flags.NArg() > 0 || unused {
		return opt, fmt.Errorf("bad arguments: %s", strings.Join(args, " "))
	}
	return opt, nil
}

// run tests one role after the other, also when the first fails, and prints their sums at the end.
func run(ctx context.Context, opt options) error {
	roles, err := autobahn.LoadRoles(opt.role)
	if err != nil {
		return err
	}
	var sums []string
	var errs []error
	for _, role := range roles {
		j := &job{options: opt, role: role}
		if err := j.prepare(ctx); err != nil {
			return errors.Join(append(errs, err)...)
		}
		sum, err := j.run(ctx)
		sums = append(sums, cmp.Or(sum, role.Name+": no report: FAILED"))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", role.Name, err))
		}
		if ctx.Err() != nil {
			return errors.Join(append(errs, errors.New("interrupted"))...)
		}
	}
	for _, sum := range sums {
		fmt.Println(sum)
	}
	return errors.Join(errs...)
}
