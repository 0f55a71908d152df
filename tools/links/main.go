// Command links checks that every relative link in the Markdown files of the repository leads to a file of the repository,
// and that a fragment in it names a heading there. Links with a scheme, such as https, are not followed.
package main

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"barewire.example/websocket/tools/tree"
)

func main() {
	broken, err := run(".", os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "links:", err)
	}
	if err != nil || broken > 0 {
		os.Exit(1)
	}
}

// A checker knows the files of the repository, and the fragments of the documents among them.
type checker struct {
	paths     map[string]bool // files, and the directories that hold them
	fragments map[string][]string
}

// run prints each broken link below dir and returns how many there are.
func run(dir string, out io.Writer) (int, error) {
	names, err := tree.Files(dir)
	if err != nil {
		return 0, err
	}
	c := checker{paths: map[string]bool{".": true}, fragments: make(map[string][]string)}
	documents := make(map[string]document)
	for _, name := range names {
		for p := name; p != "."; p = path.Dir(p) {
			c.paths[p] = true
		}
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return 0, err
		}
		documents[name] = parseDocument(string(content))
		c.fragments[name] = documents[name].fragments
	}
	links, broken := 0, 0
	for _, name := range names {
		for _, l := range documents[name].links {
			links++
			if problem := c.problem(name, l.target); problem != "" {
				broken++
				fmt.Fprintf(out, "%s:%d: %s: %s\n", name, l.line, l.target, problem)
			}
		}
	}
	fmt.Fprintf(out, "links: %d of %d relative links in %d documents are broken\n", broken, links, len(documents))
	return broken, nil
}

// problem says what is wrong with a link in the document called from, or returns "".
func (c checker) problem(from, target string) string {
	file, fragment, hasFragment := strings.Cut(target, "#")
	to := from
	if file != "" {
		to = path.Join(path.Dir(from), file)
	}
	switch {
	case strings.HasPrefix(file, "/"):
		return "begins at the root of a file system"
	case !c.paths[to]:
		return "no such file in the repository"
	case hasFragment && strings.HasSuffix(to, ".md") && !slices.Contains(c.fragments[to], fragment):
		return "no such heading in " + to
	}
	return ""
}
