//go:build unix

package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"barewire.example/websocket"
)

// A process is barewire serve in a process of its own. Its embedded program has
// no run to stop, only the address and the transcripts.
type process struct {
	program
	cmd *exec.Cmd
}

func startProcess(t *testing.T) *process {
	t.Helper()
	p := &process{program: program{t: t}}
	p.cmd = exec.Command(os.Args[0], "serve", "-addr", "127.0.0.1:0")
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Whatever goes wrong, the process ends, and Wait with it.
	kill := time.AfterFunc(testTimeout, func() { p.cmd.Process.Kill() })
	t.Cleanup(func() {
		kill.Stop()
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	p.addr, _, _ = strings.Cut(strings.SplitAfter(p.stdout.waitLine(t, "listening"), "://")[1], "/")
	return p
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wantExit waits for the end of the process.
func (p *process) wantExit(status int) {
	p.t.Helper()
	p.cmd.Wait()
	if got := p.cmd.ProcessState.ExitCode(); got != status {
		p.t.Errorf("%v, want exit status %d", p.cmd.ProcessState, status)
	}
}

func TestSignalsCloseAndExitWithZero(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			p := startProcess(t)
			c := p.dial("/echo")
			p.signal(s)
			c.wantClose(websocket.CloseGoingAway)
			p.wantExit(exitOK)
		})
	}
}

func TestSecondSignalExitsAtOnce(t *testing.T) {
	p := startProcess(t)
	c := p.dial("/echo") // never answers the Close, so the first signal takes its time
	c.send(websocket.Text, "here")
	c.want(websocket.Text, "here")
	p.signal(syscall.SIGINT)
	p.stderr.waitLine(t, "shutting down", "connections=1")
	p.signal(syscall.SIGTERM)
	p.wantExit(exitInterrupted)
}
