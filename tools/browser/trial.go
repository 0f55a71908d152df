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
	stops   []func() // of what pages are connected to: it goes after them, since they would complain

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
	defer func() { tr.server.stop() }() // a check may have replaced it
	defer func() {
		if p := recover(); p != nil {
			err = p.(failure) // panics again when it is another one
		}
	}()
	defer tr.close()
	c.run(&tr)
	var consoles []target
	for _, p := range tr.pages {
		p.evaluate("''") // the reply comes after what the page has complained about
		consoles = append(consoles, p.target)
	}
	return judgeConsoles(c.complaint, consoles...)
}

// close ends also pages that would go on to connect after a check that has failed, lest they meet the next server. A
// browser that cannot do it fails in the next check.
func (tr *trial) close() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tr.ctx), checkDeadline)
	defer cancel()
	for _, p := range tr.pages {
		tr.browser.call(ctx, "Target.closeTarget", params{"targetId": p.id}, nil)
	}
	for _, stop := range tr.stops {
		stop()
	}
}

// relay stands in front of the server as long as there are pages.
func (tr *trial) relay() *relay {
	r, err := startRelay(tr.server.addr)
	must(err)
	tr.stops = append(tr.stops, r.stop)
	return r
}

func (tr *trial) logs(want record) { must(tr.server.logs(tr.ctx, want)) }
