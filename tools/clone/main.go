// Command clone copies the repository in the current directory, with what is not committed yet, to a new directory.
// The scripts that try the copy in other ways start from it.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"barewire.example/websocket/tools/tree"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: clone DIRECTORY")
		os.Exit(2)
	}
	if err := clone(".", os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "clone:", err)
		os.Exit(1)
	}
}

// clone refuses a destination that exists, so that it can't mix two trees.
func clone(from, to string) error {
	names, err := tree.Files(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		if err := copyFile(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, info.Mode().Perm())
}
