// Package tree lists the files of the repository, for the tools that check, copy or rewrite all of them.
package tree

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Files returns the regular files below dir, relative to it, with slashes, sorted.
// In a git work tree these are the files that git tracks or would track, so whatever .gitignore names is left out.
// Elsewhere, in an unpacked archive or on a machine without git, these are all files but git's own.
func Files(dir string) ([]string, error) {
	var names []string
	var err error
	_, statErr := os.Stat(filepath.Join(dir, ".git"))
	if _, lookErr := exec.LookPath("git"); statErr == nil && lookErr == nil {
		names, err = fromGit(dir)
	} else {
		names, err = fromDisk(dir)
	}
	slices.Sort(names)
	return names, err
}

// IsText reports whether content looks like text: it has no zero byte.
func IsText(content []byte) bool {
	return bytes.IndexByte(content, 0) < 0
}

// Module returns the module path that dir/go.mod declares.
func Module(dir string) (string, error) {
	content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(rest), nil
		}
	}
	return "", fmt.Errorf("%s has no module line", filepath.Join(dir, "go.mod"))
}

func fromGit(dir string) ([]string, error) {
	cmd := exec.Command("git", "-C", dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Env = withoutGit(os.Environ())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	return present(dir, string(out)), nil
}

// present returns the names in git's listing that are regular files. A tracked file may have been deleted from the disk.
func present(dir, listing string) (names []string) {
	for name := range strings.SplitSeq(listing, "\x00") {
		info, err := os.Lstat(filepath.Join(dir, name))
		if name != "" && err == nil && info.Mode().IsRegular() {
			names = append(names, name)
		}
	}
	return names
}

// withoutGit drops the GIT_ variables, which a git hook sets and which would point git at another tree than dir.
func withoutGit(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "GIT_") })
}

func fromDisk(dir string) ([]string, error) {
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case entry.Type().IsRegular():
			names = append(names, name)
		}
		return nil
	})
	return names, err
}
