package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"barewire.example/websocket"
)

// converseWithOurselves returns what our two sides do in a check with compression, and the check.
func converseWithOurselves(t *testing.T, name string) (c check, o outcome) {
	t.Helper()
	all := ourselves.checks(server, "compressed")
	c = all[slices.IndexFunc(all, func(c check) bool { return c.Name == name })]
	s := suiteOfOurselves(t, []check{c})
	c.URL, c.Compression = s.base(c)+"/"+c.path+"/"+c.Name, c.them
	o, err := s.converse(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return c, o
}

// data returns the n-th data frame of the side.
func (o *outcome) data(from side, n int) *frame {
	for i := range o.frames {
		if f := &o.frames[i]; f.from == from && !f.op.IsControl() {
			if n--; n < 0 {
				return f
			}
		}
	}
	panic("no such frame")
}

// one returns the frame that is all of the message.
func (o *outcome) one(from side, message int) *frame {
	for n := 0; ; n++ {
		f := o.data(from, n)
		if f.op != websocket.OpContinuation {
			if message--; message < 0 {
				return f
			}
		}
	}
}

// The messages of a series are: 0 JSON, 2 noise, 5 and 6 noise that is near, 9 and 10 noise that is far.
func TestJudgeSeesWhatIsWrongWithCompression(t *testing.T) {
	tests := []struct {
		check, want string
		doctor      func(*outcome)
	}{
		{"series", "what the client has agreed on", func(o *outcome) { o.client.Compression = nil }},
		{"series", "what the server has agreed on", func(o *outcome) { o.server.Compression.ServerBits = 9 }},
		{"series", "what the answer says", func(o *outcome) { o.answer = "HTTP/1.1 101 x" }},
		{"window-10-12-ours", "what the answer says", func(o *outcome) {
			o.answer = strings.Replace(o.answer, "server_max_window_bits=10", "server_max_window_bits=11", 1)
		}},
		{"client-alone-theirs", "what the answer says", func(o *outcome) {
			o.answer = strings.Replace(o.answer, "client_no", "server_no", 1)
		}},
		{"series", "want permessage-deflate alone", func(o *outcome) {
			o.answer = strings.Replace(o.answer, "permessage-deflate", "x-deflate", 1)
		}},
		{"series", `parameter " x=1" of permessage-deflate is none`, func(o *outcome) {
			o.answer = strings.Replace(o.answer, "permessage-deflate", "permessage-deflate; x=1", 1)
		}},
		{"series", "text frame of the client has rsv1: want true", func(o *outcome) { o.data(client, 0).rsv1 = false }},
		{"series", "continuation frame of the client has rsv1: want false", func(o *outcome) { o.data(client, 1).rsv1 = true }},
		{"series", "close frame of the client has rsv1: want false", func(o *outcome) {
			o.frames[slices.IndexFunc(o.frames, func(f frame) bool { return f.from == client && f.op == websocket.OpClose })].rsv1 = true
		}},
		{"series", "messages on the wire of the server: want 17, saw 16", func(o *outcome) {
			o.one(server, 16).op = websocket.OpContinuation
		}},
		{"series", "bytes: want less than half", func(o *outcome) { o.one(server, 0).length = 65_500 }},
		{"series", "message 2 of the server, 30000 bytes, takes 31000 bytes: it has grown", func(o *outcome) { o.one(server, 2).length = 31_000 }},
		{"series", "message 6 of the server, 85 bytes, takes 90 bytes: what it repeats is within a window", func(o *outcome) { o.one(server, 6).length = 90 }},
		{"series", "message 10 of the server, 32968 bytes, takes 900 bytes: what it repeats is beyond", func(o *outcome) { o.one(server, 10).length = 900 }},
		{"window-9-15-ours", "message 10 of the server, 712 bytes, takes 100 bytes: what it repeats is beyond", func(o *outcome) { o.one(server, 10).length = 100 }},
		{"server-alone-ours", "message 6 of the server, 85 bytes, takes without history", func(o *outcome) { o.one(server, 6).length = 5 }},
	}
	checks, outcomes := map[string]check{}, map[string]outcome{}
	for _, test := range tests {
		c, found := checks[test.check]
		if !found {
			c, outcomes[test.check] = converseWithOurselves(t, test.check)
			checks[test.check] = c
			if faults := judgeOutcome(c, outcomes[test.check]); len(faults) > 0 {
				t.Errorf("%s: %v", test.check, faults)
			}
		}
		o := outcomes[test.check]
		agreed := *o.server.Compression
		o.frames, o.server.Compression = slices.Clone(o.frames), &agreed
		test.doctor(&o)
		faults := strings.Join(judgeOutcome(c, o), "\n")
		if !strings.Contains(strings.ToLower(faults), strings.ToLower(test.want)) {
			t.Errorf("%s: want %q, saw %q", test.check, test.want, faults)
		}
	}
}

func TestTermsOfPeersThatCannotSendWithEightBits(t *testing.T) {
	p := peer{sends: 9, serverDefaults: params{ServerBits: 12, ClientBits: 12}}
	find := func(ours side, name string) (found []check) {
		for _, c := range p.checks(ours, "compressed") {
			if strings.HasPrefix(c.Name, name) {
				found = append(found, c)
			}
		}
		return found
	}
	if asked := find(client, "window-8-15"); len(asked) != 1 || asked[0].agreed != nil || asked[0].want.failure != "" {
		t.Errorf("a server is asked: %v", asked)
	}
	if asked := find(server, "window-15-8"); len(asked) != 1 || asked[0].want.failure == "" {
		t.Errorf("a client is asked: %v", asked)
	}
	if both := find(client, "window-15-8"); len(both) != 2 || *both[1].agreed != (params{ServerBits: 15, ClientBits: 8}) {
		t.Errorf("our client is asked: %v", both)
	}
	if got := *find(client, "text-0")[0].agreed; got != (params{ServerBits: 12, ClientBits: 12}) {
		t.Errorf("by itself: %+v", got)
	}
}

func TestTermsAreMet(t *testing.T) {
	a, b := params{ServerAlone: true, ServerBits: 9}, params{Defaults: true, ClientAlone: true, ServerBits: 12, ClientBits: 10}
	if got, want := *a.meet(b), (params{ServerAlone: true, ClientAlone: true, ServerBits: 9, ClientBits: 10}); got != want || *b.meet(a) != want {
		t.Errorf("%+v", got)
	}
	if (*params)(nil).effective() == (&params{}).effective() {
		t.Error("no compression is the same as compression without parameters")
	}
	if got := *paramsOf(a.compression()); got != a || paramsOf(nil) != nil || (*params)(nil).compression() != nil {
		t.Errorf("%+v", got)
	}
}

func TestNoiseCannotBeCompressedAndDoesNotRepeat(t *testing.T) {
	seen := map[string]bool{}
	data := noise(1 << 16)
	for i := range len(data) - 4 {
		if at := string(data[i : i+5]); seen[at] {
			t.Fatalf("5 bytes at %d were there before", i)
		} else {
			seen[at] = true
		}
	}
	if fmt.Sprint(noise(10)) == fmt.Sprint(noise(11)[:10]) {
		t.Error("noise of another size is the same")
	}
}
