package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const notice = "which takes a minute"

// writePrograms writes shell scripts, by name.
func writePrograms(t *testing.T, dir string, programs map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// install runs the script for the environment venv, and returns both of its outputs.
func install(t *testing.T, venv string) (out, complaints string, err error) {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), filepath.Join("..", "install"))
	cmd.Env = append(os.Environ(), "AUTOBAHN_VENV="+venv)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

func TestInstallIsSilentWhenTheSuiteIsThere(t *testing.T) {
	venv := filepath.Join(t.TempDir(), "venv")
	writePrograms(t, filepath.Join(venv, "bin"), map[string]string{"wstest": "echo AutobahnTestSuite 25.10.1"})
	if err := os.WriteFile(filepath.Join(venv, ".made-by-autobahn-install"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	out, complaints, err := install(t, venv)
	if err != nil || complaints != "" || out != filepath.Join(venv, "bin", "wstest")+"\n" {
		t.Errorf("it says %q and %q, %v", out, complaints, err)
	}
}

// Nothing is installed here: the first real step fails, by a Python that cannot do it.
func TestInstallSaysThatItTakesAMinute(t *testing.T) {
	dir := t.TempDir()
	programs := filepath.Join(dir, "programs")
	writePrograms(t, programs, map[string]string{"python2.7": "exit 0", "cc": "exit 0", "python3": `test "$1" = -c`})
	t.Setenv("PATH", programs+string(filepath.ListSeparator)+os.Getenv("PATH"))
	_, complaints, err := install(t, filepath.Join(dir, "venv"))
	lines := strings.Split(complaints, "\n")
	if err == nil || !strings.Contains(lines[0], notice) || !strings.Contains(complaints, "Python 3 environment failed") {
		t.Errorf("it says %q, %v", complaints, err)
	}
}
