package main

import (
	"context"
	"fmt"
)

// A trial is one check while it runs, with a server of its own.
type trial struct {
	browser target
	binary  string // of the server
	ctx     context.Context
	server  *server
	pages   []*page

	compression string // what the page shows of it; "" for none
}

// A failure is what must panics with.
type failure struct{ error }

// must ends the trial when err is not nil, so that a check reads as a list of steps.
func must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

func (tr trial) run(ctx context.Context, c check) (err error) {
	var cancel context.CancelFunc
	tr.ctx, cancel = context.WithTimeoutCause(ctx, checkDeadline, fmt.Errorf("not within %v", checkDeadline))
	defer cancel()
	if tr.server, err = startServer(tr.ctx, tr.binary, c.flags); err != nil {
		return err
	}
	defer tr.server.stop()
	defer func() {
		if p := recover(); p != nil {
			err = p.(failure) // panics again when it is another one
		}
	}()
	c.run(&tr)
	for _, p := range tr.pages {
		p.evaluate("''") // the reply comes after what the page has complained about
		must(p.judgeConsole(c.complaint))
		must(tr.browser.call(tr.ctx, "Target.closeTarget", params{"targetId": p.id}, nil))
	}
	return nil
}

func (tr *trial) logs(want record) { must(tr.server.logs(tr.ctx, want)) }
