// This file is what serve and dial share about compression: the flags, and how they
// name what was agreed on. It compresses nothing itself.

package main

import (
	"flag"
	"fmt"
	"math"
	"strconv"
	"strings"

	"barewire.example/websocket"
)

// compressFlags are the flags that begin with -compress. Those for the parameters
// of 7692 §7.1 say "server" and "client" as it does: who sends, whichever we are.
type compressFlags struct {
	on                         bool
	level, threshold           number
	serverWindow, clientWindow number
	serverAlone, clientAlone   bool // each message begins with an empty window
}

const compressUsage = `With -compress, messages are compressed (permessage-deflate, RFC 7692) if the other
side agrees; the other flags that begin with -compress need it. -server- and -client-
in their names tell who sends, and mean the same in serve and dial. A window is how
far back compressed data may refer; what the sides want is agreed on by taking the
smaller one, and a side that cannot have a smaller one than 15 does without
compression (serve), or does not connect (dial). With -no-takeover each message
begins with an empty window: that saves memory, and compresses small messages much
worse. -max-message is about the size of messages as they come out. Do not compress
secrets together with text that others choose, who could guess them from the size
of the result (7692 §8).

`

// add adds the flags to fs.
func (f *compressFlags) add(fs *flag.FlagSet) {
	f.level = number{1, 1, 3}
	f.threshold = number{128, 0, math.MaxInt32}
	f.serverWindow, f.clientWindow = number{15, 8, 15}, number{15, 8, 15}
	fs.BoolVar(&f.on, "compress", false, "compress messages, if the other side agrees")
	fs.Var(&f.level, "compress-level", "how hard to try with what we send, a `level` of 1 to 3; 3 is slowest and smallest")
	fs.Var(&f.threshold, "compress-threshold", "send messages of fewer `bytes` uncompressed; 0 compresses all")
	fs.Var(&f.serverWindow, "compress-server-window", "window of what the server sends, in `bits`: 8 (256 bytes) to 15 (32 KiB)")
	fs.Var(&f.clientWindow, "compress-client-window", "window of what the client sends, in `bits`: 8 (256 bytes) to 15 (32 KiB)")
	fs.BoolVar(&f.serverAlone, "compress-server-no-takeover", false, "let each message of the server's begin with an empty window")
	fs.BoolVar(&f.clientAlone, "compress-client-no-takeover", false, "let each message of the client's begin with an empty window")
}

// check wants -compress if any of the others was given to fs: nobody gets
// compression without having asked for it.
func (f *compressFlags) check(fs *flag.FlagSet) (err error) {
	fs.Visit(func(given *flag.Flag) {
		if strings.HasPrefix(given.Name, "compress-") && !f.on {
			err = fmt.Errorf("-%s needs -compress", given.Name)
		}
	})
	return err
}

// compression returns the option for the library, or nil.
func (f *compressFlags) compression() *websocket.Compression {
	if !f.on {
		return nil
	}
	c := &websocket.Compression{
		ServerNoContextTakeover: f.serverAlone, ClientNoContextTakeover: f.clientAlone,
		ServerMaxWindowBits: f.serverWindow.n, ClientMaxWindowBits: f.clientWindow.n,
		Effort: f.level.n, Threshold: f.threshold.n,
	}
	if c.Threshold == 0 { // which would stand for the default
		c.Threshold = -1
	}
	return c
}

// summary says in a few words how each side compresses, like "server 15 bits,
// client 9 bits without takeover"; "" when nothing is compressed.
func summary(c *websocket.Compression) string {
	if c == nil {
		return ""
	}
	return direction("server", c.ServerMaxWindowBits, c.ServerNoContextTakeover) + ", " +
		direction("client", c.ClientMaxWindowBits, c.ClientNoContextTakeover)
}

func direction(sender string, bits int, alone bool) string {
	s := fmt.Sprintf("%s %d bits", sender, bits)
	if alone {
		s += " without takeover"
	}
	return s
}

// parameters are what was agreed on as -json prints it, by the names of 7692 §7.1.
type parameters struct {
	ServerBits  int  `json:"server_max_window_bits"`
	ClientBits  int  `json:"client_max_window_bits"`
	ServerAlone bool `json:"server_no_context_takeover"`
	ClientAlone bool `json:"client_no_context_takeover"`
}

// newParameters returns nil when nothing is compressed.
func newParameters(c *websocket.Compression) *parameters {
	if c == nil {
		return nil
	}
	return &parameters{c.ServerMaxWindowBits, c.ClientMaxWindowBits, c.ServerNoContextTakeover, c.ClientNoContextTakeover}
}

// A number is a flag with a whole number from min to max.
type number struct{ n, min, max int }

func (v *number) String() string { return strconv.Itoa(v.n) }

// Set implements flag.Value.
func (v *number) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < v.min || n > v.max {
		return fmt.Errorf("must be %d to %d", v.min, v.max)
	}
	v.n = n
	return nil
}
