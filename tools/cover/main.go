// Command cover measures how much of the core its own tests reach.
//
// It copies the files named as arguments into a temporary module, with the tests that are named after them (x_test.go and
// x_*_test.go of x.go), the vectors and their test, what else those tests read, and nothing else; so it also proves that
// neither the core nor its tests need the rest of the package. It prints a table and fails when less than -min percent of the
// statements are covered.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// data are the directories that tests of the core read.
var data = []string{"testdata/vectors", "testdata/inflate"}

func main() {
	least := flag.Float64("min", 95, "percentage of statements that must be covered")
	flag.Parse()
	if err := run(os.Stdout, *least, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "cover: FAILED:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, least float64, files []string) error {
	if len(files) == 0 {
		return errors.New("usage: cover [-min PERCENT] FILES")
	}
	dir, err := os.MkdirTemp("", "cover")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tests, err := copyCore(".", dir, files)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "cover: %d files with %d files of tests\n", len(files), tests)
	raw, err := profile(out, dir)
	if err != nil {
		return err
	}
	p, err := parseProfile(raw)
	if err != nil {
		return err
	}
	return p.judge(out, files, least)
}

// copyCore returns how many files of tests it copied.
func copyCore(from, to string, files []string) (int, error) {
	wanted := append([]string{"go.mod"}, files...)
	tests := make(map[string]bool) // x_y_test.go belongs to x.go and to x_y.go
	for _, file := range append([]string{"vectors.go"}, files...) {
		stem := strings.TrimSuffix(file, ".go")
		for _, pattern := range []string{stem + "_test.go", stem + "_*_test.go"} {
			found, err := filepath.Glob(filepath.Join(from, pattern))
			if err != nil {
				return 0, err
			}
			for _, name := range found {
				tests[filepath.Base(name)] = true
			}
		}
	}
	for _, name := range slices.AppendSeq(wanted, maps.Keys(tests)) {
		content, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return 0, err
		}
		if err := os.WriteFile(filepath.Join(to, name), content, 0o644); err != nil {
			return 0, err
		}
	}
	for _, dir := range data {
		if err := os.CopyFS(filepath.Join(to, dir), os.DirFS(filepath.Join(from, dir))); err != nil {
			return 0, err
		}
	}
	return len(tests), nil
}

// profile runs the tests in dir and returns their coverage profile.
func profile(out io.Writer, dir string) ([]byte, error) {
	cmd := exec.Command("go", "test", "-count=1", "-coverprofile=profile.txt", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the tests of the core alone: %w", err)
	}
	return os.ReadFile(filepath.Join(dir, "profile.txt"))
}
