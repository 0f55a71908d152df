//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// pause makes the server silent: the system still accepts connections and bytes for it, but it does nothing until resume.
// A signal that has been sent is not yet obeyed, so pause waits until the process has stopped.
func (s *server) pause() error {
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(s.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return fmt.Errorf("waiting for the server to stop: %w", err)
		case status.Stopped():
			return nil
		default:
			return fmt.Errorf("the server has ended instead of stopping: %v", status)
		}
	}
}

func (s *server) resume() error { return s.cmd.Process.Signal(syscall.SIGCONT) }
