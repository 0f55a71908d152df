package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const sample = `mode: set
some.example/m/a.go:3.14,5.2 3 1
some.example/m/a.go:7.14,9.2 1 0
some.example/m/b.go:3.14,5.2 16 4
some.example/m/other.go:1.1,2.2 100 0
`

func TestJudgeComparesWithTheLeast(t *testing.T) {
	tests := []struct {
		name  string
		least float64
		files []string
		want  string // in the output, or in the error when it begins with "error: "
	}{
		{"reached", 95, []string{"a.go", "b.go"}, "cover: passed: 95.0% of"},
		{"missed", 95.1, []string{"a.go", "b.go"}, "error: 95.0% covered, 95.1% wanted"},
		{"missing-is-listed", 96, []string{"a.go", "b.go"}, "not covered: a.go:7.14,9.2\n"},
		{"one-file", 75, []string{"a.go"}, "a.go                    4 statements   75.0%\n"},
		{"without-statements", 100, []string{"b.go", "none.go"}, "none.go                 0 statements       -\n"},
		{"nothing-measured", 0, []string{"none.go"}, "error: the profile has no statement of none.go"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := parseProfile([]byte(sample))
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := p.judge(&out, tt.files, tt.least); err != nil {
				out.WriteString("error: " + err.Error())
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("printed %q, want %q", out.String(), tt.want)
			}
		})
	}
}

func TestParseProfileRefusesOtherText(t *testing.T) {
	for _, raw := range []string{"a.go:3.14,5.2 3\n", "a.go\n", "a.go:3.14,5.2 x 1\n"} {
		if p, err := parseProfile([]byte(raw)); err == nil {
			t.Errorf("parseProfile(%q) = %v, want an error", raw, p)
		}
	}
}

func TestPercentRoundsDown(t *testing.T) {
	if got := percent(9999, 10000); got != "99.9%" {
		t.Errorf("percent(9999, 10000) = %s, want 99.9%%", got)
	}
}

func TestCopyCoreTakesTheFilesAndTheirTestsOnly(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for _, name := range []string{
		"go.mod", "a.go", "a_test.go", "a_split.go", "a_split_test.go", "b.go", "b_test.go", "ab_test.go",
		"vectors_test.go", "layers_test.go", "testdata/vectors/5.2.txt", "testdata/inflate/9.txt", "testdata/other.txt",
	} {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tests, err := copyCore(from, to, []string{"a.go", "a_split.go"})
	if err != nil || tests != 3 {
		t.Errorf("copyCore = %d, %v; want 3 files of tests", tests, err)
	}
	var got []string
	for _, pattern := range []string{"*", "testdata/*", "testdata/*/*"} {
		found, _ := filepath.Glob(filepath.Join(to, pattern))
		got = append(got, found...)
	}
	want := []string{
		"a.go", "a_split.go", "a_split_test.go", "a_test.go", "go.mod", "testdata", "vectors_test.go",
		"testdata/inflate", "testdata/vectors", "testdata/inflate/9.txt", "testdata/vectors/5.2.txt",
	}
	for i := range got {
		got[i], _ = filepath.Rel(to, got[i])
	}
	if !slices.Equal(got, want) {
		t.Errorf("copied %q\nwant %q", got, want)
	}
	if _, err := copyCore(from, to, []string{"missing.go"}); err == nil {
		t.Error("copyCore of a missing file succeeded, want an error")
	}
}

func TestRunWantsFiles(t *testing.T) {
	if err := run(io.Discard, 95, nil); err == nil {
		t.Error("run without files succeeded, want an error")
	}
}
