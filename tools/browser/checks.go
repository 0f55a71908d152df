package main

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"syscall"
)

// A check is something that a person would try.
type check struct {
	name      string
	flags     string // of the server, besides those that it always has
	complaint string // what all complaints in the console are about; "" when there must be none
	run       func(*trial)
}

var plainChecks = []check{
	{"the page loads, and the console has no error", "", "", checkLoads},
	{"before its modules have loaded the page has nothing that can be submitted", "", "", checkWithoutModules},
	{"the page's policy blocks a script that is not its own", "", "Content Security Policy", checkPolicy},
	{"text and bytes come back from /echo", "", "", checkEcho},
	{"the page shows the subprotocol that was agreed to", "", "", checkSubprotocol},
	{"page and server show the code and reason of the page's Close", "", "", checkDisconnect},
	{"each page on /broadcast gets what one sends", "", "", checkBroadcast},
	{"a message that is too large ends in 1009", "", "", checkTooLarge},
	{"a page of another origin is refused", "", "WebSocket connection to", checkForeign},
	{"SIGTERM of the server ends in 1001", "", "", checkTerminate},
	{"SIGKILL of the server ends in 1006, and connecting again in an error", "", "WebSocket connection to", checkKill},
}

func (tr *trial) openOurs() *page {
	p := tr.openPage("http://" + tr.server.addr + "/")
	p.wants("closed", "shown", "#messages-status .state")
	return p
}

// connect opens our page and connects it.
func (tr *trial) connect(path string) *page {
	p := tr.openOurs()
	p.ask("press", "[value='"+path+"']")
	p.wants("ws://"+tr.server.addr+path, "shown", "#url")
	p.ask("press", "#connect")
	p.shows("connecting: ws://" + tr.server.addr + path)
	p.shows("open: no subprotocol, " + cmp.Or(tr.compression, "no compression"))
	p.wants("open", "shown", "#messages-status .state")
	return p
}

func checkLoads(tr *trial) {
	tr.openOurs().wants("2", "count", "[role=group][aria-label=State] > * > [role=status]")
}

// checkWithoutModules has modules that do nothing. With the real ones the other checks press the same buttons.
func checkWithoutModules(tr *trial) {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: tr.server.addr})
	stub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Ext(r.URL.Path) == ".js" {
			w.Header().Set("Content-Type", "text/javascript")
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	tr.stops = append(tr.stops, stub.Close)
	p := tr.openPage(stub.URL)
	p.wants("connect, send, disconnect, join, say-send", "ids", "form [type=submit]")
	p.wants("0", "count", "form :enabled")
}

func checkPolicy(tr *trial) { tr.openOurs().wants("script-src-elem", "inject") }

func checkEcho(tr *trial) {
	p := tr.connect("/echo")
	p.send("text", "Grüße, 世界 🌍")
	p.shows(`sent: text, 20 bytes: "Grüße, 世界 🌍"`)
	p.shows(`received: text, 20 bytes: "Grüße, 世界 🌍"`)
	p.send("binary", "00 ff 80 0A")
	p.shows("sent: binary, 4 bytes: 00 ff 80 0a")
	p.shows("received: binary, 4 bytes: 00 ff 80 0a")
}

func checkSubprotocol(tr *trial) {
	p := tr.openOurs()
	p.ask("fill", "#subprotocol", "other, chat")
	p.ask("press", "#connect")
	p.shows("connecting: ws://" + tr.server.addr + "/echo, offering other, chat")
	p.shows(`open: subprotocol "chat", no compression`)
	tr.logs(record{"msg": "open", "subprotocol": "chat", "origin": "http://" + tr.server.addr})
}

func checkDisconnect(tr *trial) {
	p := tr.connect("/echo")
	p.ask("fill", "#code", "4001")
	p.ask("fill", "#reason", "bis später")
	p.ask("press", "#disconnect")
	p.shows("closing: waiting for the other side")
	p.shows("close: code 4001, no reason, wasClean true") // the answer repeats the code alone, §5.5.1
	p.wants("closed", "shown", "#messages-status .state")
	tr.logs(record{"msg": "closed", "code": 4001, "reason": "bis später", "who": "peer"})
}

func checkBroadcast(tr *trial) {
	// Who has received something is surely in the room; "open" is shown a moment earlier.
	first := tr.connect("/broadcast")
	first.send("text", "alone")
	first.shows(`sent: text, 5 bytes: "alone"`)
	first.shows(`received: text, 5 bytes: "alone"`)
	second := tr.connect("/broadcast")
	second.send("binary", "07")
	second.shows("sent: binary, 1 byte: 07")
	second.shows("received: binary, 1 byte: 07")
	first.shows("received: binary, 1 byte: 07")
	first.send("text", "to all")
	second.shows(`received: text, 6 bytes: "to all"`)
}

func checkTooLarge(tr *trial) {
	p := tr.connect("/echo")
	p.send("text", strings.Repeat("x", 1025))
	p.shows(`sent: text, 1025 bytes: "` + strings.Repeat("x", 500) + `…"`)
	p.shows(`close: code 1009, reason "message is larger than the limit", wasClean true`)
	tr.logs(record{"msg": "closed", "code": 1009, "who": "us"})
}

// checkForeign uses a page from another port. Browsers may keep about:blank away from loopback addresses by themselves.
func checkForeign(tr *trial) {
	foreign := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	tr.stops = append(tr.stops, foreign.Close)
	p := tr.openPage(foreign.URL)
	p.wants("error close 1006", "dial", "ws://"+tr.server.addr+"/echo")
	tr.logs(record{"msg": "refused", "status": 403, "rule": "origin", "origin": foreign.URL})
}

func checkTerminate(tr *trial) {
	p := tr.connect("/echo")
	p.ask("press", "#messages-status .reconnects")
	must(tr.server.cmd.Process.Signal(syscall.SIGTERM))
	p.shows(`close: code 1001, reason "server is shutting down", wasClean true`)
	tr.logs(record{"msg": "closed", "code": 1001, "who": "us"})
	select {
	case <-tr.server.ended:
		must(tr.server.err)
	case <-tr.ctx.Done():
		must(fmt.Errorf("the server does not end"))
	}
}

func checkKill(tr *trial) {
	p := tr.connect("/echo")
	p.ask("press", "#messages-status .reconnects")
	tr.server.stop()
	p.shows("close: code 1006, no reason, wasClean false") // no error event: nobody has broken the protocol
	p.wants("closed", "shown", "#messages-status .state")
	p.ask("press", "#connect")
	p.shows("connecting: ws://" + tr.server.addr + "/echo")
	p.shows("error: the connection failed")
	p.shows("close: code 1006, no reason, wasClean false")
}
