package websocket

import (
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// deflateList parses the value of a field as both sides do.
func deflateList(t *testing.T, value string) []Extension {
	t.Helper()
	list, err := ParseExtensions([]string{value})
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return list
}

func deflateText(e Extension) string { return string(AppendExtensions(nil, []Extension{e})) }

// deflateAgreed leaves out what is not negotiated.
func deflateAgreed(c *Compression) deflateParams {
	return deflateParams{c.ServerNoContextTakeover, c.ClientNoContextTakeover, c.ServerMaxWindowBits, c.ClientMaxWindowBits}
}

func TestDeflateChecksItsSettings(t *testing.T) {
	for _, c := range []*Compression{
		nil, {}, {ServerMaxWindowBits: 8, ClientMaxWindowBits: 15}, {Effort: 1}, {Effort: 3}, {Threshold: -1}, {Threshold: 1 << 30},
	} {
		if err := c.Check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, c := range []*Compression{
		{ServerMaxWindowBits: 7}, {ServerMaxWindowBits: 16}, {ClientMaxWindowBits: 7}, {ClientMaxWindowBits: 16},
		{ServerMaxWindowBits: -1}, {ClientMaxWindowBits: -8}, {Effort: 4}, {Effort: -1},
	} {
		if err := c.Check(); !errors.Is(err, ErrHandshakeValue) {
			t.Errorf("%+v: %v, want one that wraps ErrHandshakeValue", c, err)
		}
	}
}

func TestDeflateHasDefaults(t *testing.T) {
	want := Compression{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15, Effort: 1, Threshold: 128}
	if got := (Compression{}).normal(); got != want {
		t.Errorf("zero stands for %+v, want %+v", got, want)
	}
	if got := want.normal(); got != want {
		t.Errorf("%+v became %+v", want, got)
	}
	set := Compression{true, true, 8, 9, 3, -1}
	if got := set.normal(); got != set {
		t.Errorf("%+v became %+v", set, got)
	}
}

func TestDeflateOffers(t *testing.T) {
	tests := []struct {
		c    Compression
		want string // behind the name
	}{
		{Compression{}, "client_max_window_bits"},
		{Compression{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}, "client_max_window_bits"},
		{Compression{ServerNoContextTakeover: true}, "server_no_context_takeover; client_max_window_bits"},
		{Compression{ClientNoContextTakeover: true}, "client_no_context_takeover; client_max_window_bits"},
		{Compression{ServerMaxWindowBits: 8}, "server_max_window_bits=8; client_max_window_bits"},
		{Compression{ClientMaxWindowBits: 10}, "client_max_window_bits=10"},
		{Compression{true, true, 14, 9, 3, -1}, "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=14; client_max_window_bits=9"},
	}
	for _, tt := range tests {
		if got, want := deflateText(tt.c.Offer()), "permessage-deflate; "+tt.want; got != want {
			t.Errorf("%+v: %s, want %s", tt.c, got, want)
		}
	}
}

// deflateAccepts are offers to a server with the settings, and its answers: what
// is behind the name in both, and none for a declined offer.
var deflateAccepts = []struct {
	server        Compression
	offer, answer string
}{
	{Compression{}, "", ""},
	{Compression{}, "; client_max_window_bits", ""},
	{Compression{}, "; client_max_window_bits=15", ""},
	{Compression{}, "; client_max_window_bits=10", "; client_max_window_bits=10"},
	{Compression{}, `; client_max_window_bits="10"`, "; client_max_window_bits=10"},
	{Compression{}, "; server_max_window_bits=15", "; server_max_window_bits=15"},
	{Compression{}, "; server_max_window_bits=8", "; server_max_window_bits=8"},
	{Compression{}, "; server_no_context_takeover", "; server_no_context_takeover"},
	{Compression{}, "; client_no_context_takeover", "; client_no_context_takeover"},
	{Compression{}, "; client_max_window_bits; server_max_window_bits=10", "; server_max_window_bits=10"}, // 7692 §7.1.3
	{Compression{}, "; server_max_window_bits=9; server_no_context_takeover; client_max_window_bits=8; client_no_context_takeover",
		"; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=8"},

	{Compression{ServerMaxWindowBits: 9}, "", "; server_max_window_bits=9"}, // 7692 §7.1.2.1: unasked, too
	{Compression{ServerMaxWindowBits: 9}, "; server_max_window_bits=8", "; server_max_window_bits=8"},
	{Compression{ServerMaxWindowBits: 9}, "; server_max_window_bits=10", "; server_max_window_bits=9"},
	{Compression{ClientMaxWindowBits: 9}, "", "none"}, // 7692 §7.1.2.2: it must not be limited
	{Compression{ClientMaxWindowBits: 9}, "; client_max_window_bits", "; client_max_window_bits=9"},
	{Compression{ClientMaxWindowBits: 9}, "; client_max_window_bits=8", "; client_max_window_bits=8"},
	{Compression{ClientMaxWindowBits: 9}, "; client_max_window_bits=15", "; client_max_window_bits=9"},
	{Compression{ServerNoContextTakeover: true, ClientNoContextTakeover: true}, "", "; server_no_context_takeover; client_no_context_takeover"},
	{Compression{Effort: 3, Threshold: -1}, "", ""},

	{Compression{}, "; server_max_window_bits=7", "none"},  // H-88
	{Compression{}, "; server_max_window_bits=16", "none"}, // H-89
	{Compression{}, "; server_max_window_bits", "none"},    // H-90
	{Compression{}, "; server_max_window_bits=09", "none"}, // H-91
	{Compression{}, "; server_max_window_bits=10", "; server_max_window_bits=10"},
	{Compression{}, "; server_no_context_takeover=1", "none"}, // H-93
	{Compression{}, "; client_no_context_takeover=true", "none"},
	{Compression{}, "; client_max_window_bits; client_max_window_bits", "none"}, // H-94
	{Compression{}, "; server_max_window_bits=9; server_max_window_bits=9", "none"},
	{Compression{}, "; server_no_context_takeover; client_max_window_bits; server_no_context_takeover", "none"},
	{Compression{}, "; client_no_context_takeover; client_no_context_takeover", "none"},
	{Compression{}, "; foo=1", "none"}, // H-95
	{Compression{}, "; foo", "none"},
	{Compression{}, "; constructor", "none"},              // S-35
	{Compression{}, "; client_max_window_bits=5", "none"}, // H-96
	{Compression{}, "; client_max_window_bits=16", "none"},
	{Compression{}, "; client_max_window_bits=008", "none"},
	{Compression{}, "; client_max_window_bits=+9", "none"},
	{Compression{}, "; Server_Max_Window_Bits=10", "none"},
	{Compression{}, "; SERVER_NO_CONTEXT_TAKEOVER", "none"},
}

func TestDeflateAcceptsOffers(t *testing.T) {
	for _, tt := range deflateAccepts {
		answer, agreed := tt.server.Accept(deflateList(t, deflateName+tt.offer))
		if tt.answer == "none" {
			if agreed != nil || !reflect.DeepEqual(answer, Extension{}) {
				t.Errorf("%+v accepts %q with %s", tt.server, tt.offer, deflateText(answer))
			}
			continue
		}
		if agreed == nil || deflateText(answer) != deflateName+tt.answer {
			t.Errorf("%+v answers %q with %q, %+v; want %q", tt.server, tt.offer, deflateText(answer), agreed, tt.answer)
			continue
		}
		if n := tt.server.normal(); agreed.Effort != n.Effort || agreed.Threshold != n.Threshold {
			t.Errorf("%+v goes on with %+v", tt.server, agreed)
		}
	}
}

// 7692 §5: offers are in the order of preference, and a server that cannot meet
// one tries the next.
func TestDeflateAcceptsTheFirstOfferThatItCanMeet(t *testing.T) {
	tests := []struct{ offers, answer string }{
		{"permessage-deflate; server_max_window_bits=10, permessage-deflate", "permessage-deflate; server_max_window_bits=10"},
		{"permessage-deflate, permessage-deflate; server_max_window_bits=10", "permessage-deflate"},
		{"permessage-deflate; foo, permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=10"},
		{"permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits, permessage-deflate", "permessage-deflate"},
		{"x-webkit-deflate-frame, permessage-deflate", "permessage-deflate"},
		{"permessage-deflate2, x; server_max_window_bits=7, permessage-deflate; client_no_context_takeover", "permessage-deflate; client_no_context_takeover"},
		{"permessage-bzip2", ""},
		{"Permessage-Deflate", ""},
		{"deflate, x; permessage-deflate, permessage-deflate; a", ""},
	}
	for _, tt := range tests {
		answer, agreed := (&Compression{}).Accept(deflateList(t, tt.offers))
		if deflateText(answer) != tt.answer || (agreed != nil) != (tt.answer != "") {
			t.Errorf("%s: answered %q, %+v; want %q", tt.offers, deflateText(answer), agreed, tt.answer)
		}
	}
	small := &Compression{ClientMaxWindowBits: 8}
	answer, _ := small.Accept(deflateList(t, "permessage-deflate, permessage-deflate; client_max_window_bits"))
	if got := deflateText(answer); got != "permessage-deflate; client_max_window_bits=8" {
		t.Errorf("with a limit that only the second offer allows: %s", got)
	}
}

// S-19, S-52: who has not turned compression on has none.
func TestDeflateIsOffWithoutSettings(t *testing.T) {
	var none *Compression
	offers := deflateList(t, "permessage-deflate")
	if answer, agreed := none.Accept(offers); agreed != nil || !reflect.DeepEqual(answer, Extension{}) {
		t.Errorf("accepted with %+v, %+v", answer, agreed)
	}
	if _, agreed := (&Compression{}).Accept(nil); agreed != nil {
		t.Errorf("accepted although nothing was offered: %+v", agreed)
	}
	if agreed, err := none.Confirm(offers); agreed != nil || !errors.Is(err, RuleAnswerExtensions) {
		t.Errorf("confirmed unasked: %+v, %v", agreed, err)
	}
	if agreed, err := none.Confirm(deflateList(t, "x")); agreed != nil || err != nil {
		t.Errorf("another extension: %+v, %v", agreed, err)
	}
}

// deflateConfirms are answers to a client with the settings: what is behind the
// name, and what is agreed on, or the parameter that is refused.
var deflateConfirms = []struct {
	client  Compression
	answer  string
	want    deflateParams
	refused string
}{
	{Compression{}, "", deflateParams{false, false, 15, 15}, ""},
	{Compression{}, "; server_no_context_takeover", deflateParams{true, false, 15, 15}, ""},
	{Compression{}, "; client_no_context_takeover", deflateParams{false, true, 15, 15}, ""},
	{Compression{}, "; server_max_window_bits=8", deflateParams{false, false, 8, 15}, ""},
	{Compression{}, "; client_max_window_bits=9", deflateParams{false, false, 15, 9}, ""},
	{Compression{}, "; server_max_window_bits=15; client_max_window_bits=15", deflateParams{false, false, 15, 15}, ""},
	{Compression{}, "; client_max_window_bits=11; server_max_window_bits=10; client_no_context_takeover; server_no_context_takeover",
		deflateParams{true, true, 10, 11}, ""},
	{Compression{}, `; server_max_window_bits="10"`, deflateParams{false, false, 10, 15}, ""}, // S-12

	{Compression{ServerMaxWindowBits: 10}, "; server_max_window_bits=10", deflateParams{false, false, 10, 15}, ""},
	{Compression{ServerMaxWindowBits: 10}, "; server_max_window_bits=8", deflateParams{false, false, 8, 15}, ""},
	{Compression{ServerMaxWindowBits: 10}, "; server_max_window_bits=11", deflateParams{}, "server_max_window_bits"},
	{Compression{ServerMaxWindowBits: 10}, "", deflateParams{}, "server_max_window_bits"},
	{Compression{ServerNoContextTakeover: true}, "; server_no_context_takeover", deflateParams{true, false, 15, 15}, ""},
	{Compression{ServerNoContextTakeover: true}, "", deflateParams{}, "server_no_context_takeover"},
	// Hints of the client's hold for what it sends, whatever the server makes of them.
	{Compression{ClientNoContextTakeover: true}, "", deflateParams{false, true, 15, 15}, ""},
	{Compression{ClientMaxWindowBits: 10}, "", deflateParams{false, false, 15, 10}, ""},
	{Compression{ClientMaxWindowBits: 10}, "; client_max_window_bits=12", deflateParams{false, false, 15, 10}, ""},
	{Compression{ClientMaxWindowBits: 10}, "; client_max_window_bits=8", deflateParams{false, false, 15, 8}, ""},

	{Compression{}, "; foo=1", deflateParams{}, "foo=1"},                                   // C-28
	{Compression{}, "; server_max_window_bits=16", deflateParams{}, "=16"},                 // C-29, S-12
	{Compression{}, "; server_max_window_bits=7", deflateParams{}, "=7"},                   // C-30, S-12
	{Compression{}, "; client_max_window_bits", deflateParams{}, "client_max_window_bits"}, // C-33
	{Compression{}, "; server_max_window_bits=0", deflateParams{}, "=0"},                   // S-12 …
	{Compression{}, "; server_max_window_bits=-1", deflateParams{}, "=-1"},
	{Compression{}, "; server_max_window_bits=08", deflateParams{}, "=08"},
	{Compression{}, "; server_max_window_bits", deflateParams{}, "server_max_window_bits"},
	{Compression{}, "; server_max_window_bits=999999999999", deflateParams{}, "=999999999999"},
	{Compression{}, `; server_max_window_bits="7"`, deflateParams{}, "=7"},
	{Compression{}, "; client_max_window_bits=16", deflateParams{}, "=16"},
	{Compression{}, "; client_max_window_bits=08", deflateParams{}, "=08"},
	{Compression{}, "; server_no_context_takeover; server_no_context_takeover", deflateParams{}, "server_no_context_takeover"}, // C-31
	{Compression{}, "; server_max_window_bits=9; server_max_window_bits=9", deflateParams{}, "server_max_window_bits"},
	{Compression{}, "; server_no_context_takeover=1", deflateParams{}, "server_no_context_takeover"},
	{Compression{}, "; client_no_context_takeover=0", deflateParams{}, "client_no_context_takeover"},
	{Compression{}, "; SERVER_NO_CONTEXT_TAKEOVER", deflateParams{}, "SERVER_NO_CONTEXT_TAKEOVER"},
}

func TestDeflateConfirmsAnswers(t *testing.T) {
	for _, tt := range deflateConfirms {
		agreed, err := tt.client.Confirm(deflateList(t, deflateName+tt.answer))
		if tt.refused != "" {
			if agreed != nil || !errors.Is(err, RuleAnswerDeflate) || !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("%+v: answer %q: %+v, %v; want a refusal of %s", tt.client, tt.answer, agreed, err, tt.refused)
			}
			continue
		}
		if err != nil || deflateAgreed(agreed) != tt.want {
			t.Errorf("%+v: answer %q: %+v, %v; want %+v", tt.client, tt.answer, agreed, err, tt.want)
			continue
		}
		if n := tt.client.normal(); agreed.Effort != n.Effort || agreed.Threshold != n.Threshold {
			t.Errorf("%+v goes on with %+v", tt.client, agreed)
		}
	}
}

func TestDeflateConfirmsOneAnswer(t *testing.T) {
	c := &Compression{}
	if agreed, err := c.Confirm(nil); agreed != nil || err != nil {
		t.Errorf("no answer: %+v, %v", agreed, err)
	}
	if agreed, err := c.Confirm(deflateList(t, "x; foo, permessage-deflate, y")); agreed == nil || err != nil {
		t.Errorf("among others: %+v, %v", agreed, err)
	}
	// C-32, and 7692 §5.
	if agreed, err := c.Confirm(deflateList(t, "permessage-deflate, permessage-deflate")); agreed != nil || !errors.Is(err, RuleAnswerExtensions) {
		t.Errorf("twice: %+v, %v", agreed, err)
	}
}

// S-12 and C-34: what is no value at all does not come through the grammar.
func TestDeflateEmptyValuesAreMalformed(t *testing.T) {
	for _, value := range []string{"=", `=""`, "==10", "=1 0", "; ;"} {
		if list, err := ParseExtensions([]string{"permessage-deflate; server_max_window_bits" + value}); !errors.Is(err, RuleExtensions) {
			t.Errorf("%s: %+v, %v", value, list, err)
		}
	}
}

// What is refused is quoted in errors, and not kept otherwise: the memory that an
// answer takes does not grow faster than the list (S-34).
func TestDeflateLongListsTakeLittleMemory(t *testing.T) {
	for name, offers := range map[string]string{
		"many-offers":     strings.Repeat("permessage-deflate; a=b, ", 50),
		"many-parameters": "permessage-deflate" + strings.Repeat("; client_max_window_bits", 99),
		"long-value":      "permessage-deflate; server_max_window_bits=" + strings.Repeat("1", 60_000),
		"long-name":       "permessage-deflate; " + strings.Repeat("a", 60_000),
	} {
		list := deflateList(t, offers)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, agreed := (&Compression{}).Accept(list)
		_, err := (&Compression{}).Confirm(list)
		runtime.ReadMemStats(&after)
		used, most := after.TotalAlloc-before.TotalAlloc, uint64(8*len(offers)+16<<10)
		if agreed != nil || err == nil || len(err.Error()) > 600 || used > most {
			t.Errorf("%s: %+v; %d bytes of an error; %d bytes of memory, want at most %d", name, agreed, len(err.Error()), used, most)
		}
	}
}
