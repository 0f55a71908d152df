package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"barewire.example/websocket/autobahn"
)

// runClient tests our client: each suite process listens, and a testee of its own connects to it for one case after the
// other. The testee is a process of this machine also when the suite is a container.
func (j *job) runClient(ctx context.Context) error {
	testee, err := j.binary(ctx, j.testee, "./autobahn/testee")
	if err != nil {
		return err
	}
	parts := j.deal("fuzzingserver")
	addrs, err := freeAddrs(len(parts))
	if err != nil {
		return err
	}
	for i := range parts {
		parts[i].addr = addrs[i]
		// The suite refuses a request whose Host has another port than this URL.
		if err := parts[i].configure(j.venue.inside(), spec{URL: parts[i].url()}); err != nil {
			return err
		}
	}
	fmt.Printf("%d cases against %s, %d at a time, log in %s\n", len(j.cases), j.role.Agent, j.jobs, j.report)
	err = eachPart(parts, func(p part) error { return j.runTestee(ctx, testee, p) })
	return errors.Join(err, merge(j.report, parts))
}

func (p part) url() string { return "ws://" + p.addr }

// runTestee starts a suite, runs the testee to its end, and stops the suite, which would go on for ever.
func (j *job) runTestee(ctx context.Context, testee string, p part) error {
	suite, err := j.venue.startSuiteServer(ctx, p)
	if err == nil {
		err = j.drive(ctx, testee, p)
	}
	if suite != nil {
		err = errors.Join(err, suite.stop())
	}
	return p.blame(err)
}

// drive runs the testee, and waits for the suite's report.
func (j *job) drive(ctx context.Context, testee string, p part) error {
	ctx, cancel := j.limit(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, testee)
	cmd.Env = append(os.Environ(), "AUTOBAHN_URL="+p.url(), "AUTOBAHN_AGENT="+j.role.Agent, "AUTOBAHN_CASES=")
	if err := p.run(ctx, "testee", cmd, filepath.Join(p.report, "testee-"+p.name+".log")); err != nil {
		return err
	}
	return p.waitReport(ctx)
}

// waitReport waits until the suite has written its report: a testee need not wait for that.
func (p part) waitReport(ctx context.Context) error {
	return poll(ctx, "complete report in "+p.dir(), nil, func(context.Context) error {
		index, err := autobahn.ReadIndex(p.dir())
		for _, outcomes := range index {
			for id, o := range outcomes {
				text, readErr := os.ReadFile(filepath.Join(p.dir(), o.ReportFile))
				if readErr != nil || !json.Valid(text) {
					err = errors.Join(err, fmt.Errorf("case %s is not written", id))
				}
			}
		}
		return err
	})
}

// knock asks the suite for its page, which says that it accepts connections. A mere connection would not: the proxy of a
// container engine accepts before there is anybody behind it.
func (p part) knock(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr, nil)
	if err != nil {
		return err
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
