package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version prints one line.
func version(_ context.Context, args []string, std streams) int {
	switch {
	case len(args) == 0:
		fmt.Fprintf(std.out, "barewire %s %s %s/%s\n", built(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return exitOK
	case args[0] == "-help" || args[0] == "--help" || args[0] == "-h":
		fmt.Fprintln(std.out, "usage: barewire version")
		return exitOK
	}
	fmt.Fprintf(std.err, "barewire version: unexpected argument %q\n", args[0])
	return exitUsage
}

// built returns the module's version, and the commit when the go command has
// noted it.
func built() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	name := info.Main.Version
	if name == "" {
		name = "(devel)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			name += " " + s.Value
		}
	}
	return name
}
