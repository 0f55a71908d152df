package fuzz

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"barewire.example/websocket"
)

// FuzzNegotiate: whatever a client offers, a server's answer is one that RFC 7692
// §7.1 allows to the first offer that can be met; whatever a server answers, a
// client confirms it exactly when the RFC allows it to its offer; and both sides
// take an answer to mean the same.
func FuzzNegotiate(f *testing.F) {
	for i, seed := range []string{
		"permessage-deflate", "permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=10",
		"permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits",
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=15",
		"permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits, x, permessage-deflate; server_max_window_bits=\"9\"",
		"permessage-deflate; server_no_context_takeover=1, permessage-deflate; client_no_context_takeover; client_no_context_takeover",
		"permessage-deflate; server_max_window_bits=09\npermessage-deflate; client_max_window_bits=16", "Permessage-Deflate", "permessage-deflate; foo",
		"permessage-deflate, permessage-deflate", "x; server_max_window_bits=10", "permessage-deflate; client_max_window_bits=-1; client_max_window_bits=99999999999999999999",
	} {
		f.Add(seed, uint32(0xFFFFFFFF))
		f.Add(seed, uint32(i)*0x9E3779B1)
	}
	f.Fuzz(func(t *testing.T, text string, choice uint32) {
		client, server := settings(choice), settings(choice>>16)
		checkAccept(t, server, []websocket.Extension{client.Offer()})
		checkConfirm(t, client, nil)
		if answer, agreed := server.Accept([]websocket.Extension{client.Offer()}); agreed != nil {
			checkConfirm(t, client, []websocket.Extension{answer})
		} else {
			t.Fatalf("%+v declines %+v", server, client.Offer())
		}
		list, err := websocket.ParseExtensions(strings.Split(text, "\n"))
		if err != nil {
			return
		}
		checkAccept(t, server, list)
		checkConfirm(t, client, list)
		for _, offer := range list {
			checkBothSides(t, server, offer)
		}
	})
}

// settings are those that 16 bits choose.
func settings(choice uint32) *websocket.Compression {
	c := &websocket.Compression{ServerNoContextTakeover: choice&1 != 0, ClientNoContextTakeover: choice&2 != 0}
	if choice&4 != 0 { // else the defaults
		c.ServerMaxWindowBits = 8 + int(choice>>3&7)
	}
	if choice&64 != 0 {
		c.ClientMaxWindowBits = 8 + int(choice>>7&7)
	}
	return c
}

// terms are what an extension says. Bits are 0 for a parameter that is not there,
// and -1 for one without a value.
type terms struct {
	serverAlone, clientAlone bool
	serverBits, clientBits   int
}

// read returns what an offer or an answer says, and whether it may say that.
func read(e websocket.Extension, answer bool) (s terms, valid bool) {
	seen := map[string]bool{}
	for _, p := range e.Params {
		if seen[p.Name] {
			return s, false
		}
		seen[p.Name] = true
		bits := slices.Index([]string{"8", "9", "10", "11", "12", "13", "14", "15"}, p.Value) + 8
		isFlag, isNumber := !p.HasValue, p.HasValue && bits >= 8
		switch {
		case p.Name == "server_no_context_takeover" && isFlag:
			s.serverAlone = true
		case p.Name == "client_no_context_takeover" && isFlag:
			s.clientAlone = true
		case p.Name == "server_max_window_bits" && isNumber:
			s.serverBits = bits
		case p.Name == "client_max_window_bits" && isNumber:
			s.clientBits = bits
		case p.Name == "client_max_window_bits" && isFlag && !answer:
			s.clientBits = -1
		default:
			return s, false
		}
	}
	return s, e.Name == "permessage-deflate"
}

// window is what the parameter of an answer means.
func window(bits int) int {
	if bits <= 0 {
		return 15
	}
	return bits
}

// fits reports whether the answer is one to the offer.
func (answer terms) fits(offer terms) bool {
	return (answer.serverAlone || !offer.serverAlone) &&
		(offer.serverBits == 0 || answer.serverBits > 0 && answer.serverBits <= offer.serverBits) &&
		(offer.clientBits != 0 || answer.clientBits == 0)
}

// means returns what is agreed on with this answer.
func (answer terms) means() terms {
	return terms{answer.serverAlone, answer.clientAlone, window(answer.serverBits), window(answer.clientBits)}
}

func agreedOn(c *websocket.Compression) terms {
	return terms{c.ServerNoContextTakeover, c.ClientNoContextTakeover, c.ServerMaxWindowBits, c.ClientMaxWindowBits}
}

// checkAccept wants the answer to be right for the first offer that can be met, and
// to keep the server's own settings.
func checkAccept(t *testing.T, server *websocket.Compression, offers []websocket.Extension) {
	t.Helper()
	answer, agreed := server.Accept(offers)
	i := slices.IndexFunc(offers, func(e websocket.Extension) bool {
		offer, valid := read(e, false)
		return valid && (offer.clientBits != 0 || window(server.ClientMaxWindowBits) == 15)
	})
	if (i >= 0) != (agreed != nil) {
		t.Fatalf("%+v: offers %+v: accepted %+v, but offer %d can be met", server, offers, agreed, i)
	}
	if agreed == nil {
		return
	}
	offer, _ := read(offers[i], false)
	said, valid := read(answer, true)
	got := agreedOn(agreed)
	switch {
	case !valid || !said.fits(offer):
		t.Fatalf("%+v: offer %+v: answer %+v", server, offers[i], answer)
	case got != said.means():
		t.Fatalf("%+v: the answer %+v means %+v, the server has %+v", server, answer, said.means(), got)
	case server.ServerNoContextTakeover && !got.serverAlone, (server.ClientNoContextTakeover || offer.clientAlone) && !got.clientAlone,
		got.serverBits > window(server.ServerMaxWindowBits), got.clientBits > window(server.ClientMaxWindowBits):
		t.Fatalf("%+v: offer %+v: answer %+v gives up what it wanted", server, offers[i], answer)
	}
}

// checkConfirm wants an error exactly when the RFC does not allow the answer.
func checkConfirm(t *testing.T, client *websocket.Compression, answers []websocket.Extension) {
	t.Helper()
	offer, valid := read(client.Offer(), false)
	if !valid {
		t.Fatalf("%+v offers %+v", client, client.Offer())
	}
	ours := slices.DeleteFunc(slices.Clone(answers), func(e websocket.Extension) bool { return e.Name != "permessage-deflate" })
	agreed, err := client.Confirm(answers)
	if len(ours) == 0 {
		if agreed != nil || err != nil {
			t.Fatalf("nothing was answered, but %+v, %v", agreed, err)
		}
		return
	}
	said, valid := read(ours[0], true)
	if valid = valid && said.fits(offer) && len(ours) == 1; valid != (err == nil) || valid != (agreed != nil) {
		t.Fatalf("%+v: answers %+v: %+v, %v", client, answers, agreed, err)
	}
	if err != nil {
		if !errors.Is(err, websocket.RuleAnswerDeflate) && !(len(ours) > 1 && errors.Is(err, websocket.RuleAnswerExtensions)) {
			t.Fatalf("%+v: answers %+v: %v", client, answers, err)
		}
		return
	}
	// What the client has hinted at it keeps to, whatever the answer.
	want := said.means()
	want.clientAlone = want.clientAlone || client.ClientNoContextTakeover
	want.clientBits = min(want.clientBits, window(client.ClientMaxWindowBits))
	if agreedOn(agreed) != want {
		t.Fatalf("%+v: answer %+v: agreed on %+v, want %+v", client, answers, agreed, want)
	}
}

// checkBothSides makes a client of an offer, and wants it to agree with the server.
func checkBothSides(t *testing.T, server *websocket.Compression, e websocket.Extension) {
	t.Helper()
	offer, valid := read(e, false)
	if !valid {
		return
	}
	client := &websocket.Compression{
		ServerNoContextTakeover: offer.serverAlone, ClientNoContextTakeover: offer.clientAlone,
		ServerMaxWindowBits: offer.serverBits, ClientMaxWindowBits: max(offer.clientBits, 0),
	}
	answer, atServer := server.Accept([]websocket.Extension{client.Offer()})
	atClient, err := client.Confirm([]websocket.Extension{answer})
	if err != nil || atServer == nil || agreedOn(atServer) != agreedOn(atClient) {
		t.Fatalf("offer %+v, answer %+v, %v: the server has %+v, the client %+v", client.Offer(), answer, err, atServer, atClient)
	}
}
