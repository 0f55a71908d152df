// This file turns flags into a websocket.Dialer, and lets -trace look on. It does not
// connect itself.

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"barewire.example/websocket"
)

// handshakePatience is for a server or proxy that does not answer. -timeout can
// make it longer, but not with -reconnect, where another attempt may help.
const handshakePatience = 10 * time.Second

// newDialer returns what connects as the flags ask for. Traces go to w.
func (f *dialFlags) newDialer(w io.Writer) (*websocket.Dialer, error) {
	header := http.Header(f.header).Clone()
	d := &websocket.Dialer{
		Options: websocket.Options{
			Subprotocols: f.subprotocols, MaxMessageSize: int64(f.maxMessage), CloseTimeout: closePatience,
			Compression: f.compress.compression(),
		},
		Header:           header,
		HandshakeTimeout: handshakePatience,
		Host:             header.Get("Host"),
		MaxRedirects:     f.redirects,
	}
	header.Del("Host") // it is not a field like others: there can be only one
	if !f.reconnect {
		d.HandshakeTimeout = max(f.timeout, handshakePatience)
	}
	var err error
	if d.Proxy, err = f.proxyFunc(); err != nil {
		return nil, err
	}
	if d.TLSConfig, err = f.tlsConfig(); err != nil {
		return nil, err
	}
	if f.unix != "" {
		d.NetDial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", f.unix)
		}
	}
	if f.trace {
		d.WrapConn = func(nc net.Conn) net.Conn { return newTap(nc, w) }
	}
	return d, nil
}

// tlsConfig returns how to speak TLS, if the URL turns out to want it.
func (f *dialFlags) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: f.insecure}
	if f.certFile != "" {
		cert, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
		if err != nil {
			return nil, fmt.Errorf("-cert: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	if f.caFile != "" {
		pem, err := os.ReadFile(f.caFile)
		if err != nil {
			return nil, fmt.Errorf("-cacert: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("-cacert: there is no certificate in %s", f.caFile)
		}
	}
	return config, nil
}

// A tap is a connection that explains what passes.
type tap struct {
	net.Conn
	mu      sync.Mutex // guards both, since the answer is checked with the request's key
	out, in websocket.Tracer
}

func newTap(nc net.Conn, w io.Writer) *tap {
	t := &tap{Conn: nc}
	t.out = websocket.Tracer{W: w, Prefix: "> ", Annotate: true, Handshake: true, Peer: &t.in}
	t.in = websocket.Tracer{W: w, Prefix: "< ", Annotate: true, Handshake: true, Peer: &t.out}
	return t
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.in.Write(p[:n])
	return n, err
}

// Write shows the bytes first, or the answer to them could be shown before them.
func (t *tap) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.out.Write(p)
	t.mu.Unlock()
	return t.Conn.Write(p)
}

func (t *tap) Close() error {
	t.mu.Lock()
	t.out.Close()
	t.in.Close()
	t.mu.Unlock()
	return t.Conn.Close()
}

// CloseWrite lets the connection do what it could do without the tap.
func (t *tap) CloseWrite() error {
	if h, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}

// NetConn tells what is under TLS, and so that TLS is there.
func (t *tap) NetConn() net.Conn {
	if secure, ok := t.Conn.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return t.Conn
}
