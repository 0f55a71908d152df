package fuzz

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"barewire.example/websocket"
)

// FuzzExtensions: ParseExtensions says the same as a parser that only splits,
// the lines of a field make up one list, and what was parsed can be written down
// and parsed again.
func FuzzExtensions(f *testing.F) {
	for _, seed := range []string{
		"", "permessage-deflate", "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
		"a; b=\"c\", d\ne", "a;b=\"\\c\\c\"", "a, , b", ",", "a;", "a;b=", "a b", "a;b=\"c d\"", "a;b=\"c,d\"", "a;b=\"\"", "a;b=\"",
		"a\t;\tb = c ,d", "a;b=\"\\\"", strings.Repeat("a,", 101), strings.Repeat("a;", 60), "foo, bar; baz=2", " \t", "a\n\nb",
		"a; b=\"\\,\"", "\"a\"", "é", "a=b", "a;b=c=d", "a;b=\"c\"d",
	} {
		f.Add(seed)
	}
	for _, v := range vectors(f) {
		f.Add(string(v.bytes))
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		var got []websocket.Extension
		var err error
		checkMemory(t, len(text), func() { got, err = websocket.ParseExtensions(lines) })
		want, ok := splitExtensions(strings.Join(lines, ","))
		if (err == nil) != ok {
			t.Fatalf("%q: %v, want accepted %v", lines, err, ok)
		}
		if err != nil {
			if !errors.Is(err, websocket.RuleExtensions) || got != nil {
				t.Fatalf("%q: %v, with %+v", lines, err, got)
			}
			return
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: got %+v, want %+v", lines, got, want)
		}
		checkExtensionsAgain(t, got)
	})
}

func checkExtensionsAgain(t *testing.T, list []websocket.Extension) {
	t.Helper()
	text := string(websocket.AppendExtensions([]byte("dst"), list))
	again, err := websocket.ParseExtensions([]string{strings.TrimPrefix(text, "dst")})
	if err != nil || !strings.HasPrefix(text, "dst") || !reflect.DeepEqual(again, list) {
		t.Fatalf("%+v became %q became %+v, %v", list, text, again, err)
	}
}

// splitExtensions can split at every separator, since a quoted value must be a
// token too (§9.1) and has none in it. Extensions and parameters are 100 at most.
func splitExtensions(list string) (all []websocket.Extension, ok bool) {
	count := 0
	for element := range strings.SplitSeq(list, ",") {
		if strings.Trim(element, " \t") == "" {
			continue
		}
		parts := strings.Split(element, ";")
		if count += len(parts); count > 100 {
			return nil, false
		}
		e := websocket.Extension{Name: strings.Trim(parts[0], " \t")}
		valid := token(e.Name)
		for _, part := range parts[1:] {
			p, ok := splitParam(part)
			valid = valid && ok
			e.Params = append(e.Params, p)
		}
		if !valid {
			return nil, false
		}
		all = append(all, e)
	}
	return all, len(all) > 0
}

func splitParam(part string) (p websocket.Param, ok bool) {
	p.Name, p.Value, p.HasValue = strings.Cut(part, "=")
	p.Name, p.Value = strings.Trim(p.Name, " \t"), strings.Trim(p.Value, " \t")
	if n := len(p.Value); n > 1 && p.Value[0] == '"' && p.Value[n-1] == '"' {
		inner := p.Value[1 : n-1]
		p.Value = strings.ReplaceAll(inner, `\`, "")
		// A backslash quotes the byte behind it, which a token may have, so it is
		// neither another backslash nor the end.
		if strings.Contains(inner, `\\`) || strings.HasSuffix(inner, `\`) {
			return p, false
		}
	}
	return p, token(p.Name) && (token(p.Value) || !p.HasValue)
}

// token is that of RFC 9110 §5.6.2.
func token(s string) bool {
	const marks = "!#$%&'*+-.^_`|~"
	for _, c := range []byte(s) {
		alphanumeric := '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !alphanumeric && strings.IndexByte(marks, c) < 0 {
			return false
		}
	}
	return s != ""
}
