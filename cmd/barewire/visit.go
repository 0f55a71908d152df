package main

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"barewire.example/websocket"
)

// A visit is one WebSocket connection as the log tells of it. It belongs to the
// goroutine that reads.
type visit struct {
	conn     *websocket.Conn
	log      *slog.Logger
	detail   detail
	since    time.Time
	messages int // that were received
	bytes    int64
}

// detail is how much of each message is logged.
type detail uint8

const (
	detailNothing detail = iota
	detailSize
	detailText
)

// connect returns a handler that upgrades requests. talk is called with each
// connection; it returns why the connection is over.
func (s *server) connect(talk func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.accept(w, r, s.upgrader, talk) }
}

// accept upgrades a request. It returns false when it has refused it; then talk
// is not called.
func (s *server) accept(w http.ResponseWriter, r *http.Request, u *websocket.Upgrader, talk func(*visit) error) bool {
	s.visitors.enter()
	c, err := u.Upgrade(w, r)
	if err != nil {
		s.visitors.leave()
		s.refused(r, err)
		return false
	}
	// Not in the handler's goroutine: net/http holds its buffers and the
	// request until the handler returns, many kilobytes for an idle
	// connection.
	go s.host(s.newVisit(c, r), talk)
	return true
}

func (s *server) newVisit(c *websocket.Conn, r *http.Request) *visit {
	v := &visit{conn: c, log: s.log, since: time.Now()}
	if !informs(s.log) {
		return v
	}
	v.log = s.log.With("peer", r.RemoteAddr, "path", beginning(r.URL.Path))
	v.detail = detailSize
	if s.flags.verbose {
		v.detail = detailText
	}
	v.log.Info("open", "subprotocol", beginning(c.Subprotocol()), "compression", summary(c.Compression()),
		"origin", beginning(r.Header.Get("Origin")))
	return v
}

// host runs talk, and sees to it that a connection ends with it.
func (s *server) host(v *visit, talk func(*visit) error) {
	defer s.visitors.leave()
	defer func() {
		if p := recover(); p != nil {
			v.log.Error("panic", "value", p, "stack", string(debug.Stack()))
			v.conn.Close(websocket.CloseInternalError, "")
			v.over(v.conn.Err())
		}
	}()
	v.over(talk(v))
}

// received counts and logs a message.
func (v *visit) received(t websocket.MessageType, p []byte) {
	v.messages++
	v.bytes += int64(len(p))
	switch {
	case v.detail == detailNothing:
	case v.detail == detailText && t == websocket.Text:
		v.log.Info("message", "type", t.String(), "bytes", len(p), "text", beginning(p))
	default:
		v.log.Info("message", "type", t.String(), "bytes", len(p))
	}
}

// over logs how the connection has ended.
func (v *visit) over(err error) {
	if !informs(v.log) {
		return
	}
	end, by := ending(err)
	attrs := []any{
		"code", int(end.Code), "name", end.Code.Name(), "reason", end.Reason, "who", by,
		"duration", time.Since(v.since), "messages", v.messages, "bytes", v.bytes,
	}
	if pe := (*websocket.ProtocolError)(nil); end.Code == websocket.CloseAbnormal || errors.As(err, &pe) {
		attrs = append(attrs, "err", err)
	}
	v.log.Info("closed", attrs...)
}

// ending translates the error that a connection ended with. who is "nobody"
// when it was lost without a Close.
func ending(err error) (end websocket.CloseError, who string) {
	end, ok := websocket.CloseStatus(err)
	switch {
	case !ok: // by CloseNow, at the end of a shutdown
		return websocket.CloseError{Code: websocket.CloseAbnormal}, "us"
	case end.Code == websocket.CloseAbnormal:
		return end, "nobody"
	case end.Remote:
		return end, "peer"
	}
	return end, "us"
}

// refused counts and logs a handshake that has come to nothing.
func (s *server) refused(r *http.Request, err error) {
	var rule websocket.Rule
	status := 0
	if errors.As(err, &rule) {
		status = rule.Status()
		if he := (*websocket.HandshakeError)(nil); errors.As(err, &he) && he.Status != 0 {
			status = he.Status
		}
		s.metrics.refused(status)
	}
	if !informs(s.log) {
		return
	}
	log := s.log.With("peer", r.RemoteAddr, "path", beginning(r.URL.Path), "host", beginning(r.Host), "origin", beginning(r.Header.Get("Origin")))
	if status == 0 {
		log.Info("lost in the handshake", "err", err)
		return
	}
	log.Info("refused", "status", status, "rule", rule.ID(), "err", err)
}
