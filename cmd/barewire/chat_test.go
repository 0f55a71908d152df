package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"barewire.example/websocket"
)

// chat opens a connection to /chat.
func (p *program) chat(room, name string) *client {
	p.t.Helper()
	return p.dial("/chat?" + url.Values{"room": {room}, "name": {name}}.Encode())
}

// join opens a connection to /chat and takes the welcome.
func (p *program) join(room, name string) *client {
	p.t.Helper()
	c := p.chat(room, name)
	if e := c.event(); e["type"] != "welcome" || e["room"] != room || e["name"] != name {
		p.t.Fatalf("welcomed with %v", e)
	}
	return c
}

// event waits for the next event.
func (c *client) event() map[string]any {
	c.t.Helper()
	m, end, ok := c.next()
	if !ok {
		c.t.Fatalf("got Close %v %q, want an event", end.Code, end.Reason)
	}
	var e map[string]any
	if err := json.Unmarshal(m.Data, &e); err != nil || m.Type != websocket.Text {
		c.t.Fatalf("event is %v %.200q: %v", m.Type, m.Data, err)
	}
	return e
}

// wantEvents waits for these events. What they have in "time" and "epoch" is
// looked at by its form, and need not be in want.
func (c *client) wantEvents(want ...string) {
	c.t.Helper()
	for _, w := range want {
		var expected map[string]any
		if err := json.Unmarshal([]byte(w), &expected); err != nil {
			c.t.Fatalf("%s: %v", w, err)
		}
		got := c.event()
		text, _ := json.Marshal(got)
		c.dropVolatile(got)
		if !reflect.DeepEqual(got, expected) {
			c.t.Fatalf("got %s, want %s", text, w)
		}
	}
}

var (
	timePattern  = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	epochPattern = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

func (c *client) dropVolatile(e map[string]any) {
	c.t.Helper()
	for key, pattern := range map[string]*regexp.Regexp{"time": timePattern, "epoch": epochPattern} {
		wanted := key == "time" && (e["type"] == "message" || e["type"] == "receipt") || key == "epoch" && e["type"] == "welcome"
		if text, _ := e[key].(string); wanted != pattern.MatchString(text) {
			c.t.Fatalf("%s is %v in %v", key, e[key], e)
		}
		delete(e, key)
	}
	history, _ := e["history"].([]any)
	for _, m := range history {
		c.dropVolatile(m.(map[string]any))
	}
}

func (c *client) say(text string) {
	c.t.Helper()
	c.send(websocket.Text, text)
}

func TestChatTellsEverybodyWhatHappens(t *testing.T) {
	p := start(t)
	ann := p.chat("tea", "ann")
	ann.wantEvents(`{"type":"welcome","room":"tea","name":"ann","members":["ann"],"history":[]}`)
	bob := p.chat("tea", "bob")
	bob.wantEvents(`{"type":"welcome","room":"tea","name":"bob","members":["ann","bob"],"history":[]}`)
	ann.wantEvents(`{"type":"join","name":"bob","members":["ann","bob"]}`)

	ann.say(`{"type":"message","id":"c1","text":"hello"}`)
	ann.wantEvents(`{"type":"receipt","id":"c1","n":1}`)
	bob.wantEvents(`{"type":"message","n":1,"from":"ann","text":"hello"}`)
	bob.say(`{"type":"message","text":"<b>hi & \u0041</b>"}`)
	bob.wantEvents(`{"type":"receipt","n":2}`)
	ann.wantEvents(`{"type":"message","n":2,"from":"bob","text":"<b>hi & A</b>"}`)

	cat := p.chat("tea", "\u732b")
	cat.wantEvents(`{"type":"welcome","room":"tea","name":"猫","members":["ann","bob","猫"],"history":[` +
		`{"type":"message","n":1,"from":"ann","text":"hello"},{"type":"message","n":2,"from":"bob","text":"<b>hi & A</b>"}]}`)
	for _, c := range []*client{ann, bob} {
		c.wantEvents(`{"type":"join","name":"猫","members":["ann","bob","猫"]}`)
	}
	bob.close(websocket.CloseNormal, "")
	for _, c := range []*client{ann, cat} {
		c.wantEvents(`{"type":"leave","name":"bob","members":["ann","猫"]}`)
	}
	cat.nc.(*net.TCPConn).SetLinger(0) // a reset instead of an end
	cat.nc.Close()
	ann.wantEvents(`{"type":"leave","name":"猫","members":["ann"]}`)
}

func TestChatKeepsRoomsApart(t *testing.T) {
	p := start(t, "-log", "json")
	broadcast := joinRoom(p, 1)[0]
	lobby := p.dial("/chat")
	lobby.wantEvents(`{"type":"welcome","room":"lobby","name":"guest","members":["guest"],"history":[]}`)
	other := p.join("broadcast", "ann")
	other.say("for those in here")
	other.wantEvents(`{"type":"receipt","n":1}`)
	broadcast.send(websocket.Text, "for those out there")
	broadcast.want(websocket.Text, "for those out there")
	for _, c := range []*client{lobby, other} {
		c.say(`{"type":"ping","id":"h1"}`)
		c.wantEvents(`{"type":"pong","id":"h1"}`) // and nothing before it
	}
	lobby.say("first")
	lobby.wantEvents(`{"type":"receipt","n":1}`)
	p.stderr.waitLine(t, `"msg":"joined"`, `"path":"/chat"`, `"room":"broadcast"`, `"name":"ann"`)
}

func TestChatMakesNamesUnique(t *testing.T) {
	p := start(t)
	first := p.join("r", "ann")
	for i, tt := range []struct{ wanted, got string }{
		{"ann", "ann 2"}, {"ann", "ann 3"}, {"ann 2", "ann 2 2"}, {" ann ", "ann 4"}, {"Ann", "Ann"},
	} {
		c := p.chat("r", tt.wanted)
		if e := c.event(); e["name"] != tt.got || len(e["members"].([]any)) != i+2 {
			t.Errorf("%q is welcomed as %v", tt.wanted, e)
		}
		if e := first.event(); e["type"] != "join" || e["name"] != tt.got {
			t.Errorf("%q is announced as %v", tt.wanted, e)
		}
		if i == 0 {
			defer c.close(websocket.CloseNormal, "") // the name becomes free with a leave only
		}
	}
	watcher := p.join("r", "watcher")
	first.close(websocket.CloseNormal, "")
	watcher.wantEvents(`{"type":"leave","name":"ann","members":["Ann","ann 2","ann 2 2","ann 3","ann 4","watcher"]}`)
	p.join("r", "ann")
}

func TestChatAnswersWhatIsWrong(t *testing.T) {
	p := start(t)
	c := p.join("r", "ann")
	other := p.join("r", "bob")
	c.wantEvents(`{"type":"join","name":"bob","members":["ann","bob"]}`)
	long, longID := strings.Repeat("x", maxChatText+1), strings.Repeat("i", maxChatID+1)
	tests := []struct {
		name string
		mt   websocket.MessageType
		sent string
		want string
	}{
		{"binary", websocket.Binary, `{"type":"ping"}`, `{"type":"error","text":"message is binary"}`},
		{"empty", websocket.Text, "", `{"type":"error","text":"message is empty"}`},
		{"empty-text", websocket.Text, `{"type":"message","id":"a","text":""}`, `{"type":"error","id":"a","text":"message is empty"}`},
		{"no-text", websocket.Text, `{"type":"message","id":""}`, `{"type":"error","id":"","text":"message is empty"}`},
		{"long", websocket.Text, `{"type":"message","id":"c1","text":"` + long + `"}`, `{"type":"error","id":"c1","text":"message is longer than 4096 bytes"}`},
		{"long-typed", websocket.Text, long, `{"type":"error","text":"message is longer than 4096 bytes"}`},
		{"long-id", websocket.Text, `{"type":"message","id":"` + longID + `","text":"x"}`, `{"type":"error","text":"id is longer than 64 bytes"}`},
		{"id-is-a-number", websocket.Text, `{"type":"message","id":1,"text":"x"}`, `{"type":"error","text":"message is not JSON as it should be"}`},
		{"text-is-a-number", websocket.Text, `{"type":"message","id":"a","text":1}`, `{"type":"error","id":"a","text":"message is not JSON as it should be"}`},
		{"cut", websocket.Text, `{"type":"message","id":"a"`, `{"type":"error","text":"message is not JSON as it should be"}`},
		{"two", websocket.Text, `{"type":"ping"}{"type":"ping"}`, `{"type":"error","text":"message is not JSON as it should be"}`},
		{"deep", websocket.Text, strings.Repeat(`{"a":`, 20000), `{"type":"error","text":"message is not JSON as it should be"}`},
		{"no-type", websocket.Text, `{"id":"a"}`, `{"type":"error","id":"a","text":"type is unknown"}`},
		{"other-type", websocket.Text, `{"type":"welcome"}`, `{"type":"error","text":"type is unknown"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.t = t
			c.send(tt.mt, tt.sent)
			c.wantEvents(tt.want)
		})
	}
	c.t = t
	c.say(`{"type":"ping"}`) // it is still open
	c.wantEvents(`{"type":"pong"}`)
	for i, sent := range []string{"typed", ` {"blank":"in front"}`, `{"type":"message","text":"` + long[1:] + `"}`} {
		c.say(sent)
		c.wantEvents(fmt.Sprintf(`{"type":"receipt","n":%d}`, i+1))
	}
	for i, text := range []string{`typed`, ` {\"blank\":\"in front\"}`, long[1:]} { // nothing else has reached the others
		other.wantEvents(fmt.Sprintf(`{"type":"message","n":%d,"from":"ann","text":"%s"}`, i+1, text))
	}
}

func TestChatRefusesBadRoomsAndNames(t *testing.T) {
	p := start(t)
	long := strings.Repeat("%c3%a4", 33) // 2 bytes each
	session64 := "0123456789-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for query, ok := range map[string]bool{
		"":                           true,
		"other=x":                    true,
		"room=" + long[:32*6]:        true,
		"room=" + long[:64] + "x":    false,
		"name=" + long[:32*6]:        true, // 32 characters
		"name=" + long[:64] + "x":    false,
		"room=%20x%20&name=%20y%20":  true,
		"room=":                      false,
		"name=%20%20":                false,
		"name=a%0ab":                 false,
		"name=a%0a":                  false,
		"room=%00":                   false,
		"name=a%c2%9b":               false,
		"room=%ff":                   false,
		"room=a&room=b":              false,
		"room=%e2%80%ae":             false, // a name that changes how what follows is shown
		"name=ann%e2%80%8d":          false,
		"name=%e3%85%a4":             false, // nothing is seen of it
		"session=":                   false,
		"session=%20":                false,
		"session=%c3%a4":             false,
		"session=a.b":                false,
		"session=a&session=a":        false,
		"session=a%0a":               false,
		"session=" + long[:64]:       false, // what it stands for is none
		"session=" + session64:       true,
		"session=" + session64 + "x": false,
		"name=%zz":                   false,
		"name=a;room=b":              false,
	} {
		want := http.StatusBadRequest
		if ok {
			want = http.StatusSwitchingProtocols
		}
		c := handshake(t, p.dialTCP(), "/chat?"+query)
		if c.answer.StatusCode != want || c.answer.Close == ok {
			t.Errorf("%q: %s, close %v", query, c.answer.Status, c.answer.Close)
		}
		if !ok {
			body, err := io.ReadAll(c.answer.Body)
			if err != nil || !strings.Contains(string(body), "must be 1 to") && string(body) != "query is malformed\n" {
				t.Errorf("%q: %q, %v", query, body, err)
			}
		}
	}
	p.stderr.waitLine(t, "msg=refused", "status=400", "path=/chat", "room must be 1 to 64 bytes")
	p.stderr.waitLine(t, "msg=refused", "status=400", "path=/chat", "name must be 1 to 32 characters")
	p.stderr.waitLine(t, "msg=refused", "status=400", "path=/chat", "session must be 1 to 64 characters")
	if n := p.metric(`barewire_handshakes_refused_total{status="400"}`); n != 23 {
		t.Errorf("%v refusals are counted, want 23", n)
	}
}
