// The test vectors are conversations, written down in testdata/vectors, that
// show what the protocol core does with the bytes that it receives.
//
//	go test -run TestVectors -update
//
// rewrites the text behind the bytes in those files, and nothing else.

package websocket

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var vectorUpdate = flag.Bool("update", false, "rewrite the text behind the bytes in testdata/vectors")

// vectorSources reads all files of vectors.
func vectorSources(tb testing.TB) (sources []*vectorSource) {
	tb.Helper()
	for _, path := range vectorFiles() {
		text, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		src, err := vectorParse(path, text)
		if err != nil {
			tb.Fatal(err)
		}
		sources = append(sources, src)
	}
	if len(sources) == 0 {
		tb.Fatal("there are no vectors")
	}
	return sources
}

// vectorAll returns the vectors of all files.
func vectorAll(tb testing.TB) (all []*vector) {
	tb.Helper()
	for _, src := range vectorSources(tb) {
		all = append(all, src.vectors...)
	}
	return all
}

// Each vector runs whole, line by line, byte by byte and cut at every point,
// through a Receiver and through an Endpoint, as each of its roles.
func TestVectors(t *testing.T) {
	for _, src := range vectorSources(t) {
		if *vectorUpdate {
			src.annotate()
			if err := os.WriteFile(src.path, []byte(strings.Join(src.lines, "\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		t.Run(strings.TrimSuffix(filepath.Base(src.path), ".txt"), func(t *testing.T) {
			for _, v := range src.vectors {
				t.Run(v.name, func(t *testing.T) {
					for _, problem := range v.problems() {
						t.Error(problem)
					}
				})
			}
		})
	}
}

func TestVectorsExplainTheirBytes(t *testing.T) {
	for _, src := range vectorSources(t) {
		before := slices.Clone(src.lines)
		src.annotate()
		for i, line := range before {
			if line != src.lines[i] {
				t.Errorf("%s:%d: is %q, must be %q (-update rewrites it)", src.path, i+1, line, src.lines[i])
			}
		}
	}
}

// problems runs the vector in every way, and returns what went wrong, once for
// each role.
func (v *vector) problems() (problems []string) {
	for _, role := range v.roles {
		script, err := v.bind(role)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s:%d: %s as %s: %v", v.path, v.line, v.name, role, err))
			continue
		}
		for _, run := range script.runs() {
			if problem := script.problem(run); problem != "" {
				problems = append(problems, problem)
				break
			}
		}
		problems = append(problems, script.endings()...)
	}
	return problems
}

// problem runs the script and says what was not as wanted.
func (s vectorScript) problem(run vectorRun) string {
	if run.tail {
		s.steps = append(slices.Clone(s.steps), vectorStep{verb: ">", data: s.tail()})
	}
	line, problem := s.play(run).difference(s.want(run))
	if problem == "" {
		return ""
	}
	if line == 0 {
		line = s.line
	}
	return fmt.Sprintf("%s:%d: %s as %s, %s: %s", s.path, line, s.name, s.role, run, problem)
}

// runs returns every way to run the script.
func (s vectorScript) runs() (runs []vectorRun) {
	n := len(vectorJoin(s.steps, ">"))
	for _, endpoint := range []bool{false, true} {
		runs = append(runs, vectorWholeRuns(vectorRun{endpoint: endpoint}, n)...)
		if n <= vectorLong {
			runs = append(runs, vectorWholeRuns(vectorRun{endpoint: endpoint, eachFrame: true}, n)...)
		}
		for _, k := range vectorCuts(n) {
			runs = append(runs, vectorRun{
				name: fmt.Sprintf("cut at %d", k), endpoint: endpoint,
				cut: func(pos int) bool { return pos == k },
			})
		}
		if s.over() {
			runs = append(runs, vectorRun{name: "with a message and a ping behind it", endpoint: endpoint, tail: true})
		}
	}
	return runs
}

// vectorWholeRuns returns the ways that do not depend on a place in the input,
// which is n bytes long.
func vectorWholeRuns(run vectorRun, n int) []vectorRun {
	whole, byLine, pieces := run, run, run
	whole.name = "whole"
	byLine.name, byLine.byLine = "line by line", true
	pieces.name, pieces.byLine, pieces.cut = "byte by byte", true, func(int) bool { return true }
	if n > vectorFlood {
		pieces.name, pieces.cut = "in pieces of 13 bytes", func(pos int) bool { return pos%13 == 0 }
	}
	return []vectorRun{whole, byLine, pieces}
}

// Inputs of more bytes than these are run in fewer ways.
const (
	vectorLong  = 2048
	vectorFlood = 100_000
)

// vectorCuts returns the places where an input of n bytes is cut in two: all,
// or, in a long one, some.
func vectorCuts(n int) (cuts []int) {
	first, further := n, 0
	switch {
	case n > vectorFlood:
		first, further = 0, 1
	case n > vectorLong:
		first, further = 20, 5
	}
	for k := 1; k < n && k <= first; k++ {
		cuts = append(cuts, k)
	}
	for i := range further {
		cuts = append(cuts, first+(n-first)*(i+1)/(further+1))
	}
	return cuts
}

// over reports whether the script ends with the connection failed or closed by
// the peer, so that nothing behind it may have an effect.
func (s vectorScript) over() bool {
	over := false
	for _, step := range s.steps {
		if step.verb == "eof" {
			return false
		}
		over = over || step.verb == "break" || step.verb == "event" && strings.HasPrefix(step.what, "CLOSE")
	}
	return over
}

// tail is a valid message and a valid ping.
func (s vectorScript) tail() []byte {
	stream := []byte("\x81\x05Hello\x89\x00")
	if s.role == RoleServer {
		stream, _, _ = vectorMask(stream)
	}
	return stream
}

// endings ends the input at every place: whatever came before is the beginning
// of what comes of the whole, and the connection is lost unless it had failed or
// both had sent a Close (§7.1.5).
func (s vectorScript) endings() (problems []string) {
	if slices.ContainsFunc(s.steps, func(step vectorStep) bool { return step.verb == "send" || step.verb == "eof" }) {
		return nil
	}
	run := vectorRun{endpoint: true}
	whole := s.play(run).heard()
	stream := vectorJoin(s.steps, ">")
	for _, k := range append(vectorCuts(len(stream)), 0, len(stream)) {
		p := newVectorPlayer(s, run)
		p.pending = append(p.pending, stream[:k]...)
		p.flush()
		heard, want := p.log.heard(), "lost"
		if n := len(heard); n > 0 && (strings.HasPrefix(heard[n-1].what, "break") || strings.HasPrefix(heard[n-1].what, "event CLOSE")) {
			want = "clean"
		}
		_, problem := heard.difference(whole[:min(len(whole), len(heard))])
		if got := vectorEOF(p.endpoint); got != want {
			problem += " the end of input is " + got
		}
		if problem != "" {
			return []string{fmt.Sprintf("%s:%d: %s as %s, ended at %d: %s", s.path, s.line, s.name, s.role, k, problem)}
		}
	}
	return nil
}

// heard returns the events and the broken rule.
func (l vectorLog) heard() (heard vectorLog) {
	for _, e := range l {
		if strings.HasPrefix(e.what, "event") || strings.HasPrefix(e.what, "break") {
			heard = append(heard, e)
		}
	}
	return heard
}
