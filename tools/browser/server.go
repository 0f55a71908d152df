package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
)

// server is a process of cmd/barewire, and what it logs.
type server struct {
	cmd   *exec.Cmd
	addr  string // host and port
	log   *journal[record]
	ended chan struct{} // closed when the process has ended
	err   error         // how it ended; to be read after ended
}

// A record is what a line of the log says.
type record map[string]any

// matches reports whether each value of want is that of the record.
func (r record) matches(want record) bool {
	for key, value := range want {
		if fmt.Sprint(r[key]) != fmt.Sprint(value) {
			return false
		}
	}
	return true
}

var announcement = regexp.MustCompile(`listening on http://([^/]+)/`)

// startServer starts a server on a free port, and returns when it listens. It is killed when ctx ends. Of a flag that
// stands there twice the last counts.
func startServer(ctx context.Context, binary, flags string) (*server, error) {
	args := []string{"serve", "-addr", "127.0.0.1:0", "-log", "json", "-subprotocol", "chat", "-max-message", "1KiB"}
	return startCommand(exec.CommandContext(ctx, binary, append(args, strings.Fields(flags)...)...))
}

func startCommand(cmd *exec.Cmd) (*server, error) {
	s := &server{cmd: cmd, log: newJournal[record](), ended: make(chan struct{})}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	go s.watch(stderr)
	m := announcement.FindStringSubmatch(line)
	if m == nil {
		s.stop()
		return nil, fmt.Errorf("the server does not say where it listens, but %q; log: %v", line, s.records())
	}
	s.addr = m[1]
	return s, nil
}

// watch reads the log until the process is over.
func (s *server) watch(stderr io.Reader) {
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		var r record
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			r = record{"msg": lines.Text()} // the runtime's, after a panic
		}
		s.log.add(r)
	}
	s.err = s.cmd.Wait()
	s.log.end(fmt.Errorf("the server has ended (%v) without logging it", s.cmd.ProcessState))
	close(s.ended)
}

// logs waits until the server has logged a record like want.
func (s *server) logs(ctx context.Context, want record) error {
	_, err := s.log.wait(ctx, func(r record) bool { return r.matches(want) })
	if err != nil {
		return fmt.Errorf("the server's log has no %v: %w; it has %v", want, err, s.records())
	}
	return nil
}

func (s *server) records() []record {
	all, _, _ := s.log.state()
	return all
}

// stop kills the process, unless it has ended, and waits for its end.
func (s *server) stop() {
	s.cmd.Process.Kill()
	<-s.ended
}
