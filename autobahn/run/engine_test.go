package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// playDocker is a container engine without containers: it appends its arguments to a file, and answers from a script,
// "beginning of the arguments = answer" a line. A command without an answer succeeds silently; the answer "fail" fails.
func playDocker(dir string) int {
	args := strings.Join(os.Args[1:], " ")
	calls, err := os.OpenFile(filepath.Join(dir, "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return 9
	}
	fmt.Fprintln(calls, args)
	calls.Close()
	script, err := os.Open(filepath.Join(dir, "script"))
	if err != nil {
		return 9
	}
	defer script.Close()
	for lines := bufio.NewScanner(script); lines.Scan(); {
		begins, answer, _ := strings.Cut(lines.Text(), " = ")
		if strings.HasPrefix(args, begins) {
			fmt.Println(answer)
			if answer == "fail" {
				return 1
			}
			return 0
		}
	}
	return 0
}

// newDocker returns an engine for the role whose program is played by the script.
func newDocker(t *testing.T, role, script string) (e *engine, calls func() string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(actorEnv, "docker")
	t.Setenv(argEnv, dir)
	j := newJob(t, role)
	j.root = "/repo"
	calls = func() string {
		text, _ := os.ReadFile(filepath.Join(dir, "calls"))
		compose := "compose -f " + filepath.Join("/repo", "compose.yaml") + " -p p --profile autobahn "
		return strings.ReplaceAll(string(text), compose, "compose: ")
	}
	return &engine{job: j, program: os.Args[0], project: "p"}, calls
}

const running = "inspect -f {{.State.Running}} = true 0\ninspect -f {{.State.ExitCode}} = 0\n"

func TestEngineRunsTheSuiteAsAServerOnLoopback(t *testing.T) {
	e, calls := newDocker(t, "client", running+"logs = Running test case ID 10.1.1 for\n")
	p := part{report: e.job.report, mode: "fuzzingserver", name: "1", addr: answering(t)}
	suite, err := e.startSuiteServer(t.Context(), p)
	checkError(t, "start", err, "")
	checkError(t, "stop", suite.stop(), "")
	_, port, _ := strings.Cut(p.addr, ":")
	want := "compose: run -d --no-deps --name p-fuzzingserver-1.json --publish 127.0.0.1:" + port + ":" + port +
		" autobahn wstest -m fuzzingserver --webport 0 -s /reports/client/fuzzingserver-1.json\n" +
		"inspect -f {{.State.Running}} {{.State.ExitCode}} p-fuzzingserver-1.json\n" +
		"stop -t 15 p-fuzzingserver-1.json\n" +
		"inspect -f {{.State.ExitCode}} p-fuzzingserver-1.json\n" +
		"logs p-fuzzingserver-1.json\n"
	if got := calls(); got != want {
		t.Errorf("calls are\n%swant\n%s", got, want)
	}
	if p.lastCase() != "10.1.1" {
		t.Errorf("the log was not kept: last case %s", p.lastCase())
	}
}

func TestEngineRunsOurServerForASuiteThatIsAClient(t *testing.T) {
	e, calls := newDocker(t, "server", running+"logs = listening on :8080\n")
	url, server, err := e.startServer(t.Context())
	checkError(t, "start", err, "")
	if url != "ws://p-echo:8080/echo" {
		t.Errorf("the suite is sent to %s", url)
	}
	suite := e.suiteClient(t.Context(), part{mode: "fuzzingclient", name: "2"})
	checkError(t, "suite", suite.Run(), "")
	checkError(t, "stop", server.stop(), "")
	checkError(t, "remove", e.remove(), "")
	for _, want := range []string{
		"compose: run -d --no-deps --name p-echo echo serve -addr :8080 -max-message 16777216 -compress -compress-threshold 0\nlogs p-echo\n",
		"compose: run --rm --no-deps -T --name p-fuzzingclient-2.json autobahn wstest -m fuzzingclient -s /reports/server/fuzzingclient-2.json\n",
		"stop -t 15 p-echo\n",
		"ps -aq --filter label=com.docker.compose.project=p\ncompose: down\n",
	} {
		if got := calls(); !strings.Contains(got, want) {
			t.Errorf("calls lack %q:\n%s", want, got)
		}
	}
}

func TestEngineContainerThatDiesIsAnError(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"half-way", "inspect = false 3\nlogs = last words\n", "p-echo ended before it was asked to: running, exit status: false 3"},
		{"on-the-way-out", "inspect -f {{.State.Running}} = true 0\ninspect = 7\nlogs = last words\n", "p-echo failed on the way out: exit status 7"},
		{"removed", "inspect = fail\n", "inspect -f {{.State.Running}}"},
		{"cannot-be-stopped", "stop = fail\n" + running, "stop -t 15 p-echo"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, _ := newDocker(t, "server", test.script)
			c := &container{engine: e, name: "p-echo", log: filepath.Join(e.job.report, "server.log")}
			checkError(t, "stop", c.stop(), test.want)
		})
	}
}

func TestEnginePreparesOnlyWhatTheRoleNeeds(t *testing.T) {
	for role, want := range map[string]string{
		"server": "compose: pull autobahn\ncompose: build echo\n",
		"client": "compose: pull autobahn\n",
	} {
		e, calls := newDocker(t, role, "")
		checkError(t, "prepare", e.prepare(t.Context()), "")
		if got := calls(); got != want {
			t.Errorf("%s: calls are\n%swant\n%s", role, got, want)
		}
	}
}

func TestEngineRemovesWhatAKilledSuiteLeft(t *testing.T) {
	e, calls := newDocker(t, "client", "ps = one two\n")
	checkError(t, "remove", e.remove(), "")
	if got, want := calls(), "ps -aq --filter label=com.docker.compose.project=p\nrm -f one two\ncompose: down\n"; got != want {
		t.Errorf("calls are\n%swant\n%s", got, want)
	}
}
