package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"barewire.example/websocket/autobahn"
)

// The test binary plays the processes that are supervised: actorEnv says which, argEnv where.
const (
	actorEnv = "AUTOBAHN_RUN_TEST_ACTOR"
	argEnv   = "AUTOBAHN_RUN_TEST_ARG"
)

func TestMain(m *testing.M) {
	act, ok := actors[os.Getenv(actorEnv)]
	if !ok {
		// The race detector has every process sleep for a second when it ends.
		os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
		os.Exit(m.Run())
	}
	os.Exit(act(os.Getenv(argEnv)))
}

var actors = map[string]func(addr string) int{
	"server": func(addr string) int {
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		listen(addr)
		<-interrupted
		return 0
	},
	"bad-ending": func(addr string) int {
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		listen(addr)
		<-interrupted
		return 7
	},
	"dies-half-way": func(addr string) int {
		listen(addr).Accept()
		return 3
	},
	"never-listens": func(string) int { return 4 },
	// A suite that hangs in a case; the connection tells the test when it does.
	"hanging-suite": func(addr string) int {
		fmt.Println("Running test case ID 6.4.1 for agent a from peer b")
		fmt.Println("Running test case ID 6.4.2 for agent a from peer b")
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return 1
		}
		c.Read(make([]byte, 1))
		return 0
	},
	"testee":        playTestee,
	"failed-testee": func(string) int { return 5 },
	"docker":        playDocker,
}

func listen(addr string) net.Listener {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		panic(err)
	}
	return l
}

func actor(ctx context.Context, name, arg string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), actorEnv+"="+name, argEnv+"="+arg)
	return cmd
}

func TestServerIsSupervised(t *testing.T) {
	tests := []struct{ actor, startErr, stopErr string }{
		{"server", "", ""},
		{"bad-ending", "", "the server failed on the way out: exit status 7"},
		{"never-listens", "no server on 127.0.0.1", "the server ended before it was asked to: exit status 4"},
	}
	for _, test := range tests {
		t.Run(test.actor, func(t *testing.T) {
			s, err := startActor(t, test.actor)
			checkError(t, "start", err, test.startErr)
			checkError(t, "stop", s.stop(), test.stopErr)
		})
	}
}

func TestServerThatDiesHalfWayIsAnError(t *testing.T) {
	s, err := startActor(t, "dies-half-way")
	checkError(t, "start", err, "")
	<-s.done
	checkError(t, "stop", s.stop(), "ended before it was asked to: exit status 3")
}

func startActor(t *testing.T, name string) (*process, error) {
	t.Helper()
	addrs, err := freeAddrs(1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := start("server", actor(context.Background(), name, addrs[0]), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	return p, p.waitAccept(t.Context(), addrs[0])
}

func checkError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if want == "" && err == nil {
		return
	}
	if want == "" || err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: error %v, want %q", what, err, want)
	}
}

func TestSuiteIsKilledWhenItsTimeIsUp(t *testing.T) {
	l := listen("127.0.0.1:0")
	defer l.Close()
	p := part{report: t.TempDir(), mode: "fuzzingclient", name: "1"}
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		suite := actor(ctx, "hanging-suite", l.Addr().String())
		ended <- p.blame(p.run(ctx, "suite", suite, p.log()))
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel(context.DeadlineExceeded)
	checkError(t, "run", <-ended, "deadline exceeded, so the suite was ended; the last case begun: 6.4.2")
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the process still holds its connection: %v", err)
	}
}

func TestDealCasesDealsEachOnce(t *testing.T) {
	cases := newJob(t, "server").cases
	for _, n := range []int{1, 2, 7, 517, 1000} {
		var dealt []string
		for _, hand := range dealCases(cases, n) {
			if len(hand) == 0 {
				t.Errorf("%d hands: one is empty", n)
			}
			dealt = append(dealt, hand...)
		}
		slices.Sort(dealt)
		want := slices.Sorted(slices.Values(cases))
		if !slices.Equal(dealt, want) {
			t.Errorf("%d hands: dealt %d cases, want each of %d once", n, len(dealt), len(want))
		}
	}
}

func newJob(t *testing.T, role string) *job {
	t.Helper()
	roles, err := autobahn.LoadRoles(role)
	if err != nil {
		t.Fatal(err)
	}
	return &job{options: options{jobs: 1, deadline: patience}, role: roles[0], cases: roles[0].Cases(), report: t.TempDir()}
}

func TestConfigureWritesTheSuitesConfiguration(t *testing.T) {
	const all = `"cases":["*"],"exclude-cases":[],"exclude-agent-cases":{}`
	tests := []struct {
		mode string
		spec spec
		want string
	}{
		{"fuzzingclient", spec{Servers: []target{{Agent: "barewire-server", URL: "ws://host/echo"}}},
			`{"outdir":"/inside/part-1","servers":[{"agent":"barewire-server","url":"ws://host/echo"}],` + all + `}`},
		{"fuzzingserver", spec{URL: "ws://127.0.0.1:9001"},
			`{"outdir":"/inside/part-1","url":"ws://127.0.0.1:9001",` + all + `}`},
	}
	for _, test := range tests {
		t.Run(test.mode, func(t *testing.T) {
			parts := newJob(t, "server").deal(test.mode)
			if len(parts) != 1 {
				t.Fatalf("%d parts", len(parts))
			}
			if err := parts[0].configure("/inside", test.spec); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(parts[0].report, test.mode+"-1.json"))
			var got bytes.Buffer
			if err := errors.Join(err, json.Compact(&got, text)); err != nil || got.String() != test.want {
				t.Errorf("configuration is %s, %v\nwant %s", got.String(), err, test.want)
			}
		})
	}
}

func TestConfigureKeepsWhatAnotherPartHasOut(t *testing.T) {
	p := part{report: t.TempDir(), mode: "fuzzingserver", name: "1", cases: []string{"*"}, others: []string{"1.1.2", "1.1.3"}}
	if err := p.configure("/inside", spec{}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(p.report, p.spec()))
	var got spec
	if err := errors.Join(err, json.Unmarshal(text, &got)); err != nil || !slices.Equal(got.Exclude, p.others) || !slices.Equal(got.Cases, p.cases) {
		t.Errorf("configuration is %s, %v", text, err)
	}
}

func TestMergeMakesOneReport(t *testing.T) {
	report := t.TempDir()
	parts := []part{{report: report, name: "1"}, {report: report, name: "2"}}
	writePart(t, parts[0], "1.1.1", "index.html", "a_case_1_1_1.html")
	writePart(t, parts[1], "1.1.2", "index.html", "a_case_1_1_2.html")
	if err := merge(report, parts); err != nil {
		t.Fatal(err)
	}
	index, err := autobahn.ReadIndex(report)
	if err != nil || len(index["a"]) != 2 || index["a"]["1.1.2"].Behavior != autobahn.OK {
		t.Errorf("index %v, %v", index, err)
	}
	files, _ := filepath.Glob(filepath.Join(report, "*"))
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	want := []string{"a_case_1_1_1.html", "a_case_1_1_2.html", "index-1.html", "index-2.html", "index.json"}
	if !slices.Equal(files, want) {
		t.Errorf("files %v, want %v", files, want)
	}
}

func TestMergeRefusesPartsThatAreNotWhole(t *testing.T) {
	report := t.TempDir()
	parts := []part{{report: report, name: "1"}, {report: report, name: "2"}, {report: report, name: "3"}}
	writePart(t, parts[0], "1.1.1")
	writePart(t, parts[1], "1.1.1")
	if err := os.MkdirAll(parts[2].dir(), 0o755); err != nil {
		t.Fatal(err)
	}
	err := merge(report, parts)
	checkError(t, "merge", err, "two parts report case 1.1.1")
	checkError(t, "merge", err, "the suite wrote no index (see "+parts[2].log())
}

// writePart writes what one suite process leaves that ran one case.
func writePart(t *testing.T, p part, id string, pages ...string) {
	t.Helper()
	if err := os.MkdirAll(p.dir(), 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{autobahn.IndexName: `{"a": {"` + id + `": {"behavior": "OK", "behaviorClose": "OK", "reportfile": "a.json"}}}`}
	for _, page := range pages {
		files[page] = "page"
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(p.dir(), name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestParseRefusesBadArguments(t *testing.T) {
	for _, args := range []string{"-j 0", "-deadline 0s", "-deadline x", "6.4.1", "-nope", "-role client -server x", "-role server -testee x"} {
		if _, err := parse(strings.Fields(args)); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
	opt, err := parse([]string{"-case", "6.4.*,7.1.6", "-j", "2"})
	if err != nil || opt.role != autobahn.Both || opt.jobs != 2 || !slices.Equal(opt.patterns, []string{"6.4.*", "7.1.6"}) {
		t.Errorf("parse = %+v, %v", opt, err)
	}
}
