// This file is the negotiation of permessage-deflate (7692 §5, §7.1): what a
// client offers, what a server accepts and what the client makes of that. It
// compresses nothing: see deflater.go and inflate.go for that.

package websocket

import "strconv"

// deflateName is the extension's name (7692 §7).
const deflateName = "permessage-deflate"

// The names of its parameters (7692 §7.1).
const (
	paramServerTakeover = "server_no_context_takeover"
	paramClientTakeover = "client_no_context_takeover"
	paramServerBits     = "server_max_window_bits"
	paramClientBits     = "client_max_window_bits"
)

// What the window of a sender may be, as the base-2 logarithm of its size in
// bytes (7692 §7.1.2).
const (
	minWindowBits = 8
	maxWindowBits = 15
)

// The levels of effort. Each compresses better than the one before and takes
// longer.
const (
	effortFast   = 1 + iota // takes the first match: the default
	effortNormal            // takes the longest of four, or that a byte further
	effortBest              // takes the longest of eight, or that a byte further
)

// defaultThreshold is the length in bytes from which messages are compressed.
const defaultThreshold = 128

// Compression turns on permessage-deflate (RFC 7692), which compresses messages
// if the other side agrees. The zero value is ready for use. The first four
// fields are the extension's parameters and mean the same on both sides: those
// of the server are about what the server sends.
//
// Do not compress secrets together with what others choose: from the length of
// the result they can guess the secret (7692 §8, the attacks CRIME and BREACH).
// Message.NoCompression leaves a message out.
type Compression struct {
	// ServerNoContextTakeover and ClientNoContextTakeover make each message of
	// the server's, or of the client's, begin with an empty window. That saves
	// both sides the memory of a window between messages, and compresses small
	// messages much worse.
	ServerNoContextTakeover, ClientNoContextTakeover bool

	// ServerMaxWindowBits and ClientMaxWindowBits are how far back what the
	// server, or the client, sends may refer, as the base-2 logarithm of a
	// number of bytes: 8 to 15. Default 15, which is 32 KiB. Each side keeps
	// a window of this size for each direction. Peers that are built on zlib
	// may be unable to send with 8, and refuse.
	//
	// A client that asks for a smaller window of the server's will not connect
	// to a server which answers with a larger one. A server that wants a smaller
	// one of the client's does without compression when the client does not
	// offer to be limited.
	ServerMaxWindowBits, ClientMaxWindowBits int

	// Effort is 1, 2 or 3: the higher, the slower and usually the smaller the
	// result. Default 1. It is for what this side sends and is not negotiated.
	Effort int

	// Threshold is the length in bytes of the smallest message that this side
	// compresses. Default 128; negative for all messages. Shorter ones gain
	// little. A message that NextWriter begins counts with what its first
	// frame would carry.
	Threshold int
}

// normal replaces zero values by the defaults, and what Check refuses by the
// nearest value that exists.
func (c Compression) normal() Compression {
	for _, bits := range []*int{&c.ServerMaxWindowBits, &c.ClientMaxWindowBits} {
		if *bits == 0 {
			*bits = maxWindowBits
		}
		*bits = min(max(*bits, minWindowBits), maxWindowBits)
	}
	c.Effort = min(max(c.Effort, effortFast), effortBest)
	if c.Threshold == 0 {
		c.Threshold = defaultThreshold
	}
	return c
}

// sentBy returns what holds for the messages that a side sends.
func (c *Compression) sentBy(role Role) (windowBits int, takeover bool) {
	if role == RoleServer {
		return c.ServerMaxWindowBits, !c.ServerNoContextTakeover
	}
	return c.ClientMaxWindowBits, !c.ClientNoContextTakeover
}

// Check returns an error, which wraps ErrHandshakeValue, when a field has a value
// that it cannot have. Without it the nearest one that exists is used. A nil
// Compression is in order.
func (c *Compression) Check() error {
	if c == nil {
		return nil
	}
	n := c.normal()
	switch {
	case c.ServerMaxWindowBits != 0 && c.ServerMaxWindowBits != n.ServerMaxWindowBits:
		return unsendable("ServerMaxWindowBits is not 8 to 15", strconv.Itoa(c.ServerMaxWindowBits))
	case c.ClientMaxWindowBits != 0 && c.ClientMaxWindowBits != n.ClientMaxWindowBits:
		return unsendable("ClientMaxWindowBits is not 8 to 15", strconv.Itoa(c.ClientMaxWindowBits))
	case c.Effort != 0 && c.Effort != n.Effort:
		return unsendable("Effort is not 1 to 3", strconv.Itoa(c.Effort))
	}
	return nil
}

// Offer returns what a client asks for (7692 §7.1), one element of Ask.Extensions.
// It always says that the server may limit the client's window. c must not be nil.
func (c *Compression) Offer() Extension {
	n := c.normal()
	e := Extension{Name: deflateName}
	e.flag(paramServerTakeover, n.ServerNoContextTakeover)
	e.flag(paramClientTakeover, n.ClientNoContextTakeover)
	e.bits(paramServerBits, n.ServerMaxWindowBits, n.ServerMaxWindowBits < maxWindowBits)
	e.bits(paramClientBits, n.ClientMaxWindowBits, n.ClientMaxWindowBits < maxWindowBits)
	e.flag(paramClientBits, n.ClientMaxWindowBits == maxWindowBits)
	return e
}

// flag adds a parameter without a value.
func (e *Extension) flag(name string, set bool) {
	if set {
		e.Params = append(e.Params, Param{Name: name})
	}
}

// bits adds a parameter with a number.
func (e *Extension) bits(name string, n int, set bool) {
	if set {
		e.Params = append(e.Params, Param{Name: name, Value: strconv.Itoa(n), HasValue: true})
	}
}

// Accept returns a server's answer to what a client offers, and what is then
// agreed on: the first offer that can be met (7692 §5). Effort and Threshold stay
// those of c. Without such an offer, agreed is nil and the connection goes without
// compression (7692 §7). A nil Compression accepts nothing.
func (c *Compression) Accept(offers []Extension) (answer Extension, agreed *Compression) {
	if c == nil {
		return Extension{}, nil
	}
	for _, offer := range offers {
		if offer.Name != deflateName {
			continue
		}
		if o, bad := parseDeflate(offer.Params, false); bad == "" {
			if answer, agreed = c.accept(o); agreed != nil {
				return answer, agreed
			}
		}
	}
	return Extension{}, nil
}

func (c *Compression) accept(o deflateParams) (answer Extension, agreed *Compression) {
	n := c.normal()
	n.ServerNoContextTakeover = n.ServerNoContextTakeover || o.serverAlone
	// Choice (7692 §7.1.1.2): a client that hints that it will not refer to
	// earlier messages is held to it.
	n.ClientNoContextTakeover = n.ClientNoContextTakeover || o.clientAlone
	n.ServerMaxWindowBits = min(n.ServerMaxWindowBits, orMax(o.serverBits))
	// 7692 §7.1.2.2: a client can be limited only if it has offered that.
	if o.clientBits == 0 && n.ClientMaxWindowBits < maxWindowBits {
		return Extension{}, nil
	}
	n.ClientMaxWindowBits = min(n.ClientMaxWindowBits, orMax(o.clientBits))

	answer.Name = deflateName
	answer.flag(paramServerTakeover, n.ServerNoContextTakeover)
	answer.flag(paramClientTakeover, n.ClientNoContextTakeover)
	answer.bits(paramServerBits, n.ServerMaxWindowBits, o.serverBits != 0 || n.ServerMaxWindowBits < maxWindowBits)
	answer.bits(paramClientBits, n.ClientMaxWindowBits, n.ClientMaxWindowBits < maxWindowBits)
	return answer, &n
}

// Confirm returns what a server has agreed to, or nil when it has not mentioned the
// extension. c must be as it was when Offer was called. An answer that 7692 §7 or
// the offer does not allow is a *HandshakeError of RuleAnswerDeflate.
//
// Choice (7692 §7.1.2.2): a client_max_window_bits above the one that was offered is
// no error. It allows more than is needed.
func (c *Compression) Confirm(answer []Extension) (agreed *Compression, err error) {
	for _, e := range answer {
		switch {
		case e.Name != deflateName:
			continue
		case c == nil || agreed != nil: // §4.1; 7692 §5
			return nil, malformed(RuleAnswerExtensions, deflateName)
		}
		if agreed, err = c.confirm(e); err != nil {
			return nil, err
		}
	}
	return agreed, nil
}

func (c *Compression) confirm(answer Extension) (*Compression, error) {
	a, bad := parseDeflate(answer.Params, true)
	n := c.normal()
	switch {
	case bad != "":
	// 7692 §7.1.1.1, §7.1.2.1: who accepts an offer with these says so.
	case n.ServerNoContextTakeover && !a.serverAlone:
		bad = paramServerTakeover + " is missing"
	case n.ServerMaxWindowBits < maxWindowBits && a.serverBits == 0:
		bad = paramServerBits + " is missing"
	case n.ServerMaxWindowBits < a.serverBits:
		bad = paramServerBits + " is " + strconv.Itoa(a.serverBits) + ", larger than in the offer"
	}
	if bad != "" {
		return nil, malformed(RuleAnswerDeflate, bad)
	}
	n.ServerNoContextTakeover = a.serverAlone
	n.ClientNoContextTakeover = n.ClientNoContextTakeover || a.clientAlone
	n.ServerMaxWindowBits = orMax(a.serverBits)
	n.ClientMaxWindowBits = min(n.ClientMaxWindowBits, orMax(a.clientBits))
	return &n, nil
}

// deflateParams are the parameters of an offer or an answer.
type deflateParams struct {
	serverAlone, clientAlone bool // each message begins with an empty window
	serverBits, clientBits   int  // 0 when the parameter is not there
}

// orMax replaces the bits of a parameter that is not there by what its absence
// means.
func orMax(bits int) int {
	if bits == 0 {
		return maxWindowBits
	}
	return bits
}

// parseDeflate parses the parameters of an offer or of an answer. 7692 §7: one
// that is not defined, that has an invalid value, or that stands there twice
// makes all of it invalid; bad says so.
func parseDeflate(list []Param, answer bool) (d deflateParams, bad string) {
	for i, p := range list {
		ok := !hasParam(list[:i], p.Name)
		switch p.Name {
		case paramServerTakeover:
			d.serverAlone, ok = true, ok && !p.HasValue
		case paramClientTakeover:
			d.clientAlone, ok = true, ok && !p.HasValue
		case paramServerBits:
			d.serverBits = parseWindowBits(p)
			ok = ok && d.serverBits != 0
		case paramClientBits:
			d.clientBits = parseWindowBits(p)
			if !p.HasValue && !answer { // 7692 §7.1.2.2: "you may limit me"
				d.clientBits = maxWindowBits
			}
			ok = ok && d.clientBits != 0
		default:
			ok = false
		}
		if !ok {
			return deflateParams{}, excerpt(string(appendParam(nil, p)))
		}
	}
	return d, ""
}

// hasParam reports whether the list has a parameter of this name.
func hasParam(list []Param, name string) bool {
	for _, p := range list {
		if p.Name == name {
			return true
		}
	}
	return false
}

// parseWindowBits returns the value of p, or 0 when it is not 8 to 15 without a
// leading zero (7692 §7.1.2).
func parseWindowBits(p Param) int {
	for bits := minWindowBits; bits <= maxWindowBits; bits++ {
		if p.HasValue && p.Value == strconv.Itoa(bits) {
			return bits
		}
	}
	return 0
}
