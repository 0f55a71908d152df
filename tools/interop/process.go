package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// A process is a running peer: "serve IDENTITY SETTINGS" for servers, or "dial" for clients. IDENTITY
// is a PEM file with certificate and key. SETTINGS is a JSON object of the ports to listen on, with the compression of each:
// null for none, or an object like that of a job (see params). The port "wss" is for TLS.
//
// It writes lines of JSON to its standard output. The first is a greeting; each of the others is the report of a connection
// that is over. A client reads jobs, a line each, from its standard input, and may do several at a time. The end of its
// input ends a process, so that none survives this program.
type process struct {
	greeting
	reports *mailbox
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	stderr  tail
	ended   chan struct{} // closed when the process has ended
}

// errLost says that a peer will report nothing more.
var errLost = errors.New("the peer is lost")

// A greeting is what a peer says when it is ready.
type greeting struct {
	Version string         `json:"version"` // of the package
	Runtime string         `json:"runtime"` // what runs it
	Ports   map[string]int `json:"ports"`   // that a server listens on
}

// parseGreeting wants the version that was installed, if one was.
func parseGreeting(line, version string) (g greeting, err error) {
	if err := json.Unmarshal([]byte(line), &g); err != nil {
		return g, fmt.Errorf("the peer does not greet, but says %q", line)
	}
	if version != "" && g.Version != version {
		return g, fmt.Errorf("the peer has version %q, not %q", g.Version, version)
	}
	return g, nil
}

// startProcess returns when the peer is ready. The process is killed when its command's context ends.
func startProcess(cmd *exec.Cmd, version string) (*process, error) {
	p := &process{reports: newMailbox(), cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = &p.stderr
	cmd.WaitDelay = time.Second
	var err error
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(stdout)
	line, lost := lines.ReadString('\n')
	go p.watch(lines)
	if p.greeting, err = parseGreeting(strings.TrimSpace(line), version); err != nil {
		p.stop()
		if lost != nil {
			err = fmt.Errorf("the peer ended without a greeting (%v), after it said %q", p.cmd.ProcessState, line)
		}
		return nil, fmt.Errorf("%w; %s", err, p.stderr.String())
	}
	return p, nil
}

// watch reads reports until the process is over.
func (p *process) watch(lines *bufio.Reader) {
	var err error
	for err == nil {
		var line []byte
		if line, err = lines.ReadBytes('\n'); err != nil {
			break
		}
		var r report
		if err = json.Unmarshal(line, &r); err == nil {
			p.reports.put(r)
		}
	}
	if err != io.EOF {
		err = fmt.Errorf("%w: it says something else than reports: %w", errLost, err)
		p.cmd.Process.Kill()
	}
	io.Copy(io.Discard, lines)
	p.cmd.Wait() // how it ends is no check; that it has ended is in the reports
	if err == io.EOF {
		err = fmt.Errorf("%w: it has ended (%v): %s", errLost, p.cmd.ProcessState, p.stderr.String())
	}
	p.reports.end(err)
	close(p.ended)
}

// dial has a client do a job.
func (p *process) dial(ctx context.Context, j job) (report, error) { return p.ask(ctx, j.Name, j) }

// ask has the peer do a job of this name.
func (p *process) ask(ctx context.Context, name string, job any) (report, error) {
	line, err := json.Marshal(job)
	if err != nil {
		return report{}, err
	}
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		return report{}, fmt.Errorf("%w: it takes no jobs (%w): %s", errLost, err, p.stderr.String())
	}
	return p.reports.take(ctx, name)
}

// stop lets the process end, and kills it when it does not soon.
func (p *process) stop() {
	p.stdin.Close()
	patience := time.NewTimer(3 * time.Second)
	defer patience.Stop()
	select {
	case <-p.ended:
	case <-patience.C:
		p.cmd.Process.Kill()
		<-p.ended
	}
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 2000

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-tailSize):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.text) == 0 {
		return "it wrote nothing to standard error"
	}
	return "standard error: " + strings.TrimSpace(string(t.text))
}
