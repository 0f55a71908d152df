package autobahn

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// IndexName is the file in which the suite sums up a report.
const IndexName = "index.json"

// Index is that file: agent, case id, outcome.
type Index map[string]map[string]Outcome

// Outcome is what the suite says of one case.
type Outcome struct {
	Behavior        string
	BehaviorClose   string
	RemoteCloseCode *int
	ReportFile      string // JSON file of the case, beside the index
}

// detail is what we need of a case's own file.
type detail struct {
	ID            string
	Agent         string
	Behavior      string
	BehaviorClose string
	Expectation   string
}

// ReadIndex reads the index of the report in dir.
func ReadIndex(dir string) (Index, error) {
	text, err := os.ReadFile(filepath.Join(dir, IndexName))
	if err != nil {
		return nil, fmt.Errorf("the suite left no index: %w", err)
	}
	var index Index
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, IndexName), err)
	}
	return index, nil
}

// readDetail reads the case's own file, and refuses one that contradicts the index: an index must not be able to pass
// on its own.
func (o Outcome) readDetail(dir, agent, id string) (detail, error) {
	var d detail
	if !filepath.IsLocal(o.ReportFile) {
		return d, fmt.Errorf("report file %q is not beside the index", o.ReportFile)
	}
	text, err := os.ReadFile(filepath.Join(dir, o.ReportFile))
	if err != nil {
		return d, fmt.Errorf("the case's own report is missing: %w", err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return d, fmt.Errorf("%s: %w", o.ReportFile, err)
	}
	if d.ID != id || d.Agent != agent {
		return d, fmt.Errorf("%s is of case %q and agent %q", o.ReportFile, d.ID, d.Agent)
	}
	if d.Behavior != o.Behavior || d.BehaviorClose != o.BehaviorClose {
		return d, fmt.Errorf("%s says %s, the index %s", o.ReportFile,
			pair(d.Behavior, d.BehaviorClose), pair(o.Behavior, o.BehaviorClose))
	}
	return d, nil
}

// page is the path of the case's HTML page, which the suite writes beside the JSON file.
func (o Outcome) page(dir string) string {
	return filepath.Join(dir, strings.TrimSuffix(o.ReportFile, ".json")+".html")
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

// sentence is the suite's own wording of what it expects, without its markup.
func (d detail) sentence() string {
	return strings.TrimSpace(spaces.ReplaceAllString(tags.ReplaceAllString(d.Expectation, " "), " "))
}

// pair prints both parts of a verdict; they are always judged together.
func pair(behavior, behaviorClose string) string {
	for _, s := range []*string{&behavior, &behaviorClose} {
		if *s == "" {
			*s = "(none)"
		}
	}
	return behavior + ", close " + behaviorClose
}
