package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"barewire.example/websocket"
)

// testTimeout bounds whatever a test waits for. It passes only when a test fails.
const testTimeout = 20 * time.Second

// A transcript keeps what a program prints, for tests that wait for it.
type transcript struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed and replaced when there is more
}

func (tr *transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.text.Write(p)
	if tr.grown != nil {
		close(tr.grown)
		tr.grown = nil
	}
	return len(p), nil
}

func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
}

// next returns the text so far, and a channel that is closed when there is more.
func (tr *transcript) next() (string, <-chan struct{}) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.grown == nil {
		tr.grown = make(chan struct{})
	}
	return tr.text.String(), tr.grown
}

// waitLine waits for a line that has all of the parts, and returns it.
func (tr *transcript) waitLine(t *testing.T, parts ...string) string {
	t.Helper()
	timeout := time.After(testTimeout)
	for {
		text, grown := tr.next()
		if line, ok := findLine(text, parts); ok {
			return line
		}
		select {
		case <-grown:
		case <-timeout:
			t.Fatalf("no line with %q in:\n%s", parts, text)
		}
	}
}

// findLine returns the first whole line that has all of the parts.
func findLine(text string, parts []string) (string, bool) {
	for line := range strings.Lines(text) {
		found := strings.HasSuffix(line, "\n")
		for _, p := range parts {
			found = found && strings.Contains(line, p)
		}
		if found {
			return strings.TrimSuffix(line, "\n"), true
		}
	}
	return "", false
}

// A program is barewire serve, running.
type program struct {
	t              *testing.T
	addr           string // host and port
	stdout, stderr transcript
	interrupt      context.CancelFunc
	status         chan int
}

// start runs the server on a free loopback port until the test ends.
func start(t *testing.T, flags ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{t: t, interrupt: cancel, status: make(chan int, 1)}
	go func() {
		p.status <- run(ctx, append([]string{"serve", "-addr", "127.0.0.1:0"}, flags...), streams{out: &p.stdout, err: &p.stderr})
	}()
	t.Cleanup(func() { p.stop() })
	line := p.stdout.waitLine(t, "barewire: listening on http")
	_, rest, _ := strings.Cut(line, "://")
	p.addr, _, _ = strings.Cut(rest, "/")
	return p
}

// stop interrupts the server and returns its exit status.
func (p *program) stop() int {
	p.t.Helper()
	p.interrupt()
	select {
	case status := <-p.status:
		p.status <- status // for the next call
		return status
	case <-time.After(testTimeout):
		p.t.Fatal("the server does not end")
		return -1
	}
}

// dialTCP connects without a word.
func (p *program) dialTCP() net.Conn {
	p.t.Helper()
	nc, err := net.DialTimeout("tcp", p.addr, testTimeout)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(testTimeout))
	return nc
}

// extend gives a client all the time again, in a test of many steps.
func (c *client) extend() { c.nc.SetDeadline(time.Now().Add(testTimeout)) }

// A client is the other end of a WebSocket connection.
type client struct {
	t        *testing.T
	nc       net.Conn
	r        *bufio.Reader
	endpoint *websocket.Endpoint
	answer   *http.Response
	buf      []byte // what was read and not consumed
}

const testKey = "dGhlIHNhbXBsZSBub25jZQ==" // of §1.3

// handshake sends an opening handshake with more fields, "Name: value", and
// returns the answer. fields may replace Host.
func handshake(t *testing.T, nc net.Conn, path string, fields ...string) *client {
	t.Helper()
	head := "GET " + path + " HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + testKey + "\r\n"
	if !strings.Contains(strings.Join(fields, "\n"), "Host: ") {
		fields = append(fields, "Host: "+nc.RemoteAddr().String())
	}
	if _, err := fmt.Fprintf(nc, "%s%s\r\n\r\n", head, strings.Join(fields, "\r\n")); err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, nc: nc, r: bufio.NewReader(nc)}
	var err error
	if c.answer, err = http.ReadResponse(c.r, nil); err != nil {
		t.Fatal(err)
	}
	c.endpoint = websocket.NewEndpoint(websocket.RoleClient, websocket.Config{
		Limits:      websocket.Limits{MaxMessageSize: 64 << 20},
		MaskKey:     func() (key [4]byte) { rand.Read(key[:]); return key },
		Compression: c.agreed(),
	})
	return c
}

// agreed returns what the answer says about compression, whatever was offered.
func (c *client) agreed() *websocket.Compression {
	c.t.Helper()
	answer, err := websocket.ParseExtensions(c.answer.Header.Values("Sec-WebSocket-Extensions"))
	if err != nil {
		c.t.Fatal(err)
	}
	agreed, err := new(websocket.Compression).Confirm(answer)
	if err != nil {
		c.t.Fatal(err)
	}
	return agreed
}

// dial opens a connection, which has to succeed.
func (p *program) dial(path string, fields ...string) *client {
	p.t.Helper()
	return open(p.t, p.dialTCP(), path, fields...)
}

func open(t *testing.T, nc net.Conn, path string, fields ...string) *client {
	t.Helper()
	c := handshake(t, nc, path, fields...)
	if c.answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%s: %s", path, c.answer.Status)
	}
	if got, want := c.answer.Header.Get("Sec-WebSocket-Accept"), websocket.AcceptKey(testKey); got != want {
		t.Fatalf("Sec-WebSocket-Accept is %q, want %q", got, want)
	}
	return c
}

// write sends what an Append method of the endpoint has made.
func (c *client) write(b []byte, err error) {
	c.t.Helper()
	if err == nil {
		_, err = c.nc.Write(b)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) send(mt websocket.MessageType, p string) {
	c.t.Helper()
	c.write(c.endpoint.AppendMessage(nil, mt, []byte(p)))
}

// next returns the next message, or the Close with ok = false.
func (c *client) next() (m websocket.Message, end websocket.CloseError, ok bool) {
	c.t.Helper()
	for {
		ev, n, err := c.endpoint.Next(c.buf)
		c.buf = c.buf[n:]
		if err != nil {
			c.t.Fatal(err)
		}
		switch ev.Kind {
		case websocket.NeedMore:
			c.more()
		case websocket.DataReceived:
			m.Type, m.Data = websocket.MessageType(ev.Op), append(m.Data, ev.Data...)
			if ev.Final {
				return m, end, true
			}
		case websocket.CloseReceived:
			code, reason, _ := websocket.ParseCloseBody(ev.Data)
			return m, websocket.CloseError{Code: code, Reason: string(reason)}, false
		}
	}
}

// more reads from the server.
func (c *client) more() {
	c.t.Helper()
	b := make([]byte, 64<<10)
	n, err := c.r.Read(b)
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	c.buf = b[:n]
}

// want waits for a message.
func (c *client) want(mt websocket.MessageType, p string) {
	c.t.Helper()
	m, end, ok := c.next()
	switch {
	case !ok:
		c.t.Fatalf("got Close %v %q, want a message", end.Code, end.Reason)
	case m.Type != mt || string(m.Data) != p:
		c.t.Fatalf("got %v of %d bytes %.40q, want %v of %d bytes %.40q", m.Type, len(m.Data), m.Data, mt, len(p), p)
	}
}

// wantClose waits for a Close, drops messages in front of it, answers it, and
// waits for the server to close TCP (§7.1.1).
func (c *client) wantClose(code websocket.CloseCode) {
	c.t.Helper()
	for {
		_, end, ok := c.next()
		if ok {
			continue
		}
		if end.Code != code {
			c.t.Fatalf("got Close %v %q, want %v", end.Code, end.Reason, code)
		}
		if owed := c.endpoint.AppendOwed(nil); len(owed) > 0 {
			c.nc.Write(owed) // the server may be gone already
		}
		io.Copy(io.Discard, c.r)
		c.nc.Close()
		return
	}
}

// close sends a Close and waits for the answer.
func (c *client) close(code websocket.CloseCode, reason string) {
	c.t.Helper()
	c.write(c.endpoint.AppendClose(nil, code, reason))
	c.wantClose(code)
}

// A pipeServer hosts visits without net/http, for tests that look inside.
type pipeServer struct {
	t      *testing.T
	server *server
	log    transcript
}

// connect returns both ends of a connection on which the server has begun to talk.
func (p *pipeServer) connect(talk func(*visit) error) (*client, *websocket.Conn) {
	p.t.Helper()
	ours, theirs := net.Pipe()
	p.t.Cleanup(func() { theirs.Close() })
	theirs.SetDeadline(time.Now().Add(testTimeout))
	conns := make(chan *websocket.Conn, 1)
	go func() {
		u := websocket.Upgrader{Group: &p.server.group}
		p.server.visitors.enter()
		c, _, err := u.UpgradeConn(ours)
		if err != nil {
			p.server.visitors.leave()
			return
		}
		conns <- c
		p.server.host(&visit{conn: c, log: p.server.log, since: time.Now()}, talk)
	}()
	c := open(p.t, theirs, "/", "Host: localhost")
	return c, <-conns
}
