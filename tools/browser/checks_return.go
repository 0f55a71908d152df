package main

import (
	"fmt"
	"regexp"

	"barewire.example/websocket"
)

// How users who were in the middle of something, and the others in their room, find things when a connection has come back.
var returnChecks = []check{
	{"who was writing when the connection was lost goes on writing when it is back", "", "", checkWriting},
	{"who has gone elsewhere while there was no connection stays there", "", "", checkElsewhere},
	{"a page that comes back has its name, while the server still has the old connection", "", "", checkName},
	{"a page whose place in the chat is taken does not come back", "", "", checkReplaced},
}

// A desk is where a tab's messages are written.
type desk struct{ tab, connect, list, fields, input string }

var (
	plainDesk = desk{"#messages-tab", "#connect", "events", "#message-fields", "payload"}
	chatDesk  = desk{"#chat-tab", "#join", "chat-events", "#say-fields", "say"}
)

// sit connects by the keyboard's way, which leaves the focus on the button, and begins to write.
func (p *page) sit(d desk) {
	p.ask("press", d.tab)
	p.ask("focus", d.connect)
	p.ask("press", d.connect)
	p.passes(d.list, "open: ")
	p.wants(d.input, "focused")
	p.ask("fill", "#"+d.input, "")
	p.types("half a sentence")
	p.ask("caret", "#"+d.input, "4")
	p.wants(d.input+": half| a sentence", "writing")
}

// lose cuts the connection, and does not let the page have another one until the relay is released.
func (p *page) lose(d desk, r *relay) {
	r.hold(fromBrowser)
	r.cut()
	p.passes(d.list, lostLine)
	p.passes(d.list, "connecting: ")
	p.wants("true", "disabled", d.fields)
}

func checkWriting(tr *trial) {
	r := tr.relay()
	p := tr.openPage("http://" + r.addr() + "/?random=0")
	for _, d := range []desk{plainDesk, chatDesk} {
		p.sit(d)
		p.lose(d, r)
		p.ask("focusLost")
		r.release()
		p.passes(d.list, "open: ")
		p.wants(d.input+": half| a sentence", "writing")
		p.types(" done")
		p.wants(d.input+": half done| a sentence", "writing")
	}
}

func checkElsewhere(tr *trial) {
	r := tr.relay()
	p := tr.openPage("http://" + r.addr() + "/?random=0")
	p.sit(plainDesk)
	p.lose(plainDesk, r)
	p.ask("focusLost")
	p.wants("clear", "focus", "#clear")
	r.release()
	p.passes("events", "open: ")
	p.wants("clear", "focused")

	// Nor are those who were about to press a button that goes out of use with the connection.
	p.wants("payload", "focus", "#payload")
	p.lose(plainDesk, r)
	p.ask("focusLost")
	p.ask("focus", "#messages-status .stop")
	r.release()
	p.passes("events", "open: ")
	p.wants("", "focused")

	// Nor is anybody brought to the message who was nowhere before.
	p.ask("blur")
	p.wants("", "focused")
	p.lose(plainDesk, r)
	r.release()
	p.passes("events", "open: ")
	p.wants("", "focused")
	p.wants("half a sentence", "value", "#payload")
}

var chatTarget = regexp.MustCompile(`^/chat\?room=room\+1&name=ann&session=[0-9A-Za-z_-]{1,64}$`)

// chatTargets returns what pages have asked for on their way into the chat, which must be n requests.
func (r *relay) chatTargets(n int) []string {
	list := r.targets("/chat")
	if len(list) != n {
		must(fmt.Errorf("the relay has seen %d requests for /chat, want %d: %q", len(list), n, list))
	}
	for _, target := range list {
		if !chatTarget.MatchString(target) {
			must(fmt.Errorf("the page has asked for %s", target))
		}
	}
	return list
}

func checkName(tr *trial) {
	r := tr.relay()
	bob := tr.chat(tr.server.addr, "bob")
	bob.hears("joined: room 1 as bob")
	ann := tr.chatWith("random=0&heartbeat=200&patience=3000", r.addr(), "ann")
	ann.hears("joined: room 1 as ann")
	bob.hears("join: ann")
	r.strand()
	ann.hears("silent: nothing has come for 3 s since the last heartbeat")
	ann.hears(`close: code 4001, reason "heartbeat timed out", wasClean false`)
	ann.hears("waiting: attempt 1 in 0 s, chosen at random up to 1 s")
	ann.hears("connecting: ws://" + r.addr() + "/chat?room=room+1&name=ann, attempt 1")
	ann.hears("open: no subprotocol, no compression")
	ann.hears("joined: room 1 as ann")
	ann.wants("ann (you), bob", "shownAll", "#members li")
	ann.say("ann", "back")
	ann.has("ann: back [1, receipt]")
	bob.hears("ann: back") // and nothing about leaving and joining
	bob.wants("ann, bob (you)", "shownAll", "#members li")
	if list := r.chatTargets(2); list[0] != list[1] {
		must(fmt.Errorf("the page has come back as another one: %q", list))
	}
}

// checkReplaced takes the place with a client that knows the page's session.
func checkReplaced(tr *trial) {
	r := tr.relay()
	ann := tr.chat(r.addr(), "ann")
	ann.hears("joined: room 1 as ann")
	other, _, err := new(websocket.Dialer).Dial(tr.ctx, "ws://"+tr.server.addr+r.chatTargets(1)[0])
	must(err)
	tr.stops = append(tr.stops, func() { other.CloseNow() })
	ann.hears(`close: code 4000, reason "replaced by a new connection", wasClean true`)
	ann.wants("closed", "shown", "#chat-status .state")

	// It does when its user wants it to. Another page is somebody else.
	ann.ask("press", "#join")
	ann.passes("chat-events", "open: ")
	ann.hears("joined: room 1 as ann")
	second := tr.chat(r.addr(), "ann")
	second.hears("joined: room 1 as ann 2")
	if list := r.chatTargets(3); list[0] != list[1] || list[1] == list[2] {
		must(fmt.Errorf("a page has two sessions, or two pages have one: %q", list))
	}
}
