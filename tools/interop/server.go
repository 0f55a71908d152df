package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"barewire.example/websocket"
)

// ourServers are servers of the package under test, one for each setting of compression that checks want.
type ourServers struct {
	reports *mailbox
	servers map[params]*ourServer // by what the setting comes to
}

func startOurServers(id *identity, checks []check) (*ourServers, error) {
	all := &ourServers{newMailbox(), map[params]*ourServer{}}
	for _, c := range checks {
		key := c.us.effective()
		if all.servers[key] != nil {
			continue
		}
		s := &ourServer{reports: all.reports, bases: map[string]string{}, taps: map[string]*tap{}}
		s.Upgrader.Compression = c.us.compression()
		all.servers[key] = s
		if err := s.start(id); err != nil {
			all.stop()
			return nil, err
		}
	}
	return all, nil
}

func (all *ourServers) base(c check) string { return all.servers[c.us.effective()].base(c) }

func (all *ourServers) report(ctx context.Context, name string) (report, error) {
	return all.reports.take(ctx, name)
}

// stop cuts off connections that are left after a failure.
func (all *ourServers) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, s := range all.servers {
		s.Shutdown(ctx)
	}
}

// ourServer is a server of the package under test. The peers' servers do the same: a request for /PATH/NAME opens a
// connection on which messages are treated as PATH says (see behave), and at the end of which there is a report of NAME.
// The subprotocol v2.barewire is spoken, and /refuse/NAME is refused with status 401.
type ourServer struct {
	websocket.Server
	reports *mailbox          // shared
	bases   map[string]string // of URLs: "ws", "wss", "tapped"

	mu   sync.Mutex
	taps map[string]*tap // by the client's address
}

// start listens.
func (s *ourServer) start(id *identity) error {
	s.Handler = s.handle
	s.Upgrader.Subprotocols = []string{"v2.barewire"}
	s.Upgrader.Authorize = func(r *websocket.Request) error {
		if path, _ := splitTarget(r.Target); path == "refuse" {
			return &websocket.HandshakeError{Status: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {"Basic"}}}
		}
		return nil
	}
	config := &tls.Config{Certificates: []tls.Certificate{id.certificate}}
	for kind, wrap := range map[string]func(net.Listener) net.Listener{
		"ws":     func(l net.Listener) net.Listener { return l },
		"wss":    func(l net.Listener) net.Listener { return tls.NewListener(l, config) },
		"tapped": func(l net.Listener) net.Listener { return tapListener{l, s} },
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s.bases[kind] = "ws://" + l.Addr().String()
		if kind == "wss" {
			s.bases[kind] = "wss://" + l.Addr().String()
		}
		go s.Serve(wrap(l)) // ends by stop; what else ends it shows in the checks
	}
	return nil
}

func (s *ourServer) base(c check) string {
	switch {
	case c.secure:
		return s.bases["wss"]
	case c.tapped:
		return s.bases["tapped"]
	}
	return s.bases["ws"]
}

// A tapListener taps the connections that it accepts.
type tapListener struct {
	net.Listener
	server *ourServer
}

// Accept implements net.Listener.
func (l tapListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	t := newTap(nc, server)
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	l.server.taps[nc.RemoteAddr().String()] = t
	return t, nil
}

func (s *ourServer) takeTap(addr string) *tap {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.taps[addr]
	delete(s.taps, addr)
	return t
}

// splitTarget splits "/PATH/NAME".
func splitTarget(target string) (path, name string) {
	path, name, _ = strings.Cut(strings.TrimPrefix(target, "/"), "/")
	return path, name
}

func (s *ourServer) handle(ctx context.Context, c *websocket.Conn, r *websocket.Request) error {
	path, name := splitTarget(r.Target)
	rep := report{Name: name, Opened: true, Subprotocol: c.Subprotocol(), Compression: paramsOf(c.Compression()), tap: s.takeTap(r.RemoteAddr)}
	for {
		kind, data, err := c.Read(ctx)
		if err == nil {
			err = behave(ctx, c, visit{path, message{kind.String(), data}, &rep})
		}
		if err == nil {
			continue
		}
		if err := rep.noteEnd(err); err != nil {
			rep.Error = err.Error()
		}
		s.reports.put(rep)
		return nil
	}
}

// A visit is a message that has come, and the report to be made.
type visit struct {
	path    string
	message message
	report  *report
}

// behave treats a message as the path says. The error is that of a connection that has ended.
func behave(ctx context.Context, c *websocket.Conn, v visit) error {
	kind := messageType(v.message.Type)
	switch v.path {
	case "echo": // send it back
		return c.Write(ctx, kind, v.message.Data)
	case "fragments": // send it back in fragments
		return writeFragments(ctx, c, kind, v.message.Data)
	case "ping": // send a ping with the message as payload, where the API can, and the message back after the pong
		if err := ping(ctx, c, v.report); err != nil {
			return err
		}
		return c.Write(ctx, kind, v.message.Data)
	case "close": // close with the code and reason of the message
		var order closeOrder
		if err := json.Unmarshal(v.message.Data, &order); err != nil {
			return err
		}
		return errors.Join(c.Close(websocket.CloseCode(order.Code), order.Reason), c.Err())
	}
	return fmt.Errorf("no such path: %s", v.path)
}
