package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCloneKeepsContentAndMode(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	if err := os.Mkdir(filepath.Join(from, "tools"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "tools", "run"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := clone(from, to); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(to, "tools", "run")
	content, err := os.ReadFile(path)
	if err != nil || string(content) != "#!/bin/sh\n" {
		t.Errorf("content = %q, %v", content, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("the copy must stay executable: %v, %v", info, err)
	}
	if err := clone(from, to); err == nil {
		t.Error("clone into an existing directory succeeded, want an error")
	}
}
