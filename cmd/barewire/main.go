// Command barewire is a WebSocket server and a WebSocket client for trying things
// out and for tests. Its first argument is a verb:
//
//	barewire serve      an echo, broadcast and chat server with a web page
//	barewire dial       a client: interactive on a terminal, for scripts in a pipe
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

// Exit statuses. Those from 3 to 8 are of dial.
const (
	exitOK          = 0
	exitFailure     = 1 // dial: also an expectation that was not met
	exitUsage       = 2
	exitNetwork     = 3   // no connection: network, TLS or proxy
	exitRefused     = 4   // the opening handshake failed
	exitProtocol    = 5   // the peer broke the protocol
	exitLost        = 6   // 1006: the connection ended without a Close
	exitClosed      = 7   // the peer closed with another code than 1000
	exitTimeout     = 8   // -timeout has passed
	exitInterrupted = 130 // what shells report for a program that SIGINT has ended
)

// streams are what the program is connected to.
type streams struct {
	in       io.Reader
	out, err io.Writer
	terminal terminals
}

// A verb is a command of the program. run returns the exit status; when ctx
// ends, it has to come to an end in good order.
type verb struct {
	name, summary string
	run           func(ctx context.Context, args []string, std streams) int
}

// verbs returns all verbs. It is no variable, since help refers to it.
func verbs() []verb {
	return []verb{
		{"serve", "run an echo, broadcast and chat server with a web page", serve},
		{"dial", "connect to a server and talk with it", dial},
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
	os.Exit(run(ctx, os.Args[1:], streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		terminal: terminals{isTerminal(os.Stdin), isTerminal(os.Stdout), isTerminal(os.Stderr)},
	}))
}

// run is the program, without the process around it.
func run(ctx context.Context, args []string, std streams) int {
	if len(args) == 0 {
		fmt.Fprintln(std.err, "barewire: a verb is missing; 'barewire help' lists them")
		return exitUsage
	}
	v, ok := findVerb(args[0])
	if !ok {
		fmt.Fprintf(std.err, "barewire: there is no verb %q; 'barewire help' lists them\n", args[0])
		return exitUsage
	}
	return v.run(ctx, args[1:], std)
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
