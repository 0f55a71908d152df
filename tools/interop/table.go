package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"barewire.example/websocket"
)

// A job is what a client is to do: open a connection and take the steps in order.
type job struct {
	Name         string   `json:"name"`
	URL          string   `json:"url"`
	Subprotocols []string `json:"subprotocols"`
	Origin       string   `json:"origin"`
	CA           string   `json:"ca"` // trusted besides the system's own authorities, in PEM
	Compression  *params  `json:"compression"`
	Steps        []step   `json:"steps"`

	tapped bool // our side writes the frames down
}

// A step is one of: send, send-fragments, receive, ping (and wait for the pong), close (and wait for the end), await-close.
type step struct {
	Do     string `json:"do"`
	Type   string `json:"type,omitempty"` // text or binary
	Data   []byte `json:"data,omitempty"` // of the message, or the ping's payload
	Code   int    `json:"code,omitempty"`
	Reason string `json:"reason"`
}

type message struct {
	Type string `json:"type"`
	Data []byte `json:"data"`
}

// A side is an end of a connection.
type side string

const (
	client side = "client"
	server side = "server"
)

func (s side) other() side {
	if s == client {
		return server
	}
	return client
}

// A check is a job, what the server does meanwhile, and what both must have seen in the end.
type check struct {
	job
	terms
	path     string // what the server does with a message: see ourServer.behave
	secure   bool   // wss
	distrust bool   // the client does not know the server's authority
	foreign  bool   // the Origin is not the server's own
	onlyOurs bool   // only our server can be asked for this
	want     want
}

type want struct {
	subprotocol string
	received    []message // by the client
	closer      side      // who closes, with code and reason
	code        int
	reason      string
	fragmenter  side           // who sends its message in fragments
	pinger      side           // who sends a ping, with payload
	payload     []byte         // of the ping, unless it is ours: our API does not let the caller choose
	refusal     int            // HTTP status
	rule        websocket.Rule // that our server refuses with
	failure     string         // in the error of a client that gives up by itself
}

// polite adds the end that a check has when it is not about the end, also when there should be nothing to end.
func polite(c check) check {
	c.Steps = append(c.Steps, step{Do: "close", Code: 1000})
	c.want.closer, c.want.code = client, 1000
	return c
}

// table returns all checks without compression. Their names are stable.
func table() []check {
	var all []check
	for _, kind := range []string{"text", "binary"} {
		for _, size := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
			all = append(all, echoCheck(fmt.Sprintf("%s-%d", kind, size), payload(kind, size)))
		}
	}
	all = append(all, fragmentChecks()...)
	all = append(all, pingChecks()...)
	all = append(all, closeChecks()...)
	all = append(all, handshakeChecks()...)
	return append(all, secureChecks()...)
}

// payload returns a message of this size. A text has characters of one to four bytes.
func payload(kind string, size int) message {
	if kind == "text" {
		const pattern = "aé世🌍" // 10 bytes
		return message{kind, []byte(strings.Repeat(pattern, size/len(pattern)) + strings.Repeat("z", size%len(pattern)))}
	}
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return message{kind, data}
}

func send(do string, m message) step { return step{Do: do, Type: m.Type, Data: m.Data} }

func echoCheck(name string, m message) check {
	c := check{path: "echo", want: want{received: []message{m}}}
	c.Name = name
	c.Steps = []step{send("send", m), {Do: "receive"}}
	return polite(c)
}

// fragmentedSize is large enough for several frames of what Options.WriteBuffer is by default, and cuts characters.
const fragmentedSize = 25_000

func fragmentChecks() (all []check) {
	for _, kind := range []string{"text", "binary"} {
		m := payload(kind, fragmentedSize)
		c := echoCheck("fragments-"+kind, m)
		c.Steps[0].Do = "send-fragments"
		c.tapped, c.want.fragmenter = true, client
		s := echoCheck("server-fragments-"+kind, m)
		s.path, s.tapped, s.want.fragmenter = "fragments", true, server
		all = append(all, c, s)
	}
	return all
}

func pingChecks() []check {
	m := message{"binary", []byte("wie geht's, 世界?")}
	c := check{job: job{tapped: true}, path: "echo", want: want{pinger: client, payload: m.Data}}
	c.Name, c.Steps = "ping", []step{{Do: "ping", Data: m.Data}}
	s := echoCheck("server-ping", m)
	s.path, s.tapped, s.want.pinger, s.want.payload = "ping", true, server, m.Data
	return []check{polite(c), s}
}

func closeChecks() (all []check) {
	const reason = "bis später, 世界 🌍"
	for _, code := range []int{1000, 3000, 4999} {
		c := check{job: job{tapped: true}, path: "echo", want: want{closer: client, code: code, reason: reason}}
		c.Name = fmt.Sprintf("close-%d", code)
		c.Steps = []step{{Do: "close", Code: code, Reason: reason}}
		s := check{job: job{tapped: true}, path: "close", want: want{closer: server, code: code, reason: reason}}
		s.Name = "server-" + c.Name
		s.Steps = []step{send("send", message{"text", orderClose(code, reason)}), {Do: "await-close"}}
		all = append(all, c, s)
	}
	return all
}

// A closeOrder asks a server to close.
type closeOrder struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

func orderClose(code int, reason string) []byte {
	text, err := json.Marshal(closeOrder{code, reason})
	if err != nil {
		panic(err) // a number and a string
	}
	return text
}

func handshakeChecks() []check {
	chosen := echoCheck("subprotocol-chosen", payload("text", 10))
	chosen.Subprotocols, chosen.want.subprotocol = []string{"v9.barewire", "v2.barewire"}, "v2.barewire"
	none := echoCheck("subprotocol-none-offered", payload("text", 10))
	refused := check{path: "refuse", want: want{refusal: 401, rule: websocket.RuleForbidden}}
	refused.Name = "refused-401"
	same := echoCheck("origin-same", payload("text", 10))
	same.onlyOurs = true
	foreign := check{path: "echo", onlyOurs: true, foreign: true, want: want{refusal: 403, rule: websocket.RuleOrigin}}
	foreign.Name = "origin-refused"
	return []check{chosen, none, polite(refused), same, polite(foreign)}
}

func secureChecks() []check {
	echo := echoCheck("wss-text-65536", payload("text", 65536))
	echo.secure = true
	all := []check{echo}
	for _, c := range closeChecks()[4:] {
		c.Name, c.secure, c.tapped = "wss-"+c.Name, true, false
		all = append(all, c)
	}
	distrust := check{path: "echo", secure: true, distrust: true, want: want{failure: "certificate"}}
	distrust.Name = "wss-unknown-authority"
	return append(all, polite(distrust))
}
