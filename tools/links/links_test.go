package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRunFindsBrokenLinks(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"file", "see [the code](frame.go)", ""},
		{"directory", "see [docs](docs/) and [docs](docs)", ""},
		{"below", "see [a](docs/a.md)", ""},
		{"missing", "see [the code](frames.go)", "frames.go: no such file"},
		{"other-case", "see [the code](Frame.go)", "Frame.go: no such file"},
		{"image", "![picture](docs/none.png)", "docs/none.png: no such file"},
		{"title", `see [x](none.md "a title")`, "none.md: no such file"},
		{"two-on-a-line", "[x](frame.go) and [y](none.md)", "none.md: no such file"},
		{"definition", "[x]: none.md", "none.md: no such file"},
		{"html", `<img src="none.png">`, "none.png: no such file"},
		{"outside", "[x](../other/README.md)", "../other/README.md: no such file"},
		{"absolute", "[x](/frame.go)", "/frame.go: begins at the root"},
		{"web", "[x](https://host.example/none) <https://host.example> [m](mailto:a@host.example)", ""},
		{"escaped", "[x](docs/with%20space.md)", ""},
		{"code-span", "write `[x](none.md)`", ""},
		{"fence", "```\n[x](none.md)\n```", ""},
		{"after-fence", "~~~\n```\n~~~\n[x](none.md)", "none.md: no such file"},
		{"own-heading", "[x](#the-first-one)", ""},
		{"other-heading", "[x](docs/a.md#a-page-in-go)", ""},
		{"repeated-heading", "[x](docs/a.md#again-1)", ""},
		{"anchor", "[x](docs/a.md#here)", ""},
		{"no-heading", "[x](docs/a.md#none)", "docs/a.md#none: no such heading in docs/a.md"},
		{"heading-in-fence", "[x](docs/a.md#code)", "docs/a.md#code: no such heading"},
		{"line-of-code", "[x](frame.go#L10)", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			plant(t, dir, "README.md", "# The first one\n\n"+tt.line+"\n")
			plant(t, dir, "frame.go", "package p\n")
			plant(t, dir, "docs/with space.md", "")
			plant(t, dir, "docs/a.md", "# A page, in `Go`!\n## Again\n## Again\n<a id=\"here\"></a>\n```\n# Code\n```\n")
			expectBroken(t, dir, tt.want)
		})
	}
}

// expectBroken wants one broken link, whose report contains want, or none when want is empty.
func expectBroken(t *testing.T, dir, want string) {
	t.Helper()
	var out strings.Builder
	broken, err := run(dir, &out)
	if err != nil {
		t.Fatal(err)
	}
	if want == "" && broken != 0 || want != "" && (broken != 1 || !strings.Contains(out.String(), ": "+want)) {
		t.Errorf("%d broken links, want %q:\n%s", broken, want, &out)
	}
}

func plant(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestSlug(t *testing.T) {
	tests := map[string]string{
		"The *five* laws":           "the-five-laws",
		"§5.5: Control frames":      "55-control-frames",
		"`Conn.Read` & friends":     "connread--friends",
		"A [link](x.md) in a title": "a-link-in-a-title",
		"snake_case and dash-es":    "snake_case-and-dash-es",
	}
	for title, want := range tests {
		if got := slug(title); got != want {
			t.Errorf("slug(%q) = %q, want %q", title, got, want)
		}
	}
}

func TestLinesAreThoseOfTheFile(t *testing.T) {
	got := parseDocument("a\n\n```\nx\n```\r\n[x](b.md)\n").links
	if want := []link{{6, "b.md"}}; !slices.Equal(got, want) {
		t.Errorf("links = %v, want %v", got, want)
	}
}
