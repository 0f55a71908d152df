package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// maxMessage is the largest message that the suite sends (category 9: 16 MiB).
const maxMessage = "16777216"

// local runs server and suite as processes of this machine.
type local struct {
	job    *job
	wstest string
	server *server
}

func (j *job) newLocal(ctx context.Context) (*local, error) {
	install := exec.CommandContext(ctx, filepath.Join(j.root, "autobahn", "install"))
	install.Stderr = os.Stderr
	fmt.Println("suite: local; the first time it is installed, which takes a minute")
	out, err := install.Output()
	if err != nil {
		return nil, fmt.Errorf("autobahn/install: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return &local{job: j, wstest: lines[len(lines)-1]}, nil
}

func (l *local) inside() string { return l.job.report }

func (l *local) suite(ctx context.Context, spec string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, l.wstest, "-m", "fuzzingclient", "-s", filepath.Join(l.job.report, spec))
	// Python would keep its last lines to itself when it is killed; they name the case that hung.
	cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1")
	return cmd
}

func (l *local) start(ctx context.Context) (string, error) {
	binary := l.job.options.server
	if binary == "" {
		binary = filepath.Join(l.job.scratch, "barewire")
		build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/barewire")
		build.Dir = l.job.root
		if out, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build ./cmd/barewire: %w\n%s", err, bytes.TrimSpace(out))
		}
	}
	addr, err := freePort()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(binary, "serve", "-addr", addr, "-max-message", maxMessage)
	l.server, err = startServer(ctx, cmd, addr, filepath.Join(l.job.report, "server.log"))
	return "ws://" + addr + "/echo", err
}

func (l *local) stop() error {
	if l.server == nil {
		return nil
	}
	return l.server.stop()
}
