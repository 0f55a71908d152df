package autobahn

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Result is a report compared with what was expected.
type Result struct {
	Role     *Role
	Patterns []string // the subset that was asked for; none: everything
	Cases    []string // what had to be there
	Good     map[string]bool
	Missing  []string // expected cases without a result
	Problems []string // every other deviation, one line each

	files fs.FS  // the report
	dir   string // where it is
}

// Judge compares the report in dir with the role's expectations. The patterns choose a subset, for developers.
func Judge(role *Role, dir string, patterns []string) (*Result, error) {
	r, err := judge(role, os.DirFS(dir), dir, patterns)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return r, nil
}

// judge judges the report in files; dir only says where that is.
func judge(role *Role, files fs.FS, dir string, patterns []string) (*Result, error) {
	cases, err := role.Select(patterns)
	if err != nil {
		return nil, err
	}
	index, err := readIndex(files)
	if err != nil {
		return nil, err
	}
	r := &Result{Role: role, Patterns: patterns, Cases: cases, Good: map[string]bool{}, files: files, dir: dir}
	r.judgeAgents(index)
	outcomes := index[role.Agent]
	r.judgeExtras(outcomes)
	for _, id := range cases {
		r.judgeCase(id, outcomes)
	}
	return r, nil
}

func (r *Result) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (r *Result) judgeAgents(index Index) {
	var strangers []string
	for agent := range index {
		if agent != r.Role.Agent {
			strangers = append(strangers, agent)
		}
	}
	slices.Sort(strangers)
	for _, agent := range strangers {
		r.problem("agent %q is in the report, only %q may be", agent, r.Role.Agent)
	}
}

// judgeExtras finds results that nobody expects. In a subset the rest of the known cases may be there.
func (r *Result) judgeExtras(outcomes map[string]Outcome) {
	known := map[string]bool{}
	for _, id := range r.Role.Cases() {
		known[id] = true
	}
	var extra []string
	for id := range outcomes {
		if !known[id] {
			extra = append(extra, id)
		}
	}
	slices.Sort(extra)
	for _, id := range extra {
		r.problem("%s: is in the report, but not in expected.json", id)
	}
}

func (r *Result) judgeCase(id string, outcomes map[string]Outcome) {
	got, ok := outcomes[id]
	if !ok {
		r.Missing = append(r.Missing, id)
		return
	}
	d, err := got.readDetail(r.files, r.Role.Agent, id)
	if err != nil {
		r.problem("%s: %v\n    %s", id, err, got.page(r.dir))
		return
	}
	want := r.Role.Expected(id)
	if got.Behavior != want.Behavior || got.BehaviorClose != want.BehaviorClose {
		r.problem("%s: %s; expected %s\n    the suite wants: %s\n    %s", id, pair(got.Behavior, got.BehaviorClose),
			pair(want.Behavior, want.BehaviorClose), d.sentence(), got.page(r.dir))
		return
	}
	if code := want.RemoteCloseCode; code != nil && (got.RemoteCloseCode == nil || *got.RemoteCloseCode != *code) {
		r.problem("%s: our close code is %s; expected %d\n    %s", id, printCode(got.RemoteCloseCode), *code, got.page(r.dir))
		return
	}
	if bad := d.checkAnswer(want.Answer); bad != "" {
		r.problem("%s: %s\n    %s", id, bad, got.page(r.dir))
		return
	}
	r.Good[id] = true
}

func printCode(code *int) string {
	if code == nil {
		return "missing"
	}
	return fmt.Sprint(*code)
}

// Passed reports whether every case is as expected, and nothing else is in the report.
func (r *Result) Passed() bool {
	return len(r.Cases) > 0 && len(r.Good) == len(r.Cases) && len(r.Problems) == 0 && len(r.Missing) == 0
}

// Print writes a table by category and the deviations.
func (r *Result) Print(w io.Writer) {
	fmt.Fprintf(w, "%-44s %6s %6s %14s %6s\n", "category", "cases", "ok", "informational", "bad")
	for _, c := range r.Role.Categories {
		if n := r.count(c.Cases); n.cases > 0 {
			fmt.Fprintf(w, "%3s %-40s %6d %6d %14d %6d\n", c.ID, c.Title, n.cases, n.ok, n.informational, n.bad)
		}
	}
	for _, p := range r.Problems {
		fmt.Fprintln(w, p)
	}
	if len(r.Missing) > 0 {
		fmt.Fprintf(w, "MISSING, no result for %d: %s\n", len(r.Missing), strings.Join(r.Missing, " "))
	}
}

// Sum is the verdict in one line, for the end of all output. That of a subset looks different from its beginning on.
func (r *Result) Sum() string {
	sum := fmt.Sprintf("%s: %d of %d", r.Role.Name, len(r.Good), len(r.Cases))
	if len(r.Patterns) > 0 {
		sum = fmt.Sprintf("%s, only %s: %d of %d of a suite of %d", r.Role.Name, strings.Join(r.Patterns, " "),
			len(r.Good), len(r.Cases), r.Role.Total)
	}
	if !r.Passed() {
		sum += ": FAILED"
	}
	return sum
}

type counts struct{ cases, ok, informational, bad int }

// count sums up those of the ids that had to be in the report.
func (r *Result) count(ids []string) counts {
	var n counts
	for _, id := range ids {
		switch {
		case !slices.Contains(r.Cases, id):
			continue
		case !r.Good[id]:
			n.bad++
		case r.Role.Expected(id).Behavior == OK:
			n.ok++
		default:
			n.informational++
		}
		n.cases++
	}
	return n
}
