package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
)

// An experiment is one trial's server and clients.
type experiment struct {
	bounds
	binary  string
	clients int
	out     io.Writer
	trial   trial
	server  *server
	crowd   *crowd
	machine *lateness // while the trial is done
}

// A trial is one way to take the server away.
type trial struct {
	name string
	run  func(e *experiment, ctx context.Context) error
}

var trials = []trial{
	{"crash", (*experiment).crash},
	{"restart", (*experiment).restart},
	{"shutdown", (*experiment).shutdown},
}

// tries is how often a trial is done for which the machine was too late, before it fails.
const tries = 4

// run does a trial.
func (e *experiment) run(ctx context.Context, t trial) error {
	e.trial = t
	err := e.do(ctx)
	for try := 1; errors.Is(err, errLate) && try < tries; try++ {
		e.say("once more: %v", err)
		err = e.do(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	e.say("passed")
	return nil
}

// do starts a server and connects all clients, then does the trial, and ends everything.
func (e *experiment) do(ctx context.Context) (err error) {
	if e.server, err = startServer(ctx, e.binary, "127.0.0.1:0"); err != nil {
		return err
	}
	defer func() { e.server.kill() }() // that which is the last then
	begun := time.Now()
	e.crowd = startCrowd(ctx, "ws://"+e.server.addr+"/echo", e.clients)
	defer e.crowd.stop()
	there, err := e.crowd.gather(e.clients, opened)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	e.say("%d clients are connected: %s", e.clients, spread(since(begun, there)))
	watched, stop := context.WithCancel(ctx)
	defer stop()
	e.machine = new(lateness)
	go e.machine.watch(watched)
	return e.trial.run(e, ctx)
}

func (e *experiment) say(format string, args ...any) {
	fmt.Fprintf(e.out, "outage: %s: %s\n", e.trial.name, fmt.Sprintf(format, args...))
}

// crash is a server that dies and is missed for a while.
func (e *experiment) crash(ctx context.Context) error {
	if err := e.kill(); err != nil {
		return err
	}
	timer := time.NewTimer(e.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	back, due, err := e.comeBack(ctx)
	if err != nil {
		return err
	}
	e.say("at most %d were back within the same %v; %d were to be", peak(back, e.window), e.window, peak(due, e.window))
	return e.machine.blame(e.checkReturn(back, due))
}

// restart is a server that dies and is there again before most have tried. How the clients are spread then is only told:
// all wait between nothing and a second, so that about half come back within half a second.
func (e *experiment) restart(ctx context.Context) error {
	if err := e.kill(); err != nil {
		return err
	}
	back, _, err := e.comeBack(ctx)
	if err != nil {
		return err
	}
	return checkLast(back, e.back)
}

// kill ends the server as kill -9 does, and checks that all clients notice.
func (e *experiment) kill() error {
	killed := time.Now()
	e.server.kill()
	all, err := e.crowd.gather(e.clients, lost)
	if err != nil {
		return fmt.Errorf("after kill -9: %w", err)
	}
	after := since(killed, all)
	e.say("all report 1006 after kill -9: %s", spread(after))
	return e.machine.blame(checkLast(after, e.loss))
}

// comeBack starts a server where the last one was, waits for all clients, and returns how long after it they were back, and
// how long after it they were to try.
func (e *experiment) comeBack(ctx context.Context) (back, due []time.Duration, err error) {
	next, err := startServer(ctx, e.binary, e.server.addr)
	if err != nil {
		return nil, nil, fmt.Errorf("on the same port: %w", err)
	}
	e.server = next
	returned := time.Now()
	all, err := e.crowd.gather(e.clients, opened)
	if err != nil {
		return nil, nil, fmt.Errorf("after the server's return: %w", err)
	}
	back = since(returned, all)
	e.say("all are back after the server's return: %s", spread(back))
	return back, dueSince(returned, all), nil
}

// shutdown is a server that is told to end.
func (e *experiment) shutdown(ctx context.Context) error {
	begun := time.Now()
	if err := e.server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	all, err := e.crowd.gather(e.clients, dismissed)
	if err != nil {
		return fmt.Errorf("after SIGTERM: %w", err)
	}
	after := since(begun, all)
	e.say("all are told 1001 after SIGTERM: %s", spread(after))
	select {
	case <-e.server.ended:
	case <-ctx.Done():
		return fmt.Errorf("the server does not end: %w", context.Cause(ctx))
	}
	state := e.server.cmd.ProcessState
	e.say("the server has ended after %v: %v", time.Since(begun).Round(time.Millisecond), state)
	err = e.machine.blame(checkLast(after, e.farewell))
	if state.ExitCode() != 0 {
		err = errors.Join(err, fmt.Errorf("the server ends with %v; standard error: %s", state, &e.server.stderr))
	}
	return err
}
