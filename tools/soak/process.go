package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// A process is the server's.
type process struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers *json.Decoder
	addrs   []string
}

// startProcess starts this program again as the server. It ends when its input does, and so with this process.
func startProcess() (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, serveVerb)}
	p.cmd.Stderr = os.Stdout
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.answers = json.NewDecoder(bufio.NewReader(stdout))
	s, err := p.read()
	p.addrs = s.Addrs
	if err == nil && len(p.addrs) == 0 {
		err = errors.New("the server listens nowhere")
	}
	if err != nil {
		p.cmd.Process.Kill()
		return nil, errors.Join(err, p.cmd.Wait())
	}
	return p, nil
}

// ask returns the server's state, after it has obeyed a command or none.
func (p *process) ask(command string) (state, error) {
	if _, err := io.WriteString(p.stdin, command+"\n"); err != nil {
		return state{}, fmt.Errorf("the server is gone: %w", err)
	}
	return p.read()
}

func (p *process) read() (s state, err error) {
	if err := p.answers.Decode(&s); err != nil {
		return s, fmt.Errorf("the server says nothing more: %w", err)
	}
	return s, nil
}

// usage returns what the server's process uses, after a command or none.
func (p *process) usage(command string) (usage, error) {
	s, err := p.ask(command)
	if err != nil {
		return usage{}, err
	}
	u, err := readUsage(fmt.Sprint(p.cmd.Process.Pid))
	u.goroutines, u.heap = s.Goroutines, s.Heap
	return u, err
}

// stop has the server shut down, which must succeed.
func (p *process) stop() error {
	p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the server ends with %w", err)
	}
	return nil
}
