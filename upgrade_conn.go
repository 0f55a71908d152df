// This file is the server's side of the opening handshake (§4.2) on a raw
// connection, without net/http. What is read is bounded by head.go.

package websocket

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// UpgradeConn reads a handshake from a connection on which nothing has been
// read, without net/http, answers it and returns the WebSocket connection and
// the request. All limits of head.go hold. When it returns an error, it has
// answered, if there was something to answer, and closed the connection.
func (u *Upgrader) UpgradeConn(nc net.Conn) (*Conn, *Request, error) {
	c, r, s, err := u.upgradeConn(nc, u.Group.admit)
	if err == nil {
		s.lend(c)
	}
	return c, r, err
}

// upgradeConn is UpgradeConn with a last say for the server: admit is called
// right before the 101 and may refuse. The caller gives up the seat, unless there is
// an error.
func (u *Upgrader) upgradeConn(nc net.Conn, admit func(*Request) (*seat, error)) (c *Conn, r *Request, s *seat, err error) {
	defer func() {
		if c == nil { // one of the Upgrader's functions may have panicked
			nc.Close()
			s.leave()
		}
	}()
	nc.SetDeadline(time.Now().Add(u.handshakeTimeout()))
	buf := getBuffer(headBuffer)
	defer putBuffer(buf)
	b, n, err := readHead(nc, (*buf)[:0])
	if err != nil {
		return nil, nil, nil, u.reject(nc, nil, err)
	}
	r, err = ParseRequest(b[:n])
	if err != nil {
		return nil, nil, nil, u.reject(nc, nil, err)
	}
	r.TLS = isTLS(nc)
	if addr := nc.RemoteAddr(); addr != nil {
		r.RemoteAddr = addr.String()
	}
	a, err := u.judge(r)
	if err == nil {
		s, err = admit(r)
	}
	if err != nil {
		return nil, r, nil, u.reject(nc, r, err)
	}
	c, err = u.open(nc, append([]byte(nil), b[n:]...), &a, s)
	return c, r, s, err
}

// headBuffer is the size of the buffer that a head is read into at first.
const headBuffer = 4 << 10

// readHead reads up to the end of a head, which is b[:n]. It begins with what b
// has already.
func readHead(nc net.Conn, b []byte) (_ []byte, n int, err error) {
	var scanner HeadScanner
	for {
		if n, headErr := scanner.Scan(b); n > 0 || headErr != nil {
			return b, n, headErr
		}
		if err != nil {
			return b, 0, err
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		var m int
		m, err = nc.Read(b[len(b):cap(b)])
		b = b[:len(b)+m]
	}
}

func isTLS(nc net.Conn) bool {
	_, ok := nc.(interface {
		HandshakeContext(context.Context) error
	})
	return ok
}

// reject answers a request that is refused, r if it could be parsed, and closes
// the connection. The answer survives bytes that the client goes on sending: see
// Conn.wind.
func (u *Upgrader) reject(nc net.Conn, r *Request, err error) error {
	defer nc.Close()
	var he *HandshakeError
	if !errors.As(err, &he) { // nothing to answer
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return &CloseError{Code: CloseAbnormal, cause: err}
	}
	answer := AppendRefusal(nil, he)
	if r != nil && r.Method == http.MethodHead {
		answer = answer[:len(answer)-len(refusalBody(he))] // RFC 9110 §9.3.2
	}
	if _, werr := nc.Write(answer); werr != nil {
		return err
	}
	if h, ok := nc.(halfCloser); ok {
		h.CloseWrite()
	}
	nc.SetReadDeadline(time.Now().Add(min(u.handshakeTimeout(), u.Options.normal().CloseTimeout)))
	io.Copy(io.Discard, io.LimitReader(nc, refusedLimit))
	return err
}

// refusedLimit is how many bytes are read and dropped from a client whose
// request was refused.
const refusedLimit = 4 << 20
