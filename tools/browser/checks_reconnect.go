package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"barewire.example/websocket"
)

// How the page gets along with servers and lines that fail. The waits of each page are a fixed part of the longest ones,
// by the parameter random of its address (see page.js).
var reconnectChecks = []check{
	{"a server that is killed and comes back finds the page connecting, with waits that grow", "", "WebSocket connection to", checkComeback},
	{"the page connects at once when told to, and stops when told to", "", "WebSocket connection to", checkNow},
	{"the page decides by the close code whether to connect again", "", "WebSocket connection to", checkCodes},
	{"the heartbeat notices a server that is silent", "", "", checkSilent},
	{"a closing handshake that is not answered ends", "", "", checkSilentClose},
	{"an opening handshake that is not answered ends, and there is another one", "", "WebSocket connection to", checkSilentOpening},
}

// settle replaces the server, which it kills, by one on a port that it can come back to: systems give those below 32768
// neither to connections that are made meanwhile nor to servers that ask for a free one.
func (tr *trial) settle() {
	tr.server.stop()
	for {
		port := 20000 + rand.IntN(10000)
		s, err := startServer(tr.ctx, tr.binary, fmt.Sprintf("-addr 127.0.0.1:%d", port))
		if err == nil {
			tr.server = s
			return
		}
		if !strings.Contains(err.Error(), "address already in use") {
			must(err)
		}
	}
}

// comeback starts the server again at the address that it had.
func (tr *trial) comeback() {
	tr.server.stop()
	s, err := startServer(tr.ctx, tr.binary, "-addr "+tr.server.addr)
	must(err)
	tr.server = s
}

// connected opens our page with parameters in its address, and connects it.
func (tr *trial) connected(parameters, path string) *page {
	p := tr.openPage("http://" + tr.server.addr + "/?" + parameters)
	p.ask("press", "[value='"+path+"']")
	p.ask("press", "#connect")
	p.shows("connecting: ws://" + tr.server.addr + path)
	p.shows("open: no subprotocol, no compression")
	return p
}

const lostLine = "close: code 1006, no reason, wasClean false"

func checkComeback(tr *trial) {
	tr.settle()
	p := tr.connected("random=0.02", "/echo")
	tr.server.stop()
	p.shows(lostLine)
	// 2 % of 1 s, 2 s, 4 s and so on up to 30 s.
	for i, wait := range []string{"0.02 s, chosen at random up to 1 s", "0.04 s, chosen at random up to 2 s", "0.08 s, chosen at random up to 4 s",
		"0.16 s, chosen at random up to 8 s", "0.32 s, chosen at random up to 16 s", "0.6 s, chosen at random up to 30 s", "0.6 s, chosen at random up to 30 s"} {
		p.shows(fmt.Sprintf("waiting: attempt %d in %s", i+1, wait))
		p.shows(fmt.Sprintf("connecting: ws://%s/echo, attempt %d", tr.server.addr, i+1))
		p.shows("error: the connection failed")
		p.shows(lostLine)
	}
	tr.comeback()
	p.passes("events", "open: ")
	p.wants("open", "shown", "#messages-status .state")
	p.send("text", "again")
	p.shows(`sent: text, 5 bytes: "again"`)
	p.shows(`received: text, 5 bytes: "again"`)
	tr.server.stop()
	p.shows(lostLine)
	p.shows("waiting: attempt 1 in 0.02 s, chosen at random up to 1 s")
}

// checkNow would not come to its end in time if the page waited as long as it says: 31 s. On a machine that is slow the
// first waits may be over before the button is pressed.
func checkNow(tr *trial) {
	tr.settle()
	p := tr.connected("random=1", "/echo")
	p.wants("true", "disabled", "#messages-status .now")
	p.wants("true", "disabled", "#messages-status .stop")
	tr.server.stop()
	p.shows(lostLine)
	for attempt := 1; attempt <= 5; attempt++ {
		p.shows(fmt.Sprintf("waiting: attempt %d in %d s, chosen at random up to %d s", attempt, 1<<(attempt-1), 1<<(attempt-1)))
		p.ask("pressWhile", "#messages-status .now", "#messages-status .detail", fmt.Sprintf("attempt %d in", attempt))
		p.passes("events", "close: ")
	}
	p.shows("waiting: attempt 6 in 30 s, chosen at random up to 30 s")
	p.wants("waiting to reconnect", "shown", "#messages-status .state")
	p.becomes("^attempt 6 in (30|2[0-9]) s$", "#messages-status .detail")
	p.becomes("^attempt 6 in 2[0-9] s$", "#messages-status .detail") // it counts down
	for _, fields := range []string{"#connect-fields", "#message-fields", "#close-fields"} {
		p.wants("true", "disabled", fields)
	}
	p.ask("press", "#messages-status .stop")
	p.shows("stopped: no more attempts")
	p.wants("closed", "shown", "#messages-status .state")
	p.wants("false", "disabled", "#connect-fields")
	p.wants("true", "disabled", "#messages-status .now")
}

// checkCodes needs a server that closes with the code that the page asks for, as a subprotocol.
func checkCodes(tr *trial) {
	stub := httptest.NewServer(closer(tr.server.addr))
	tr.stops = append(tr.stops, stub.CloseClientConnections, stub.Close) // one may still wait for its answer
	p := tr.openPage(stub.URL + "/?random=1")
	again := regexp.MustCompile("^(1001|1011|1012|1013|4001)$")
	for _, code := range []string{"1000", "1001", "1003", "1005", "1008", "1011", "1012", "1013", "3000", "4000", "4001", "4002"} {
		p.ask("fill", "#subprotocol", code)
		p.ask("press", "#connect")
		p.passes("events", "open: ")
		p.shows("close: code " + code + ", no reason, wasClean true")
		if !again.MatchString(code) {
			p.wants("closed", "shown", "#messages-status .state")
			continue
		}
		p.shows("waiting: attempt 1 in 1 s, chosen at random up to 1 s")
		p.ask("press", "#messages-status .stop") // at the latest while the attempt waits for its answer
		p.becomes("^closed$", "#messages-status .state")
	}
	// In the end what no server says: the connection is simply gone.
	p.ask("fill", "#subprotocol", "1006")
	p.ask("press", "#connect")
	p.passes("events", "open: ")
	p.shows(lostLine)
	p.shows("waiting: attempt 1 in 1 s, chosen at random up to 1 s")
	p.passes("events", "connecting: ")
	p.ask("press", "#messages-status .stop")
	p.shows("stopped: no more attempts")
	p.shows("error: the connection failed")
	p.shows(lostLine)
	p.wants("closed", "shown", "#messages-status .state")
}

// closer returns a server that has the page of another one, and a /echo that closes. Only the first handshake for each code
// is answered.
func closer(addr string) http.Handler {
	var served sync.Map
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := r.Header.Get("Sec-WebSocket-Protocol")
		if code == "" {
			proxy.ServeHTTP(w, r)
			return
		}
		if _, again := served.LoadOrStore(code, true); again {
			<-r.Context().Done()
			return
		}
		u := &websocket.Upgrader{Options: websocket.Options{Subprotocols: []string{code}}}
		websocket.Handler(closeWith(code), u).ServeHTTP(w, r)
	})
}

func closeWith(code string) func(context.Context, *websocket.Conn) error {
	return func(_ context.Context, c *websocket.Conn) error {
		if code == "1006" {
			return c.CloseNow()
		}
		var end websocket.CloseError
		fmt.Sscan(code, &end.Code)
		return c.Close(end.Code, "")
	}
}

func checkSilent(tr *trial) {
	p := tr.connected("random=0.5&heartbeat=200&patience=3000", "/echo")
	p.becomes(`^heartbeat: [0-9.]+ ms$`, "#messages-status .trip")
	p.send("text", "heard")
	p.shows(`sent: text, 5 bytes: "heard"`)
	p.shows(`received: text, 5 bytes: "heard"`) // and nothing of the heartbeat
	must(tr.server.pause())
	p.shows("silent: nothing has come for 3 s since the last heartbeat")
	p.shows(`close: code 4001, reason "heartbeat timed out", wasClean false`)
	p.shows("waiting: attempt 1 in 0.5 s, chosen at random up to 1 s")
	p.wants("", "shown", "#messages-status .trip")
	p.shows("connecting: ws://" + tr.server.addr + "/echo, attempt 1")
	must(tr.server.resume())
	p.shows("open: no subprotocol, no compression")
	p.becomes(`^heartbeat: [0-9.]+ ms$`, "#messages-status .trip")
	tr.logs(record{"msg": "closed", "code": 4001, "reason": "heartbeat timed out", "who": "peer"})
}

// checkSilentClose uses /broadcast, where no heartbeat finds it out.
func checkSilentClose(tr *trial) {
	p := tr.connected("patience=300", "/broadcast")
	p.becomes("^No heartbeat: ", "#heartbeat-note")
	must(tr.server.pause())
	p.ask("press", "#disconnect")
	p.shows("closing: waiting for the other side")
	p.shows(lostLine)
	p.wants("closed", "shown", "#messages-status .state")
	p.wants("", "shown", "#messages-status .trip")
}

func checkSilentOpening(tr *trial) {
	p := tr.openPage("http://" + tr.server.addr + "/?random=0&handshake=1000")
	must(tr.server.pause())
	p.ask("press", "#connect")
	p.shows("connecting: ws://" + tr.server.addr + "/echo")
	p.shows("error: the connection failed")
	p.shows(lostLine)
	p.shows("waiting: attempt 1 in 0 s, chosen at random up to 1 s")
	p.shows("connecting: ws://" + tr.server.addr + "/echo, attempt 1")
	must(tr.server.resume())
	p.passes("events", "open: ")
}
