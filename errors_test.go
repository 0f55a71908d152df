package websocket

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestErrorsReadAsSentences(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&ProtocolError{RuleMaskMissing, 131}, "websocket: client frame is not masked (RFC 6455 §5.1) at byte 131"},
		{&CloseError{Code: CloseNormal}, "websocket: closed by us with 1000 normal"},
		{&CloseError{Code: CloseGoingAway, Remote: true}, "websocket: closed by the peer with 1001 going away"},
		{&CloseError{Code: 4000, Reason: "a\r\n\x1b[31m", Remote: true},
			`websocket: closed by the peer with 4000, reason "a\r\n\x1b[31m"`},
		{&CloseError{Code: CloseAbnormal, cause: io.ErrUnexpectedEOF},
			"websocket: connection lost without a close frame (1006 abnormal): unexpected EOF"},
		{&HandshakeError{Rule: RuleMethod}, "websocket: handshake: method is not GET (RFC 6455 §4.2.1)"},
		{&HandshakeError{Rule: RuleMethod, Detail: `"PUT"`},
			`websocket: handshake: method is not GET: "PUT" (RFC 6455 §4.2.1)`},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestErrorsOfMisuseNameThePackage(t *testing.T) {
	for _, err := range []error{
		ErrClosed, ErrMessageType, ErrInvalidUTF8, ErrCloseCode, ErrControlLength, ErrFragment,
	} {
		if !strings.HasPrefix(err.Error(), "websocket: ") {
			t.Errorf("%q does not begin with the package's name", err)
		}
	}
}

func TestErrorsUnwrapToWhatCallersLookFor(t *testing.T) {
	for _, c := range []struct{ err, is, isNot error }{
		{&ProtocolError{Rule: RuleTooBig}, ErrTooBig, ErrTooManyFrames},
		{&ProtocolError{Rule: RuleTooManyFrames}, ErrTooManyFrames, ErrTooBig},
		{&HandshakeError{Rule: RuleOrigin}, RuleOrigin, RuleHost},
		{&CloseError{Code: CloseAbnormal, cause: io.ErrUnexpectedEOF}, io.ErrUnexpectedEOF, io.EOF},
	} {
		wrapped := fmt.Errorf("outer: %w", c.err)
		if !errors.Is(wrapped, c.is) || errors.Is(wrapped, c.isNot) {
			t.Errorf("%v: want it to be %q and not %q", wrapped, c.is, c.isNot)
		}
	}
	if err := (&CloseError{Code: CloseNormal}).Unwrap(); err != nil {
		t.Errorf("a clean close unwraps to %v", err)
	}
}

func TestErrorsTellTheCloseStatus(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want CloseError
		ok   bool
	}{
		"nil":     {nil, CloseError{}, false},
		"foreign": {io.EOF, CloseError{}, false},
		"misuse":  {ErrClosed, CloseError{}, false},
		"remote-close": {&CloseError{Code: 4001, Reason: "bye", Remote: true},
			CloseError{Code: 4001, Reason: "bye", Remote: true}, true},
		"broken-rule": {&ProtocolError{Rule: RuleUTF8, Offset: 9},
			CloseError{Code: CloseInvalidPayload, Reason: "text is not valid UTF-8"}, true},
		"lost": {&CloseError{Code: CloseAbnormal, cause: io.EOF}, CloseError{Code: CloseAbnormal, cause: io.EOF}, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, err := range []error{c.err, fmt.Errorf("outer: %w", c.err)} {
				if got, ok := CloseStatus(err); got != c.want || ok != c.ok {
					t.Errorf("CloseStatus(%v) = %+v, %v; want %+v, %v", err, got, ok, c.want, c.ok)
				}
			}
		})
	}
}

func TestErrorsOfRefusalsCarryTheRulesStatus(t *testing.T) {
	for _, r := range Rules() {
		got := refuse(r, "detail")
		if got.Rule != r || got.Detail != "detail" || got.Status != r.Status() || got.Header != nil {
			t.Errorf("refuse(%s) = %+v", r.ID(), got)
		}
	}
}
