package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sync"

	"barewire.example/websocket/autobahn"
)

// part is the share of one suite process. It has a directory of its own, because the suite overwrites the index of
// whoever shares it.
type part struct {
	report string   // the report directory of all parts
	mode   string   // of the suite: fuzzingclient or fuzzingserver
	name   string   // "1", "2", …
	cases  []string // ids or patterns
	others []string // ids that the patterns must not bring here, since another part has them
	addr   string   // where a fuzzingserver listens
}

func (p part) spec() string { return p.mode + "-" + p.name + ".json" }
func (p part) dir() string  { return filepath.Join(p.report, "part-"+p.name) }
func (p part) log() string  { return filepath.Join(p.report, "wstest-"+p.name+".log") }

// spec is the suite's configuration file.
type spec struct {
	Outdir        string            `json:"outdir"`
	Servers       []target          `json:"servers,omitempty"` // for a fuzzingclient
	URL           string            `json:"url,omitempty"`     // for a fuzzingserver
	Cases         []string          `json:"cases"`
	Exclude       []string          `json:"exclude-cases"`
	ExcludeAgents map[string]string `json:"exclude-agent-cases"`
}

type target struct {
	Agent string `json:"agent"`
	URL   string `json:"url"`
}

// deal shares the cases out.
func (j *job) deal(mode string) []part {
	hands := dealCases(j.cases, j.jobs)
	var parts []part
	for i, hand := range hands {
		parts = append(parts, part{report: j.report, mode: mode, name: fmt.Sprint(i + 1), cases: hand})
	}
	if len(j.patterns) == 0 {
		// By wildcard: a case that a newer suite added would run, and fail the gate as unexpected.
		parts[0].cases, parts[0].others = []string{"*"}, slices.Concat(hands[1:]...)
	}
	return parts
}

// configure writes the part's configuration, of which s has what depends on the mode. inside is the report directory as
// the suite sees it.
func (p part) configure(inside string, s spec) error {
	s.Outdir = path.Join(filepath.ToSlash(inside), "part-"+p.name)
	s.Cases = p.cases
	s.Exclude = append([]string{}, p.others...)
	s.ExcludeAgents = map[string]string{}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.report, p.spec()), text, 0o644); err != nil {
		return err
	}
	// Made here, so that it is ours even when the suite runs as root in a container.
	return os.MkdirAll(p.dir(), 0o755)
}

// dealCases deals like cards, forwards and backwards in turn: neighbours, which tend to be alike in cost, go to different
// hands, and none always gets the dearer one of two.
func dealCases(cases []string, n int) [][]string {
	hands := make([][]string, min(n, len(cases)))
	for i, id := range cases {
		at := i % len(hands)
		if i/len(hands)%2 == 1 {
			at = len(hands) - 1 - at
		}
		hands[at] = append(hands[at], id)
	}
	return hands
}

// eachPart works on all parts side by side.
func eachPart(parts []part, work func(p part) error) error {
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i, p := range parts {
		wg.Go(func() { errs[i] = work(p) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// run runs cmd, which ctx kills, to its end. name says what it is.
func (p part) run(ctx context.Context, name string, cmd *exec.Cmd, log string) error {
	out, err := os.Create(log)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("%w, so the %s was ended", context.Cause(ctx), name)
	}
	if err != nil {
		return fmt.Errorf("the %s failed: %w (see %s)", name, err, log)
	}
	return nil
}

// blame adds to an error in which case it came up. The suite's log must have been written.
func (p part) blame(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; the last case begun: %s", err, p.lastCase())
}

var begun = regexp.MustCompile(`(?m)^Running test case ID (\S+)`)

// lastCase is the last one that the suite says it began.
func (p part) lastCase() string {
	text, err := os.ReadFile(p.log())
	all := begun.FindAllSubmatch(text, -1)
	if err != nil || len(all) == 0 {
		return "none"
	}
	return string(all[len(all)-1][1])
}

// merge moves the files of all parts into the report directory, under one index.json. The overviews stay one a part:
// index.html alone, or index-1.html, index-2.html …; their links hold, since all pages are beside them.
func merge(report string, parts []part) error {
	var errs []error
	all := map[string]map[string]json.RawMessage{}
	for _, p := range parts {
		errs = append(errs, p.addIndex(all))
		overview := "index.html"
		if len(parts) > 1 {
			overview = "index-" + p.name + ".html"
		}
		errs = append(errs, p.moveUp(overview))
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(report, autobahn.IndexName), text, 0o644)
	}
	return errors.Join(append(errs, err)...)
}

func (p part) addIndex(all map[string]map[string]json.RawMessage) error {
	text, err := os.ReadFile(filepath.Join(p.dir(), autobahn.IndexName))
	if err != nil {
		return fmt.Errorf("the suite wrote no index (see %s)", p.log())
	}
	var index map[string]map[string]json.RawMessage
	if err := json.Unmarshal(text, &index); err != nil {
		return fmt.Errorf("%s of part %s: %w", autobahn.IndexName, p.name, err)
	}
	for agent, cases := range index {
		if all[agent] == nil {
			all[agent] = map[string]json.RawMessage{}
		}
		for id, outcome := range cases {
			if _, twice := all[agent][id]; twice {
				return fmt.Errorf("two parts report case %s", id)
			}
			all[agent][id] = outcome
		}
	}
	return nil
}

func (p part) moveUp(overview string) error {
	entries, err := os.ReadDir(p.dir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if name == "index.html" {
			name = overview
		}
		if name == autobahn.IndexName {
			continue
		}
		if err := os.Rename(filepath.Join(p.dir(), e.Name()), filepath.Join(p.report, name)); err != nil {
			return err
		}
	}
	return os.RemoveAll(p.dir())
}
