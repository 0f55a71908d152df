package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReplacePathTakesWholePathsOnly(t *testing.T) {
	const oldPath, newPath = "old.example/ws", "new.example/team/ws"
	tests := []struct{ name, in, want string }{
		{"alone", "old.example/ws", "new.example/team/ws"},
		{"import", `import "old.example/ws"`, `import "new.example/team/ws"`},
		{"sub-package", `"old.example/ws/fuzz"`, `"new.example/team/ws/fuzz"`},
		{"end-of-sentence", "The module is old.example/ws.", "The module is new.example/team/ws."},
		{"twice", "old.example/ws old.example/ws", "new.example/team/ws new.example/team/ws"},
		{"url", "https://old.example/ws", "https://new.example/team/ws"},
		{"longer-name", "old.example/wsx", "old.example/wsx"},
		{"longer-name-with-dash", "old.example/ws-fork", "old.example/ws-fork"},
		{"other-host", "very.old.example/ws", "very.old.example/ws"},
		{"other-host-with-dash", "very-old.example/ws", "very-old.example/ws"},
		{"adjoining", "old.example/wsold.example/ws", "old.example/wsold.example/ws"},
		{"none", "nothing here", "nothing here"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(replacePath([]byte(tt.in), oldPath, newPath)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRenameRewritesEveryKindOfFile(t *testing.T) {
	dir := t.TempDir()
	files := map[string][2]string{
		"go.mod":    {"module old.example/ws\n\ngo 1.25\n", "module a.example/b\n\ngo 1.25\n"},
		"README.md": {"import \"old.example/ws\"\n", "import \"a.example/b\"\n"},
		"x.go": {
			"package x\n\nimport (\n\t_ \"fmt\"\n\t_ \"old.example/ws/tools\"\n)\n",
			"package x\n\nimport (\n\t_ \"a.example/b/tools\"\n\t_ \"fmt\"\n)\n",
		},
		"image.bin": {"\x00old.example/ws", "\x00old.example/ws"},
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content[0]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := rename(dir, "a.example/b"); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != content[1] {
			t.Errorf("%s = %q, %v; want %q", name, got, err, content[1])
		}
	}
}

func TestRenameRefusesWhatIsNoModulePath(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module old.example/ws\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", "host", "host/", "/host/path", "a b/c", "host/pa th", "old.example/ws", "../x", "host/..", `h/"`} {
		if err := rename(dir, path); err == nil {
			t.Errorf("rename to %q succeeded, want an error", path)
		}
	}
}
