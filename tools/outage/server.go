package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync"
)

// A server is a process of cmd/barewire.
type server struct {
	cmd    *exec.Cmd
	addr   string // host and port
	stderr tail
	ended  chan struct{} // closed when the process has ended
}

var announcement = regexp.MustCompile(`listening on http://([^/]+)/`)

// startServer returns when the server listens, which it does at its first try or not at all. It is killed when ctx ends.
func startServer(ctx context.Context, binary, addr string) (*server, error) {
	return startCommand(exec.CommandContext(ctx, binary, "serve", "-quiet", "-addr", addr))
}

func startCommand(cmd *exec.Cmd) (*server, error) {
	s := &server{cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = &s.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(stdout)
	line, _ := lines.ReadString('\n')
	go func() {
		io.Copy(io.Discard, lines)
		cmd.Wait() // ProcessState has the result
		close(s.ended)
	}()
	m := announcement.FindStringSubmatch(line)
	if m == nil {
		s.kill()
		return nil, fmt.Errorf("the server does not say where it listens, but %q; %v; standard error: %s", line, cmd.ProcessState, &s.stderr)
	}
	s.addr = m[1]
	return s, nil
}

// kill ends the process as kill -9 does, unless it has ended, and waits for that.
func (s *server) kill() {
	s.cmd.Process.Kill()
	<-s.ended
}

// tailSize is how many bytes of standard error are kept. They are the last ones.
const tailSize = 2000

// A tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = bytes.Clone(t.text[max(0, len(t.text)-tailSize):])
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
