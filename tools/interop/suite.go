package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A world is what a run works with, and its score.
type world struct {
	scratch  string
	identity *identity
	out      io.Writer
	checks   int
	failed   int
}

// A suite is one direction with one peer, in one mode: every check of the table.
type suite struct {
	name  string
	mode  string // of compression
	ours  side
	about string // versions
	dialer
	listener
	authority string
}

type dialer interface {
	dial(ctx context.Context, j job) (report, error)
}

type listener interface {
	// base is the part of the URL in front of the path.
	base(c check) string
	report(ctx context.Context, name string) (report, error)
}

// base implements listener for the servers of peers.
func (p *process) base(c check) string {
	scheme := "ws"
	if c.secure {
		scheme = "wss"
	}
	return fmt.Sprintf("%s://127.0.0.1:%d", scheme, p.Ports[scheme])
}

func (p *process) report(ctx context.Context, name string) (report, error) {
	return p.reports.take(ctx, name)
}

// meet runs both directions with a peer. A direction that cannot begin has failed with all its checks.
func (w *world) meet(ctx context.Context, p installed) {
	w.meetServer(ctx, p)
	w.meetClient(ctx, p)
}

func (w *world) meetServer(ctx context.Context, p installed) {
	s := suite{name: p.name + "-server", mode: "plain", ours: client, dialer: ourClient{}, authority: w.identity.authority}
	cmd := p.start(ctx, w.scratch, p.dir)
	cmd.Args = append(cmd.Args, "serve", w.identityFile())
	theirs, err := startProcess(cmd, p.version)
	if err != nil {
		w.giveUp(s, err)
		return
	}
	defer theirs.stop()
	s.listener, s.about = theirs, fmt.Sprintf("%s %s, %s", p.name, theirs.Version, theirs.Runtime)
	w.runSuite(ctx, s)
}

func (w *world) meetClient(ctx context.Context, p installed) {
	s := suite{name: "our-server/" + p.name, mode: "plain", ours: server, authority: w.identity.authority}
	ourServer, err := startOurServer(w.identity)
	if err != nil {
		w.giveUp(s, err)
		return
	}
	defer ourServer.stop()
	cmd := p.start(ctx, w.scratch, p.dir)
	cmd.Args = append(cmd.Args, "dial")
	theirs, err := startProcess(cmd, p.version)
	if err != nil {
		w.giveUp(s, err)
		return
	}
	defer theirs.stop()
	s.dialer, s.listener, s.about = theirs, ourServer, fmt.Sprintf("%s %s, %s", p.name, theirs.Version, theirs.Runtime)
	w.runSuite(ctx, s)
}

// cases returns the checks that the suite can make.
func (s suite) cases() (all []check) {
	for _, c := range table() {
		if s.ours == server || !c.onlyOurs {
			all = append(all, c)
		}
	}
	return all
}

func (w *world) giveUp(s suite, err error) {
	n := len(s.cases())
	w.checks += n
	w.failed += n
	w.tell("FAILED: %s: none of %d checks could be made: %v", s.name, n, err)
}

// tell writes one line, whatever a peer has written.
func (w *world) tell(format string, args ...any) {
	lines := strings.FieldsFunc(fmt.Sprintf(format, args...), func(r rune) bool { return r == '\n' || r == '\r' })
	fmt.Fprintln(w.out, "interop:", strings.Join(lines, " | "))
}

func (w *world) runSuite(ctx context.Context, s suite) {
	cases := s.cases()
	failed := 0
	for i, c := range cases {
		faults, lost := s.run(ctx, c)
		if len(faults) > 0 {
			failed++
			w.tell("FAILED: %s/%s: %s", s.name, c.Name, strings.Join(faults, "; "))
		}
		if lost && i+1 < len(cases) {
			failed += len(cases) - i - 1
			w.tell("FAILED: %s: %d more checks could not be made", s.name, len(cases)-i-1)
			break
		}
	}
	w.checks += len(cases)
	w.failed += failed
	verdict := "passed"
	if failed > 0 {
		verdict = "FAILED"
	}
	w.tell("%s: %s, %s (%s): %d of %d checks", verdict, s.name, s.mode, s.about, len(cases)-failed, len(cases))
}

// run makes a check and returns what is wrong. No more can be made when the peer is lost, or all time is up.
func (s suite) run(all context.Context, c check) (faults []string, lost bool) {
	ctx, cancel := context.WithTimeoutCause(all, checkDeadline, fmt.Errorf("not within %v", checkDeadline))
	defer cancel()
	base := s.base(c)
	c.URL = base + "/" + c.path + "/" + c.Name
	if c.onlyOurs {
		c.Origin = "http" + strings.TrimPrefix(base, "ws")
	}
	if c.foreign {
		c.Origin = "http://other.example"
	}
	if !c.distrust {
		c.CA = s.authority
	}
	o, err := s.converse(ctx, c)
	if err != nil {
		return []string{err.Error()}, errors.Is(err, errLost) || all.Err() != nil
	}
	return judgeOutcome(c, o), false
}

// converse has both sides do their part.
func (s suite) converse(ctx context.Context, c check) (o outcome, err error) {
	o.ours = s.ours
	if o.client, err = s.dial(ctx, c.job); err != nil {
		return o, fmt.Errorf("the client: %w", err)
	}
	if !o.client.Opened {
		return o, nil
	}
	if o.server, err = s.report(ctx, c.Name); err != nil {
		return o, fmt.Errorf("the server: %w; the client's error: %q", err, o.client.Error)
	}
	for _, t := range []*tap{o.client.tap, o.server.tap} {
		if t == nil {
			continue
		}
		if o.frames, err = t.frames(ctx); err != nil {
			return o, err
		}
	}
	return o, nil
}
