package main

import "strings"

var chatChecks = []check{
	{"pages chat with each other, and see who is there", "", "", checkChat},
	{"the chat shows what is pending, what has a receipt and what is refused", "-max-message 64KiB", "", checkReceipts},
	{"after a loss the chat shows what was missed, and nothing twice", "", "", checkMissed},
	{"after a restart of the server the chat begins anew", "", "WebSocket connection to", checkAnew},
	{"the keyboard leads from tab to tab", "", "", checkTabs},
}

// chat opens the page at addr, and has it join a room under a name.
func (tr *trial) chat(addr, name string) *page { return tr.chatWith("random=0.1", addr, name) }

// chatWith has parameters in the page's address.
func (tr *trial) chatWith(parameters, addr, name string) *page {
	p := tr.openPage("http://" + addr + "/?" + parameters)
	p.ask("press", "#chat-tab")
	p.ask("fill", "#room", "room 1")
	p.ask("fill", "#name", name)
	p.ask("press", "#join")
	p.hears("connecting: ws://" + addr + "/chat?room=room+1&name=" + name)
	p.hears("open: no subprotocol, no compression")
	return p
}

func checkChat(tr *trial) {
	ann := tr.chat(tr.server.addr, "ann")
	ann.hears("joined: room 1 as ann")
	ann.becomes(`^heartbeat: [0-9.]+ ms$`, "#chat-status .trip")
	ann.wants("ann (you)", "shownAll", "#members li")
	bob := tr.chat(tr.server.addr, "bob")
	bob.hears("joined: room 1 as bob")
	ann.hears("join: bob")
	ann.wants("ann (you), bob", "shownAll", "#members li")
	bob.wants("ann, bob (you)", "shownAll", "#members li")

	ann.say("ann", "hello")
	ann.has("ann: hello [1, receipt]")
	bob.hears("ann: hello")
	bob.has("ann: hello [1]")
	bob.say("bob", "<b>Grüße</b> 🌍")
	bob.has("bob: <b>Grüße</b> 🌍 [2, receipt]")
	ann.hears("bob: <b>Grüße</b> 🌍")

	other := tr.chat(tr.server.addr, "ann")
	other.hears("joined: room 1 as ann 2")
	other.hears("ann: hello")
	other.hears("bob: <b>Grüße</b> 🌍")
	other.has("ann: hello [1, history]")
	other.has("bob: <b>Grüße</b> 🌍 [2, history]")
	other.wants("ann, ann 2 (you), bob", "shownAll", "#members li")
	ann.hears("join: ann 2")

	bob.hears("join: ann 2")
	bob.ask("press", "#leave")
	bob.hears("closing: waiting for the other side")
	bob.hears("close: code 1000, no reason, wasClean true")
	bob.wants("closed", "shown", "#chat-status .state")
	bob.wants("", "shownAll", "#members li")
	ann.hears("leave: bob")
	ann.wants("ann (you), ann 2", "shownAll", "#members li")
}

func checkReceipts(tr *trial) {
	r := tr.relay()
	ann := tr.chat(r.addr(), "ann")
	ann.hears("joined: room 1 as ann")
	r.hold(fromServer)
	ann.say("ann", "hello")
	ann.has("ann: hello [pending]")
	r.release()
	ann.has("ann: hello [1, receipt]")
	long := strings.Repeat("x", 4097)
	ann.say("ann", long)
	ann.has("ann: " + long + " [refused: message is longer than 4096 bytes]")
	ann.say("ann", "still here")
	ann.has("ann: still here [2, receipt]")
}

func checkMissed(tr *trial) {
	r := tr.relay()
	bob := tr.chat(tr.server.addr, "bob")
	bob.hears("joined: room 1 as bob")
	bob.say("bob", "one")
	bob.has("bob: one [1, receipt]")
	ann := tr.chat(r.addr(), "ann")
	ann.hears("joined: room 1 as ann")
	ann.hears("bob: one")
	bob.hears("join: ann")
	ann.say("ann", "two")
	ann.has("ann: two [2, receipt]")
	bob.hears("ann: two")

	// Of the third message the receipt is lost, the fourth does not reach the server.
	r.hold(fromServer)
	ann.say("ann", "three")
	bob.hears("ann: three")
	r.hold(fromBrowser)
	ann.say("ann", "four")
	r.cut()
	ann.hears(lostLine)
	ann.has("ann: three [no receipt, perhaps lost]")
	ann.has("ann: four [no receipt, perhaps lost]")
	ann.hears("waiting: attempt 1 in 0.1 s, chosen at random up to 1 s")
	bob.hears("leave: ann")
	bob.say("bob", "meanwhile")
	bob.has("bob: meanwhile [4, receipt]")
	r.release()

	ann.passes("chat-events", "joined: room 1 as ann")
	ann.hears("bob: meanwhile")
	ann.has("bob: meanwhile [4, history]")
	ann.has("ann: three [3, receipt]")
	ann.has("ann: four [no receipt, perhaps lost]")
	bob.hears("join: ann")
	bob.say("bob", "welcome back")
	ann.hears("bob: welcome back")
}

func checkAnew(tr *trial) {
	tr.settle()
	ann := tr.chat(tr.server.addr, "ann")
	ann.hears("joined: room 1 as ann")
	ann.say("ann", "before")
	ann.has("ann: before [1, receipt]")
	ann.say("ann", "before, too")
	ann.has("ann: before, too [2, receipt]")
	tr.server.stop()
	ann.passes("chat-events", "error: ")
	tr.comeback()
	ann.passes("chat-events", "joined: room 1 as ann")
	ann.say("ann", "after")
	ann.has("ann: after [1, receipt]") // numbers begin with 1 again
	bob := tr.chat(tr.server.addr, "bob")
	bob.hears("joined: room 1 as bob")
	bob.hears("ann: after")
	ann.hears("join: bob")
	bob.say("bob", "seen")
	ann.hears("bob: seen")
	ann.has("bob: seen [2]")
}

func checkTabs(tr *trial) {
	p := tr.openPage("http://" + tr.server.addr + "/")
	p.wants("messages-tab", "focus", "#messages-tab")
	for _, step := range []struct{ key, tab, panel string }{
		{"ArrowRight", "chat-tab", "chat"}, {"ArrowRight", "messages-tab", "messages"}, {"ArrowLeft", "chat-tab", "chat"},
		{"Home", "messages-tab", "messages"}, {"End", "chat-tab", "chat"},
	} {
		p.key(step.key)
		p.wants(step.tab, "focused")
		p.wants(step.tab, "selected")
		p.wants(step.panel, "panels")
	}
}
