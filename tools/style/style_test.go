package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each case is a file; want is the beginning of what each violation says, with its line.
func TestCheckSource(t *testing.T) {
	tests := []struct {
		name, path, source string
		want               []string
	}{
		{"clean", "a.go", "// It does a.\n\npackage p\n\n// F is f.\nfunc F(a, b, c, d int) {}\n", nil},
		{"five-parameters", "x/a.go", "package p\n\nfunc f(a, b int, c, d, e string) {}\n", []string{"3: 5 parameters"}},
		{"five-unnamed", "x/a.go", "package p\n\ntype f func(int, int, int, int, int)\n", []string{"3: 5 parameters"}},
		{"receiver-is-no-parameter", "x/a.go", "package p\n\nfunc (x t) f(a, b, c, d int) (e, g int) { return }\n", nil},
		{"long-file", "x/a.go", "package p\n" + strings.Repeat("\n", 350), []string{"1: the file has 351 lines"}},
		{"longest-file", "x/a.go", "package p\n" + strings.Repeat("\n", 349), nil},
		{"file-name", "x/util.go", "package p\n", []string{"1: a file called after"}},
		{"file-name-part", "x/net_helpers_test.go", "package p\n", []string{"1: a file called after"}},
		{"directory-name", "common/a.go", "package p\n", []string{"1: a file called after"}},
		{"file-name-longer", "x/utility.go", "package p\n", nil},
		{"no-doc-function", "x/a.go", "package p\n\nfunc F() {}\n", []string{"3: F is exported"}},
		{"no-doc-method", "x/a.go", "package p\n\nfunc (*T) M() {}\n", []string{"3: M is exported"}},
		{"no-doc-generic", "x/a.go", "package p\n\nfunc (*T[K, V]) M() {}\n\nfunc (T[K]) N() {}\n", []string{"3: M is", "5: N is"}},
		{"no-doc-hidden-receiver", "x/a.go", "package p\n\nfunc (*t) M() {}\n", nil},
		{"no-doc-string", "x/a.go", "package p\n\nfunc (T) String() string { return \"\" }\n", nil},
		{"no-doc-string-function", "x/a.go", "package p\n\nfunc String() {}\n", []string{"3: String is exported"}},
		{"no-doc-type", "x/a.go", "package p\n\ntype T int\n", []string{"3: T is exported"}},
		{"no-doc-type-in-group", "x/a.go", "package p\n\n// All.\ntype (\n\tT int\n)\n", []string{"5: T is exported"}},
		{"no-doc-const", "x/a.go", "package p\n\nconst A, B = 1, 2\n", []string{"3: A is", "3: B is"}},
		{"doc-of-group", "x/a.go", "package p\n\n// All.\nconst (\n\tA = 1\n)\n\nvar V int // v\n", nil},
		{"directive-is-no-doc", "x/a.go", "package p\n\n//go:noinline\nfunc F() {}\n", []string{"4: F is exported"}},
		{"test-needs-no-doc", "x/a_test.go", "package p\n\nfunc TestF() {}\n", nil},
		{"get", "x/a.go", "package p\n\n// GetX gets.\nfunc GetX() {}\n", []string{"4: GetX: name"}},
		{"get-method", "x/a.go", "package p\n\ntype t interface{ Get() }\n", []string{"3: Get: name"}},
		{"get-is-a-word", "x/a.go", "package p\n\nvar Getting, get, getX int // all\n", nil},
		{"root-comment", "a.go", "package p\n", []string{"1: the file does not begin"}},
		{"root-comment-late", "a.go", "package p\n\n// It does a.\n", []string{"1: the file does not begin"}},
		{"root-comment-directive", "a.go", "//go:build unix\n\npackage p\n", []string{"3: the file does not begin"}},
		{"root-comment-attached", "a.go", "// It does a.\npackage p\n", []string{"2: leave a blank line"}},
		{"root-doc", "doc.go", "// Package p does p.\npackage p\n", nil},
		{"go", "a.go", "// It does a.\n\npackage p\n\nfunc f() {\n\tgo f()\n}\n", []string{"6: this go statement"}},
		{"go-reason", "a.go", "// It does a.\n\npackage p\n\nfunc f() {\n\t// The payer.\n\tgo f()\n\tgo f() // too\n}\n", nil},
		{"go-elsewhere", "x/a.go", "package p\n\nfunc f() {\n\tgo f()\n}\n", nil},
		{"todo", "x/a.go", "package p\n\n// TODO: all.\n", []string{"3: a TODO"}},
		{"todo-in-function", "x/a.go", "package p\n\nfunc f() {\n\t// TODO all\n}\n", []string{"4: a TODO"}},
		{"todo-reason", "x/a.go", "package p\n\n// TODO(needs deflate): all.\n", nil},
		{"todo-in-string", "x/a.go", "package p\n\nvar s = \"TODO\"\n", nil},
		{"skip", "a_test.go", "package p\n\nimport \"testing\"\n\nfunc f(t *testing.T) {\n\tt.Skip()\n\tt.SkipNow()\n\tt.Skipf(\"\")\n}\n",
			[]string{"6: a test must", "7: a test must", "8: a test must"}},
		{"skip-of-others", "x/a.go", "package p\n\nfunc f(r reader) { r.Skip(1) }\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, checkSource(mustParse(t, tt.path, tt.source)), tt.want)
		})
	}
}

func TestNestingCountsStatementsInsideOneAnother(t *testing.T) {
	tests := []struct {
		name, body string
		want       []string
	}{
		{"three", "for { if x { for range y { f() } } }", nil},
		{"four", "for { if x { for range y {\nswitch { } } } }", []string{"5: nesting is 4 deep in f"}},
		{"select-and-type-switch", "select { default: switch x.(type) { default: if x { if y { } } } }", []string{"4: nesting is 4"}},
		{"else-if", "for { if a { } else if b { } else if c { for { } } else if d { } }", nil},
		{"else", "for { if a { } else { for { if b { } } } }", []string{"4: nesting is 4"}},
		{"cases", "switch { case a: switch { case b: switch { case c: f() } } }", nil},
		{"literal-starts-anew", "for { for { for { g(func() { for { for { for { } } } }) } } }", nil},
		{"literal-too-deep", "g(func() { for { for { for { for { } } } } })", []string{"4: nesting is 4"}},
		{"literal-in-condition", "if g(func() { if a { if b { if c { } } } }) { }", nil},
		{"block", "{ { { { { } } } } }", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := mustParse(t, "x/a.go", "package p\n\nfunc f() {\n"+tt.body+"\n}\n")
			expect(t, checkSource(src), tt.want)
		})
	}
}

func TestMeasureKeepsToTheLimits(t *testing.T) {
	tests := []struct {
		name, path string
		lengths    []int
		want       []string
	}{
		{"none", "a.go", nil, nil},
		{"sixty", "a_test.go", []int{60}, nil},
		{"sixty-one-in-a-test", "a_test.go", []int{61}, []string{"3: f0 has 61 lines"}},
		{"median-twelve", "a.go", []int{12, 12, 13, 13}, nil},
		{"median-thirteen", "a.go", []int{12, 13, 13}, []string{"17: the median function is too long: f1 has 13"}},
		{"median-of-tests", "a_test.go", []int{20, 20, 20}, nil},
		{"ninety-percent", "a.go", []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 60}, nil},
		{"eighty-percent", "a.go", []int{1, 1, 1, 1, 1, 1, 1, 1, 36, 36}, []string{"27: 90 % of functions must be shorter: f8"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := "package p\n\n"
			for i, n := range tt.lengths {
				text += fmt.Sprintf("func f%d() {\n%s}\n", i, strings.Repeat("\tg()\n", n))
			}
			expect(t, measure([]*source{mustParse(t, tt.path, text)}).violations(), tt.want)
		})
	}
}

func TestMeasureFindsEveryFunction(t *testing.T) {
	src := mustParse(t, "a.go", `package p

func empty() {}

func one() { f() }

func outer() {
	f(func() {
		g()
	})

	// The end.
}

var table = []func(){
	func() {
		f()
		g()
	},
}
`)
	var got []string
	for _, f := range measure([]*source{src}).code {
		got = append(got, fmt.Sprintf("%s=%d", f.name, f.length))
	}
	want := []string{"empty=0", "one=1", "a function literal=2", "outer=5"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheckPathsFindsTheDirectoriesOfAMachine(t *testing.T) {
	// The paths are put together here, or this very file would break the rule.
	found := []string{"cd /" + "work/x", "(/" + "root)", "\"/" + "home/ann/x", "see /" + "Users/ann", "C:" + `\Users\ann`}
	clean := []string{"framework/x", "a/" + "root/b", "https://host.example/" + "root", "/usr/bin/env", "/" + "workers", "GET /" + "home HTTP/1.1"}
	for _, text := range found {
		expect(t, checkPaths("README.md", []byte("one\n"+text+"\n")), []string{"2: names a directory"})
	}
	for _, text := range clean {
		expect(t, checkPaths("README.md", []byte(text)), nil)
	}
	expect(t, checkPaths("x.bin", []byte("\x00 /"+"root ")), nil)
}

func TestRunLeavesOutGeneratedFilesAndTestdata(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"a.go":              "// It does a.\n\npackage p\n\nfunc GetX() {}\n",
		"b.go":              "// Code generated by hand. DO NOT EDIT.\n\npackage p\n\nfunc GetX() {}\n",
		"x/testdata/c.go":   "this is no Go\n",
		"_build/d.go":       "this is no Go\n",
		"x/testdata/doc.md": "see /" + "root\n",
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// a.go has GetX without a doc comment and with a bad name, doc.md names a directory.
	if found, err := run(dir, io.Discard); found != 3 || err != nil {
		t.Errorf("run = %d, %v; want 3 violations", found, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "broken.go"), []byte("package"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := run(dir, io.Discard); err == nil {
		t.Error("run on a file that does not parse succeeded, want an error")
	}
}

func mustParse(t *testing.T, path, content string) *source {
	t.Helper()
	src, err := parse(path, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func expect(t *testing.T, found []violation, want []string) {
	t.Helper()
	ok := len(found) == len(want)
	for i := 0; ok && i < len(found); i++ {
		ok = strings.HasPrefix(fmt.Sprintf("%d: %s", found[i].line, found[i].text), want[i])
	}
	if !ok {
		t.Errorf("found %q, want %q", found, want)
	}
}
