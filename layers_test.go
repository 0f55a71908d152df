// This file is the fence of the flat package. It refuses in the files of tiers
// 0 and 1, which the Makefile lists, what the core must not have: a clock, a
// goroutine, a socket. It also refuses in the whole root what would stop its
// files from building when they are copied elsewhere.

package websocket

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The lists allow; so net, net/http, sync, sync/atomic, time, context and os
// are refused as well as anything that nobody has thought of.
var (
	layerWireImports = []string{
		"bytes", "crypto/sha1", "crypto/subtle", "encoding/base64", "encoding/binary", "errors",
		"fmt", "math/bits", "strconv", "strings", "unicode/utf8",
	}
	layerProtoImports = append([]string{"compress/flate", "io", "log/slog"}, layerWireImports...)
)

func TestLayersCoreIsPure(t *testing.T) {
	wire, proto := layerLists(t)
	if len(wire) == 0 || len(proto) <= len(wire) {
		t.Fatalf("WIRE = %q and PROTO = %q: PROTO must be WIRE and more", wire, proto)
	}
	for _, name := range proto {
		t.Run(name, func(t *testing.T) {
			allowed := layerProtoImports
			if slices.Contains(wire, name) {
				allowed = layerWireImports
			}
			layerReport(t, layerParse(t, name, nil).coreProblems(allowed))
		})
	}
}

func TestLayersRootBuildsAnywhere(t *testing.T) {
	module := layerModule(t)
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files in the root: %v", err)
	}
	for _, name := range names {
		layerReport(t, layerParse(t, name, nil).copyProblems(module))
	}
}

// §5.3: the masking key must come from a strong source of entropy, so no code
// that we ship may use math/rand. Tools are not shipped; one of them makes chaos
// that can be repeated.
func TestLayersNoMathRand(t *testing.T) {
	files := 0
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, entry fs.DirEntry, err error) error {
		base := entry.Name()
		if entry.IsDir() && path != "." && (strings.ContainsAny(base[:1], "._") || base == "testdata" || path == "tools") {
			return fs.SkipDir
		}
		if strings.HasSuffix(base, ".go") && !strings.HasSuffix(base, "_test.go") {
			files++
			layerReport(t, layerParse(t, path, nil).randProblems())
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("walked %d files: %v", files, err)
	}
}

// A layerFile is a parsed source file with its name below the root.
type layerFile struct {
	name string
	fset *token.FileSet
	tree *ast.File
}

// layerParse parses source, or the file called name when source is nil.
func layerParse(t *testing.T, name string, source any) layerFile {
	t.Helper()
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return layerFile{name, fset, tree}
}

func layerReport(t *testing.T, problems []string) {
	t.Helper()
	for _, problem := range problems {
		t.Error(problem)
	}
}

func (f layerFile) at(n ast.Node, problem string) string {
	return fmt.Sprintf("%v: %s", f.fset.Position(n.Pos()), problem)
}

// refuseImports returns a problem for each import that refused is true of.
func (f layerFile) refuseImports(why string, refused func(path string) bool) []string {
	var problems []string
	for _, spec := range f.tree.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		if refused(path) {
			problems = append(problems, f.at(spec, "imports "+path+": "+why))
		}
	}
	return problems
}

func (f layerFile) coreProblems(allowed []string) []string {
	problems := f.refuseImports("not for this tier", func(path string) bool {
		return !slices.Contains(allowed, path)
	})
	ast.Inspect(f.tree, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.GoStmt:
			problems = append(problems, f.at(n, "the core starts no goroutine"))
		case *ast.ChanType, *ast.SendStmt:
			problems = append(problems, f.at(n, "the core has no channel"))
		case *ast.SelectStmt:
			problems = append(problems, f.at(n, "the core does not select"))
		}
		return true
	})
	return problems
}

func (f layerFile) copyProblems(module string) []string {
	if strings.HasSuffix(f.name, "_test.go") {
		if strings.HasSuffix(f.tree.Name.Name, "_test") && !strings.HasPrefix(f.name, "example_") {
			return []string{f.at(f.tree, "only files named example_… may be external tests")}
		}
		return nil
	}
	problems := f.refuseImports("a copy of this file would not build", func(path string) bool {
		host, _, _ := strings.Cut(path, "/")
		own := path == module || strings.HasPrefix(path, module+"/")
		return own || path == "C" || path == "embed" || strings.Contains(host, ".")
	})
	for _, group := range f.tree.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:embed") {
				problems = append(problems, f.at(c, "go:embed needs files that a copy may lack"))
			}
			if tag := layerOddTag(c.Text); tag != "" {
				problems = append(problems, f.at(c, "build tag "+tag+" must be set by hand"))
			}
		}
	}
	return problems
}

func (f layerFile) randProblems() []string {
	return f.refuseImports("masking keys must be unpredictable (§5.3)", func(path string) bool {
		return path == "math/rand" || strings.HasPrefix(path, "math/rand/")
	})
}

// layerOwnTags matches the build tags that the go command sets by itself.
var layerOwnTags = regexp.MustCompile(`^(unix|linux|darwin|windows|freebsd|netbsd|openbsd|dragonfly|solaris|illumos|aix|` +
	`android|ios|plan9|js|wasip1|386|amd64|arm|arm64|loong64|mips\w*|ppc64|ppc64le|riscv64|s390x|wasm|gc|go1\.\d+)$`)

// layerOddTag returns a tag of a build constraint that is not one of those.
func layerOddTag(comment string) (odd string) {
	expr, err := constraint.Parse(comment)
	if err != nil {
		return ""
	}
	expr.Eval(func(tag string) bool {
		if !layerOwnTags.MatchString(tag) {
			odd = tag
		}
		return true
	})
	return odd
}

// layerLists reads the two file lists from the Makefile.
func layerLists(t *testing.T) (wire, proto []string) {
	t.Helper()
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	return layerMakeList(string(makefile), "WIRE"), layerMakeList(string(makefile), "PROTO")
}

// layerMakeList returns the words of a make variable, with $(OTHER) expanded.
func layerMakeList(makefile, name string) []string {
	makefile = strings.ReplaceAll(makefile, "\\\n", " ")
	line := regexp.MustCompile(`(?m)^` + name + `[ \t]*:?=(.*)$`).FindStringSubmatch(makefile)
	if line == nil {
		return nil
	}
	value, _, _ := strings.Cut(line[1], "#")
	var words []string
	for _, word := range strings.Fields(value) {
		if inner, ok := strings.CutPrefix(word, "$("); ok {
			words = append(words, layerMakeList(makefile, strings.TrimSuffix(inner, ")"))...)
		} else {
			words = append(words, word)
		}
	}
	return words
}

// layerModule returns the module path, after checking that go.mod requires
// nothing.
func layerModule(t *testing.T) (module string) {
	t.Helper()
	content, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		switch words := strings.Fields(line); {
		case len(words) == 2 && words[0] == "module":
			module = words[1]
		case len(words) == 2 && words[0] == "go", len(words) == 0:
		default:
			t.Errorf("go.mod: %q: it may hold a module and a go line, nothing else", line)
		}
	}
	if module == "" {
		t.Fatal("go.mod has no module line")
	}
	return module
}

func TestLayersFindViolations(t *testing.T) {
	core := func(f layerFile) []string { return f.coreProblems(layerWireImports) }
	proto := func(f layerFile) []string { return f.coreProblems(layerProtoImports) }
	anywhere := func(f layerFile) []string { return f.copyProblems("own.example/ws") }
	tests := []struct {
		name, file, source string
		check              func(layerFile) []string
		want               int
	}{
		{"core-clean", "a.go", `package p; import "bytes"; import "unicode/utf8"; func going() { selected() }`, core, 0},
		{"core-net", "a.go", `package p; import "net"`, core, 1},
		{"core-several", "a.go", `package p; import ("net/http"; "sync"; "sync/atomic"; "time"; "context"; "os")`, proto, 6},
		{"wire-io", "a.go", `package p; import "io"`, core, 1},
		{"proto-io", "a.go", `package p; import ("io"; "log/slog"; "compress/flate"; "bytes")`, proto, 0},
		{"core-renamed-import", "a.go", `package p; import clock "time"`, core, 1},
		{"core-go", "a.go", `package p; func f() { if true { go f() } }`, core, 1},
		{"core-chan", "a.go", `package p; type q struct { c chan int }`, core, 1},
		{"core-select", "a.go", `package p; func f() { select {} }`, core, 1},
		{"root-clean", "a.go", "//go:build unix && !linux\n\npackage p; import \"net/http\"", anywhere, 0},
		{"root-third-party", "a.go", `package p; import "other.example/x"`, anywhere, 1},
		{"root-own", "a.go", `package p; import "own.example/ws/internal/x"`, anywhere, 1},
		{"root-cgo", "a.go", `package p; import "C"`, anywhere, 1},
		{"root-embed", "a.go", "package p\n\nimport _ \"embed\"\n\n//go:embed x\nvar x string", anywhere, 2},
		{"root-tag", "a.go", "//go:build linux || fast\n\npackage p", anywhere, 1},
		{"root-external-test", "a_test.go", `package p_test`, anywhere, 1},
		{"root-example", "example_test.go", `package p_test`, anywhere, 0},
		{"root-example-of-x", "example_x_test.go", `package p_test`, anywhere, 0},
		{"root-test", "a_test.go", `package p; import "own.example/ws/x"`, anywhere, 0},
		{"rand", "a.go", `package p; import ("math/rand"; "math/rand/v2")`, layerFile.randProblems, 2},
		{"crypto-rand", "a.go", `package p; import "crypto/rand"`, layerFile.randProblems, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.check(layerParse(t, tt.file, tt.source)); len(got) != tt.want {
				t.Errorf("found %d violations, want %d: %q", len(got), tt.want, got)
			}
		})
	}
}

func TestLayersReadTheMakefile(t *testing.T) {
	const makefile = "# PROTO = no.go\nWIRE  = a.go \\\n\tb.go # last\nPROTO := $(WIRE) c.go\nPROTO2 = d.go\n"
	if got := layerMakeList(makefile, "WIRE"); !slices.Equal(got, []string{"a.go", "b.go"}) {
		t.Errorf("WIRE = %q", got)
	}
	if got := layerMakeList(makefile, "PROTO"); !slices.Equal(got, []string{"a.go", "b.go", "c.go"}) {
		t.Errorf("PROTO = %q", got)
	}
	if got := layerMakeList(makefile, "NONE"); got != nil {
		t.Errorf("NONE = %q", got)
	}
}
