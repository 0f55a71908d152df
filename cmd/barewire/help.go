package main

import (
	"context"
	"fmt"
	"strings"
)

// help lists the verbs, or has one of them explain itself.
func help(ctx context.Context, args []string, std streams) int {
	if len(args) > 0 && args[0] != "help" && !strings.HasPrefix(args[0], "-") {
		return run(ctx, []string{args[0], "-help"}, std)
	}
	fmt.Fprint(std.out, "usage: barewire verb [flags]\n\n")
	for _, v := range verbs() {
		fmt.Fprintf(std.out, "  %-9s %s\n", v.name, v.summary)
	}
	fmt.Fprint(std.out, "\n'barewire help verb' explains its flags.\n")
	return exitOK
}
