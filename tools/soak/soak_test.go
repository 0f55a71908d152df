package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The test binary plays the server's process: actorEnv says how it behaves.
const actorEnv = "SOAK_TEST_ACTOR"

func TestMain(m *testing.M) {
	if len(os.Args) != 2 || os.Args[1] != serveVerb {
		os.Exit(m.Run())
	}
	switch os.Getenv(actorEnv) {
	case "":
		if err := serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "dies":
		os.Exit(3)
	case "is-nowhere":
		fmt.Println("{}")
		io.Copy(io.Discard, os.Stdin)
	case "dies-later":
		fmt.Println(`{"Addrs":["x"]}`)
		os.Stdin.Read(make([]byte, 1))
		os.Exit(4)
	}
}

// newSoak returns a soak that is fast and small.
func newSoak(t *testing.T) *soak {
	t.Helper()
	server, err := startProcess()
	if err != nil {
		t.Fatal(err)
	}
	p, err := startProxy()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	opt := options{time: 5 * time.Second, conns: 12, seed: 1, pace: 20 * time.Millisecond, patience: time.Minute}
	return &soak{load: load{options: opt, addrs: server.addrs, proxy: p, out: t.Output()}, server: server}
}

// waitAlone waits until what other tests have started has ended: goroutines and descriptors are about to be counted.
func waitAlone(t *testing.T) {
	t.Helper()
	const alone = 2 // the test and who runs it
	for patience := time.Now().Add(time.Minute); runtime.NumGoroutine() > alone; runtime.Gosched() {
		if time.Now().After(patience) {
			t.Fatalf("there are still %d goroutines", runtime.NumGoroutine())
		}
	}
}

func TestSoakEndsAsItBegan(t *testing.T) {
	waitAlone(t)
	var out strings.Builder
	s := newSoak(t)
	s.out = &out
	if err := s.warmUp(); err != nil {
		t.Fatal(err)
	}
	if err := s.keepBusy(); err != nil {
		t.Fatal(err)
	}
	for name, check := range map[string]func() error{"verdict": s.verdict, "settle": s.settle, "server": s.checkServer} {
		if err := check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := strings.Count(out.String(), "soak: after "); n != reports {
		t.Errorf("%d reports:\n%s", n, &out)
	}
	if len(s.samplesOwn) != minSamples || len(s.samplesPeer) != minSamples {
		t.Errorf("%d and %d samples", len(s.samplesOwn), len(s.samplesPeer))
	}
	s.checkNotices(t)
	if err := s.server.stop(); err != nil {
		t.Error(err)
	}
}

// checkNotices has the books of a soak that has gone well be wrong in each place.
func (s *soak) checkNotices(t *testing.T) {
	s.patience = time.Millisecond
	for name, change := range map[string]func(by int){
		"our goroutines":       func(by int) { s.baseOwn.goroutines += by },
		"our descriptors":      func(by int) { s.baseOwn.descriptors += by },
		"server's goroutines":  func(by int) { s.baseServer.goroutines += by },
		"server's descriptors": func(by int) { s.baseServer.descriptors += by },
	} {
		for _, by := range []int{-1, 1} {
			change(by)
			if s.settle() == nil {
				t.Errorf("%s: %d more are not noticed", name, -by)
			}
			change(-by)
		}
	}
	for name, base := range map[string]*usage{"our": &s.baseOwn, "server's": &s.baseServer} {
		base.heap -= 8 << 20
		if err := s.settle(); err == nil || !strings.Contains(err.Error(), "are in use") {
			t.Errorf("%s memory: 8 MiB more give %v", name, err)
		}
		base.heap += 8 << 20
	}
	s.broken.Add(1)
	if err := s.checkServer(); err == nil || !strings.Contains(err.Error(), "broken rules, there were") {
		t.Errorf("an attack that went unnoticed: %v", err)
	}
	s.broken.Add(-1)
}

func TestServerTellsWhatIsOdd(t *testing.T) {
	s := newSoak(t)
	for _, path := range []string{"/echo", "/stream"} {
		slot := newSlot(&s.load)
		conn, err := slot.dial(slot.dialer(), path)
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(t.Context(), 1, []byte(closeCommand+"oops"))
		for _, err = range conn.Messages(t.Context()) {
		}
		if err == nil || !strings.Contains(err.Error(), "1011") {
			t.Errorf("%s: the connection ends with %v", path, err)
		}
	}
	if err := s.checkServer(); err == nil || !strings.Contains(err.Error(), "2 connections ended for other reasons") {
		t.Errorf("the server says %v", err)
	}
	s.server.stop()
}

func TestProcessThatIsNoServerIsRefused(t *testing.T) {
	for actor, want := range map[string]string{"dies": "exit status 3", "is-nowhere": "listens nowhere"} {
		t.Setenv(actorEnv, actor)
		if _, err := startProcess(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", actor, err)
		}
	}
	t.Setenv(actorEnv, "dies-later")
	p, err := startProcess()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.ask(""); err == nil {
		t.Error("a dead server answers")
	}
	if err := p.stop(); err == nil || !strings.Contains(err.Error(), "exit status 4") {
		t.Errorf("a dead server stops: %v", err)
	}
}

// startServe runs the server in this process, and returns its addresses.
func startServe(t *testing.T) []string {
	t.Helper()
	in, asks := io.Pipe()
	answers, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serve(in, out) }()
	var s state
	if err := json.NewDecoder(answers).Decode(&s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		asks.Close()
		if err := <-ended; err != nil {
			t.Errorf("the server ends with %v", err)
		}
	})
	return s.Addrs
}

func newSlot(l *load) *slot {
	return &slot{load: l, n: 17, rng: rand.New(rand.NewPCG(l.seed, 17))}
}

func newLoad(t *testing.T, addrs ...string) *load {
	return &load{options: options{pace: 2 * time.Millisecond, seed: 5, patience: time.Minute}, addrs: addrs, out: t.Output()}
}
