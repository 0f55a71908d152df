package autobahn

import (
	"encoding/json"
	"fmt"
	"io/fs"
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
	HTTPResponse  string   // the handshake's answer, of whichever end was the server
	TrafficStats  *traffic // only of compression cases that came to their end
}

// traffic is what the suite got from us in a case, in octets of messages.
type traffic struct {
	IncomingOctetsAppLevel       int64 // as they came out
	IncomingOctetsWebSocketLevel int64 // as they came in
}

// ReadIndex reads the index of the report in dir.
func ReadIndex(dir string) (Index, error) {
	index, err := readIndex(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return index, nil
}

func readIndex(files fs.FS) (Index, error) {
	text, err := fs.ReadFile(files, IndexName)
	if err != nil {
		return nil, fmt.Errorf("the suite left no index: %w", err)
	}
	var index Index
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", IndexName, err)
	}
	return index, nil
}

// readDetail reads the case's own file, and refuses one that contradicts the index: an index must not be able to pass
// on its own.
func (o Outcome) readDetail(files fs.FS, agent, id string) (detail, error) {
	var d detail
	if !fs.ValidPath(o.ReportFile) {
		return d, fmt.Errorf("report file %q is not beside the index", o.ReportFile)
	}
	text, err := fs.ReadFile(files, o.ReportFile)
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

// answer is what was agreed on: the extensions in the handshake's answer, "" when there are none.
func (d detail) answer() string {
	var found []string
	for line := range strings.Lines(d.HTTPResponse) {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(name, "Sec-WebSocket-Extensions") {
			found = append(found, strings.TrimSpace(value))
		}
	}
	return strings.Join(found, ", ")
}

// checkAnswer returns what is wrong with the compression of the case, or "". The suite itself calls it OK when our end,
// having agreed to compress, sends everything as it is.
func (d detail) checkAnswer(want string) string {
	switch t := d.TrafficStats; {
	case d.answer() != want:
		return fmt.Sprintf("the handshake agrees on %q; expected %q", d.answer(), want)
	case want == "":
		return ""
	case t == nil || t.IncomingOctetsAppLevel == 0:
		return "the report does not say what our end sent"
	case t.IncomingOctetsWebSocketLevel == t.IncomingOctetsAppLevel:
		return fmt.Sprintf("our end sent %d octets, none of them compressed", t.IncomingOctetsAppLevel)
	}
	return ""
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
