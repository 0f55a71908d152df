package tree

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestFilesWithoutGitAreAllFiles(t *testing.T) {
	dir := plant(t)
	want := []string{".gitignore", "a/b.go", "go.mod", "junk/x.out"}
	expectFiles(t, dir, want)
}

func TestFilesAreFoundOnAMachineWithoutGit(t *testing.T) {
	dir := plant(t)
	write(t, dir, ".git/HEAD", "ref: refs/heads/main\n")
	t.Setenv("PATH", "")
	expectFiles(t, dir, []string{".gitignore", "a/b.go", "go.mod", "junk/x.out"})
}

func TestFilesThatGitListsMustBeThere(t *testing.T) {
	got := present(plant(t), "a/b.go\x00gone.go\x00junk\x00go.mod\x00")
	if want := []string{"a/b.go", "go.mod"}; !slices.Equal(got, want) {
		t.Errorf("present = %q, want %q", got, want)
	}
}

func TestFilesOfAnotherTreeAreNotAskedFor(t *testing.T) {
	got := withoutGit([]string{"GIT_DIR=elsewhere", "PATH=/bin", "GIT_INDEX_FILE=x", "DIGIT_=1"})
	if want := []string{"PATH=/bin", "DIGIT_=1"}; !slices.Equal(got, want) {
		t.Errorf("withoutGit = %q, want %q", got, want)
	}
}

func TestModuleReadsTheModuleLine(t *testing.T) {
	got, err := Module(plant(t))
	if err != nil || got != "some.example/path" {
		t.Errorf("Module = %q, %v; want some.example/path", got, err)
	}
	if got, err := Module(t.TempDir()); err == nil {
		t.Errorf("Module without a go.mod = %q, want an error", got)
	}
}

func TestIsTextRefusesZeroBytes(t *testing.T) {
	if !IsText([]byte("grüße\n")) || IsText([]byte("a\x00b")) {
		t.Error("IsText must accept UTF-8 and refuse a zero byte")
	}
}

func plant(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "go.mod", "// a comment\nmodule some.example/path\n\ngo 1.25\n")
	write(t, dir, "a/b.go", "package a\n")
	write(t, dir, "junk/x.out", "junk\n")
	write(t, dir, ".gitignore", "junk/\n")
	return dir
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func expectFiles(t *testing.T, dir string, want []string) {
	t.Helper()
	got, err := Files(dir)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Files = %q, %v\nwant %q", got, err, want)
	}
}
