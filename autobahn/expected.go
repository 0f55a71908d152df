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

// Role is one of our two ends under test: what must be in its report.
type Role struct {
	Name       string             `json:"-"` // "server" or "client"
	Agent      string             // the suite's name for what it tests; the only one allowed in the report
	Report     string             // where the report is kept, relative to this directory
	Total      int                // how many cases all categories have: a list that lost a line does not load
	Exceptions map[string]Verdict // cases that can't be OK; every other case must be OK twice
	Categories []Category         `json:"-"` // the same for all roles
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
	}
	if err := json.Unmarshal(text, &expected); err != nil {
		return nil, fmt.Errorf("expected.json: %w", err)
	}
	role := expected.Roles[name]
	if role == nil {
		return nil, fmt.Errorf("expected.json: no role %q", name)
	}
	role.Name, role.Categories = name, expected.Categories
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
	if v, ok := r.Exceptions[id]; ok {
		return v
	}
	return Verdict{Behavior: OK, BehaviorClose: OK}
}

// Select returns the cases that any of the patterns matches, all when there are none. "*" stands for anything: "6.*",
// "6.4.1". A pattern without a match is an error: the suite itself would hang on an unknown id.
func (r *Role) Select(patterns []string) ([]string, error) {
	all := r.Cases()
	if len(patterns) == 0 {
		return all, nil
	}
	chosen := map[string]bool{}
	for _, p := range patterns {
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
	return slices.DeleteFunc(all, func(id string) bool { return !chosen[id] }), nil
}

// SplitPatterns reads a list of patterns as a flag gives it: "6.4.*,7.1.6".
func SplitPatterns(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
