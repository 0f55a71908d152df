// This file sends a request and reads its answer, for the handshake with a server
// as well as for the CONNECT of a proxy. How much it reads is bounded (§10.4); how
// long it takes is for the caller to bound.

package websocket

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"time"
)

// exchange sends a request and reads the head of its answer, and what came in
// the same packets behind it.
func exchange(nc net.Conn, request []byte) (answer *Response, early []byte, err error) {
	if _, err := nc.Write(request); err != nil {
		return nil, nil, err
	}
	buf := getBuffer(headBuffer)
	defer putBuffer(buf)
	b := (*buf)[:0]
	for heads := 0; heads <= MaxHead; {
		var n int
		if b, n, err = readHead(nc, b); err != nil {
			return nil, nil, err
		}
		if answer, err = ParseResponse(b[:n]); err != nil {
			return nil, nil, err
		}
		if !answer.Interim() {
			return answer, append([]byte(nil), b[n:]...), nil
		}
		heads += n
		b = b[n:]
	}
	return nil, nil, malformed(RuleHeadSize, "too many interim answers")
}

// Limits on the body of an answer that is no 101 (§10.4).
const (
	maxKeptBody  = 1 << 10     // bytes that are kept of it
	maxRawBody   = 4 << 10     // bytes that are read for that
	bodyPatience = time.Second // that the rest of it may take
)

// readBody reads the beginning of the body of an answer that is not a 101.
func readBody(nc net.Conn, r *Response, early []byte) []byte {
	switch r.Status {
	case http.StatusSwitchingProtocols, http.StatusNoContent, http.StatusNotModified: // RFC 9112 §6.3
		return nil
	}
	// HandshakeTimeout closes the connection, so this deadline may be later.
	nc.SetReadDeadline(time.Now().Add(bodyPatience))
	body := io.LimitReader(io.MultiReader(bytes.NewReader(early), nc), maxRawBody)
	if len(r.Header[fieldEncoding]) > 0 {
		body = httputil.NewChunkedReader(body)
	} else if n, err := strconv.ParseInt(http.Header(r.Header).Get(fieldLength), 10, 64); err == nil {
		body = io.LimitReader(body, n)
	}
	kept, _ := io.ReadAll(io.LimitReader(body, maxKeptBody)) // what has come will do
	return kept
}
