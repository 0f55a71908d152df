package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"
)

// patience is how long a process may take to listen, and to write the last of its report.
const patience = 30 * time.Second

// freeAddrs returns different loopback addresses that nobody listened on a moment ago.
func freeAddrs(n int) ([]string, error) {
	var addrs []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

// poll waits until ready returns nil. died ends it early; nil never does.
func poll(ctx context.Context, what string, died <-chan struct{}, ready func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not within %v", patience))
	defer cancel()
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-retry.C:
		case <-died:
			return fmt.Errorf("no %s: the process ended before it was there", what)
		case <-ctx.Done():
			return fmt.Errorf("no %s: %w: %w", what, context.Cause(ctx), err)
		}
	}
}

// process runs in the background.
type process struct {
	name string // "server" or "suite"
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when the process has ended
	err  error         // how it ended; to be read after done
}

// start starts cmd with its output in the file log.
func start(name string, cmd *exec.Cmd, log string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("the %s does not start: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// waitAccept waits until addr accepts connections.
func (p *process) waitAccept(ctx context.Context, addr string) error {
	return poll(ctx, p.name+" on "+addr, p.done, func(ctx context.Context) error {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

// stop asks the process to end, and insists after a while.
func (p *process) stop() error {
	select {
	case <-p.done:
		return fmt.Errorf("the %s ended before it was asked to: %v (see %s)", p.name, p.cmd.ProcessState, p.log)
	default:
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		// Windows can't interrupt another process.
		p.cmd.Process.Kill()
		<-p.done
		return nil
	}
	select {
	case <-p.done:
	case <-time.After(15 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
		return errors.New("the " + p.name + " did not end when it was interrupted")
	}
	if p.err != nil {
		return fmt.Errorf("the %s failed on the way out: %w (see %s)", p.name, p.err, p.log)
	}
	return nil
}
