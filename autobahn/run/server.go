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

// freePort returns a loopback address that nobody listened on a moment ago.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// server is the process under test.
type server struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when the process has ended
	err  error         // how it ended; to be read after done
}

// startServer starts cmd, and returns when addr accepts connections.
func startServer(ctx context.Context, cmd *exec.Cmd, addr, log string) (*server, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("the server does not start: %w", err)
	}
	s := &server{cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		s.err = cmd.Wait()
		close(s.done)
	}()
	return s, s.waitAccept(ctx, addr)
}

func (s *server) waitAccept(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-retry.C:
		case <-s.done:
			return errors.New("the server ended before it listened")
		case <-ctx.Done():
			return fmt.Errorf("the server does not listen on %s: %w", addr, ctx.Err())
		}
	}
}

// stop asks the process to end, and insists after a while.
func (s *server) stop() error {
	select {
	case <-s.done:
		return fmt.Errorf("the server ended before it was asked to: %v (see %s)", s.cmd.ProcessState, s.log)
	default:
	}
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		// Windows can't interrupt another process.
		s.cmd.Process.Kill()
		<-s.done
		return nil
	}
	select {
	case <-s.done:
	case <-time.After(15 * time.Second):
		s.cmd.Process.Kill()
		<-s.done
		return errors.New("the server did not end when it was interrupted")
	}
	if s.err != nil {
		return fmt.Errorf("the server failed on the way out: %w (see %s)", s.err, s.log)
	}
	return nil
}
