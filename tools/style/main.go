// Command style checks the repository against its own limits on size, and its habits in names and comments.
//
// Limits:
//   - The length of a function is the number of lines between the braces of its body, comments and blank lines included.
//     None is over 60, tests included; over code that is not a test, the median is at most 12 and 90 % are at most 35.
//     A function literal counts as lines of the function around it, and as a function of its own when there is none around it.
//   - Nesting is how many if, for, switch and select statements stand inside one another, at most 3.
//     An "else if" is as deep as its "if", case clauses do not count by themselves, and a function literal starts anew.
//   - A file has at most 350 lines, a parameter list at most 4 names (a receiver and results do not count).
//
// Habits:
//   - Exported constants, variables, functions and types have doc comments, and so have exported methods of exported types.
//     For constants and variables the comment of their group, or one at the end of the line, is enough.
//     The methods Error, String and Unwrap need none.
//   - A file of the root package begins with a comment that says what it does, with a blank line before the package
//     clause; in doc.go alone the comment belongs to the package.
//   - A go statement in the root package has a comment on its line or above it that gives the reason.
//   - No exported name begins with Get; no file or directory is called after util, common, helper or manager.
//   - No test skips. A note for later is written TODO(reason), with its reason.
//   - No text file names a directory of somebody's machine.
//
// Generated files and files in testdata directories are left out, but for the last rule.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"barewire.example/websocket/tools/tree"
)

func main() {
	found, err := run(".", os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "style:", err)
	}
	if err != nil || found > 0 {
		os.Exit(1)
	}
}

// A violation is one broken rule at one place.
type violation struct {
	path string
	line int
	text string
}

// run checks the tree below dir, prints what it finds, and returns the number of violations.
func run(dir string, out io.Writer) (int, error) {
	names, err := tree.Files(dir)
	if err != nil {
		return 0, err
	}
	var sources []*source
	var found []violation
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return 0, err
		}
		found = append(found, checkPaths(name, content)...)
		if !isOurs(name) {
			continue
		}
		src, err := parse(name, content)
		if err != nil {
			return 0, err
		}
		if !src.generated {
			sources = append(sources, src)
			found = append(found, checkSource(src)...)
		}
	}
	lengths := measure(sources)
	found = append(found, lengths.violations()...)
	for _, v := range found {
		fmt.Fprintf(out, "%s:%d: %s\n", v.path, v.line, v.text)
	}
	fmt.Fprintf(out, "style: %d violations in %d files; %v\n", len(found), len(sources), lengths)
	return len(found), nil
}

// isOurs reports whether path is Go code that the rules are about. As for the go command, directories whose names begin
// with a dot or an underscore hold none.
func isOurs(path string) bool {
	parts := strings.Split(path, "/")
	odd := slices.ContainsFunc(parts, func(s string) bool {
		return s == "testdata" || strings.HasPrefix(s, ".") || strings.HasPrefix(s, "_")
	})
	return strings.HasSuffix(path, ".go") && !odd
}

// checkSource applies every rule that looks at one file.
func checkSource(src *source) []violation {
	checks := []func(*source){
		checkFileLength, checkParameters, checkNesting,
		checkFileName, checkGetNames, checkDocs,
		checkFileComment, checkGoReasons, checkTodos, checkSkips,
	}
	for _, check := range checks {
		check(src)
	}
	slices.SortStableFunc(src.found, func(a, b violation) int { return a.line - b.line })
	return src.found
}
