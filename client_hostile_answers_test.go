// This file tests servers that answer about extensions and subprotocols what they
// must not.

package websocket

import "testing"

// writeCompressed sends "Hello" as 7692 §7.2.3.1 has it.
func (p *testPeer) writeCompressed() {
	const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	p.writeBytes(p.encode(Header{Fin: true, RSV1: true, Opcode: OpText, Masked: p.role == RoleClient, Length: uint64(len(hello))}, hello))
}

// S-12: windows of sizes that do not exist, which others have crashed on with the
// first compressed frame.
func TestHostileServersAnswerWithImpossibleWindows(t *testing.T) {
	for value, rule := range map[string]Rule{
		"=7": RuleAnswerDeflate, "=16": RuleAnswerDeflate, "=0": RuleAnswerDeflate, "=-1": RuleAnswerDeflate, "=08": RuleAnswerDeflate,
		"": RuleAnswerDeflate, "=999999999999": RuleAnswerDeflate, `="7"`: RuleAnswerDeflate, "=": RuleExtensions, `=""`: RuleExtensions, `="10"`: 0,
	} {
		dialBubble(t, hostileDialer(), testURL, func(s *dialing) {
			line := "+Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits" + value
			if rule == 0 {
				p, d := s.open(line)
				hostileResponse{text: line}.wantAccepted(d, p)
				return
			}
			p, _ := s.answer(line)
			s.wantRule(rule)
			p.wantGone(line)
		})
	}
}

// S-52: who offers nothing gets nothing.
func TestHostileServersGiveUnasked(t *testing.T) {
	for line, rule := range map[string]Rule{
		"+Sec-WebSocket-Protocol: chat":                 RuleAnswerSubprotocol,
		"+Sec-WebSocket-Protocol: ":                     RuleAnswerSubprotocol,
		"+Sec-WebSocket-Extensions: permessage-deflate": RuleAnswerExtensions,
		"+Sec-WebSocket-Extensions: x-foo":              RuleAnswerExtensions,
		"+Sec-WebSocket-Extensions: ":                   RuleExtensions,
	} {
		dialBubble(t, Dialer{}, testURL, func(s *dialing) {
			p, _ := s.answer(line)
			s.wantRule(rule)
			p.wantGone(line)
		})
	}
}
