package main

import (
	"slices"
	"strings"
	"testing"

	"barewire.example/websocket"
)

// perfect returns an outcome with which nothing is wrong.
func perfect(c check, ours side) outcome {
	o := outcome{ours: ours}
	switch {
	case c.want.failure != "":
		o.client = report{Error: "Error: self-signed Certificate in chain"}
		return o
	case c.want.refusal != 0:
		o.client.Refusal = &refusal{c.want.refusal, theirRefusal}
		if ours == server {
			o.client.Refusal.Body = c.want.rule.Error() + "\n"
		}
		return o
	}
	o.client = report{Opened: true, Subprotocol: c.want.subprotocol, Received: slices.Clone(c.want.received)}
	o.server = report{Opened: true, Subprotocol: c.want.subprotocol}
	self, peer := ending{c.want.code, "", "self"}, ending{c.want.code, c.want.reason, "peer"}
	o.client.Close, o.server.Close = &self, &peer
	if c.want.closer == server {
		o.client.Close, o.server.Close = &peer, &self
	}
	switch c.want.pinger {
	case client:
		o.client.Pongs = 1
	case server:
		o.server.Pongs = 1
	}
	o.frames = perfectFrames(c)
	return o
}

func perfectFrames(c check) (all []frame) {
	add := func(from side, f frame) {
		f.from, f.masked = from, from == client
		all = append(all, f)
	}
	ops := map[string]websocket.Opcode{"text": websocket.OpText, "binary": websocket.OpBinary}
	if c.want.fragmenter != "" {
		m := c.want.received[0]
		add(c.want.fragmenter, frame{op: ops[m.Type], length: 10})
		add(c.want.fragmenter, frame{op: websocket.OpContinuation, length: uint64(len(m.Data) - 10), fin: true})
	}
	if c.want.pinger != "" {
		add(c.want.pinger, frame{op: websocket.OpPing, fin: true, payload: c.want.payload})
		add(c.want.pinger.other(), frame{op: websocket.OpPong, fin: true, payload: c.want.payload})
	}
	body := websocket.AppendCloseBody(nil, websocket.CloseCode(c.want.code), c.want.reason)
	add(c.want.closer, frame{op: websocket.OpClose, fin: true, payload: body})
	add(c.want.closer.other(), frame{op: websocket.OpClose, fin: true, payload: body[:2]})
	for from, messages := range sentBy(c) {
		for _, m := range messages {
			if from != c.want.fragmenter {
				add(from, frame{op: ops[m.Type], length: uint64(len(m.Data)), fin: true})
			}
		}
	}
	return all
}

func TestJudgePassesPerfectOutcomes(t *testing.T) {
	for _, c := range table() {
		for _, ours := range []side{client, server} {
			if faults := judgeOutcome(c, perfect(c, ours)); len(faults) > 0 {
				t.Errorf("%s, ours %s: %v", c.Name, ours, faults)
			}
		}
	}
}

func TestJudgeFindsWhatIsWrong(t *testing.T) {
	tests := []struct {
		check, want string
		doctor      func(*outcome)
	}{
		{"text-125", "message that the client received", func(o *outcome) { o.client.Received[0].Data = payload("text", 124).Data }},
		{"text-125", "message that the client received", func(o *outcome) { o.client.Received[0].Type = "binary" }},
		{"text-125", "messages that the client received: want 1, saw 0", func(o *outcome) { o.client.Received = nil }},
		{"text-125", "messages that the client received: want 1, saw 2", func(o *outcome) { o.client.Received = append(o.client.Received, message{}) }},
		{"text-125", "the client's error", func(o *outcome) { o.client.Error = "reset" }},
		{"text-125", "the server's error", func(o *outcome) { o.server.Error = "reset" }},
		{"text-125", "the server's connection was opened", func(o *outcome) { o.server.Opened = false }},
		{"subprotocol-chosen", "the client's subprotocol", func(o *outcome) { o.client.Subprotocol = "v9.barewire" }},
		{"subprotocol-none-offered", "the server's subprotocol", func(o *outcome) { o.server.Subprotocol = "v2.barewire" }},
		{"ping", "the client's pongs: want 1, saw 0", func(o *outcome) { o.client.Pongs = 0 }},
		{"server-ping", "the server's pongs: want 1, saw 2", func(o *outcome) { o.server.Pongs = 2 }},
		{"ping", "payload of the pong", func(o *outcome) { o.frames[1].payload = []byte("other") }},
		{"ping", "want a ping of the client and then a pong", func(o *outcome) { o.frames = o.frames[2:] }},
		{"ping", "want a ping of the client and then a pong", func(o *outcome) { slices.Reverse(o.frames[:2]) }},
		{"close-4999", "the end that the server saw", func(o *outcome) { o.server.Close.Code = 1000 }},
		{"close-4999", "the end that the server saw", func(o *outcome) { o.server.Close.Reason = "" }},
		{"close-4999", "the end that the server saw", func(o *outcome) { o.server.Close = nil }},
		{"close-4999", "the end that the client saw", func(o *outcome) { o.client.Close.First = "peer" }},
		{"close-4999", "the end that the client saw", func(o *outcome) { o.client.Close.Reason = "another" }},
		{"server-close-3000", "the end that the client saw", func(o *outcome) { o.client.Close.Code = 1006 }},
		{"server-close-3000", "code of the second Close", func(o *outcome) { o.frames[1].payload = nil }},
		{"server-close-3000", "body of the first Close", func(o *outcome) { o.frames[0].payload = o.frames[1].payload }},
		{"server-close-3000", "want a Close of the server", func(o *outcome) { slices.Reverse(o.frames) }},
		{"close-1000", "want a Close of the client", func(o *outcome) { o.frames = nil }},
		{"close-1000", "close frame of the client is masked", func(o *outcome) { o.frames[0].masked = false }},
		{"fragments-text", "opcode of fragment 1", func(o *outcome) { o.frames[1].op = websocket.OpText }},
		{"fragments-text", "fragment 0 is the last", func(o *outcome) { o.frames[0].fin = true }},
		{"fragments-text", "message 0 of the client, 25000 bytes, takes: want 25000, saw 24999", func(o *outcome) { o.frames[0].length-- }},
		{"server-fragments-binary", "the message is in several frames", func(o *outcome) { o.frames = o.frames[1:] }},
		{"refused-401", "the refusal that the client saw", func(o *outcome) { o.client.Refusal.Status = 403 }},
		{"refused-401", "the refusal that the client saw", func(o *outcome) { o.client.Refusal.Body = "" }},
		{"refused-401", "the refusal that the client saw", func(o *outcome) { o.client.Refusal = nil }},
		{"origin-refused", "the client's connection is open", func(o *outcome) { o.client.Opened = true }},
		{"wss-unknown-authority", "the client's error: want one with \"certificate\"", func(o *outcome) { o.client.Error = "connection refused" }},
		{"wss-unknown-authority", "the client's connection is open", func(o *outcome) { o.client = report{Opened: true} }},
	}
	all := table()
	for _, test := range tests {
		c := all[slices.IndexFunc(all, func(c check) bool { return c.Name == test.check })]
		o := perfect(c, server)
		test.doctor(&o)
		faults := strings.Join(judgeOutcome(c, o), "\n")
		if !strings.Contains(strings.ToLower(faults), strings.ToLower(test.want)) {
			t.Errorf("%s: want %q, saw %q", test.check, test.want, faults)
		}
	}
}

// A payload that the API chose is not compared with that of the job.
func TestJudgeKnowsWhoChoseThePing(t *testing.T) {
	all := table()
	c := all[slices.IndexFunc(all, func(c check) bool { return c.Name == "ping" })]
	for ours, want := range map[side]string{client: "", server: "payload of the ping"} {
		o := perfect(c, ours)
		o.frames[0].payload = []byte("12345678")
		o.frames[1].payload = []byte("12345678")
		if faults := strings.Join(judgeOutcome(c, o), "\n"); !strings.HasPrefix(faults, want) || want == "" && faults != "" {
			t.Errorf("ours %s: %q", ours, faults)
		}
	}
}
