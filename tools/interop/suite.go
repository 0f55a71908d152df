package main

import (
	"context"
	"encoding/json"
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

// A suite is one direction with one peer, in one mode.
type suite struct {
	name   string
	mode   string // of compression: plain or compressed
	ours   side
	checks []check
	about  string // versions
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
	return fmt.Sprintf("%s://127.0.0.1:%d", scheme, p.Ports[c.port()])
}

// port names the port of a peer's server that is set as the check wants.
func (c check) port() string {
	switch {
	case c.secure:
		return "wss"
	case c.them != nil && !c.them.Defaults:
		return c.Name
	}
	return "ws"
}

func (p *process) report(ctx context.Context, name string) (report, error) {
	return p.reports.take(ctx, name)
}

// meetPeer runs both directions with a peer, without compression and with it. A direction that cannot begin has failed with
// all its checks.
func (w *world) meetPeer(ctx context.Context, p installed) {
	for _, mode := range []string{"plain", "compressed"} {
		w.meetServer(ctx, p, mode)
		w.meetClient(ctx, p, mode)
	}
}

func (w *world) meetServer(ctx context.Context, p installed, mode string) {
	s := suite{name: p.name + "-server", mode: mode, ours: client, dialer: ourClient{}, authority: w.identity.authority}
	s.checks = p.checks(client, mode)
	settings := map[string]*params{}
	for _, c := range s.checks {
		settings[c.port()] = c.them
	}
	text, err := json.Marshal(settings)
	if err != nil {
		panic(err) // numbers and booleans
	}
	cmd := p.start(ctx, w.scratch, p.dir)
	cmd.Args = append(cmd.Args, "serve", w.identityFile(), string(text))
	theirs, err := startProcess(cmd, p.version)
	if err != nil {
		w.giveUp(s.title(), len(s.checks), err)
		return
	}
	defer theirs.stop()
	s.listener, s.about = theirs, fmt.Sprintf("%s %s, %s", p.name, theirs.Version, theirs.Runtime)
	w.runSuite(ctx, s)
}

func (w *world) meetClient(ctx context.Context, p installed, mode string) {
	s := suite{name: "our-server/" + p.name, mode: mode, ours: server, authority: w.identity.authority}
	s.checks = p.checks(server, mode)
	ours, err := startOurServers(w.identity, s.checks)
	if err != nil {
		w.giveUp(s.title(), len(s.checks), err)
		return
	}
	defer ours.stop()
	cmd := p.start(ctx, w.scratch, p.dir)
	cmd.Args = append(cmd.Args, "dial")
	theirs, err := startProcess(cmd, p.version)
	if err != nil {
		w.giveUp(s.title(), len(s.checks), err)
		return
	}
	defer theirs.stop()
	s.dialer, s.listener, s.about = theirs, ours, fmt.Sprintf("%s %s, %s", p.name, theirs.Version, theirs.Runtime)
	w.runSuite(ctx, s)
}

// checks returns those that can be made when the side is ours.
func (p peer) checks(ours side, mode string) (some []check) {
	all := table()
	if mode == "compressed" {
		all = p.compressed(ours)
	}
	for _, c := range all {
		if ours == server || !c.onlyOurs {
			some = append(some, c)
		}
	}
	return some
}

func (s suite) title() string { return s.name + ", " + s.mode }

// giveUp is for n checks that cannot begin.
func (w *world) giveUp(title string, n int, err error) {
	w.checks += n
	w.failed += n
	w.tell("FAILED: %s: none of %d checks could be made: %v", title, n, err)
}

// tell writes one line, whatever a peer has written.
func (w *world) tell(format string, args ...any) {
	lines := strings.FieldsFunc(fmt.Sprintf(format, args...), func(r rune) bool { return r == '\n' || r == '\r' })
	fmt.Fprintln(w.out, "interop:", strings.Join(lines, " | "))
}

func (w *world) runSuite(ctx context.Context, s suite) {
	var all []trial
	for _, c := range s.checks {
		all = append(all, trial{c.Name, func() ([]string, bool) { return s.run(ctx, c) }})
	}
	w.try(s.title(), s.about, all)
}

// A trial returns what is wrong, and whether no more can be made.
type trial struct {
	name string
	make func() (faults []string, lost bool)
}

func (w *world) try(title, about string, all []trial) {
	failed := 0
	for i, t := range all {
		faults, lost := t.make()
		if len(faults) > 0 {
			failed++
			w.tell("FAILED: %s: %s: %s", title, t.name, strings.Join(faults, "; "))
		}
		if lost && i+1 < len(all) {
			failed += len(all) - i - 1
			w.tell("FAILED: %s: %d more checks could not be made", title, len(all)-i-1)
			break
		}
	}
	w.checks += len(all)
	w.failed += failed
	verdict := "passed"
	if failed > 0 {
		verdict = "FAILED"
	}
	w.tell("%s: %s (%s): %d of %d checks", verdict, title, about, len(all)-failed, len(all))
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
	c.Compression = c.us // of the client
	if s.ours == server {
		c.Compression = c.them
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
		o.answer = t.head(server)
	}
	return o, nil
}
