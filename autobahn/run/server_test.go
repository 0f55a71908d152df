package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestServerIsStoppedWhateverHappens(t *testing.T) {
	const all = "server, suite 1, stopped, removed"
	tests := []struct {
		name, suite string
		leave       func(p part)
		stopErr     error
		did, want   string
	}{
		{"passes", "testee", leaveReport(t, "1.1.1"), nil, all, ""},
		{"suite-fails", "failed-testee", leaveReport(t, "1.1.1"), nil, all, "the suite failed: exit status 5"},
		{"server-does-not-start", "testee", nil, nil, "server, stopped, removed", "no server"},
		{"server-had-died", "testee", leaveReport(t, "1.1.1"), errors.New("the server ended before"), all, "the server ended before"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := &staged{leave: test.leave, stopErr: test.stopErr}
			j := newJob(t, "server")
			j.venue = v
			t.Setenv(actorEnv, test.suite)
			checkError(t, "runSuite", j.runSuite(t.Context()), test.want)
			if got := strings.Join(v.did, ", "); got != test.did {
				t.Errorf("what was done: %s", got)
			}
			_, err := os.Stat(j.report + "/fuzzingclient-1.json")
			if started := strings.Contains(test.did, "suite"); started != (err == nil) {
				t.Errorf("the suite's configuration: %v", err)
			}
		})
	}
}
