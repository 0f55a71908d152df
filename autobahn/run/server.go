package main

import (
	"context"
	"errors"
	"fmt"
)

// runServer tests our server: every suite process connects to it for one case after the other.
func (j *job) runServer(ctx context.Context) (err error) {
	url, server, err := j.venue.startServer(ctx)
	if server != nil {
		defer func() { err = errors.Join(err, server.stop()) }()
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d cases against %s, %d at a time, log in %s\n", len(j.cases), url, j.jobs, j.report)
	ctx, cancel := j.limit(ctx)
	defer cancel()
	parts := j.deal("fuzzingclient")
	for _, p := range parts {
		if err := p.configure(j.venue.inside(), spec{Servers: []target{{Agent: j.role.Agent, URL: url}}}); err != nil {
			return err
		}
	}
	err = eachPart(parts, func(p part) error {
		return p.blame(p.run(ctx, "suite", j.venue.suiteClient(ctx, p), p.log()))
	})
	return errors.Join(err, merge(j.report, parts))
}
