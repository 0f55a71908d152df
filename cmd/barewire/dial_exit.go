// This file says how a connection ended, or why there is none: in words, as an exit
// status, and with a hint where there is something to try.

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"barewire.example/websocket"
)

// outcome returns how the connection has ended.
func (l *link) outcome(asked closing) outcome {
	end := outcome{err: l.conn.Err(), asked: asked}
	end.CloseError, end.by = ending(end.err)
	var broken *websocket.ProtocolError
	switch {
	case l.dead.Load():
		end.by, end.err = "nobody", websocket.ErrPeerDead
	case end.Code == websocket.CloseAbnormal:
		end.by = "nobody"
		end.unanswered = asked.code != 0 && (errors.Is(end.err, websocket.ErrClosed) || errors.Is(end.err, os.ErrDeadlineExceeded))
	case end.by != "us" || errors.As(end.err, &broken):
	case end.Code == asked.code || end.Code == websocket.CloseNoStatus || end.Code == websocket.CloseNormal:
		end.Code, end.Reason = asked.code, asked.reason // an answer need not repeat them
	default:
		end.by = "peer" // its Close has crossed ours, or it answers with a complaint
	}
	return end
}

// closed prints how a connection has ended.
func (s *session) closed(end outcome) {
	name := end.Code.Name()
	s.out.tell(event{Event: "close", Code: &end.Code, Name: &name, Reason: &end.Reason, By: end.by})
	var broken *websocket.ProtocolError
	by := end.by
	if by == "peer" {
		by = "the peer"
	}
	switch {
	case errors.Is(end.err, websocket.ErrTooBig):
		s.complainAbout(fmt.Sprintf("closed by us: %s, because a message is larger than -max-message, %s", end.Code, &s.flags.maxMessage))
	case errors.Is(end.err, websocket.ErrTooManyFrames):
		s.complainAbout(fmt.Sprintf("closed by us: %s, because a message has more than %d frames", end.Code, websocket.DefaultMaxFrames))
	case errors.As(end.err, &broken):
		s.complainAbout(fmt.Sprintf("closed by us: %s, because the peer broke the protocol: %s", end.Code, unprefixed(broken)))
	case end.unanswered && s.finished():
		s.out.note("closed by us: %s; the server has not answered", end.asked.code)
	case end.unanswered:
		s.complainAbout(fmt.Sprintf("the server has not answered our Close: %s", end.asked.code))
	case end.Code == websocket.CloseAbnormal:
		s.complainAbout(fmt.Sprintf("connection lost: %s, %s", end.Code, cause(end.err)))
	case end.Reason != "":
		s.out.note("closed by %s: %s, reason %q", by, end.Code, end.Reason)
	default:
		s.out.note("closed by %s: %s", by, end.Code)
	}
}

// cause returns why a connection was lost, in words.
func cause(err error) string {
	if ce := (*websocket.CloseError)(nil); errors.As(err, &ce) && ce.Unwrap() != nil {
		err = ce.Unwrap()
	}
	return unprefixed(err)
}

// status returns the exit status for the last connection.
func (s *session) status(end outcome) int {
	var broken *websocket.ProtocolError
	switch {
	case end.asked.status == exitTimeout:
		s.complainAbout(errTimeout.Error())
		return exitTimeout
	case end.asked.status != 0:
		return end.asked.status
	case s.flawed.Load():
		return exitFailure
	case s.out.failure() != nil:
		s.complainAbout(errOutput.Error() + ": " + s.out.failure().Error())
		return exitFailure
	case s.finished():
		return exitOK
	case s.flags.count > 0:
		s.complainAbout(fmt.Sprintf("%d of %d messages came", s.received, s.flags.count))
		return exitFailure
	case errors.As(end.err, &broken):
		return exitProtocol
	case end.Code == websocket.CloseAbnormal:
		return exitLost
	case end.by == "us" || end.Code == websocket.CloseNormal || end.Code == websocket.CloseNoStatus:
		return exitOK
	}
	return exitClosed
}

// complainAbout prints what went wrong.
func (s *session) complainAbout(text string) { s.out.complain(event{Error: &text}) }

// failed prints why there is no connection, and returns the exit status.
func (s *session) failed(ctx context.Context, err error) int {
	if ctx.Err() != nil {
		if context.Cause(ctx) == errTimeout {
			s.complainAbout(errTimeout.Error())
			return exitTimeout
		}
		return exitInterrupted
	}
	text := unprefixed(err)
	e := event{Error: &text}
	var refused *websocket.HandshakeError
	if errors.As(err, &refused) {
		e.Rule, e.Status = refused.Rule.ID(), refused.Status
	}
	s.out.complain(e)
	if refused != nil && len(refused.Body) > 0 {
		s.out.say(plain, "| "+strings.Join(firstLines(string(refused.Body)), "\n"))
	}
	if h := s.hint(err); h != "" {
		s.out.say(plain, "hint: "+h)
	}
	return dialStatus(err)
}

// dialStatus returns the exit status for the error of a Dial.
func dialStatus(err error) int {
	var refused *websocket.HandshakeError
	switch {
	case errors.Is(err, websocket.ErrURL) || errors.Is(err, websocket.ErrHandshakeValue):
		return exitUsage
	case errors.As(err, &refused) && refused.Rule != websocket.RuleProxy:
		return exitRefused
	}
	return exitNetwork
}

// What is shown of the body of a refusal.
const (
	maxBodyLines = 5
	maxBodyLine  = 200 // bytes
)

func firstLines(body string) []string {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(body, "\r\n", "\n")), "\n")
	if len(lines) > maxBodyLines {
		lines = append(lines[:maxBodyLines], "…")
	}
	for i, line := range lines {
		if len(line) > maxBodyLine {
			lines[i] = line[:maxBodyLine] + "…"
		}
	}
	return lines
}

// hint returns what to try instead, or "".
func (s *session) hint(err error) string {
	var refused *websocket.HandshakeError
	var untrusted *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	var notFound *net.DNSError
	switch {
	case errors.Is(err, websocket.ErrURL):
		return hintForURL(s.flags.url)
	case errors.As(err, &untrusted):
		return "-cacert FILE trusts a certificate or its issuer, -k accepts any certificate"
	case errors.As(err, &noTLS):
		return "the server does not speak TLS at this port; does ws:// instead of wss:// work?"
	case errors.As(err, &notFound) && s.flags.unix == "":
		return "is the name in the URL right?"
	case errors.As(err, &refused):
		return hintForRefusal(refused)
	}
	return ""
}

func hintForURL(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	switch {
	case !ok:
		return "a URL begins with ws:// or wss://, like ws://" + raw
	case strings.EqualFold(scheme, "http"):
		return "use ws://" + rest
	case strings.EqualFold(scheme, "https"):
		return "use wss://" + rest
	}
	return ""
}

func hintForRefusal(e *websocket.HandshakeError) string {
	location := e.Header["Location"]
	versions := e.Versions()
	switch {
	case e.Rule == websocket.RuleProxy && e.Status == 407:
		return "credentials go into the proxy's URL, as in -proxy http://user:password@localhost:3128"
	case e.Rule == websocket.RuleProxy:
		return ""
	case e.Status/100 == 3 && len(location) > 0 && e.Rule != websocket.RuleRedirect:
		return fmt.Sprintf("-redirects 5 follows to %q", location[0])
	case e.Status == 426 && len(versions) > 0:
		return fmt.Sprintf("the server speaks these versions of the protocol: %q; we speak 13", versions)
	case e.Status == 401:
		return "credentials go into the URL, as in wss://user:password@example.com, or into -H 'Authorization: …'"
	}
	return ""
}

// unprefixed returns the text of an error without the name of the package,
// which our own name makes superfluous.
func unprefixed(err error) string { return strings.TrimPrefix(err.Error(), "websocket: ") }
