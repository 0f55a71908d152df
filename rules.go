// This file is the table of everything that a peer can get wrong. Each row
// names the rule, the section that states it, and what the peer gets for
// breaking it: a close code after the opening handshake, an HTTP status during
// it. The table judges nothing: Receiver, ParseRequest, Request.Check and
// Response.Check do, and name the row.

package websocket

// A Rule is something that a peer must keep to. It is an error, so that
//
//	errors.Is(err, websocket.RuleMaskMissing)
//
// tells whether err came from that rule. The zero Rule stands for none broken.
type Rule uint8

// Rules on frames: broken by either peer once the connection is open.
const (
	RuleMaskMissing Rule = iota + 1
	RuleMaskForbidden
	RuleReservedBit
	RuleOpcode
	RuleControlFragmented
	RuleControlLength
	RuleLengthSign
	RuleLengthForm
	RuleContinuation
	RuleInterleaved
	RuleTooBig
	RuleTooManyFrames
	RuleUTF8
	RuleCloseLength
	RuleCloseCode
	RuleCloseReason
	RuleDeflate
)

// Rules on the head of an HTTP message, in either direction.
const (
	RuleStartLine Rule = iota + RuleDeflate + 1
	RuleHeader
	RuleHeadSize
)

// Rules on the client's opening handshake.
const (
	RuleMethod Rule = iota + RuleHeadSize + 1
	RuleHTTPVersion
	RuleTarget
	RuleHost
	RuleHostForbidden
	RuleBody
	RuleUpgrade
	RuleConnection
	RuleKey
	RuleVersion
	RuleVersionRepeated
	RuleSubprotocols
	RuleExtensions
	RuleOrigin
	RuleForbidden
	RuleUnavailable
)

// Rules on the server's opening handshake, and on a proxy's part in it.
const (
	RuleStatus Rule = iota + RuleUnavailable + 1
	RuleAnswerVersion
	RuleAnswerUpgrade
	RuleAnswerConnection
	RuleAccept
	RuleAnswerSubprotocol
	RuleAnswerExtensions
	RuleAnswerDeflate
	RuleRedirect // to ws from wss, to what is no WebSocket URL, or one too many
	RuleProxy

	numRules
)

type ruleRow struct {
	id      string // stable, used by test vectors
	section string // with the RFC's number in front when it is not RFC 6455
	code    CloseCode
	status  int // of the HTTP answer
	text    string
}

var rules = [numRules]ruleRow{
	RuleMaskMissing:       {"mask-missing", "5.1", CloseProtocolError, 0, "client frame is not masked"},
	RuleMaskForbidden:     {"mask-forbidden", "5.1", CloseProtocolError, 0, "server frame is masked"},
	RuleReservedBit:       {"reserved-bit", "5.2", CloseProtocolError, 0, "reserved bit is set that no agreed extension defines"},
	RuleOpcode:            {"opcode", "5.2", CloseProtocolError, 0, "opcode is reserved"},
	RuleControlFragmented: {"control-fragmented", "5.5", CloseProtocolError, 0, "control frame is fragmented"},
	RuleControlLength:     {"control-length", "5.5", CloseProtocolError, 0, "control frame is longer than 125 bytes"},
	RuleLengthSign:        {"length-sign", "5.2", CloseProtocolError, 0, "most significant bit of the 64-bit length is set"},
	RuleLengthForm:        {"length-form", "5.2", CloseProtocolError, 0, "payload length is not in its shortest form"},
	RuleContinuation:      {"continuation", "5.4", CloseProtocolError, 0, "continuation frame without a message to continue"},
	RuleInterleaved:       {"interleaved", "5.4", CloseProtocolError, 0, "message begins before the one in progress has ended"},
	RuleTooBig:            {"too-big", "10.4", CloseTooBig, 0, "message is larger than the limit"},
	RuleTooManyFrames:     {"too-many-frames", "10.4", ClosePolicyViolation, 0, "message has more frames than the limit"},
	RuleUTF8:              {"utf8", "8.1", CloseInvalidPayload, 0, "text is not valid UTF-8"},
	RuleCloseLength:       {"close-length", "5.5.1", CloseProtocolError, 0, "close frame has a body of one byte"},
	RuleCloseCode:         {"close-code", "7.4", CloseProtocolError, 0, "close code must not be used in a close frame"},
	RuleCloseReason:       {"close-reason", "5.5.1", CloseInvalidPayload, 0, "close reason is not valid UTF-8"},
	RuleDeflate:           {"deflate", "7692 7.2.2", CloseInvalidPayload, 0, "compressed data is corrupt"},

	RuleStartLine: {"start-line", "9112 2.2", 0, 400, "start line is malformed"},
	RuleHeader:    {"header", "9112 5", 0, 400, "header field is malformed"},
	RuleHeadSize:  {"head-size", "10.4", 0, 431, "head is larger than the limit"},

	RuleMethod:          {"method", "4.2.1", 0, 405, "method is not GET"},
	RuleHTTPVersion:     {"http-version", "4.2.1", 0, 505, "HTTP version is not 1.1"},
	RuleTarget:          {"target", "4.2.1", 0, 400, "request target is not a path"},
	RuleHost:            {"host", "4.2.1", 0, 400, "there must be exactly one valid Host"},
	RuleHostForbidden:   {"host-forbidden", "4.2.1", 0, 403, "host is not served here"},
	RuleBody:            {"body", "4.2.1", 0, 400, "request must not have a body"},
	RuleUpgrade:         {"upgrade", "4.2.1", 0, 426, "Upgrade does not list websocket"},
	RuleConnection:      {"connection", "4.2.1", 0, 400, "Connection does not list upgrade"},
	RuleKey:             {"key", "4.2.1", 0, 400, "there must be exactly one Sec-WebSocket-Key, of 16 bytes in base64"},
	RuleVersion:         {"version", "4.2.2", 0, 426, "Sec-WebSocket-Version is not 13"},
	RuleVersionRepeated: {"version-repeated", "11.3.5", 0, 400, "there must be exactly one Sec-WebSocket-Version"},
	RuleSubprotocols:    {"subprotocols", "11.3.4", 0, 400, "Sec-WebSocket-Protocol is not a list of different tokens"},
	RuleExtensions:      {"extensions", "9.1", 0, 400, "Sec-WebSocket-Extensions is malformed"},
	RuleOrigin:          {"origin", "10.2", 0, 403, "origin is not allowed"},
	RuleForbidden:       {"forbidden", "4.2.2", 0, 403, "request is refused"},
	RuleUnavailable:     {"unavailable", "4.2.2", 0, 503, "server is not taking connections"},

	RuleStatus:            {"status", "4.1", 0, 0, "answer is not 101 Switching Protocols"},
	RuleAnswerVersion:     {"answer-http-version", "4.2.2", 0, 0, "answer is not HTTP/1.1"},
	RuleAnswerUpgrade:     {"answer-upgrade", "4.1", 0, 0, "answer's Upgrade is not websocket"},
	RuleAnswerConnection:  {"answer-connection", "4.1", 0, 0, "answer's Connection does not list upgrade"},
	RuleAccept:            {"accept", "4.1", 0, 0, "there must be exactly one Sec-WebSocket-Accept, made from our key"},
	RuleAnswerSubprotocol: {"answer-subprotocol", "4.1", 0, 0, "answer selects a subprotocol that was not offered"},
	RuleAnswerExtensions:  {"answer-extensions", "4.1", 0, 0, "answer selects an extension that was not offered"},
	RuleAnswerDeflate:     {"answer-deflate", "7692 7", 0, 0, "answer's permessage-deflate does not fit the offer"},
	RuleRedirect:          {"redirect", "10.6", 0, 0, "redirect is not to be followed"},
	RuleProxy:             {"proxy", "4.1", 0, 0, "proxy has opened no tunnel"},
}

// ID returns the stable name of the rule, such as "mask-missing".
func (r Rule) ID() string { return r.row().id }

// Section returns where the rule is stated, such as "RFC 6455 §5.1".
func (r Rule) Section() string {
	s := r.row().section
	if i := len("9112"); len(s) > i && s[i] == ' ' {
		return "RFC " + s[:i] + " §" + s[i+1:]
	}
	return "RFC 6455 §" + s
}

// Code returns the close code that tells the peer that it broke the rule,
// 0 for the rules of the opening handshake.
func (r Rule) Code() CloseCode { return r.row().code }

// Status returns the HTTP status that refuses a request which broke the rule,
// 0 for all other rules.
func (r Rule) Status() int { return r.row().status }

// Text returns the rule's sentence, without its section.
func (r Rule) Text() string { return r.row().text }

// Error returns the sentence and the section.
func (r Rule) Error() string { return r.Text() + " (" + r.Section() + ")" }

// Rules returns every rule, in the order of the table.
func Rules() []Rule {
	all := make([]Rule, 0, numRules-1)
	for r := Rule(1); r < numRules; r++ {
		all = append(all, r)
	}
	return all
}

func (r Rule) row() *ruleRow {
	if r == 0 || r >= numRules {
		return &ruleRow{id: "none", section: "0", text: "no rule"}
	}
	return &rules[r]
}
