package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"barewire.example/websocket"
)

// serveFlags are the flags of serve.
type serveFlags struct {
	addr              string
	certFile, keyFile string
	selfSigned        bool
	maxMessage        byteSize
	maxFrames         int
	subprotocols      list
	origins, hosts    list
	anyOrigin         bool // origins had a "*", which is not in it any more
	limits            limitFlags
	compress          compressFlags
	logFormat         string
	verbose, quiet    bool
}

const serveUsage = `usage: barewire serve [flags]

Serves these until SIGINT or SIGTERM, which closes all connections with 1001:

  /            a page to try the next three with
  /echo        sends each message back, with its type
  /broadcast   sends each message to everybody on it, the sender too
  /chat        a room for each ?room=R, in which one is called ?name=N
  /healthz     200 while connections are taken, 503 during the shutdown
  /metrics     counters in Prometheus' text format

On a loopback address only requests for a loopback name (localhost, 127.0.0.1,
[::1]) are served; others get 403. This keeps web pages that have bound their own
name to the address (DNS rebinding) away from the server. Behind a reverse proxy
on the same machine name the hosts that it passes on with -host.

` + limitUsage + compressUsage

// set returns the flag set that fills f.
func (f *serveFlags) set() *flag.FlagSet {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	fs.StringVar(&f.addr, "addr", ":8080", "`host:port` to listen on; port 0 takes a free one")
	fs.StringVar(&f.certFile, "tls-cert", "", "PEM `file` with a certificate, for https and wss; wants -tls-key")
	fs.StringVar(&f.keyFile, "tls-key", "", "PEM `file` with the certificate's key")
	fs.BoolVar(&f.selfSigned, "tls-self-signed", false, "https and wss with a certificate made at the start, for localhost and this host's name")
	f.maxMessage = websocket.DefaultMaxMessageSize
	fs.Var(&f.maxMessage, "max-message", "largest message that is accepted, in `bytes`, also as 64KiB or 16MiB")
	fs.IntVar(&f.maxFrames, "max-frames", websocket.DefaultMaxFrames, "most frames of a message, a `number`")
	fs.Var(&f.subprotocols, "subprotocol", "`name` of a subprotocol to agree to; repeat the flag, or separate names by commas")
	fs.Var(&f.origins, "origin", "`origin` of another site whose pages may connect, like https://example.com or\n"+
		"https://*.example.com (https:// may be left out); can be repeated; '*' allows all sites and is insecure")
	fs.Var(&f.hosts, "host", "`name`, like example.com, *.example.com or localhost:8080, that requests must be for; can be repeated")
	f.limits.add(fs)
	f.compress.add(fs)
	fs.StringVar(&f.logFormat, "log", "text", "`format` of the log on stderr: text or json")
	fs.BoolVar(&f.verbose, "v", false, "log the text of messages too, its first 256 bytes")
	fs.BoolVar(&f.quiet, "quiet", false, "log only warnings and errors")
	return fs
}

// printServeUsage writes what 'barewire help serve' says.
func printServeUsage(w io.Writer) {
	printUsage(w, serveUsage, new(serveFlags).set())
}

// printUsage writes what a verb is for, and its flags.
func printUsage(w io.Writer, text string, fs *flag.FlagSet) {
	fmt.Fprint(w, text)
	fs.SetOutput(w)
	fs.PrintDefaults()
}

// parseServeFlags returns flag.ErrHelp when help is asked for. Other errors are
// one line.
func parseServeFlags(args []string) (*serveFlags, error) {
	f := &serveFlags{}
	fs := f.set()
	fs.SetOutput(io.Discard)
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if err := f.compress.check(fs); err != nil {
		return nil, err
	}
	return f, f.check()
}

func (f *serveFlags) check() error {
	switch {
	case (f.certFile == "") != (f.keyFile == ""):
		return errors.New("-tls-cert and -tls-key need each other")
	case f.selfSigned && f.certFile != "":
		return errors.New("-tls-self-signed and -tls-cert exclude each other")
	case f.verbose && f.quiet:
		return errors.New("-v and -quiet exclude each other")
	case f.logFormat != "text" && f.logFormat != "json":
		return fmt.Errorf("-log must be text or json, not %q", f.logFormat)
	case f.maxFrames < 1:
		return errors.New("-max-frames must be at least 1")
	}
	if err := f.limits.check(); err != nil {
		return err
	}
	f.takeAnyOrigin()
	options := websocket.Options{Subprotocols: f.subprotocols}
	return (&websocket.Upgrader{Options: options, Origins: f.origins, Hosts: f.hosts}).Validate()
}

// takeAnyOrigin takes "*" out of the origins.
func (f *serveFlags) takeAnyOrigin() {
	var others list
	for _, o := range f.origins {
		if o == "*" {
			f.anyOrigin = true
		} else {
			others = append(others, o)
		}
	}
	f.origins = others
}

func (f *serveFlags) tls() bool { return f.selfSigned || f.certFile != "" }

// A byteSize is a number of bytes, at least 1, that may be given as KiB or MiB.
type byteSize int64

func (s *byteSize) String() string {
	switch n := int64(*s); {
	case n > 0 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + "MiB"
	case n > 0 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + "KiB"
	default:
		return strconv.FormatInt(n, 10)
	}
}

// Set implements flag.Value.
func (s *byteSize) Set(text string) error {
	digits, shift := text, 0
	if d, ok := strings.CutSuffix(text, "KiB"); ok {
		digits, shift = d, 10
	} else if d, ok := strings.CutSuffix(text, "MiB"); ok {
		digits, shift = d, 20
	}
	n, err := strconv.ParseUint(digits, 10, 63-shift)
	if err != nil || n == 0 {
		return errors.New("must be a positive number of bytes like 65536, 64KiB or 1MiB")
	}
	*s = byteSize(n << shift)
	return nil
}

// A list is a flag that may be repeated, and that may hold commas.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

// Set implements flag.Value.
func (l *list) Set(text string) error {
	for _, e := range strings.Split(text, ",") {
		e = strings.TrimSpace(e)
		if e == "" {
			return errors.New("has an empty element")
		}
		*l = append(*l, e)
	}
	return nil
}
