// Package autobahn judges reports of the Autobahn test suite against expected.json.
//
// The suite always exits with 0, also when our end died half way, and lists a case that never ran nowhere. So the
// verdict is made here: every expected case must be in the report with exactly the expected behavior *and*
// behaviorClose, and nothing else may be in it.
package autobahn

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

//go:embed expected.json
var expectedJSON []byte

// OK is what the suite says of both parts of a case that passed strictly.
const OK = "OK"

// Both stands for every role, in the order in which they are run.
const Both = "both"

// Quick stands for the patterns of a subset that takes less than a minute.
const Quick = "quick"

// Role is one of our two ends under test: what must be in its report.
type Role struct {
	Name       string             `json:"-"` // "server" or "client"
	Agent      string             // the suite's name for what it tests; the only one allowed in the report
	Report     string             // where the report is kept, relative to this directory
	Total      int                // how many cases all categories have: a list that lost a line does not load
	Exceptions map[string]Verdict // cases that can't be OK; every other case must be OK twice
	Answers    map[string]string  // by pattern: the extension in the server's handshake; in other cases there must be none
	Categories []Category         `json:"-"` // the same for all roles
	Quick      []string           `json:"-"` // patterns, the same for all roles
}

// Category is a chapter of the suite.
type Category struct {
	ID    string
	Title string
	Cases []string
}

// Verdict is what the suite must say of one case.
type Verdict struct {
	Behavior        string
	BehaviorClose   string
	RemoteCloseCode *int   // when not nil: the close code that we must have sent. For cases that the suite does not judge
	Why             string // why the verdict is not OK
	Answer          string `json:"-"` // the extension that must be agreed on, as Answers has it
}

// LoadRoles reads the expectations of the role "server" or "client", or of Both.
func LoadRoles(choice string) ([]*Role, error) {
	names := []string{choice}
	if choice == Both {
		names = []string{"server", "client"}
	}
	var roles []*Role
	for _, name := range names {
		role, err := parseRole(expectedJSON, name)
		if err != nil {
			return nil, err
		}
		roles = append(roles, role)
	}
	return roles, nil
}

func parseRole(text []byte, name string) (*Role, error) {
	var expected struct {
		Roles      map[string]*Role
		Categories []Category
		Quick      []string
	}
	if err := json.Unmarshal(text, &expected); err != nil {
		return nil, fmt.Errorf("expected.json: %w", err)
	}
	role := expected.Roles[name]
	if role == nil {
		return nil, fmt.Errorf("expected.json: no role %q", name)
	}
	role.Name, role.Categories, role.Quick = name, expected.Categories, expected.Quick
	if err := role.check(); err != nil {
		return nil, fmt.Errorf("expected.json: role %s: %w", name, err)
	}
	return role, nil
}

// check refuses expectations that would gate less than they seem to.
func (r *Role) check() error {
	seen := map[string]bool{}
	for _, id := range r.Cases() {
		if seen[id] {
			return fmt.Errorf("case %s stands twice", id)
		}
		seen[id] = true
	}
	if len(seen) == 0 || len(seen) != r.Total {
		return fmt.Errorf("%d cases are listed, the total says %d", len(seen), r.Total)
	}
	for id, v := range r.Exceptions {
		if !seen[id] || v.Behavior == "" || v.BehaviorClose == "" || v.Why == "" {
			return fmt.Errorf("the exception %s is no listed case, or is not complete", id)
		}
	}
	return r.checkAnswers()
}

// checkAnswers refuses answers of which it is not clear for which cases they are.
func (r *Role) checkAnswers() error {
	of := map[string]string{}
	for pattern, answer := range r.Answers {
		ids, err := r.Select([]string{pattern})
		if err != nil {
			return fmt.Errorf("the answer %q: %w", answer, err)
		}
		for _, id := range ids {
			if answer == "" || of[id] != "" {
				return fmt.Errorf("case %s has two answers, or an empty one", id)
			}
			of[id] = answer
		}
	}
	return nil
}

// Cases returns every case id in the suite's order.
func (r *Role) Cases() []string {
	var ids []string
	for _, c := range r.Categories {
		ids = append(ids, c.Cases...)
	}
	return ids
}

// Expected returns the verdict that the case must get.
func (r *Role) Expected(id string) Verdict {
	v, ok := r.Exceptions[id]
	if !ok {
		v = Verdict{Behavior: OK, BehaviorClose: OK}
	}
	for pattern, answer := range r.Answers {
		if match, _ := path.Match(pattern, id); match {
			v.Answer = answer
		}
	}
	return v
}

// Select returns the cases that any of the patterns matches, all when there are none. "*" stands for anything: "6.*",
// "6.4.1"; Quick for the patterns of the quick subset. A pattern without a match is an error: the suite itself would hang
// on an unknown id.
func (r *Role) Select(patterns []string) ([]string, error) {
	all := r.Cases()
	if len(patterns) == 0 {
		return all, nil
	}
	chosen := map[string]bool{}
	for _, p := range r.expand(patterns) {
		found := false
		for _, id := range all {
			ok, err := path.Match(p, id)
			if err != nil {
				return nil, fmt.Errorf("case pattern %q: %w", p, err)
			}
			if ok {
				chosen[id], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("no case matches %q", p)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("%q stands for no case", patterns)
	}
	return slices.DeleteFunc(all, func(id string) bool { return !chosen[id] }), nil
}

// expand replaces Quick by what it stands for.
func (r *Role) expand(patterns []string) []string {
	var out []string
	for _, p := range patterns {
		if p == Quick {
			out = append(out, r.Quick...)
		} else {
			out = append(out, p)
		}
	}
	return out
}

// SplitPatterns reads a list of patterns as a flag gives it: "6.4.*,7.1.6".
func SplitPatterns(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
