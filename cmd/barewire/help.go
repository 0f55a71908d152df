package main

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// help lists the verbs, or has one of them explain itself.
func help(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] != "help" && !strings.HasPrefix(args[0], "-") {
		return run(ctx, []string{args[0], "-help"}, stdout, stderr)
	}
	fmt.Fprint(stdout, "usage: barewire verb [flags]\n\n")
	for _, v := range verbs() {
		fmt.Fprintf(stdout, "  %-9s %s\n", v.name, v.summary)
	}
	fmt.Fprint(stdout, "\n'barewire help verb' explains its flags.\n")
	return exitOK
}
