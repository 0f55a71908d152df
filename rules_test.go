package websocket

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The rules by what they earn, taken from the RFCs and not from the table.
var (
	rulesByCode = map[CloseCode][]Rule{
		1002: { // §5: frames
			RuleMaskMissing, RuleMaskForbidden, RuleReservedBit, RuleOpcode, RuleControlFragmented,
			RuleControlLength, RuleLengthSign, RuleLengthForm, RuleContinuation, RuleInterleaved,
			RuleCloseLength, RuleCloseCode,
		},
		1007: {RuleUTF8, RuleCloseReason, RuleDeflate},
		1008: {RuleTooManyFrames},
		1009: {RuleTooBig},
	}
	rulesByStatus = map[int][]Rule{
		400: {
			RuleStartLine, RuleHeader, RuleTarget, RuleHost, RuleBody, RuleConnection, RuleKey,
			RuleVersionRepeated, RuleSubprotocols, RuleExtensions,
		},
		403: {RuleHostForbidden, RuleOrigin, RuleForbidden},
		405: {RuleMethod},
		426: {RuleUpgrade, RuleVersion},
		431: {RuleHeadSize},
		503: {RuleUnavailable},
		505: {RuleHTTPVersion},
	}
	rulesOfAnswers = []Rule{
		RuleStatus, RuleAnswerVersion, RuleAnswerUpgrade, RuleAnswerConnection, RuleAccept,
		RuleAnswerSubprotocol, RuleAnswerExtensions, RuleAnswerDeflate, RuleRedirect, RuleProxy,
	}
)

func TestRulesEarnTheirCodeOrStatus(t *testing.T) {
	seen := map[Rule]bool{}
	check := func(r Rule, code CloseCode, status int) {
		if seen[r] {
			t.Errorf("%s is listed twice in this test", r.ID())
		}
		seen[r] = true
		if r.Code() != code || r.Status() != status {
			t.Errorf("%s: code %d, status %d; want %d and %d", r.ID(), r.Code(), r.Status(), code, status)
		}
	}
	for code, list := range rulesByCode {
		for _, r := range list {
			check(r, code, 0)
		}
	}
	for status, list := range rulesByStatus {
		for _, r := range list {
			check(r, 0, status)
		}
	}
	for _, r := range rulesOfAnswers {
		check(r, 0, 0)
	}
	for _, r := range Rules() {
		if !seen[r] {
			t.Errorf("%s earns something that no list of this test states", r.ID())
		}
	}
}

func TestRulesHaveStableNames(t *testing.T) {
	id := regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	section := regexp.MustCompile(`^RFC (6455|7692|9112) §[1-9][0-9]*(\.[0-9]+)*$`)
	ids, texts := map[string]bool{}, map[string]bool{}
	for _, r := range Rules() {
		if !id.MatchString(r.ID()) || ids[r.ID()] {
			t.Errorf("rule %d has the name %q, which is malformed or taken", r, r.ID())
		}
		if !section.MatchString(r.Section()) {
			t.Errorf("%s stands in %q", r.ID(), r.Section())
		}
		if r.Text() == "" || texts[r.Text()] || strings.HasSuffix(r.Text(), ".") {
			t.Errorf("%s has the sentence %q, which is malformed or taken", r.ID(), r.Text())
		}
		ids[r.ID()], texts[r.Text()] = true, true
	}
}

func TestRulesSayWhereTheyAreStated(t *testing.T) {
	for _, c := range []struct {
		rule              Rule
		id, section, text string
	}{
		{RuleMaskMissing, "mask-missing", "RFC 6455 §5.1", "client frame is not masked"},
		{RuleVersionRepeated, "version-repeated", "RFC 6455 §11.3.5", "there must be exactly one Sec-WebSocket-Version"},
		{RuleStartLine, "start-line", "RFC 9112 §2.2", "start line is malformed"},
		{RuleHeader, "header", "RFC 9112 §5", "header field is malformed"},
		{RuleDeflate, "deflate", "RFC 7692 §7.2.2", "compressed data is corrupt"},
		{RuleAnswerDeflate, "answer-deflate", "RFC 7692 §7", "answer's permessage-deflate does not fit the offer"},
	} {
		if c.rule.ID() != c.id || c.rule.Section() != c.section || c.rule.Text() != c.text {
			t.Errorf("got %q, %q, %q; want %q, %q, %q",
				c.rule.ID(), c.rule.Section(), c.rule.Text(), c.id, c.section, c.text)
		}
		if want := c.text + " (" + c.section + ")"; c.rule.Error() != want {
			t.Errorf("Error() = %q, want %q", c.rule.Error(), want)
		}
	}
}

func TestRulesAreListedOnceAndInOrder(t *testing.T) {
	all := Rules()
	if len(all) != int(numRules)-1 || all[0] != RuleMaskMissing || all[len(all)-1] != RuleProxy {
		t.Fatalf("Rules() = %v", all)
	}
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Error("Rules() is not in the order of the table")
	}
	all[0] = RuleUTF8
	if Rules()[0] != RuleMaskMissing {
		t.Error("a caller can change what Rules returns next")
	}
}

func TestRulesOutsideTheTableAreNone(t *testing.T) {
	for _, r := range []Rule{0, numRules, 255} {
		if r.ID() != "none" || r.Text() != "no rule" || r.Code() != 0 || r.Status() != 0 {
			t.Errorf("Rule(%d) = %q, %q, %d, %d", uint8(r), r.ID(), r.Text(), r.Code(), r.Status())
		}
	}
}

func TestRulesAreFoundThroughWrapping(t *testing.T) {
	err := fmt.Errorf("reading: %w", &ProtocolError{Rule: RuleUTF8, Offset: 7})
	if !errors.Is(err, RuleUTF8) || errors.Is(err, RuleOpcode) {
		t.Errorf("errors.Is does not tell the rules of %v apart", err)
	}
}
