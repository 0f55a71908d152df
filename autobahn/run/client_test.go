package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"barewire.example/websocket/autobahn"
)

// playTestee says on standard error, which is its log, what it was told to do.
func playTestee(string) int {
	for _, name := range []string{"AUTOBAHN_URL", "AUTOBAHN_AGENT", "AUTOBAHN_CASES"} {
		os.Stderr.WriteString(os.Getenv(name) + "\n")
	}
	return 0
}

// staged is a venue without suite and server: it writes what a suite would leave, and what was asked of it.
type staged struct {
	leave   func(p part)
	stopErr error
	did     []string
}

func (s *staged) startSuiteServer(_ context.Context, p part) (stopper, error) {
	s.did = append(s.did, "suite "+p.name)
	if s.leave == nil {
		return s, errors.New("no suite")
	}
	s.leave(p)
	return s, nil
}

func (s *staged) startServer(context.Context) (string, stopper, error) {
	s.did = append(s.did, "server")
	if s.leave == nil {
		return "", s, errors.New("no server")
	}
	return "ws://host/echo", s, nil
}

func (s *staged) suiteClient(ctx context.Context, p part) *exec.Cmd {
	s.did = append(s.did, "suite "+p.name)
	s.leave(p)
	return exec.CommandContext(ctx, os.Args[0])
}

func (s *staged) stop() error {
	s.did = append(s.did, "stopped")
	return s.stopErr
}

func (s *staged) remove() error {
	s.did = append(s.did, "removed")
	return nil
}

func (s *staged) inside() string { return "/inside" }

// leaveReport writes the report of a suite in which one case ran, and its log.
func leaveReport(t *testing.T, id string) func(p part) {
	return func(p part) {
		writePart(t, p, id, "a.json")
		log := []byte("Running test case ID " + id + " for agent a from peer b\n")
		err := os.WriteFile(p.log(), log, 0o644)
		if err = errors.Join(err, os.WriteFile(filepath.Join(p.dir(), "a.json"), []byte("{}"), 0o644)); err != nil {
			t.Error(err)
		}
	}
}

func TestClientTesteeIsDrivenAndTheSuiteStopped(t *testing.T) {
	tests := []struct {
		name, testee string
		leave        func(t *testing.T) func(p part)
		stopErr      error
		want         string
	}{
		{"passes", "testee", func(t *testing.T) func(p part) { return leaveReport(t, "1.1.1") }, nil, ""},
		{"testee-fails", "failed-testee", func(t *testing.T) func(p part) { return leaveReport(t, "6.4.2") }, nil,
			"the testee failed: exit status 5"},
		{"testee-fails-in-a-case", "failed-testee", func(t *testing.T) func(p part) { return leaveReport(t, "6.4.2") }, nil,
			"; the last case begun: 6.4.2"},
		{"suite-does-not-start", "testee", func(*testing.T) func(p part) { return nil }, nil, "no suite"},
		{"suite-had-died", "testee", func(t *testing.T) func(p part) { return leaveReport(t, "1.1.1") },
			errors.New("the suite ended before"), "the suite ended before; the last case begun: 1.1.1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := &staged{leave: test.leave(t), stopErr: test.stopErr}
			j := newJob(t, "client")
			j.venue, j.testee = v, os.Args[0]
			t.Setenv(actorEnv, test.testee)
			checkError(t, "runSuite", j.runSuite(t.Context()), test.want)
			if got := strings.Join(v.did, ", "); got != "suite 1, stopped, removed" {
				t.Errorf("what was done: %s", got)
			}
		})
	}
}

func TestClientTesteeIsToldWhereTheSuiteListens(t *testing.T) {
	j := newJob(t, "client")
	j.venue, j.testee = &staged{leave: leaveReport(t, "1.1.1")}, os.Args[0]
	t.Setenv(actorEnv, "testee")
	t.Setenv("AUTOBAHN_CASES", "7") // the suite is to be asked, whatever the caller's shell says
	if err := j.runSuite(t.Context()); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(j.report, "fuzzingserver-1.json"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(j.report, "testee-1.log"))
	told := strings.Split(string(log), "\n")
	if err != nil || len(told) != 4 || told[1] != "barewire-client" || told[2] != "" {
		t.Fatalf("the testee was told %q, %v", log, err)
	}
	if !strings.Contains(string(config), `"url": "`+told[0]+`"`) {
		t.Errorf("the testee connects to %s, the suite is configured with\n%s", told[0], config)
	}
}

func TestClientRunsASuiteForEachPart(t *testing.T) {
	j := newJob(t, "client")
	j.jobs = 2
	for _, test := range []struct{ patterns, first, others, second string }{
		{"", "*", "1.1.2 1.1.3", "1.1.2 1.1.3"}, // the first takes also what is new
		{"1.*", "1.1.1 1.1.4", "", "1.1.2 1.1.3"},
	} {
		j.patterns, j.cases = autobahn.SplitPatterns(test.patterns), []string{"1.1.1", "1.1.2", "1.1.3", "1.1.4"}
		parts := j.deal("fuzzingserver")
		if len(parts) != 2 || strings.Join(parts[0].cases, " ") != test.first || strings.Join(parts[0].others, " ") != test.others ||
			strings.Join(parts[1].cases, " ") != test.second || len(parts[1].others) > 0 {
			t.Errorf("%q: parts are %+v", test.patterns, parts)
		}
	}
	addrs, err := freeAddrs(2)
	if err != nil || addrs[0] == addrs[1] {
		t.Errorf("addresses are %v, %v", addrs, err)
	}
}

func TestWaitReportWaitsForTheLastFile(t *testing.T) {
	p := part{report: t.TempDir(), name: "1"}
	if err := os.MkdirAll(p.dir(), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	steps := []struct{ file, text, want string }{
		{autobahn.IndexName, `{"a": {"1.1.1": {"repor`, "no complete report"},
		{autobahn.IndexName, `{"a": {"1.1.1": {"reportfile": "a.json"}}}`, "case 1.1.1 is not written"},
		{"a.json", `{"id": "1.1`, "case 1.1.1 is not written"},
		{"a.json", `{"id": "1.1.1"}`, ""},
	}
	for _, step := range steps {
		if err := os.WriteFile(filepath.Join(p.dir(), step.file), []byte(step.text), 0o644); err != nil {
			t.Fatal(err)
		}
		checkError(t, step.file+" "+step.text, p.waitReport(ctx), step.want)
	}
}

// answering returns the address of something that answers like a suite that listens.
func answering(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestKnockWantsAnAnswerNotOnlyAConnection(t *testing.T) {
	if err := (part{addr: answering(t)}).knock(t.Context()); err != nil {
		t.Errorf("something that answers: %v", err)
	}
	l := listen("127.0.0.1:0")
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Close()
		}
	}()
	if err := (part{addr: l.Addr().String()}).knock(t.Context()); err == nil {
		t.Error("something that only accepts is taken for a suite")
	}
}

func TestLocalSuiteThatDiesIsNotWaitedFor(t *testing.T) {
	addrs, err := freeAddrs(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(actorEnv, "never-listens")
	l := &local{wstest: os.Args[0]}
	suite, err := l.startSuiteServer(t.Context(), part{report: t.TempDir(), mode: "fuzzingserver", name: "1", addr: addrs[0]})
	checkError(t, "start", err, "no suite on "+addrs[0]+": the process ended")
	checkError(t, "stop", suite.stop(), "the suite ended before it was asked to: exit status 4")
}

func TestLocalSuiteIsTheOneThatWasInstalled(t *testing.T) {
	l := &local{wstest: "/venv/wstest"}
	p := part{report: "/report", mode: "fuzzingclient", name: "2"}
	want := "/venv/wstest -m fuzzingclient -s " + filepath.Join("/report", "fuzzingclient-2.json")
	if cmd := l.suiteClient(t.Context(), p); strings.Join(cmd.Args, " ") != want || !hasUnbuffered(cmd) {
		t.Errorf("suite is %q, want %q", cmd.Args, want)
	}
}

func hasUnbuffered(cmd *exec.Cmd) bool {
	return strings.Contains(strings.Join(cmd.Env, "\n"), "PYTHONUNBUFFERED=1")
}
