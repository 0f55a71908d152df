// Command soak keeps 2,000 connections busy for a while and looks for what wears out: memory, goroutines or descriptors
// that become more, a message that is not the one that was sent, a connection that ends otherwise than it should.
//
// Clients and server are both of this package. The server runs in a process of its own (this program again, see server.go),
// so that each side's resources are known. Every connection sends about one message a second, is closed in one of
// several ways after some time, and is followed by another. Of each hundred
//
//	80  get their messages echoed
//	10  likewise, but through a proxy that delays, slices, stalls and cuts (proxy.go); what must become of the
//	    connection follows from the proxy's plan (plan.go)
//	 9  are members of a Hub (member.go)
//	 1  is hostile, and must be refused (hostile.go)
//
// Each minute, or four times in a shorter run, lines tell how both processes stand; p99 is of the echoes' round trips without
// the proxy. In the end the second quarter of the run is compared with the last (judge.go), and when all clients have
// left, both processes must have as many goroutines and descriptors as before the first, and almost as
// little memory in use. The exit status is 1 when anything was wrong. An interrupted run says nothing: the server ends
// with it, because its input does.
//
// Resources are read from /proc, so this needs Linux.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"barewire.example/websocket"
)

// serveVerb is how this program starts itself as the server.
const serveVerb = "serve"

type options struct {
	time     time.Duration
	conns    int
	seed     uint64
	conn     websocket.Options // of the clients
	pace     time.Duration     // between two messages of a connection, on average
	patience time.Duration     // with what has to come soon, far more than a busy machine needs
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == serveVerb {
		if err := serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "soak: the server:", err)
			os.Exit(1)
		}
		return
	}
	opt := options{pace: time.Second, patience: time.Minute, conn: connOptions()}
	flag.DurationVar(&opt.time, "time", 10*time.Minute, "how long to keep all connections busy")
	flag.IntVar(&opt.conns, "conns", 2000, "`number` of connections at a time")
	flag.Uint64Var(&opt.seed, "seed", rand.Uint64(), "what all choices are made from; when things happen is left to the machine")
	flag.Parse()
	if flag.NArg() > 0 || opt.time < time.Second || opt.conns < 1 {
		fmt.Fprintln(os.Stderr, "soak: bad arguments")
		os.Exit(2)
	}
	if err := run(opt, os.Stdout); err != nil {
		fmt.Println("soak: FAILED:", err)
		os.Exit(1)
	}
}
