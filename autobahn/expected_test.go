package autobahn

import (
	"slices"
	"strings"
	"testing"
)

// eachRole runs a subtest for every role of expected.json.
func eachRole(t *testing.T, test func(t *testing.T, role *Role)) {
	t.Helper()
	roles, err := LoadRoles(Both)
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range roles {
		t.Run(role.Name, func(t *testing.T) { test(t, role) })
	}
}

func serverRole(t *testing.T) *Role {
	t.Helper()
	roles, err := LoadRoles("server")
	if err != nil {
		t.Fatal(err)
	}
	return roles[0]
}

func TestLoadRolesLoadsServerThenClient(t *testing.T) {
	for choice, want := range map[string]string{
		"server": "server barewire-server reports/server\n",
		"client": "client barewire-client reports/client\n",
		Both:     "server barewire-server reports/server\nclient barewire-client reports/client\n",
	} {
		roles, err := LoadRoles(choice)
		got := ""
		for _, r := range roles {
			got += r.Name + " " + r.Agent + " " + r.Report + "\n"
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", choice, got, err, want)
		}
	}
	if _, err := LoadRoles("proxy"); err == nil || !strings.Contains(err.Error(), `no role "proxy"`) {
		t.Errorf("an unknown role: %v", err)
	}
}

func TestLoadRolesGatesEverything(t *testing.T) {
	eachRole(t, func(t *testing.T, role *Role) {
		want := map[string]int{"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1,
			"12": 5 * 18, "13": 7 * 18}
		for _, c := range role.Categories {
			if len(c.Cases) != want[c.ID] {
				t.Errorf("category %s has %d cases, want %d", c.ID, len(c.Cases), want[c.ID])
			}
			for _, id := range c.Cases {
				if !strings.HasPrefix(id, c.ID+".") {
					t.Errorf("case %s stands in category %s", id, c.ID)
				}
			}
			delete(want, c.ID)
		}
		if len(want) > 0 || len(role.Cases()) != 517 {
			t.Errorf("%d cases; categories left out: %v", len(role.Cases()), want)
		}
	})
}

func TestLoadRolesExcuseNothingThatTheSuiteJudges(t *testing.T) {
	eachRole(t, func(t *testing.T, role *Role) {
		var excused []string
		for id, v := range role.Exceptions {
			excused = append(excused, id)
			if v.Behavior != "INFORMATIONAL" || v.BehaviorClose != "INFORMATIONAL" || v.RemoteCloseCode == nil {
				t.Errorf("%s is expected to be %+v", id, v)
			}
		}
		slices.Sort(excused)
		if want := []string{"7.1.6", "7.13.1", "7.13.2"}; !slices.Equal(excused, want) {
			t.Errorf("exceptions are %v, want %v", excused, want)
		}
	})
}

// The suite's names for the parameters of a group of 13 do not bind it: what it calls OK must have been agreed on. 13.7 offers
// three sets, of which the first is that of 13.5.
func TestLoadRolesWantsTheParametersOfEachGroup(t *testing.T) {
	const deflate = "permessage-deflate"
	parameters := map[string][]string{"server": {"server_no_context_takeover", "server_max_window_bits"},
		"client": {"client_no_context_takeover", "client_max_window_bits"}}
	groups := map[string]struct{ alone, bits string }{"12.1": {}, "12.5": {}, "13.1": {}, "13.2": {"alone", ""}, "13.3": {"", "9"},
		"13.4": {"", "15"}, "13.5": {"alone", "9"}, "13.6": {"alone", "15"}, "13.7": {"alone", "9"}}
	eachRole(t, func(t *testing.T, role *Role) {
		for group, want := range groups {
			for _, id := range []string{group + ".1", group + ".18"} {
				answer := role.Expected(id).Answer
				alone := strings.Contains(answer, "; "+parameters[role.Name][0])
				_, bits, _ := strings.Cut(answer, "; "+parameters[role.Name][1]+"=")
				if !strings.HasPrefix(answer, deflate) || alone != (want.alone != "") || bits != want.bits {
					t.Errorf("%s: expected to agree on %q", id, answer)
				}
			}
		}
		for _, id := range role.Cases() {
			compressed := strings.HasPrefix(id, "12.") || strings.HasPrefix(id, "13.")
			if answer := role.Expected(id).Answer; compressed != (answer != "") {
				t.Errorf("%s: expected to agree on %q", id, answer)
			}
		}
	})
}

func TestQuickHasTwoSizesOfEachGroupAndAllElse(t *testing.T) {
	eachRole(t, func(t *testing.T, role *Role) {
		var want []string
		for _, c := range role.Categories {
			for _, id := range c.Cases {
				size := id[strings.LastIndex(id, ".")+1:]
				if c.ID != "12" && c.ID != "13" || size == "1" || size == "2" {
					want = append(want, id)
				}
			}
		}
		got, err := role.Select([]string{Quick})
		if err != nil || len(got) != 325 || !slices.Equal(got, want) {
			t.Errorf("%d cases, %v: %v", len(got), err, got)
		}
	})
}

func TestParseRoleRefusesExpectationsThatGateLess(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no-role", `{"roles": {"client": {}}, "categories": [{"cases": ["1.1"]}]}`, `no role "server"`},
		{"no-cases", `{"roles": {"server": {}}}`, "0 cases are listed"},
		{"case-deleted", `{"roles": {"server": {"total": 2}}, "categories": [{"cases": ["1.1"]}]}`, "1 cases are listed, the total says 2"},
		{"case-twice", `{"roles": {"server": {"total": 2}}, "categories": [{"cases": ["1.1", "1.1"]}]}`, "case 1.1 stands twice"},
		{"exception-unknown", `{"categories": [{"cases": ["1.1"]}], "roles": {"server": {"total": 1,
			"exceptions": {"1.2": {"behavior": "OK", "behaviorClose": "OK", "why": "x"}}}}}`, "the exception 1.2"},
		{"exception-without-reason", `{"categories": [{"cases": ["1.1"]}], "roles": {"server": {"total": 1,
			"exceptions": {"1.1": {"behavior": "FAILED", "behaviorClose": "OK"}}}}}`, "the exception 1.1"},
		{"answer-of-no-case", `{"categories": [{"cases": ["1.1"]}], "roles": {"server": {"total": 1, "answers": {"2.*": "x"}}}}`,
			`no case matches "2.*"`},
		{"answer-empty", `{"categories": [{"cases": ["1.1"]}], "roles": {"server": {"total": 1, "answers": {"1.*": ""}}}}`,
			"case 1.1 has two answers, or an empty one"},
		{"answers-two", `{"categories": [{"cases": ["1.1"]}], "roles": {"server": {"total": 1,
			"answers": {"1.*": "x", "1.1": "y"}}}}`, "case 1.1 has two answers"},
		{"not-json", `{`, "expected.json"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := parseRole([]byte(test.text), "server"); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestSelect(t *testing.T) {
	role := serverRole(t)
	tests := []struct{ patterns, want string }{
		{"6.4.*", "6.4.1 6.4.2 6.4.3 6.4.4"},
		{"7.13.2,7.1.6", "7.1.6 7.13.2"},
		{"10.*, 3.1", "3.1 10.1.1"},
		{"1.1.1,1.1.1", "1.1.1"},
		{"12.2.*1", "12.2.1 12.2.11"},
	}
	for _, test := range tests {
		got, err := role.Select(SplitPatterns(test.patterns))
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("Select(%s) = %v, %v; want %s", test.patterns, got, err, test.want)
		}
	}
	for _, pattern := range []string{"6.4.9", "1", "[", "11.*", "quic"} {
		if got, err := role.Select([]string{"1.*", pattern}); err == nil || !strings.Contains(err.Error(), pattern) {
			t.Errorf("Select(%s) = %v, %v; want an error that names it", pattern, got, err)
		}
	}
	role.Quick = nil // it must not stand for everything then
	if got, err := role.Select([]string{Quick}); err == nil {
		t.Errorf("Select of an empty subset = %d cases", len(got))
	}
	if all, err := role.Select(nil); err != nil || len(all) != 517 {
		t.Errorf("Select of nothing = %d cases, %v", len(all), err)
	}
}
