package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// engine runs server and suite as containers of compose.yaml, under a project name of their own.
type engine struct {
	job     *job
	program string // docker or podman
	project string
	started bool // whether there may be containers to remove
}

// chooseVenue takes the engine that was asked for, or the first that answers, or none.
func (j *job) chooseVenue(ctx context.Context) (venue, error) {
	if j.server != "" && j.engine != "auto" && j.engine != "local" {
		return nil, fmt.Errorf("-server is for a local suite, not for %s", j.engine)
	}
	if j.engine == "local" || j.server != "" {
		return j.newLocal(ctx)
	}
	programs := []string{"docker", "podman"}
	if j.engine != "auto" {
		programs = []string{j.engine}
	}
	for _, program := range programs {
		if answers(ctx, program) {
			fmt.Println("suite: container image, run by", program)
			return &engine{job: j, program: program, project: fmt.Sprintf("barewire-autobahn-%d", os.Getpid())}, nil
		}
	}
	if j.engine != "auto" {
		return nil, fmt.Errorf("%s does not answer, or has no compose command", j.engine)
	}
	return j.newLocal(ctx)
}

// answers reports whether an engine, not only its client, is there and can read compose files.
func answers(ctx context.Context, program string) bool {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, program, "info").Run() == nil &&
		exec.CommandContext(ctx, program, "compose", "version").Run() == nil
}

func (e *engine) inside() string {
	return path.Join("/", e.job.role.Report)
}

func (e *engine) compose(ctx context.Context, args ...string) *exec.Cmd {
	file := filepath.Join(e.job.root, "compose.yaml")
	all := append([]string{"compose", "-f", file, "-p", e.project, "--profile", "autobahn"}, args...)
	return exec.CommandContext(ctx, e.program, all...)
}

func (e *engine) suite(ctx context.Context, spec string) *exec.Cmd {
	return e.compose(ctx, "run", "--rm", "--no-deps", "-T", "--name", e.project+"-"+spec, "autobahn",
		"wstest", "-m", "fuzzingclient", "-s", path.Join(e.inside(), spec))
}

func (e *engine) container() string { return e.project + "-echo" }

// preparation is how long images may take to arrive and to be built. It is not part of the suite's deadline.
const preparation = 15 * time.Minute

func (e *engine) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, preparation)
	defer cancel()
	for _, args := range [][]string{{"pull", "autobahn"}, {"build", "echo"}} {
		if _, err := output(e.compose(ctx, args...)); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) start(ctx context.Context) (string, error) {
	if err := e.prepare(ctx); err != nil {
		return "", err
	}
	// "run" publishes no port, so nothing on this machine is in the way.
	e.started = true
	_, err := output(e.compose(ctx, "run", "-d", "--no-deps", "--name", e.container(), "echo",
		"serve", "-addr", ":8080", "-max-message", maxMessage))
	if err != nil {
		return "", err
	}
	return "ws://" + e.container() + ":8080/echo", e.waitListening(ctx)
}

// waitListening waits for the server's first line, which says where it listens.
func (e *engine) waitListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	retry := time.NewTicker(100 * time.Millisecond)
	defer retry.Stop()
	for {
		out, err := exec.CommandContext(ctx, e.program, "logs", e.container()).CombinedOutput()
		if err == nil && len(out) > 0 {
			return nil
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return fmt.Errorf("the server's container does not say that it listens: %w", ctx.Err())
		}
	}
}

func (e *engine) stop() error {
	if !e.started {
		return nil
	}
	// A context of its own: this must happen after an interrupt, too.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := e.stopServer(ctx)
	return errors.Join(err, e.remove(ctx))
}

// stopServer ends the server as an operator would, and keeps its log.
func (e *engine) stopServer(ctx context.Context) error {
	log := filepath.Join(e.job.report, "server.log")
	state, err := e.ask(ctx, "inspect", "-f", "{{.State.Running}} {{.State.ExitCode}}", e.container())
	if err != nil {
		return err
	}
	if !strings.HasPrefix(state, "true") {
		err = fmt.Errorf("the server ended before it was asked to: running, exit status: %s (see %s)", state, log)
	} else if _, err = e.ask(ctx, "stop", "-t", "15", e.container()); err == nil {
		state, err = e.ask(ctx, "inspect", "-f", "{{.State.ExitCode}}", e.container())
		if err == nil && state != "0" {
			err = fmt.Errorf("the server failed on the way out: exit status %s (see %s)", state, log)
		}
	}
	text, logErr := exec.CommandContext(ctx, e.program, "logs", e.container()).CombinedOutput()
	return errors.Join(err, logErr, os.WriteFile(log, text, 0o644))
}

// remove removes every container of the project, also those of a suite that was killed, and its network.
func (e *engine) remove(ctx context.Context) error {
	ids, err := e.ask(ctx, "ps", "-aq", "--filter", "label=com.docker.compose.project="+e.project)
	if err == nil && ids != "" {
		_, err = e.ask(ctx, append([]string{"rm", "-f"}, strings.Fields(ids)...)...)
	}
	_, downErr := output(e.compose(ctx, "down"))
	return errors.Join(err, downErr)
}

func (e *engine) ask(ctx context.Context, args ...string) (string, error) {
	return output(exec.CommandContext(ctx, e.program, args...))
}

// output runs cmd and returns what it wrote to standard output; what it wrote to standard error goes into the error.
func output(cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}
