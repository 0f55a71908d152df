package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The test binary plays the peer: actorEnv says how it behaves.
const actorEnv = "INTEROP_TEST_ACTOR"

const testGreeting = `{"version":"1","runtime":"r 2","ports":{"ws":4711}}`

func TestMain(m *testing.M) {
	in := bufio.NewScanner(os.Stdin)
	switch os.Getenv(actorEnv) {
	case "":
		os.Exit(m.Run())
	case "reports":
		for fmt.Println(testGreeting); in.Scan(); {
			fmt.Println(`{"name":"other","opened":true}`)
			fmt.Println(`{"name":"text-1","opened":true,"received":[{"type":"text","data":"YQ=="}],"close":{"code":1000,"first":"self"}}`)
		}
	case "dies":
		fmt.Println(testGreeting)
		in.Scan()
		fmt.Fprintln(os.Stderr, "no such thing")
		os.Exit(3)
	case "babbles":
		for fmt.Println(testGreeting); in.Scan(); {
			fmt.Println("well …")
		}
	case "fails":
		fmt.Fprintln(os.Stderr, "no module")
		os.Exit(1)
	case "stammers":
		fmt.Print(testGreeting[:9])
		os.Exit(2)
	case "chats":
		for fmt.Println("hello"); in.Scan(); {
		}
	case "is-killed":
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			self.Kill()
		}
		in.Scan()
	}
}

func startActor(t *testing.T, name string) (*process, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), actorEnv+"="+name)
	return startProcess(cmd, "1")
}

func TestProcessReports(t *testing.T) {
	p, err := startActor(t, "reports")
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	if base := p.base(check{}); base != "ws://127.0.0.1:4711" || p.Runtime != "r 2" {
		t.Errorf("greeting %+v, base %q", p.greeting, base)
	}
	r, err := p.dial(t.Context(), job{Name: "text-1"})
	if err != nil || string(r.Received[0].Data) != "a" || *r.Close != (ending{1000, "", "self"}) {
		t.Errorf("report %+v, %v", r, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.dial(ended, job{Name: "text-2"})
	checkError(t, err, "no report: context canceled")
	p.stop()
	_, err = p.report(t.Context(), "text-3")
	checkError(t, err, "the peer is lost: it has ended (exit status 0)")
}

func TestProcessThatIsLost(t *testing.T) {
	for actor, want := range map[string]string{
		"dies":    "the peer is lost: it has ended (exit status 3): standard error: no such thing",
		"babbles": "the peer is lost: it says something else than reports: invalid character 'w'",
	} {
		p, err := startActor(t, actor)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.dial(t.Context(), job{Name: "text-1"})
		checkError(t, err, want)
		p.stop()
	}
}

func TestProcessThatDoesNotGreet(t *testing.T) {
	const silent = "; it wrote nothing to standard error"
	for actor, want := range map[string]string{
		"fails":     `the peer ended without a greeting (exit status 1), after it said ""; standard error: no module`,
		"stammers":  `the peer ended without a greeting (exit status 2), after it said "{\"version"` + silent,
		"is-killed": `the peer ended without a greeting (signal: killed), after it said ""` + silent,
		"chats":     `the peer does not greet, but says "hello"` + silent,
	} {
		_, err := startActor(t, actor)
		checkError(t, err, want)
	}
	_, err := parseGreeting(testGreeting, "2")
	checkError(t, err, `the peer has version "1", not "2"`)
}

func TestMailboxRefusesTwoReportsOfOneName(t *testing.T) {
	m := newMailbox()
	m.put(report{Name: "a"})
	m.put(report{Name: "a"})
	r, err := m.take(t.Context(), "a")
	if err != nil || r.Error == "" {
		t.Errorf("report %+v, %v", r, err)
	}
}

// checkError wants an error that begins with want, or none.
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}
