package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// doctored is our client with reports that are not what it saw.
type doctored struct {
	ourClient
	doctor func(*report) error
}

func (d doctored) dial(ctx context.Context, j job) (report, error) {
	r, err := d.ourClient.dial(ctx, j)
	if err == nil {
		err = d.doctor(&r)
	}
	return r, err
}

// ourselves is a peer that is made of our client.
var ourselves = peer{name: "ours", sends: 8}

// runOurselves has our client and our server make all checks of a mode.
func runOurselves(t *testing.T, mode string, doctor func(*report) error) (w *world, out string) {
	t.Helper()
	s := suiteOfOurselves(t, ourselves.checks(server, mode))
	s.mode, s.dialer = mode, doctored{doctor: doctor}
	var text bytes.Buffer
	w = &world{out: &text}
	w.runSuite(t.Context(), s)
	return w, text.String()
}

func suiteOfOurselves(t *testing.T, checks []check) suite {
	t.Helper()
	id, err := newIdentity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	servers, err := startOurServers(id, checks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servers.stop)
	return suite{
		name: "ours", mode: "plain", ours: server, about: "self", checks: checks,
		dialer: ourClient{}, listener: servers, authority: id.authority,
	}
}

// Our two sides, each judged like a peer: only the payload of our own ping is not that of the job.
func TestSuitePassesBetweenOurselves(t *testing.T) {
	for mode, n := range map[string]int{"plain": 35, "compressed": 54} {
		w, out := runOurselves(t, mode, func(*report) error { return nil })
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if len(lines) != 2 || !strings.HasPrefix(lines[0], "interop: FAILED: ours, "+mode+": ping: payload of the ping") ||
			lines[1] != fmt.Sprintf("interop: FAILED: ours, %s (self): %d of %d checks", mode, n-1, n) {
			t.Error(out)
		}
		if w.checks != n || w.failed != 1 {
			t.Errorf("%d of %d failed", w.failed, w.checks)
		}
	}
}

func TestSuiteFailsWithDoctoredReports(t *testing.T) {
	w, out := runOurselves(t, "plain", func(r *report) error {
		if r.Name == "text-126" {
			r.Received[0].Data[100] ^= 1
		}
		return nil
	})
	const want = "interop: FAILED: ours, plain: text-126: message that the client received: want text of 126 bytes"
	if !strings.Contains(out, want) || w.failed != 2 {
		t.Errorf("%d failed: %s", w.failed, out)
	}
}

func TestSuiteEndsWhenThePeerIsLost(t *testing.T) {
	w, out := runOurselves(t, "plain", func(r *report) error {
		if r.Name == "text-125" {
			return fmt.Errorf("%w\n: it has ended", errLost)
		}
		return nil
	})
	const want = "interop: FAILED: ours, plain: text-125: the client: the peer is lost | : it has ended\n" +
		"interop: FAILED: ours, plain: 32 more checks could not be made\n" +
		"interop: FAILED: ours, plain (self): 2 of 35 checks\n"
	if out != want || w.failed != 33 {
		t.Errorf("%d failed: %s", w.failed, out)
	}
}

func TestMissingProgramsAreAnError(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, skip := range []bool{false, true} {
		ready, err := prepare(t.Context(), skip)
		want := "peer ws: node, npm: not installed\npeer python: python3: not installed\npeer zlib: python3: not installed"
		if skip {
			want = ""
		}
		checkError(t, err, want)
		if len(ready) > 0 {
			t.Errorf("ready: %v", ready)
		}
	}
}

func TestArguments(t *testing.T) {
	opt, err := parse(nil, io.Discard)
	if err != nil || opt != (options{deadline: 2 * time.Minute}) {
		t.Errorf("options %+v, %v", opt, err)
	}
	if opt, err = parse([]string{"-missing=skip", "-deadline=1s"}, io.Discard); err != nil || !opt.skipMissing || opt.deadline != time.Second {
		t.Errorf("options %+v, %v", opt, err)
	}
	for _, arg := range []string{"-missing=perhaps", "-deadline=0s", "word"} {
		if _, err := parse([]string{arg}, io.Discard); err == nil {
			t.Errorf("%s was taken", arg)
		}
	}
}
