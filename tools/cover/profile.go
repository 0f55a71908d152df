package main

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// A block is a run of statements that are executed together.
type block struct {
	span       string // as the profile writes it: from line.column to line.column
	statements int
	count      int
}

// A coverage holds the blocks of each file, by the file's base name.
type coverage map[string][]block

// parseProfile reads what go test -coverprofile writes: lines like
//
//	module/path/file.go:10.2,12.16 3 1
func parseProfile(raw []byte) (coverage, error) {
	p := make(coverage)
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "mode: ") {
			continue
		}
		file, rest, _ := strings.Cut(line, ":")
		var b block
		if _, err := fmt.Sscan(rest, &b.span, &b.statements, &b.count); err != nil {
			return nil, fmt.Errorf("line %q of the profile: %w", line, err)
		}
		p[path.Base(file)] = append(p[path.Base(file)], b)
	}
	return p, nil
}

// judge prints a row for each of files and fails when they are covered too little. What is not covered is listed then.
func (p coverage) judge(out io.Writer, files []string, least float64) error {
	all, reached := 0, 0
	for _, file := range files {
		n, covered := p.sum(file)
		all, reached = all+n, reached+covered
		fmt.Fprintf(out, "%-20s %4d statements  %6s\n", file, n, percent(covered, n))
	}
	fmt.Fprintf(out, "%-20s %4d statements  %6s\n", "total", all, percent(reached, all))
	if all == 0 {
		return fmt.Errorf("the profile has no statement of %s", strings.Join(files, " "))
	}
	if 100*float64(reached) < least*float64(all) {
		p.listMissing(out, files)
		return fmt.Errorf("%s covered, %v%% wanted", percent(reached, all), least)
	}
	fmt.Fprintf(out, "cover: passed: %s of tiers 0 and 1 covered by their own tests\n", percent(reached, all))
	return nil
}

func (p coverage) sum(file string) (all, reached int) {
	for _, b := range p[file] {
		all += b.statements
		if b.count > 0 {
			reached += b.statements
		}
	}
	return all, reached
}

func (p coverage) listMissing(out io.Writer, files []string) {
	for _, file := range files {
		missing := slices.DeleteFunc(slices.Clone(p[file]), func(b block) bool { return b.count > 0 })
		for _, b := range missing {
			fmt.Fprintf(out, "not covered: %s:%s\n", file, b.span)
		}
	}
}

func percent(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	// Rounded down, so that 100 % is said of nothing less.
	tenths := 1000 * part / whole
	return fmt.Sprintf("%d.%d%%", tenths/10, tenths%10)
}
