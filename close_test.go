package websocket

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// §7.4.1, §7.4.2 and the IANA registry, by ranges.
func TestCloseCodesThatMayStandInAFrame(t *testing.T) {
	allowed := [][2]int{{1000, 1003}, {1007, 1014}, {3000, 3999}, {4000, 4999}}
	for code := range 1 << 16 {
		want := false
		for _, a := range allowed {
			want = want || a[0] <= code && code <= a[1]
		}
		if got := CloseCode(code).Valid(); got != want {
			t.Errorf("CloseCode(%d).Valid() = %v", code, got)
		}
	}
}

func TestCloseCodesHaveTheNumbersOfTheRegistry(t *testing.T) {
	for code, want := range map[CloseCode]string{
		CloseNormal: "1000 normal", CloseGoingAway: "1001 going away", CloseProtocolError: "1002 protocol error",
		CloseUnsupportedData: "1003 unsupported data", CloseNoStatus: "1005 no status", CloseAbnormal: "1006 abnormal",
		CloseInvalidPayload: "1007 invalid payload", ClosePolicyViolation: "1008 policy violation",
		CloseTooBig: "1009 message too big", CloseMandatoryExtension: "1010 mandatory extension",
		CloseInternalError: "1011 internal error", CloseServiceRestart: "1012 service restart",
		CloseTryAgainLater: "1013 try again later", CloseBadGateway: "1014 bad gateway",
		CloseTLSHandshake: "1015 TLS handshake", CloseUnauthorized: "3000 unauthorized",
		CloseForbidden: "3003 forbidden", CloseTimeout: "3008 timeout",
		1004: "1004", 0: "0", 4999: "4999", 65535: "65535",
	} {
		if got := code.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCloseBodyIsCodeAndReason(t *testing.T) {
	for _, c := range []struct {
		code   CloseCode
		reason string
		want   string
	}{
		{CloseNormal, "", "\x03\xE8"},
		{4999, "bye", "\x13\x87bye"},
		{CloseNoStatus, "", ""},
		{CloseNoStatus, "is left out", ""},
		{0, "\xFF", "\x00\x00\xFF"}, // it judges nothing
	} {
		if got := AppendCloseBody([]byte("dst"), c.code, c.reason); string(got) != "dst"+c.want {
			t.Errorf("AppendCloseBody(%d, %q) = %x, want %x behind dst", c.code, c.reason, got, c.want)
		}
	}
}

func TestCloseBodyIsJudged(t *testing.T) {
	long := strings.Repeat("x", MaxCloseReason)
	for name, c := range map[string]struct {
		body   string
		code   CloseCode
		reason string
		broken Rule
	}{
		"empty":                  {"", CloseNoStatus, "", 0},
		"one-byte":               {"\x03", 0, "", RuleCloseLength},
		"code-only":              {"\x03\xE8", CloseNormal, "", 0},
		"reason":                 {"\x03\xE9bye", CloseGoingAway, "bye", 0},
		"longest-reason":         {"\x0F\xA0" + long, 4000, long, 0},
		"reserved-code":          {"\x03\xEDx", CloseNoStatus, "x", RuleCloseCode},
		"zero-code":              {"\x00\x00", 0, "", RuleCloseCode},
		"reason-not-utf-8":       {"\x03\xE8a\xFF", CloseNormal, "a\xFF", RuleCloseReason},
		"reason-cut":             {"\x03\xE8\xE2\x82", CloseNormal, "\xE2\x82", RuleCloseReason},
		"code-goes-before-utf-8": {"\x00\x01\xFF", 1, "\xFF", RuleCloseCode},
	} {
		t.Run(name, func(t *testing.T) {
			code, reason, broken := ParseCloseBody([]byte(c.body))
			if code != c.code || string(reason) != c.reason || broken != c.broken {
				t.Errorf("got %d, %q, %s", code, reason, broken.ID())
			}
		})
	}
}

func TestCloseBodySurvivesTheRoundTrip(t *testing.T) {
	for code := range CloseCode(5100) {
		if !code.Valid() {
			continue
		}
		gotCode, gotReason, broken := ParseCloseBody(AppendCloseBody(nil, code, "große Güte"))
		if gotCode != code || string(gotReason) != "große Güte" || broken != 0 {
			t.Fatalf("%d came back as %d %q %s", code, gotCode, gotReason, broken.ID())
		}
	}
}

func TestCloseReasonIsAPartOfTheBody(t *testing.T) {
	body := []byte("\x03\xE8bye")
	_, reason, _ := ParseCloseBody(body)
	body[2] = 'B'
	if !bytes.Equal(reason, []byte("Bye")) {
		t.Errorf("reason is a copy: %q", reason)
	}
}

// A reason is cut to 123 bytes, and never inside a code point.
func TestCloseReasonIsTruncatedAtACodePoint(t *testing.T) {
	for _, c := range []struct {
		reason string
		want   int
	}{
		{"", 0},
		{"short", 5},
		{strings.Repeat("a", 123), 123},
		{strings.Repeat("a", 124), 123},
		{strings.Repeat("a", 122) + "é", 122},
		{strings.Repeat("a", 121) + "é", 123},
		{strings.Repeat("a", 121) + "é!", 123},
		{strings.Repeat("a", 121) + "€", 121},
		{strings.Repeat("a", 120) + "😀", 120},
		{strings.Repeat("a", 119) + "😀!", 123},
		{strings.Repeat("\x80", 200), 0}, // no code point begins anywhere
	} {
		got := truncateReason(c.reason)
		if got != c.reason[:c.want] {
			t.Errorf("%q was cut to %d bytes, want %d", c.reason, len(got), c.want)
		}
		if utf8.ValidString(c.reason) && !utf8.ValidString(got) {
			t.Errorf("%q was cut inside a code point: %q", c.reason, got)
		}
	}
}
