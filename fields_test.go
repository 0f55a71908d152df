package websocket

import (
	"errors"
	"math/rand/v2"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
)

// tokenChars is tchar of RFC 9110 §5.6.2, written out.
const tokenChars = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func TestFieldsTokenTakesExactlyItsBytes(t *testing.T) {
	for c := range 256 {
		s := string([]byte{'a', byte(c), 'z'})
		if want := strings.IndexByte(tokenChars, byte(c)) >= 0; isToken(s) != want {
			t.Errorf("isToken(%q) = %v", s, !want)
		}
	}
	if isToken("") {
		t.Error("the empty string is a token")
	}
}

func TestFieldsValueHasNoControlCharacters(t *testing.T) {
	for c := range 256 {
		s := string([]byte{'a', byte(c), 'z'})
		want := c == '\t' || c >= ' ' && c != 0x7F
		if isFieldValue(s) != want {
			t.Errorf("isFieldValue(%q) = %v", s, !want)
		}
	}
	if !isFieldValue("") {
		t.Error("the empty string is not a value")
	}
}

func TestFieldsCanonicalNameIsThatOfTextproto(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"", "a", "sec-websocket-key", "SEC-WEBSOCKET-KEY", "a--b", "-", "1a-2B", "a b", "ä", "x\x00"}
	for range 1000 {
		b := make([]byte, 1+random.IntN(20))
		for i := range b {
			b[i] = tokenChars[random.IntN(len(tokenChars))]
		}
		names = append(names, string(b))
	}
	for _, name := range names {
		if got, want := canonicalName(name), textproto.CanonicalMIMEHeaderKey(name); got != want {
			t.Errorf("canonicalName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestFieldsHasToken(t *testing.T) {
	for _, test := range []struct {
		values []string
		want   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"kiss"}, true},
		{[]string{"KiSS"}, true},
		{[]string{"a,\t kiss ,b"}, true},
		{[]string{"a", ",,kiss"}, true},
		{[]string{"kissing"}, false},
		{[]string{"a kiss"}, false},
		{[]string{`"kiss"`}, false},
		{[]string{"kis\u017f"}, false}, // long s
		{[]string{"\u212aiss"}, false}, // Kelvin sign
		{[]string{"\u017f"}, false},
	} {
		if got := hasToken(test.values, "kiss"); got != test.want {
			t.Errorf("hasToken(%q) = %v", test.values, got)
		}
	}
}

func TestFieldsParseTokenList(t *testing.T) {
	many := strings.Repeat("a,", maxElements-1) + "a"
	for _, test := range []struct {
		name   string
		values []string
		want   []string // nil for malformed
	}{
		{"one", []string{"a"}, []string{"a"}},
		{"blanks", []string{" a\t,\t b "}, []string{"a", "b"}},
		{"two-lines", []string{"a, b", "c"}, []string{"a", "b", "c"}},
		{"empty-elements", []string{",a,,", "", "b,"}, []string{"a", "b"}},
		{"most", []string{many}, strings.Split(many, ",")},
		{"too-many", []string{many, "a"}, nil},
		{"nothing", nil, nil},
		{"empty", []string{""}, nil},
		{"commas-only", []string{",,"}, nil},
		{"blank-inside", []string{"a b"}, nil},
		{"quoted", []string{`"a"`}, nil},
		{"not-ascii", []string{"ä"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := parseTokenList(test.values)
			if ok != (test.want != nil) || ok && !reflect.DeepEqual(got, test.want) {
				t.Errorf("parseTokenList(%q) = %q, %v", test.values, got, ok)
			}
		})
	}
}

var extensionTests = []struct {
	name   string
	values []string
	normal string // as AppendExtensions writes it
}{
	{"none", nil, ""},
	{"name", []string{"foo"}, "foo"},
	{"two-lines-are-one-list", []string{"foo", "bar; baz=2"}, "foo, bar; baz=2"}, // §9.1
	{"example-of-the-rfc", []string{"mux; max-channels=4; flow-control, deflate-stream"}, "mux; max-channels=4; flow-control, deflate-stream"},
	{"blanks-everywhere", []string{" a ;\tb = 1 , c "}, "a; b=1, c"},
	{"no-blanks", []string{"a;b=1;c,d"}, "a; b=1; c, d"},
	{"quoted-value", []string{`a; b="10"; c`}, "a; b=10; c"},
	{"quoted-pairs", []string{`a; b="\1\0"`}, "a; b=10"},
	{"empty-elements", []string{",a,, b,", "", "c"}, "a, b, c"},
	{"names-of-prototypes", []string{"constructor; __proto__=1"}, "constructor; __proto__=1"},
	{"same-twice", []string{"a; b; b, a"}, "a; b; b, a"},
	{"most", []string{strings.Repeat("a;b,", maxElements/2)}, strings.TrimSuffix(strings.Repeat("a; b, ", maxElements/2), ", ")},
}

func TestFieldsParseExtensionsTakesTheGrammar(t *testing.T) {
	for _, test := range extensionTests {
		t.Run(test.name, func(t *testing.T) {
			list, err := ParseExtensions(test.values)
			if err != nil {
				t.Fatal(err)
			}
			normal := string(AppendExtensions(nil, list))
			if normal != test.normal {
				t.Errorf("appended: %q, want %q", normal, test.normal)
			}
			if test.values == nil {
				return
			}
			again, err := ParseExtensions([]string{normal})
			if err != nil || !reflect.DeepEqual(again, list) {
				t.Errorf("parsed again: %v, %v; want %v", again, err, list)
			}
		})
	}
}

func TestFieldsParseExtensionsTellsValues(t *testing.T) {
	got, err := ParseExtensions([]string{`a; b; c="d"`})
	want := []Extension{{Name: "a", Params: []Param{{Name: "b"}, {Name: "c", Value: "d", HasValue: true}}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestFieldsParseExtensionsRefusesAllElse(t *testing.T) {
	for name, value := range map[string]string{
		"empty":                  "",
		"blanks-only":            " \t",
		"empty-list":             ",",
		"empty-elements-only":    " , ,, ",
		"empty-parameters":       "a;;",
		"empty-last-parameter":   "a;",
		"no-name":                ";a",
		"value-without-name":     "=x",
		"parameter-without-name": "a;=x",
		"parameter-and-equals":   "a;;=",
		"no-value":               "a; b=",
		"no-value-before-comma":  "a; b=, c",
		"two-values":             "a; b=c=d",
		"value-of-extension":     "a=b",
		"blank-inside-name":      "a b",
		"blank-inside-value":     "a; b=c d",
		"open-quote":             `a; b="c`,
		"open-quote-only":        `a; b="`,
		"open-pair":              `a; b="c\`,
		"empty-quotes":           `a; b=""`,
		"quoted-blank":           `a; b="1 0"`,
		"quoted-comma":           `a; b="1,0"`,
		"quoted-quote":           `a; b="\""`,
		"quoted-backslash":       `a; b="\\"`,
		"text-behind-quotes":     `a; b="c"d`,
		"quoted-name":            `"a"`,
		"quote-inside-value":     `a; b=c"d"`,
		"control-character":      "a\x00",
		"quoted-control":         "a; b=\"\x01\"",
		"line-feed":              "a\n;b",
		"not-ascii":              "ä",
		"too-many-extensions":    strings.Repeat("a,", maxElements+1),
		"too-many-parameters":    "a" + strings.Repeat(";b", maxElements),
	} {
		t.Run(name, func(t *testing.T) {
			list, err := ParseExtensions([]string{value})
			if list != nil || !errors.Is(err, RuleExtensions) {
				t.Errorf("ParseExtensions(%q) = %v, %v", value, list, err)
			}
		})
	}
}

func TestFieldsParseExtensionsRefusesALaterLine(t *testing.T) {
	if list, err := ParseExtensions([]string{"good", "bad;"}); list != nil || !errors.Is(err, RuleExtensions) {
		t.Errorf("got %v, %v", list, err)
	}
}

// What is parsed is cut out of the input, so the number of allocations says how
// often text was copied. It must not grow with the input.
func TestFieldsParsersDoNotCopyHostileValues(t *testing.T) {
	for name, value := range map[string]func(n int) string{
		"blanks":        func(n int) string { return "b" + strings.Repeat(" ", n) + "x" },
		"quoted-pairs":  func(n int) string { return `a; b="` + strings.Repeat(`\c`, n/2) },
		"commas":        func(n int) string { return strings.Repeat(",", n) },
		"upgrades":      func(n int) string { return strings.Repeat("upgrade,", n/8) },
		"parameters":    func(n int) string { return "a" + strings.Repeat(";b", n/2) },
		"long-name":     func(n int) string { return strings.Repeat("a", n) },
		"long-and-open": func(n int) string { return `a; b="` + strings.Repeat("c", n) },
	} {
		t.Run(name, func(t *testing.T) {
			allocs := func(n int) float64 {
				values := []string{value(n)}
				return testing.AllocsPerRun(10, func() {
					ParseExtensions(values)
					parseTokenList(values)
					hasToken(values, "websocket")
				})
			}
			if small, large := allocs(8<<10), allocs(64<<10); large > small {
				t.Errorf("%v allocations for 8 KiB, %v for 64 KiB", small, large)
			}
		})
	}
}

// Each byte of the input leaves the parser once: what is left only gets shorter,
// and no step leaves it as it is.
func TestFieldsExtensionParserOnlyGoesForward(t *testing.T) {
	const value = ` a ;b = "\1\0" ,, c;d=e,f`
	p := extensionParser{}
	p.rest = strings.Trim(value, blanks)
	for p.rest != "" {
		before := p.rest
		if !p.take(',') && !p.extension() {
			t.Fatalf("refused at %q", p.rest)
		}
		if !strings.HasSuffix(before, p.rest) || len(p.rest) == len(before) {
			t.Fatalf("went from %q to %q", before, p.rest)
		}
	}
	if len(p.list) != 3 || p.count != 5 {
		t.Errorf("parsed %v, counted %d elements", p.list, p.count)
	}
}

func TestFieldsExcerptIsOneShortLine(t *testing.T) {
	if got, want := excerpt("a\r\nb\x1b[31mä"), `"a\r\nb\x1b[31m\u00e4"`; got != want {
		t.Errorf("excerpt = %s, want %s", got, want)
	}
	if whole := strings.Repeat("a", maxExcerpt); excerpt(whole) != `"`+whole+`"` {
		t.Errorf("an excerpt of %d bytes is cut: %s", maxExcerpt, excerpt(whole))
	}
	if got := excerpt(strings.Repeat("\x00", 10_000)); len(got) > 5*maxExcerpt || !strings.HasSuffix(got, `"...`) {
		t.Errorf("a long excerpt is %d bytes: %s", len(got), got)
	}
}
