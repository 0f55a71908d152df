package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"barewire.example/websocket"
)

// chatAs opens a connection to /chat with a session, and waits for its events.
func (p *program) chatAs(name, session string, want ...string) *client {
	p.t.Helper()
	c := p.dial("/chat?" + url.Values{"room": {"r"}, "name": {name}, "session": {session}}.Encode())
	c.wantEvents(want...)
	return c
}

// wantReplaced waits for the Close of who is replaced, and does not answer it.
func (c *client) wantReplaced() {
	c.t.Helper()
	if m, end, ok := c.next(); ok || end.Code != chatReplaced || end.Reason != "replaced by a new connection" {
		c.t.Fatalf("got %q, Close %v %q", m.Data, end.Code, end.Reason)
	}
}

// answerClose answers a Close, and waits for the server to have logged the end.
func (c *client) answerClose(p *program) {
	c.t.Helper()
	c.write(c.endpoint.AppendOwed(nil), nil)
	line := p.stderr.waitLine(c.t, "closed", c.nc.LocalAddr().String())
	if !strings.Contains(line, "code=4000") && !strings.Contains(line, `"code":4000`) {
		c.t.Errorf("logged is %s", line)
	}
	c.nc.Close()
}

func TestChatSessionTakesThePlaceOfItsOldConnection(t *testing.T) {
	p := start(t)
	watcher := p.join("r", "watcher")
	first := p.chatAs("ann", "other", `{"type":"welcome","room":"r","name":"ann","members":["ann","watcher"],"history":[]}`)
	old := p.chatAs("ann", "s", `{"type":"welcome","room":"r","name":"ann 2","members":["ann","ann 2","watcher"],"history":[]}`)
	old.say(`{"type":"message","id":"c1","text":"before"}`)
	old.wantEvents(`{"type":"receipt","id":"c1","n":1}`)

	again := p.chatAs("ann", "s", `{"type":"welcome","room":"r","name":"ann 2","members":["ann","ann 2","watcher"],`+
		`"history":[{"type":"message","n":1,"from":"ann 2","text":"before"}]}`)
	old.wantReplaced()
	old.say("too late")
	old.answerClose(p)

	again.say("after")
	again.wantEvents(`{"type":"receipt","n":2}`)
	before := `{"type":"message","n":1,"from":"ann 2","text":"before"}`
	after := `{"type":"message","n":2,"from":"ann 2","text":"after"}`
	watcher.wantEvents(
		`{"type":"join","name":"ann","members":["ann","watcher"]}`,
		`{"type":"join","name":"ann 2","members":["ann","ann 2","watcher"]}`, before, after)
	first.wantEvents(`{"type":"join","name":"ann 2","members":["ann","ann 2","watcher"]}`, before, after)
	again.close(websocket.CloseNormal, "")
	watcher.wantEvents(`{"type":"leave","name":"ann 2","members":["ann","watcher"]}`)
}

// Sessions are compared with room and name: with another of these it is another place.
func TestChatSessionIsThatOfARoomAndAName(t *testing.T) {
	p := start(t, "-quiet")
	ann := p.chatAs("ann", "s", `{"type":"welcome","room":"r","name":"ann","members":["ann"],"history":[]}`)
	p.chatAs("bob", "s", `{"type":"welcome","room":"r","name":"bob","members":["ann","bob"],"history":[]}`)
	p.chatAs("ann", "S", `{"type":"welcome","room":"r","name":"ann 2","members":["ann","ann 2","bob"],"history":[]}`)
	p.dial("/chat?room=other&name=ann&session=s").wantEvents(`{"type":"welcome","room":"other","name":"ann","members":["ann"],"history":[]}`)
	p.chat("r", "ann").wantEvents(`{"type":"welcome","room":"r","name":"ann 3","members":["ann","ann 2","ann 3","bob"],"history":[]}`)
	ann.wantEvents(
		`{"type":"join","name":"bob","members":["ann","bob"]}`,
		`{"type":"join","name":"ann 2","members":["ann","ann 2","bob"]}`,
		`{"type":"join","name":"ann 3","members":["ann","ann 2","ann 3","bob"]}`)
}

// However the end of a connection and the coming of the next one fall together, the
// others are told of both or of neither, and the name is the same.
func TestChatSessionComesBackWhileItsOldConnectionEnds(t *testing.T) {
	p := start(t, "-quiet")
	watcher := p.join("r", "watcher")
	welcome := func(c *client) {
		if e := c.event(); e["type"] != "welcome" || e["name"] != "ann" || len(e["members"].([]any)) != 2 {
			t.Fatalf("got %v", e)
		}
	}
	join := `{"type":"join","name":"ann","members":["ann","watcher"]}`
	old := p.chatAs("ann", "s")
	welcome(old)
	watcher.wantEvents(join)
	for i := range 40 {
		watcher.extend()
		gone := make(chan struct{})
		go func(old *client) {
			old.nc.Close()
			close(gone)
		}(old)
		old = p.chatAs("ann", "s")
		welcome(old)
		<-gone
		old.say(fmt.Sprint(i))
		e := watcher.event()
		if e["type"] == "leave" && e["name"] == "ann" {
			watcher.wantEvents(join)
			e = watcher.event()
		}
		if e["type"] != "message" || e["from"] != "ann" || e["text"] != fmt.Sprint(i) {
			t.Fatalf("got %v", e)
		}
	}
	old.close(websocket.CloseNormal, "")
	watcher.wantEvents(`{"type":"leave","name":"ann","members":["watcher"]}`)
}

func TestChatSessionHasOneMemberWhenManyComeAtOnce(t *testing.T) {
	p := start(t, "-quiet")
	watcher := p.join("r", "watcher")
	const n = 8
	replaced, stays := make(chan *client, n), make(chan *client, n)
	for range n {
		go func() {
			c := p.chatAs("ann", "s")
			m, end, ok := c.next()
			if ok && strings.Contains(string(m.Data), `"welcome"`) {
				m, end, ok = c.next()
			}
			switch {
			case ok && strings.Contains(string(m.Data), "who stays?"):
				stays <- c
			case !ok && end.Code == chatReplaced:
				replaced <- c
			default:
				t.Errorf("got %q, Close %v", m.Data, end.Code)
				replaced <- c
			}
		}()
	}
	for range n - 1 {
		<-replaced
	}
	watcher.wantEvents(`{"type":"join","name":"ann","members":["ann","watcher"]}`)
	watcher.say("who stays?")
	watcher.wantEvents(`{"type":"receipt","n":1}`)
	(<-stays).close(websocket.CloseNormal, "")
	watcher.wantEvents(`{"type":"leave","name":"ann","members":["watcher"]}`)
}

func TestChatSessionEndsWithTheServer(t *testing.T) {
	p := start(t, "-close-timeout", "10ms")
	for range 3 { // nobody answers a Close
		p.chatAs("ann", "s", `{"type":"welcome","room":"r","name":"ann","members":["ann"],"history":[]}`)
	}
	if status := p.stop(); status != exitOK {
		t.Errorf("exit status %d", status)
	}
}

// Who knows a session can take its place.
func TestChatSessionIsASecret(t *testing.T) {
	const secret = "T0pSecret"
	for _, format := range []string{"text", "json"} {
		p := start(t, "-v", "-log", format)
		shows := func(c *client) {
			if m, end, ok := c.next(); !ok || strings.Contains(string(m.Data), secret) {
				t.Errorf("got %q, Close %v", m.Data, end.Code)
			}
		}
		watcher := p.join("r", "watcher")
		first := p.chatAs("ann", secret)
		shows(first)
		second := p.chatAs("ann", secret)
		shows(second)
		first.wantReplaced()
		first.answerClose(p)
		second.say("hello")
		shows(second)
		shows(watcher)
		shows(watcher)
		refused := []string{
			"/chat?session=" + secret + "&session=" + secret,
			"/chat?session=" + secret + "!",
			"/chat?session=" + secret + "&name=%zz",
			"/chat?session=" + secret + "&name=\xc3\xa4",
			"/chat?session=" + secret + "&name=\xff",
			"/chat?session=" + secret + "&name=a#b",
			"foo://" + p.addr + "/chat?session=" + secret, // no target that a handshake may have
		}
		for _, target := range refused {
			if c := handshake(t, p.dialTCP(), target); c.answer.StatusCode != http.StatusBadRequest {
				t.Errorf("%q: %s", target, c.answer.Status)
			}
		}
		handshake(t, p.dialTCP(), "/chat?session="+secret, "Origin: http://evil.example")
		second.nc.Close()
		watcher.nc.Close()
		p.stop()
		log := p.stderr.String()
		if n := strings.Count(log, "status"); n != len(refused)+1 || strings.Contains(log, secret) {
			t.Errorf("%d refusals are logged, want %d, and without the session:\n%s", n, len(refused)+1, log)
		}
	}
}
