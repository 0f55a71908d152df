package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// report writes one case of the client's report.
func report(t *testing.T, behavior string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	outcome := `"behavior": "` + behavior + `", "behaviorClose": "OK"`
	for name, text := range map[string]string{
		"index.json": `{"barewire-client": {"1.1.1": {` + outcome + `, "reportfile": "a.json"}}}`,
		"a.json":     `{"id": "1.1.1", "agent": "barewire-client", ` + outcome + `}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestGateJudgesTheRolesItIsAskedFor(t *testing.T) {
	good, bad, empty := report(t, "OK"), report(t, "NON-STRICT"), t.TempDir()
	tests := []struct{ name, args, out, err string }{
		{"passes", "-role client -case 1.1.1 -report " + good, "\nclient, only 1.1.1: 1 of 1 of a suite of 517\n", ""},
		{"whole", "-role client -report " + good, "\nclient: 1 of 517: FAILED\n", good + " is not as expected"},
		{"quick", "-role client -case quick -report " + good, "\nclient, only quick: 1 of 325 of a suite of 517: FAILED\n", good + " is not as expected"},
		{"deviates", "-role client -case 1.1.1 -report " + bad, "\nclient, only 1.1.1: 0 of 1 of a suite of 517: FAILED", bad + " is not as expected"},
		{"other-role", "-role server -case 1.1.1 -report " + good, "\nserver, only 1.1.1: 0 of 1 of a suite of 517: FAILED", good + " is not as expected"},
		{"no-report", "-role client -report " + empty, "client: no report: FAILED\n", "client: " + empty + ": the suite left no index"},
		{"one-directory-for-both", "-report " + good, "", "-report is of one role"},
		{"unknown-role", "-role proxy", "", `no role "proxy"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			err := gate(&out, strings.Fields(test.args))
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %q", err, test.err)
			}
			if !strings.Contains(out.String(), test.out) {
				t.Errorf("output lacks %q:\n%s", test.out, out.String())
			}
		})
	}
}

// Without a choice both must be there: a role that never ran does not pass.
func TestGateWantsBothRoles(t *testing.T) {
	t.Chdir(t.TempDir())
	var out strings.Builder
	if err := gate(&out, nil); err == nil || out.String() != "server: no report: FAILED\nclient: no report: FAILED\n" {
		t.Errorf("error %v, output:\n%s", err, out.String())
	}
}
