// Command rename rewrites the module path wherever the repository uses it: go.mod, imports, scripts and documents.
// It is meant for whoever publishes a fork: `make rename MODULE=host/path`.
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"barewire.example/websocket/tools/tree"
)

var validPath = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*(/[A-Za-z0-9_~][A-Za-z0-9._~-]*)+$`)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: make rename MODULE=host/path")
		os.Exit(2)
	}
	if err := rename(".", os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "rename:", err)
		os.Exit(1)
	}
}

func rename(dir, newPath string) error {
	if !validPath.MatchString(newPath) {
		return fmt.Errorf("MODULE=%s is not a module path; write it as MODULE=host/path", newPath)
	}
	oldPath, err := tree.Module(dir)
	if err != nil {
		return err
	}
	if oldPath == newPath {
		return fmt.Errorf("the module is called %s already", newPath)
	}
	names, err := tree.Files(dir)
	if err != nil {
		return err
	}
	changed := 0
	for _, name := range names {
		did, err := rewrite(filepath.Join(dir, name), oldPath, newPath)
		if err != nil {
			return err
		}
		if did {
			changed++
			fmt.Println("rename:", name)
		}
	}
	fmt.Printf("rename: %s is now %s in %d files\n", oldPath, newPath, changed)
	return nil
}

// rewrite reports whether the file used oldPath and was written anew.
func rewrite(path, oldPath, newPath string) (bool, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	if !tree.IsText(content) {
		return false, nil
	}
	replaced := replacePath(content, oldPath, newPath)
	if bytes.Equal(content, replaced) {
		return false, nil
	}
	if strings.HasSuffix(path, ".go") {
		// The new path may sort elsewhere among the imports.
		if replaced, err = format.Source(replaced); err != nil {
			return false, fmt.Errorf("%s: %w", path, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	return true, os.WriteFile(path, replaced, info.Mode().Perm())
}

// replacePath replaces whole paths only: what merely begins or ends like oldPath is another name.
func replacePath(content []byte, oldPath, newPath string) []byte {
	var out []byte
	last := byte(' ')
	for {
		i := bytes.Index(content, []byte(oldPath))
		if i < 0 {
			return append(out, content...)
		}
		if i > 0 {
			last = content[i-1]
		}
		out = append(out, content[:i]...)
		content = content[i+len(oldPath):]
		if partOfName(last) || last == '.' || len(content) > 0 && partOfName(content[0]) {
			out = append(out, oldPath...)
		} else {
			out = append(out, newPath...)
		}
		last = oldPath[len(oldPath)-1]
	}
}

func partOfName(c byte) bool {
	return c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
