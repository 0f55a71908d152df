package main

import (
	"context"
	"encoding/json"
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
		{"bad-ending", "", "failed on the way out: exit status 7"},
		{"never-listens", "ended before it listened", "ended before it was asked to: exit status 4"},
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

func startActor(t *testing.T, name string) (*server, error) {
	t.Helper()
	addr, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return startServer(t.Context(), actor(context.Background(), name, addr), addr, filepath.Join(t.TempDir(), "log"))
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
	p := part{report: t.TempDir(), name: "1"}
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx, actor(ctx, "hanging-suite", l.Addr().String())) }()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel(context.DeadlineExceeded)
	checkError(t, "run", <-ended, "deadline exceeded; the suite was ended in case 6.4.2")
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the process still holds its connection: %v", err)
	}
}

func TestDealCasesDealsEachOnce(t *testing.T) {
	cases := serverJob(t).cases
	for _, n := range []int{1, 2, 7, 301, 1000} {
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

func serverJob(t *testing.T) *job {
	t.Helper()
	role, err := autobahn.LoadRole("server")
	if err != nil {
		t.Fatal(err)
	}
	return &job{options: options{jobs: 1}, role: role, cases: role.Cases(), report: t.TempDir()}
}

func TestDealWritesTheSuitesConfiguration(t *testing.T) {
	j := serverJob(t)
	parts, err := j.deal("ws://host/echo", "/inside")
	if err != nil || len(parts) != 1 {
		t.Fatalf("deal = %v, %v", parts, err)
	}
	text, err := os.ReadFile(filepath.Join(j.report, parts[0].spec()))
	if err != nil {
		t.Fatal(err)
	}
	var got spec
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := `{/inside/part-1 [{barewire-server ws://host/echo}] [1.* 2.* 3.* 4.* 5.* 6.* 7.* 9.* 10.*] [] map[]}`
	if s := fmt.Sprint(got); s != want {
		t.Errorf("configuration is %s\nwant %s", s, want)
	}
}

func TestMergeMakesOneReport(t *testing.T) {
	report := t.TempDir()
	parts := []part{{report, "1"}, {report, "2"}}
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
	parts := []part{{report, "1"}, {report, "2"}, {report, "3"}}
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
	files := map[string]string{autobahn.IndexName: `{"a": {"` + id + `": {"behavior": "OK", "behaviorClose": "OK"}}}`}
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
	for _, args := range []string{"-j 0", "-deadline 0s", "-deadline x", "6.4.1", "-nope"} {
		if _, err := parse(strings.Fields(args)); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
	opt, err := parse([]string{"-case", "6.4.*,7.1.6", "-j", "2"})
	if err != nil || opt.jobs != 2 || !slices.Equal(opt.patterns, []string{"6.4.*", "7.1.6"}) {
		t.Errorf("parse = %+v, %v", opt, err)
	}
}
