package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
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
}

// container is one that runs in the background.
type container struct {
	engine *engine
	name   string // "echo", or the suite's part
	log    string // where its output goes when it is stopped
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
			return newEngine(ctx, j, program)
		}
	}
	if j.engine != "auto" {
		return nil, fmt.Errorf("%s does not answer, or has no compose command", j.engine)
	}
	return j.newLocal(ctx)
}

func newEngine(ctx context.Context, j *job, program string) (*engine, error) {
	e := &engine{job: j, program: program, project: fmt.Sprintf("barewire-autobahn-%d", os.Getpid())}
	return e, e.prepare(ctx)
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

func (e *engine) suiteClient(ctx context.Context, p part) *exec.Cmd {
	return e.compose(ctx, "run", "--rm", "--no-deps", "-T", "--name", e.container(p.spec()), "autobahn",
		"wstest", "-m", p.mode, "-s", path.Join(e.inside(), p.spec()))
}

// container is the name of one of the project's containers.
func (e *engine) container(name string) string { return e.project + "-" + name }

// preparation is how long images may take to arrive and to be built. It is not part of the suite's deadline.
const preparation = 15 * time.Minute

func (e *engine) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, preparation)
	defer cancel()
	steps := [][]string{{"pull", "autobahn"}}
	if e.job.role.Name == "server" {
		steps = append(steps, []string{"build", "echo"})
	}
	for _, args := range steps {
		if _, err := output(e.compose(ctx, args...)); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) startServer(ctx context.Context) (string, stopper, error) {
	// "run" publishes no port that it is not told to, so nothing on this machine is in the way.
	c := &container{engine: e, name: e.container("echo"), log: filepath.Join(e.job.report, "server.log")}
	args := append([]string{"run", "-d", "--no-deps", "--name", c.name, "echo"}, serve(":8080")...)
	_, err := output(e.compose(ctx, args...))
	if err != nil {
		return "", nil, err
	}
	return "ws://" + c.name + ":8080/echo", c, c.waitOutput(ctx)
}

// startSuiteServer publishes the suite's port under the same number, on loopback only.
func (e *engine) startSuiteServer(ctx context.Context, p part) (stopper, error) {
	_, port, err := net.SplitHostPort(p.addr)
	if err != nil {
		return nil, err
	}
	c := &container{engine: e, name: e.container(p.spec()), log: p.log()}
	_, err = output(e.compose(ctx, "run", "-d", "--no-deps", "--name", c.name, "--publish", p.addr+":"+port, "autobahn",
		"wstest", "-m", p.mode, "--webport", "0", "-s", path.Join(e.inside(), p.spec())))
	if err != nil {
		return nil, err
	}
	return c, poll(ctx, "suite on "+p.addr, nil, p.knock)
}

// waitOutput waits for the first line, with which the server says where it listens.
func (c *container) waitOutput(ctx context.Context) error {
	return poll(ctx, "output of the container "+c.name, nil, func(ctx context.Context) error {
		out, err := c.engine.logs(ctx, c.name)
		if err == nil && len(out) == 0 {
			err = errors.New("none yet")
		}
		return err
	})
}

// stop ends the container as an operator would, and keeps its log.
func (c *container) stop() error {
	// A context of its own: this must happen after an interrupt, too.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	state, err := c.engine.ask(ctx, "inspect", "-f", "{{.State.Running}} {{.State.ExitCode}}", c.name)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(state, "true") {
		err = fmt.Errorf("%s ended before it was asked to: running, exit status: %s (see %s)", c.name, state, c.log)
	} else if _, err = c.engine.ask(ctx, "stop", "-t", "15", c.name); err == nil {
		state, err = c.engine.ask(ctx, "inspect", "-f", "{{.State.ExitCode}}", c.name)
		if err == nil && state != "0" {
			err = fmt.Errorf("%s failed on the way out: exit status %s (see %s)", c.name, state, c.log)
		}
	}
	text, logErr := c.engine.logs(ctx, c.name)
	return errors.Join(err, logErr, os.WriteFile(c.log, text, 0o644))
}

func (e *engine) logs(ctx context.Context, name string) ([]byte, error) {
	return exec.CommandContext(ctx, e.program, "logs", name).CombinedOutput()
}

// remove removes every container of the project, also those of a suite that was killed, and its network.
func (e *engine) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
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
