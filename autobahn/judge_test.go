package autobahn

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// report is a suite's report in the making: the index, and each case's own file.
type report struct {
	role  *Role
	index map[string]map[string]map[string]any
	files map[string]map[string]any
}

// perfectReport is what an end gets that passes everything.
func perfectReport(role *Role) *report {
	r := &report{role: role, index: map[string]map[string]map[string]any{}, files: map[string]map[string]any{}}
	for _, id := range role.Cases() {
		r.add(role.Agent, id, role.Expected(id))
	}
	return r
}

func (r *report) add(agent, id string, v Verdict) {
	file := strings.ReplaceAll(agent, "-", "_") + "_case_" + strings.ReplaceAll(id, ".", "_") + ".json"
	if r.index[agent] == nil {
		r.index[agent] = map[string]map[string]any{}
	}
	r.index[agent][id] = map[string]any{"behavior": v.Behavior, "behaviorClose": v.BehaviorClose, "duration": 2,
		"remoteCloseCode": v.RemoteCloseCode, "reportfile": file}
	r.files[file] = map[string]any{"id": id, "agent": agent, "behavior": v.Behavior, "behaviorClose": v.BehaviorClose,
		"expectation":  "Something<br/> is\n   expected of " + id + ".",
		"httpResponse": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "trafficStats": nil}
	if v.Answer != "" {
		r.files[file]["httpResponse"] = "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Extensions: " + v.Answer + "\r\n\r\n"
		r.files[file]["trafficStats"] = map[string]any{"incomingOctetsAppLevel": 16000, "incomingOctetsWebSocketLevel": 15763}
	}
}

// outcomes are those of the agent that was tested.
func (r *report) outcomes() map[string]map[string]any { return r.index[r.role.Agent] }

// file is the case's own file.
func (r *report) file(id string) map[string]any {
	return r.files[r.outcomes()[id]["reportfile"].(string)]
}

// set changes one field of a case everywhere in the report.
func (r *report) set(id, field string, value any) {
	r.outcomes()[id][field] = value
	r.file(id)[field] = value
}

// write returns the report as files, which are not written: the disk would take most of a test's time.
func (r *report) write(t *testing.T) fs.FS {
	t.Helper()
	files := fstest.MapFS{IndexName: {Data: marshal(t, r.index)}}
	for name, content := range r.files {
		files[name] = &fstest.MapFile{Data: marshal(t, content)}
	}
	return files
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// judged returns whether the report passes, and everything that is printed.
func judged(t *testing.T, role *Role, files fs.FS, patterns ...string) (bool, string) {
	t.Helper()
	result, err := judge(role, files, "there", patterns)
	if err != nil {
		return false, err.Error()
	}
	var out strings.Builder
	result.Print(&out)
	return result.Passed(), out.String() + result.Sum()
}

func TestJudgePassesAPerfectReport(t *testing.T) {
	eachRole(t, func(t *testing.T, role *Role) {
		ok, out := judged(t, role, perfectReport(role).write(t))
		if !ok || !strings.HasSuffix(out, "\n"+role.Name+": 517 of 517") {
			t.Errorf("passed = %v, output:\n%s", ok, out)
		}
		for _, line := range []string{
			"  6 UTF-8 Handling                              145    145              0      0\n",
			"  7 Close Handling                               37     34              3      0\n",
		} {
			if !strings.Contains(out, line) {
				t.Errorf("the table lacks %q:\n%s", line, out)
			}
		}
	})
}

// doctored are reports that must fail. In want, ROLE, AGENT and FILE stand for the role's name, its agent, and the
// beginning of the names of its files.
var doctored = []struct {
	name   string
	doctor func(r *report)
	want   []string // all of it must be printed
}{
	{"failed", func(r *report) { r.set("1.1.1", "behavior", "FAILED") }, []string{"1.1.1: FAILED, close OK; expected OK, close OK",
		"Something is expected of 1.1.1.", "FILE_1_1_1.html", "ROLE: 516 of 517: FAILED"}},
	{"non-strict", func(r *report) { r.set("6.4.1", "behavior", "NON-STRICT") }, []string{"6.4.1: NON-STRICT, close OK;", "516 of 517"}},
	{"non-strict-close", func(r *report) { r.set("3.2", "behaviorClose", "NON-STRICT") }, []string{"3.2: OK, close NON-STRICT;", "516 of 517"}},
	{"wrong-code", func(r *report) { r.set("7.9.1", "behaviorClose", "WRONG CODE") }, []string{"7.9.1: OK, close WRONG CODE;"}},
	{"unimplemented", func(r *report) { r.set("9.1.6", "behavior", "UNIMPLEMENTED") }, []string{"9.1.6: UNIMPLEMENTED,"}},
	{"informational-where-ok-is-due", func(r *report) { r.set("7.1.5", "behavior", "INFORMATIONAL") }, []string{"7.1.5: INFORMATIONAL,"}},
	{"ok-where-informational-is-due", func(r *report) { r.set("7.1.6", "behaviorClose", OK) },
		[]string{"7.1.6: INFORMATIONAL, close OK; expected INFORMATIONAL, close INFORMATIONAL"}},
	{"compression-unimplemented", func(r *report) { r.set("13.3.1", "behavior", "UNIMPLEMENTED") }, []string{"13.3.1: UNIMPLEMENTED,",
		" 13 Compression, parameters                     126    125              0      1\n", "516 of 517"}},
	{"other-parameters", func(r *report) { r.file("13.5.2")["httpResponse"] = r.file("12.1.2")["httpResponse"] },
		[]string{"13.5.2: the handshake agrees on \"permessage-deflate", "; expected \"permessage-deflate; ", "516 of 517"}},
	{"no-extension", func(r *report) { r.file("13.1.18")["httpResponse"] = r.file("1.1.1")["httpResponse"] },
		[]string{`13.1.18: the handshake agrees on ""; expected "permessage-deflate`}},
	{"extension-twice", func(r *report) {
		r.file("12.1.1")["httpResponse"] = "Sec-WebSocket-Extensions: a\r\nsec-websocket-extensions: b\r\n"
	}, []string{`12.1.1: the handshake agrees on "a, b"; expected`}},
	{"extension-where-none-is-due", func(r *report) { r.file("1.1.1")["httpResponse"] = "Sec-WebSocket-Extensions: x\r\n" },
		[]string{`1.1.1: the handshake agrees on "x"; expected ""`}},
	{"sent-as-it-is", func(r *report) {
		r.file("12.5.2")["trafficStats"] = map[string]any{"incomingOctetsAppLevel": 64000, "incomingOctetsWebSocketLevel": 64000}
	}, []string{"12.5.2: our end sent 64000 octets, none of them compressed", "516 of 517"}},
	{"nothing-known-of-what-we-sent", func(r *report) { r.file("12.5.1")["trafficStats"] = nil },
		[]string{"12.5.1: the report does not say what our end sent"}},
	{"empty-verdict", func(r *report) { r.set("2.1", "behaviorClose", "") }, []string{"2.1: OK, close (none);"}},
	{"other-close-code", func(r *report) { r.set("7.13.1", "remoteCloseCode", 1000) }, []string{"7.13.1: our close code is 1000; expected 1002"}},
	{"other-close-code-after-a-burst", func(r *report) { r.set("7.1.6", "remoteCloseCode", 1006) }, []string{"7.1.6: our close code is 1006; expected 1000"}},
	{"no-close-code", func(r *report) { r.set("7.13.2", "remoteCloseCode", nil) }, []string{"7.13.2: our close code is missing; expected 1002"}},
	{"missing", func(r *report) { delete(r.outcomes(), "10.1.1") }, []string{"MISSING, no result for 1: 10.1.1\n", "516 of 517"}},
	{"extra", func(r *report) { r.add(r.role.Agent, "11.1.1", Verdict{Behavior: OK, BehaviorClose: OK}) },
		[]string{"11.1.1: is in the report, but not in expected.json", "ROLE: 517 of 517: FAILED"}},
	{"empty-index", func(r *report) { r.index = nil }, []string{"MISSING, no result for 517: 1.1.1 1.1.2", "ROLE: 0 of 517"}},
	{"no-cases", func(r *report) { clear(r.outcomes()) }, []string{"no result for 517: 1.1.1", "0 of 517"}},
	{"second-agent", func(r *report) { r.add("gorilla", "1.1.1", Verdict{Behavior: OK, BehaviorClose: OK}) },
		[]string{`agent "gorilla" is in the report`, "ROLE: 517 of 517: FAILED"}},
	{"other-agent", func(r *report) { r.index["other"] = r.outcomes(); delete(r.index, r.role.Agent) },
		[]string{`agent "other" is in the report, only "AGENT" may be`, "no result for 517: 1.1.1"}},
	{"page-contradicts-index", func(r *report) { r.file("5.1")["behavior"] = "FAILED" },
		[]string{"5.1: FILE_5_1.json says FAILED, close OK, the index OK, close OK"}},
	{"index-contradicts-page", func(r *report) {
		r.outcomes()["6.4.2"]["behavior"] = OK
		r.file("6.4.2")["behavior"] = "NON-STRICT"
	}, []string{"6.4.2: FILE_6_4_2.json says NON-STRICT"}},
	{"no-page", func(r *report) { delete(r.files, r.outcomes()["5.2"]["reportfile"].(string)) }, []string{"5.2: the case's own report is missing"}},
	{"page-of-another-case", func(r *report) { r.outcomes()["5.3"]["reportfile"] = r.outcomes()["5.4"]["reportfile"] },
		[]string{`5.3: FILE_5_4.json is of case "5.4"`}},
	{"page-elsewhere", func(r *report) { r.outcomes()["5.5"]["reportfile"] = "../x.json" }, []string{`5.5: report file "../x.json" is not beside`}},
}

func TestJudgeFailsADoctoredReport(t *testing.T) {
	eachRole(t, func(t *testing.T, role *Role) {
		names := strings.NewReplacer("ROLE", role.Name, "AGENT", role.Agent, "FILE", "barewire_"+role.Name+"_case")
		for _, test := range doctored {
			t.Run(test.name, func(t *testing.T) {
				r := perfectReport(role)
				test.doctor(r)
				ok, out := judged(t, role, r.write(t))
				if ok {
					t.Error("the report passed")
				}
				for _, want := range test.want {
					if want = names.Replace(want); !strings.Contains(out, want) {
						t.Errorf("nothing says %q:\n%s", want, out)
					}
				}
			})
		}
	})
}

func TestJudgeFailsTheReportOfTheOtherRole(t *testing.T) {
	roles, err := LoadRoles(Both)
	if err != nil {
		t.Fatal(err)
	}
	for i, role := range roles {
		other := roles[1-i]
		ok, out := judged(t, role, perfectReport(other).write(t))
		want := "agent \"" + other.Agent + "\" is in the report, only \"" + role.Agent + "\" may be"
		if ok || !strings.Contains(out, want) || !strings.HasSuffix(out, role.Name+": 0 of 517: FAILED") {
			t.Errorf("as %s: passed = %v, output:\n%s", role.Name, ok, out)
		}
	}
}

func TestJudgeFailsWithoutAReadableIndex(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "cut": `{"barewire-server": {`, "other-shape": `["1.1.1"]`} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{IndexName: {Data: []byte(text)}}
			if ok, out := judged(t, serverRole(t), files); ok || !strings.Contains(out, IndexName) {
				t.Errorf("passed = %v, output: %s", ok, out)
			}
		})
	}
	dir := t.TempDir()
	if r, err := Judge(serverRole(t), dir, nil); err == nil || !strings.Contains(err.Error(), dir+": the suite left no index") {
		t.Errorf("without a file: %v, error %v", r, err)
	}
}

func TestJudgeOfASubsetSaysSo(t *testing.T) {
	eachRole(t, func(t *testing.T, role *Role) {
		r := perfectReport(role)
		r.set("1.1.1", "behavior", "FAILED") // not in the subset
		ok, out := judged(t, role, r.write(t), "6.4.*")
		if !ok || !strings.HasSuffix(out, "\n"+role.Name+", only 6.4.*: 4 of 4 of a suite of 517") {
			t.Errorf("passed = %v, output:\n%s", ok, out)
		}
		delete(r.outcomes(), "6.4.3")
		for _, pattern := range []string{"6.4.*", Quick} {
			ok, out = judged(t, role, r.write(t), pattern)
			if ok || !strings.Contains(out, "no result for 1: 6.4.3\n") || !strings.HasSuffix(out, " of a suite of 517: FAILED") {
				t.Errorf("%s with a case missing: passed = %v, output:\n%s", pattern, ok, out)
			}
		}
	})
}
