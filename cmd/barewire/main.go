// Command barewire is a WebSocket server for trying things out and for testing
// clients. Its first argument is a verb:
//
//	barewire serve      an echo and broadcast server with a web page
//	barewire version    what this program was built from
//	barewire help       the list of verbs, or with a verb its flags
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit statuses.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130 // what shells report for a program that SIGINT has ended
)

// A verb is a command of the program. run returns the exit status; when ctx
// ends, it has to come to an end in good order.
type verb struct {
	name, summary string
	run           func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

// verbs returns all verbs. It is no variable, since help refers to it.
func verbs() []verb {
	return []verb{
		{"serve", "run an echo and broadcast server with a web page", serve},
		{"version", "say what this program was built from", version},
		{"help", "list the verbs, or the flags of one", help},
	}
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitInterrupted)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program, without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprintln(stderr, "barewire: a verb is missing; 'barewire help' lists them")
		return exitUsage
	}
	v, ok := findVerb(args[0])
	if !ok {
		fmt.Fprintf(stderr, "barewire: there is no verb %q; 'barewire help' lists them\n", args[0])
		return exitUsage
	}
	return v.run(ctx, args[1:], stdout, stderr)
}

func findVerb(name string) (verb, bool) {
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	}
	for _, v := range verbs() {
		if v.name == name {
			return v, true
		}
	}
	return verb{}, false
}
