// This file states 7692 §7.1 a second time, without a look at deflate.go, and
// holds every pair of settings against it.

package websocket

import (
	"errors"
	"slices"
	"strconv"
	"testing"
)

// deflateStated returns what an extension says: the value of each parameter, or
// "yes" when it has none. ok is false when one is not defined or stands twice.
func deflateStated(e Extension) (stated map[string]string, ok bool) {
	stated = map[string]string{}
	names := []string{"server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits"}
	for _, p := range e.Params {
		if stated[p.Name] != "" || !slices.Contains(names, p.Name) {
			return nil, false
		}
		if stated[p.Name] = "yes"; p.HasValue {
			stated[p.Name] = p.Value
		}
	}
	return stated, e.Name == "permessage-deflate"
}

var deflateNumbers = []string{"8", "9", "10", "11", "12", "13", "14", "15"}

// deflateBits returns the number that a parameter stands for, 15 when it is not
// there, and 99 when it is no valid one.
func deflateBits(stated string) int {
	if i := slices.Index(deflateNumbers, stated); i >= 0 {
		return i + 8
	}
	if stated == "" {
		return 15
	}
	return 99
}

// deflateMistake says what the RFC has against the answer to the offer, if anything.
func deflateMistake(offer, answer Extension) string {
	asked, ok := deflateStated(offer)
	said, valid := deflateStated(answer)
	const server, client = "server_max_window_bits", "client_max_window_bits"
	switch {
	case !ok || !valid:
		return "a parameter that is not defined, or there twice"
	case said["server_no_context_takeover"] != "" && said["server_no_context_takeover"] != "yes",
		said["client_no_context_takeover"] != "" && said["client_no_context_takeover"] != "yes":
		return "§7.1.1: these parameters have no value"
	case deflateBits(said[server]) > 15 || deflateBits(said[client]) > 15:
		return "§7.1.2: the value is a number from 8 to 15"
	case asked["server_no_context_takeover"] != "" && said["server_no_context_takeover"] == "":
		return "§7.1.1.1: a server accepts the parameter by including it"
	case asked[server] != "" && said[server] == "":
		return "§7.1.2.1: a server accepts the parameter by including it"
	case asked[server] != "" && deflateBits(said[server]) > deflateBits(asked[server]):
		return "§7.1.2.1: with the same or a smaller value"
	case asked[client] == "" && said[client] != "":
		return "§7.1.2.2: the response must not include it"
	}
	return ""
}

// deflateMeans returns what an answer means to who reads the RFC.
func deflateMeans(answer Extension) deflateParams {
	said, _ := deflateStated(answer)
	return deflateParams{
		said["server_no_context_takeover"] != "", said["client_no_context_takeover"] != "",
		deflateBits(said["server_max_window_bits"]), deflateBits(said["client_max_window_bits"]),
	}
}

// deflateSettings yields all settings that are negotiated.
func deflateSettings(yield func(Compression) bool) {
	for i := range 256 {
		c := Compression{i&1 != 0, i&2 != 0, 8 + i>>2&7, 8 + i>>5&7, 0, 0}
		if !yield(c) {
			return
		}
	}
}

// deflateKept says which of its settings a side has not got.
func deflateKept(c Compression, got deflateParams) string {
	switch {
	case c.ServerNoContextTakeover && !got.serverAlone, c.ClientNoContextTakeover && !got.clientAlone:
		return "a takeover that was ruled out"
	case got.serverBits > c.ServerMaxWindowBits || got.clientBits > c.ClientMaxWindowBits:
		return "a window that is larger than wanted"
	}
	return ""
}

// Our client and our server come to terms whatever their settings are, and both
// know the same then.
func TestDeflateEveryPairOfSettingsAgrees(t *testing.T) {
	for client := range deflateSettings {
		offer := client.Offer()
		for server := range deflateSettings {
			answer, atServer := server.Accept([]Extension{offer})
			if atServer == nil {
				t.Fatalf("the server %+v declines %s", server, deflateText(offer))
			}
			atClient, err := client.Confirm([]Extension{answer})
			if err != nil {
				t.Fatalf("the client %+v refuses %s: %v", client, deflateText(answer), err)
			}
			got, means := deflateAgreed(atServer), deflateMeans(answer)
			mistake := deflateMistake(offer, answer) + deflateKept(server, got) + deflateKept(client, got)
			if mistake != "" || got != means || deflateAgreed(atClient) != means {
				t.Fatalf("offer %s, server %+v, answer %s: %s\nthe server has %+v\nthe client has %+v\nthe answer is  %+v",
					deflateText(offer), server, deflateText(answer), mistake, got, deflateAgreed(atClient), means)
			}
		}
	}
}

// deflateOffers yields every valid offer, also those that our client never makes.
func deflateOffers(yield func(Extension) bool) {
	for i := range 4 * 9 * 10 {
		flags, server, client := i%4, 7+i/4%9, 6+i/36 // what is below 8 stands for no number
		e := Extension{Name: "permessage-deflate"}
		e.flag("client_no_context_takeover", flags&1 != 0)
		e.bits("client_max_window_bits", client, client >= 8)
		e.flag("client_max_window_bits", client == 7)
		e.flag("server_no_context_takeover", flags&2 != 0)
		e.bits("server_max_window_bits", server, server >= 8)
		if !yield(e) {
			return
		}
	}
}

// A server answers each valid offer as the RFC allows, and declines it only when
// it wants a window of the client's smaller that the client did not offer to limit.
func TestDeflateEveryOfferIsAnswered(t *testing.T) {
	for offer := range deflateOffers {
		asked, _ := deflateStated(offer)
		for server := range deflateSettings {
			answer, agreed := server.Accept([]Extension{offer})
			if must := server.ClientMaxWindowBits == 15 || asked["client_max_window_bits"] != ""; must != (agreed != nil) {
				t.Fatalf("%+v: offer %s: agreed on %+v", server, deflateText(offer), agreed)
			}
			if agreed == nil {
				continue
			}
			mistake, means := deflateMistake(offer, answer)+deflateKept(server, deflateMeans(answer)), deflateMeans(answer)
			if asked["client_no_context_takeover"] != "" && !means.clientAlone {
				mistake += "client_no_context_takeover was offered and is not in the answer"
			}
			if mistake != "" || deflateAgreed(agreed) != means {
				t.Fatalf("%+v: offer %s, answer %s: %s; the server has %+v", server, deflateText(offer), deflateText(answer), mistake, deflateAgreed(agreed))
			}
		}
	}
}

// A client confirms exactly the answers that the RFC allows to its offer.
func TestDeflateEveryAnswerIsJudged(t *testing.T) {
	for client := range deflateSettings {
		offer := client.Offer()
		for answer := range deflateOffers { // answers look like offers, and some are wrong
			agreed, err := client.Confirm([]Extension{answer})
			mistake := deflateMistake(offer, answer)
			if (mistake == "") != (err == nil) || err != nil && !errors.Is(err, RuleAnswerDeflate) {
				t.Fatalf("offer %s, answer %s: %v, but %q", deflateText(offer), deflateText(answer), err, mistake)
			}
			if err != nil {
				continue
			}
			got, means := deflateAgreed(agreed), deflateMeans(answer)
			if kept := deflateKept(client, got); kept != "" || got.serverAlone != means.serverAlone || got.serverBits != means.serverBits ||
				means.clientAlone && !got.clientAlone || got.clientBits > means.clientBits {
				t.Fatalf("offer %s, answer %s: the client has %+v: %s", deflateText(offer), deflateText(answer), got, kept)
			}
		}
	}
}

// Values are numbers from 8 to 15, written in one way.
func TestDeflateKnowsOneSpellingOfANumber(t *testing.T) {
	for n := -20; n < 1200; n++ {
		for _, value := range []string{strconv.Itoa(n), "0" + strconv.Itoa(n), "+" + strconv.Itoa(n), strconv.Itoa(n) + "x", strconv.FormatInt(int64(n), 16) + ".0"} {
			got := parseWindowBits(Param{"server_max_window_bits", value, true})
			if i := slices.Index(deflateNumbers, value); got != 0 && (i < 0 || got != i+8) || got == 0 && i >= 0 {
				t.Errorf("%q is %d", value, got)
			}
		}
	}
}
