package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The test binary plays the server: actorEnv says how it behaves.
const actorEnv = "BROWSER_TEST_ACTOR"

func TestMain(m *testing.M) {
	switch os.Getenv(actorEnv) {
	case "":
		os.Exit(m.Run())
	case "listens":
		fmt.Println("barewire: listening on http://127.0.0.1:4711/ (ws://127.0.0.1:4711/echo)")
		fmt.Fprintln(os.Stderr, `{"msg":"closed","code":4001,"who":"peer"}`)
		io.Copy(io.Discard, os.Stdin)
	case "stays":
		fmt.Println("barewire: listening on http://127.0.0.1:4711/ (ws://127.0.0.1:4711/echo)")
		time.Sleep(time.Hour) // it is killed long before
	case "fails":
		fmt.Fprintln(os.Stderr, "no such address")
		os.Exit(1)
	}
}

func TestServer(t *testing.T) {
	t.Setenv(actorEnv, "listens")
	s, err := startServer(t.Context(), os.Args[0], "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	if s.addr != "127.0.0.1:4711" {
		t.Errorf("address %q", s.addr)
	}
	checkError(t, s.logs(t.Context(), record{"msg": "closed", "code": 4001}), "")
	s.stop()
	checkError(t, s.logs(t.Context(), record{"code": 4002}), "the server's log has no map[code:4002]: the server has ended")
}

func TestServerThatDoesNotListen(t *testing.T) {
	t.Setenv(actorEnv, "fails")
	_, err := startServer(t.Context(), os.Args[0], "")
	checkError(t, err, `the server does not say where it listens, but ""; log: [map[msg:no such address]]`)
}

func TestTrialsGoOnAfterAFailure(t *testing.T) {
	t.Setenv(actorEnv, "listens")
	var ran []string
	try := func(name string, err error) check {
		return check{name: name, run: func(*trial) { ran = append(ran, name); must(err); ran = append(ran, "passed") }}
	}
	err := runAll(t.Context(), trial{binary: os.Args[0]}, []check{try("first", errors.New("broken")), try("second", nil)})
	checkError(t, err, "1 of 2 checks")
	if got := fmt.Sprint(ran); got != "[first second passed]" {
		t.Errorf("ran %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	interrupt := check{name: "third", run: func(*trial) { cancel() }}
	err = runAll(ctx, trial{binary: os.Args[0]}, []check{interrupt, try("fourth", nil)})
	checkError(t, err, "third: context canceled")
}

func TestStartChromiumTellsWhyItFails(t *testing.T) {
	t.Setenv(actorEnv, "fails")
	_, err := startChromium(t.Context(), os.Args[0], t.TempDir())
	checkError(t, err, os.Args[0]+": it does not say where its DevTools are: the browser has ended\nno such address")
}

func TestLineWriter(t *testing.T) {
	w := &lineWriter{to: newJournal[string]()}
	for _, part := range []string{"one\ntw", "", "o\r\n", "\nthree"} {
		if n, err := io.WriteString(w, part); n != len(part) || err != nil {
			t.Errorf("%q: %d, %v", part, n, err)
		}
	}
	if lines, _, _ := w.to.state(); !slices.Equal(lines, []string{"one", "two", ""}) {
		t.Errorf("lines %q", lines)
	}
}

func TestFindChromium(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	_, err := findChromium("")
	checkError(t, err, "no browser: chromium, chromium-browser, google-chrome not found")
	for _, name := range []string{"google-chrome", "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for named, want := range map[string]string{"": "google-chrome", "mine": "mine"} {
		if path, err := findChromium(named); path != filepath.Join(dir, want) {
			t.Errorf("named %q: found %q, %v", named, path, err)
		}
	}
	_, err = findChromium("other")
	checkError(t, err, "no browser: other not found")
}

func TestServerPauses(t *testing.T) {
	t.Setenv(actorEnv, "stays")
	s, err := startServer(t.Context(), os.Args[0], "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	for range 3 {
		checkError(t, s.pause(), "")
		checkError(t, s.resume(), "")
	}
	s.stop()
	checkError(t, s.pause(), "os: process already finished")
}
