package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// serve is our server's command line but for its address: messages of up to 16 MiB (category 9), and all of them
// compressed (12 and 13), also those of 16 bytes.
func serve(addr string) []string {
	return []string{"serve", "-addr", addr, "-max-message", "16777216", "-compress", "-compress-threshold", "0"}
}

// local runs everything as processes of this machine.
type local struct {
	job    *job
	wstest string
}

func (j *job) newLocal(ctx context.Context) (*local, error) {
	install := exec.CommandContext(ctx, filepath.Join(j.root, "autobahn", "install"))
	install.Stderr = os.Stderr // it says so when the suite is not installed yet
	fmt.Println("suite: local")
	out, err := install.Output()
	if err != nil {
		return nil, fmt.Errorf("autobahn/install: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return &local{job: j, wstest: lines[len(lines)-1]}, nil
}

func (l *local) inside() string { return l.job.report }

func (l *local) suiteClient(ctx context.Context, p part) *exec.Cmd {
	return unbuffered(exec.CommandContext(ctx, l.wstest, "-m", p.mode, "-s", filepath.Join(p.report, p.spec())))
}

func (l *local) startSuiteServer(ctx context.Context, p part) (stopper, error) {
	cmd := exec.Command(l.wstest, "-m", p.mode, "--webport", "0", "-s", filepath.Join(p.report, p.spec()))
	suite, err := start("suite", unbuffered(cmd), p.log())
	if err != nil {
		return nil, err
	}
	return suite, poll(ctx, "suite on "+p.addr, suite.done, p.knock)
}

// unbuffered has Python not keep its last lines to itself when it is killed; they name the case that hung.
func unbuffered(cmd *exec.Cmd) *exec.Cmd {
	cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1")
	return cmd
}

func (l *local) startServer(ctx context.Context) (string, stopper, error) {
	binary, err := l.job.binary(ctx, l.job.server, "./cmd/barewire")
	if err != nil {
		return "", nil, err
	}
	addrs, err := freeAddrs(1)
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(binary, serve(addrs[0])...)
	server, err := start("server", cmd, filepath.Join(l.job.report, "server.log"))
	if err != nil {
		return "", nil, err
	}
	return "ws://" + addrs[0] + "/echo", server, server.waitAccept(ctx, addrs[0])
}

// remove has nothing to do: no process outlives its stop.
func (l *local) remove() error { return nil }
