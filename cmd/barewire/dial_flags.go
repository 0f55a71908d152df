// This file reads dial's command line. It opens no file and connects to nothing.

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"barewire.example/websocket"
)

// dialFlags are the flags of dial, and its argument.
type dialFlags struct {
	url               string
	header            headers
	origin            string
	subprotocols      list
	insecure          bool
	caFile            string
	certFile, keyFile string
	proxy, unix       string
	redirects         int
	maxMessage        byteSize
	compress          compressFlags

	binary, hex, json bool
	quiet, trace      bool

	ping, timeout time.Duration
	wait          time.Duration
	waits         bool // -wait was given
	count         int
	reconnect     bool
}

const dialUsage = `usage: barewire dial [flags] URL

Connects to a ws or wss URL. Each line of stdin is sent as a text message, without
its line end. Each text message that comes is printed to stdout with a newline
behind it, each binary message as it is, without one. Everything else goes to
stderr. Flags may stand behind the URL too.

At the end of stdin the connection is closed with 1000. What comes before the
server's answer to that, within 30s, is printed. For messages that a server sends
later, or would not send any more, give -wait, or -n.

On a terminal, messages are shown with "< " in front and with control characters
escaped, binary messages in hex (without -hex their first 64 bytes), and lines that
begin with a slash are commands: /help lists them. In a pipe no line is a command,
and no payload is changed. NO_COLOR and TERM=dumb turn colours off.

` + compressUsage + `With -json each line of stdout is an object. Its "event" is one of
  open     with url, subprotocol; when messages are compressed also compression, an
           object with server_max_window_bits, client_max_window_bits,
           server_no_context_takeover, client_no_context_takeover
  message  with type ("text" or "binary"), data; for binary also encoding: "base64", with -hex "hex"
  pong     with rtt_ms, the milliseconds since its ping (-ping, /ping)
  close    with code, name, reason, by ("peer", "us" or "nobody")
  state    with state ("connecting", "open", "waiting", "closed"), wait_ms and error (-reconnect)
  error    with error, and for a refused handshake rule, status

Exit statuses: 0 closed with 1000 or without a code, or by us; 1 fewer than -n
messages came, a line could not be sent, or stdout failed; 2 wrong usage;
3 network, TLS or proxy; 4 handshake refused; 5 the server broke the protocol, or
a limit of ours; 6 connection lost, or our Close not answered (1006); 7 closed by
the server with another code; 8 -timeout; 130 interrupted.

`

// set returns the flag set that fills f.
func (f *dialFlags) set() *flag.FlagSet {
	fs := flag.NewFlagSet("dial", flag.ContinueOnError)
	f.header = headers{}
	f.maxMessage = websocket.DefaultMaxMessageSize
	fs.Var(f.header, "H", "`field` to send in the handshake, like 'Name: value'; can be repeated")
	fs.Var(&f.subprotocols, "subprotocol", "`name` of a subprotocol to offer; repeat the flag, or separate names by commas")
	fs.StringVar(&f.origin, "origin", "", "`origin` to send, like https://example.com; none by default")
	fs.BoolVar(&f.insecure, "k", false, "accept any certificate; insecure")
	fs.StringVar(&f.caFile, "cacert", "", "PEM `file` with the certificates to trust instead of the system's")
	fs.StringVar(&f.certFile, "cert", "", "PEM `file` with a certificate of ours; wants -key")
	fs.StringVar(&f.keyFile, "key", "", "PEM `file` with its key")
	fs.StringVar(&f.proxy, "proxy", "", "`URL` of an http, https or socks5 proxy, or none; by default the environment decides")
	fs.StringVar(&f.unix, "unix", "", "`path` of a Unix socket to connect to; the URL is what is asked for")
	fs.IntVar(&f.redirects, "redirects", 0, "follow up to a `number` of redirects")
	fs.Var(&f.maxMessage, "max-message", "largest message that is accepted, in `bytes`, also as 64KiB or 16MiB")
	f.compress.add(fs)
	f.setTalk(fs)
	return fs
}

// setTalk adds the flags for what happens on a connection.
func (f *dialFlags) setTalk(fs *flag.FlagSet) {
	fs.BoolVar(&f.binary, "binary", false, "send lines as binary messages")
	fs.BoolVar(&f.hex, "hex", false, "lines are binary messages in hex; print binary messages so too, each on a line")
	fs.BoolVar(&f.json, "json", false, "print events as JSON, one on each line")
	fs.BoolVar(&f.quiet, "quiet", false, "print only errors to stderr")
	fs.BoolVar(&f.trace, "trace", false, "explain handshake and frames byte by byte on stderr, payloads by their beginning; secrets are included")
	fs.DurationVar(&f.ping, "ping", 0, "`time` between pings; one that is not answered until the next ends the connection")
	fs.DurationVar(&f.timeout, "timeout", 0, "`time` for everything; closing may take 1s more. Without it, or with -reconnect, connecting may take 10s")
	fs.Func("wait", "`time` to stay connected after the end of stdin; negative: until the server closes", func(text string) (err error) {
		f.wait, err = time.ParseDuration(text)
		f.waits = true
		return err
	})
	fs.IntVar(&f.count, "n", 0, "end after a `number` of messages has come; the end of stdin does not matter then, unless -wait is given")
	fs.BoolVar(&f.reconnect, "reconnect", false, "connect again, after a wait, until a connection is closed with 1000 or by us")
}

// printDialUsage writes what 'barewire help dial' says.
func printDialUsage(w io.Writer) {
	printUsage(w, dialUsage, new(dialFlags).set())
}

// parseDialFlags returns flag.ErrHelp when help is asked for. Other errors are
// one line.
func parseDialFlags(args []string) (*dialFlags, error) {
	f := &dialFlags{}
	fs := f.set()
	fs.SetOutput(io.Discard)
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			if err := f.compress.check(fs); err != nil {
				return nil, err
			}
			return f, f.check()
		}
		if f.url != "" {
			return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
		}
		f.url, args = fs.Arg(0), fs.Args()[1:]
	}
}

func (f *dialFlags) check() error {
	switch {
	case f.url == "":
		return errors.New("a URL is missing, like ws://localhost:8080/echo")
	case (f.certFile == "") != (f.keyFile == ""):
		return errors.New("-cert and -key need each other")
	case f.insecure && f.caFile != "":
		return errors.New("-k and -cacert exclude each other")
	case f.proxy != "" && f.proxy != "none" && f.unix != "":
		return errors.New("-proxy and -unix exclude each other")
	case f.binary && f.hex:
		return errors.New("-binary and -hex exclude each other")
	case f.ping < 0 || f.timeout < 0:
		return errors.New("-ping and -timeout must not be negative")
	case f.count < 0 || f.redirects < 0:
		return errors.New("-n and -redirects must not be negative")
	}
	if f.origin != "" {
		f.header["Origin"] = []string{f.origin}
	}
	_, err := f.proxyFunc()
	return err
}

// proxyFunc returns nil when the environment decides.
func (f *dialFlags) proxyFunc() (func(*url.URL) (*url.URL, error), error) {
	switch {
	case f.proxy == "none" || f.unix != "":
		return func(*url.URL) (*url.URL, error) { return nil, nil }, nil
	case f.proxy == "":
		return nil, nil
	}
	u, err := url.Parse(f.proxy)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("-proxy is not a URL like http://localhost:3128")
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return func(*url.URL) (*url.URL, error) { return u, nil }, nil
	}
	return nil, errors.New("-proxy must begin with http, https, socks5 or socks5h")
}

// headers is a flag that may be repeated: fields as they stand in a request.
type headers http.Header

func (h headers) String() string { return "" }

// Set implements flag.Value.
func (h headers) Set(text string) error {
	name, value, ok := strings.Cut(text, ":")
	if !ok || strings.TrimSpace(name) == "" {
		return errors.New("must be like 'Name: value'")
	}
	http.Header(h).Add(strings.TrimSpace(name), strings.TrimSpace(value))
	return nil
}
