// This file holds the errors of the package: three types, which tell apart who
// did what, and the sentinels for our own misuse. They wrap once, where
// knowledge is added, and all of them work with errors.Is and errors.As.

package websocket

import (
	"errors"
	"fmt"
	"strconv"
)

var (
	// ErrClosed is returned by reads and writes on a connection that this side
	// has closed, and by writes after the closing handshake has begun.
	ErrClosed = errors.New("websocket: connection is closed")

	// ErrMessageType is returned when something else than Text or Binary is
	// to be sent as a message.
	ErrMessageType = errors.New("websocket: message type is neither text nor binary")

	// ErrInvalidUTF8 is returned when a text message or a close reason that
	// is to be sent is not UTF-8 (§5.6).
	ErrInvalidUTF8 = errors.New("websocket: text to be sent is not valid UTF-8")

	// ErrCloseCode is returned when a close code is to be sent that must not
	// stand in a Close frame (§7.4).
	ErrCloseCode = errors.New("websocket: close code must not be sent")

	// ErrControlLength is returned when a control frame of more than 125
	// bytes is to be sent (§5.5).
	ErrControlLength = errors.New("websocket: control payload is longer than 125 bytes")

	// ErrMaskKey is returned when a client is to send a frame and was given no
	// source of masking keys (§5.3).
	ErrMaskKey = errors.New("websocket: client has no source of masking keys")

	// ErrFragment is returned when frames are to be sent that would mix two
	// messages, or continue none (§5.4).
	ErrFragment = errors.New("websocket: frame does not fit the message in progress")
)

// ErrTooBig and ErrTooManyFrames are what errors.Is finds in the error of a
// read that met Options.MaxMessageSize or Options.MaxFrames (§10.4).
var (
	ErrTooBig        error = RuleTooBig
	ErrTooManyFrames error = RuleTooManyFrames
)

// A ProtocolError says that the peer broke a rule after the opening handshake.
// The connection has been failed with the rule's close code (§7.1.7).
type ProtocolError struct {
	Rule   Rule
	Offset int64 // of the first byte of the offending frame, counted from the first byte after the handshake
}

func (e *ProtocolError) Error() string {
	return "websocket: " + e.Rule.Error() + " at byte " + strconv.FormatInt(e.Offset, 10)
}

// Unwrap returns the Rule.
func (e *ProtocolError) Unwrap() error { return e.Rule }

// A CloseError says how the connection was closed.
type CloseError struct {
	// Code and Reason are those of the peer's Close frame. Code is CloseNoStatus
	// when the frame had none (§7.1.5), and CloseAbnormal when the transport
	// ended without one; then Unwrap gives the transport's error. When a Queue
	// has closed the connection, they are ours, whether or not the peer took them.
	Code   CloseCode
	Reason string

	// Remote is true when the peer began the closing. When both sides did, it
	// is false, and Code and Reason are the peer's all the same.
	Remote bool

	cause error
}

func (e *CloseError) Error() string {
	if e.Code == CloseAbnormal {
		return fmt.Sprintf("websocket: connection lost without a close frame (%s): %v", e.Code, e.cause)
	}
	by := "us"
	if e.Remote {
		by = "the peer"
	}
	if e.Reason == "" {
		return fmt.Sprintf("websocket: closed by %s with %s", by, e.Code)
	}
	return fmt.Sprintf("websocket: closed by %s with %s, reason %q", by, e.Code, e.Reason)
}

// Unwrap returns the transport's error when Code is CloseAbnormal, ErrSlowConsumer
// when a Queue has closed the connection, and else nil.
func (e *CloseError) Unwrap() error { return e.cause }

// CloseStatus tells from the error of a read, or of Conn.Err, how the
// connection ended, as the three things that people log: code, reason, and
// whether the peer began it. A broken rule gives the code and the text that we
// sent, a lost transport CloseAbnormal. For nil and for errors that did not end
// a connection (a context's, say) it returns false.
func CloseStatus(err error) (status CloseError, ok bool) {
	if ce := (*CloseError)(nil); errors.As(err, &ce) {
		return *ce, true
	}
	if pe := (*ProtocolError)(nil); errors.As(err, &pe) {
		return CloseError{Code: pe.Rule.Code(), Reason: pe.Rule.Text()}, true
	}
	return CloseError{}, false
}

// A HandshakeError says why an opening handshake failed.
type HandshakeError struct {
	Rule   Rule
	Detail string // what was found instead, quoted, or empty

	// Status is the HTTP status: on a server the one that refuses the request
	// (0 means Rule.Status), on a client the one that was received.
	Status int

	// Header is on a server sent with the refusal; on a client it is what was
	// received.
	Header map[string][]string

	// Body is on a client the beginning of the answer's body, at most 1 KiB.
	Body []byte
}

func (e *HandshakeError) Error() string {
	s := "websocket: handshake: " + e.Rule.Text()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s + " (" + e.Rule.Section() + ")"
}

// Unwrap returns the Rule.
func (e *HandshakeError) Unwrap() error { return e.Rule }

func refuse(r Rule, detail string) *HandshakeError {
	return &HandshakeError{Rule: r, Detail: detail, Status: r.Status()}
}
