package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"barewire.example/websocket"
)

const (
	headTimeout    = 10 * time.Second // for a request's head, TLS handshake included
	requestTimeout = 30 * time.Second // for a whole request, and for its answer
	idleTimeout    = time.Minute      // between two requests on a connection
	maxHead        = 64 << 10         // bytes
)

// The parts of a shutdown.
const (
	requestGrace = time.Second     // for requests that are no WebSockets
	closeGrace   = 5 * time.Second // for closing handshakes, on top of Options.CloseTimeout, which bounds each already
)

// serve runs the server until ctx ends.
func serve(ctx context.Context, args []string, std streams) int {
	flags, err := parseServeFlags(args)
	if errors.Is(err, flag.ErrHelp) {
		printServeUsage(std.out)
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(std.err, "barewire serve:", err)
		return exitUsage
	}
	s, err := newServer(flags, std.err)
	if err != nil {
		fmt.Fprintln(std.err, "barewire serve:", err)
		return exitFailure
	}
	s.announce(std.out)
	return s.run(ctx)
}

// A server is an echo, broadcast and chat server that listens.
type server struct {
	flags    *serveFlags
	log      *slog.Logger
	listener net.Listener
	tls      *tls.Config // nil without TLS
	http     *http.Server
	upgrader *websocket.Upgrader

	group    websocket.Group // all connections
	visitors lobby           // who talks with them
	ending   atomic.Bool     // it shuts down

	hub     websocket.Hub // who listens to /broadcast, and to the rooms of /chat
	chats   chatRooms
	metrics metrics
	started time.Time
}

func newServer(flags *serveFlags, stderr io.Writer) (*server, error) {
	s := &server{flags: flags, log: flags.newLogger(stderr), started: time.Now()}
	s.group.MaxConns, s.group.MaxConnsPerAddr = flags.limits.conns, flags.limits.connsPerAddr
	s.hub.Queue = flags.limits.queue()
	s.chats.hub = &s.hub
	var err error
	if s.tls, err = flags.tlsConfig(); err != nil {
		return nil, err
	}
	s.upgrader = &websocket.Upgrader{
		Options: websocket.Options{
			Subprotocols:   flags.subprotocols,
			MaxMessageSize: int64(flags.maxMessage),
			MaxFrames:      flags.maxFrames,
			Compression:    flags.compress.compression(),
			Hooks:          s.metrics.hooks(),
		},
		Group:                   &s.group,
		Origins:                 flags.origins,
		InsecureSkipOriginCheck: flags.anyOrigin,
	}
	flags.limits.set(&s.upgrader.Options)
	s.http = s.newHTTP()
	s.listener, err = net.Listen("tcp", flags.addr)
	return s, err
}

func (s *server) newHTTP() *http.Server {
	// §4.1 knows only HTTP/1.1: over HTTP/2 there is no Upgrade.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: s.guard(s.routes()),

		DisableGeneralOptionsHandler: true, // it would answer for any Host
		TLSConfig:                    s.tls,
		Protocols:                    protocols,
		ReadHeaderTimeout:            headTimeout,
		ReadTimeout:                  requestTimeout,
		WriteTimeout:                 requestTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHead,
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}

// announce says where the server is.
func (s *server) announce(stdout io.Writer) {
	web, ws := "http://", "ws://"
	if s.tls != nil {
		web, ws = "https://", "wss://"
	}
	at := s.visibleAddr()
	fmt.Fprintf(stdout, "barewire: listening on %s%s/ (%s%s/echo, %s%s/broadcast, %s%s/chat)\n", web, at, ws, at, ws, at, ws, at)
	if c := s.flags.compress.compression(); c != nil {
		fmt.Fprintln(stdout, "barewire: messages are compressed for clients that can do it:", summary(c))
	}
	if s.flags.selfSigned {
		fmt.Fprintln(stdout, "barewire: the certificate's SHA-256 is", fingerprint(s.tls.Certificates[0].Certificate[0]))
	}
	if s.flags.anyOrigin {
		s.log.Warn("pages of all sites may connect, with the cookies that browsers have for this one", "flag", "-origin '*'")
	}
}

// visibleAddr is the address with the port that we got, and with a name for
// "all addresses" that works in a browser.
func (s *server) visibleAddr() string {
	host, _, _ := net.SplitHostPort(s.flags.addr)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	return net.JoinHostPort(host, port)
}

// run serves until ctx ends, and then shuts down.
func (s *server) run(ctx context.Context) int {
	ended := make(chan error, 1)
	go func() {
		if s.tls != nil {
			ended <- s.http.ServeTLS(s.listener, "", "")
		} else {
			ended <- s.http.Serve(s.listener)
		}
	}()
	status := exitOK
	select {
	case <-ctx.Done():
	case err := <-ended:
		s.log.Error("cannot accept connections any more", "err", err)
		status = exitFailure
	}
	s.shutdown()
	return status
}

// shutdown closes every connection with 1001 and waits, but not forever. As long
// as that takes, new handshakes get 503, and so does who asks for the health.
func (s *server) shutdown() {
	s.ending.Store(true)
	s.log.Info("shutting down", "connections", s.group.Len())
	if !s.dismiss(s.flags.limits.close.d + closeGrace) {
		s.log.Warn("some connections did not end in time")
	}
	// Not before: http.Server drops requests without an answer from now on.
	ctx, cancel := context.WithTimeout(context.Background(), requestGrace)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
}
