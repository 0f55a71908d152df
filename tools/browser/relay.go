package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"barewire.example/websocket"
)

// A relay stands between the browser and the server, and keeps what passes: a browser does not tell what it compresses.
// Both take it for the other one, since it has a name of its own for Host and Origin. It can also be a bad line.
type relay struct {
	listener net.Listener
	server   string // host and port
	all      sync.WaitGroup

	mu      sync.Mutex
	conns   []*recording
	stopped bool
	gates   [2]chan struct{} // by direction: nil when open, else closed when it opens
}

// A recording is what has passed on a connection: no less than what has arrived.
type recording struct {
	ends [2]net.Conn // browser, server
	cut  chan struct{}
	once sync.Once

	stranded bool // guarded by the relay's mu

	mu      sync.Mutex
	streams [2][]byte // from the browser, from the server
}

func startRelay(server string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: l, server: server}
	r.all.Go(func() {
		for {
			browser, err := l.Accept()
			if err != nil {
				return
			}
			r.all.Go(func() { r.connect(browser) })
		}
	})
	return r, nil
}

func (r *relay) addr() string { return r.listener.Addr().String() }

// stop ends all connections.
func (r *relay) stop() {
	r.listener.Close()
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.cut()
	r.all.Wait()
}

const fromBrowser, fromServer = 0, 1

// hold lets nothing go on any more that comes from one side, on all connections, until release.
func (r *relay) hold(from int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gates[from] = make(chan struct{})
}

// release lets everything go on, also what has been held back.
func (r *relay) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, gate := range r.gates {
		if gate != nil {
			close(gate)
		}
		r.gates[i] = nil
	}
}

// strand lets nothing go on any more on the connections that there are, nor tells either side of the other's end. Those
// that come are not concerned.
func (r *relay) strand() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range r.conns {
		rec.stranded = true
	}
}

// targets returns what browsers have asked for below a path, with the query, oldest first.
func (r *relay) targets(path string) (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range r.conns {
		rec.mu.Lock()
		line, _, _ := bytes.Cut(rec.streams[fromBrowser], []byte(" HTTP/1.1\r\n"))
		rec.mu.Unlock()
		if target, ok := strings.CutPrefix(string(line), "GET "); ok && strings.HasPrefix(target, path) {
			list = append(list, target)
		}
	}
	return list
}

// cut loses all connections, and with them what is held back.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range r.conns {
		rec.end()
	}
}

func (r *relay) connect(browser net.Conn) {
	defer browser.Close()
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return
	}
	defer server.Close()
	rec := &recording{ends: [2]net.Conn{browser, server}, cut: make(chan struct{})}
	r.mu.Lock()
	r.conns = append(r.conns, rec)
	if r.stopped {
		rec.end()
	}
	r.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { r.pass(rec, fromBrowser) })
	both.Go(func() { r.pass(rec, fromServer) })
	both.Wait()
}

// end ends both directions.
func (rec *recording) end() {
	rec.once.Do(func() {
		close(rec.cut)
		rec.ends[0].Close()
		rec.ends[1].Close()
	})
}

// pass copies one direction until it ends, and then ends both.
func (r *relay) pass(rec *recording, direction int) {
	defer rec.end()
	from, to := rec.ends[direction], rec.ends[1-direction]
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		rec.mu.Lock()
		rec.streams[direction] = append(rec.streams[direction], buf[:n]...)
		rec.mu.Unlock()
		if !r.mayPass(rec, direction) {
			return
		}
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			return
		}
	}
}

// mayPass waits while a direction is held back, and returns false when the connection is lost meanwhile.
func (r *relay) mayPass(rec *recording, direction int) bool {
	r.mu.Lock()
	gate, stranded := r.gates[direction], rec.stranded
	r.mu.Unlock()
	if stranded {
		<-rec.cut
		return false
	}
	if gate == nil {
		return true
	}
	select {
	case <-gate:
		return true
	case <-rec.cut:
		return false
	}
}

// A letter is a message as it has passed.
type letter struct {
	compressed bool
	size       int // of all payloads
}

// A correspondence is what has passed on a WebSocket connection.
type correspondence struct {
	extensions        string // as the server has answered
	browsers, servers []letter
}

// correspondence returns that of the only connection to path.
func (r *relay) correspondence(path string) (found correspondence, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err = errors.New("nobody has connected to " + path)
	for _, rec := range r.conns {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		if bytes.HasPrefix(rec.streams[0], []byte("GET "+path+" ")) {
			found, err = read(rec.streams)
		}
	}
	return found, err
}

func read(streams [2][]byte) (c correspondence, err error) {
	_, asked, _ := bytes.Cut(streams[0], []byte("\r\n\r\n"))
	head, answered, _ := bytes.Cut(streams[1], []byte("\r\n\r\n"))
	for line := range strings.Lines(string(head)) {
		if name, value, _ := strings.Cut(line, ": "); strings.EqualFold(name, "Sec-WebSocket-Extensions") {
			c.extensions = strings.TrimSpace(value)
		}
	}
	c.browsers, err = readLetters(asked)
	if err == nil {
		c.servers, err = readLetters(answered)
	}
	return c, err
}

func readLetters(stream []byte) (letters []letter, err error) {
	for len(stream) > 0 {
		h, n := websocket.ParseHeader(stream)
		if n == 0 || h.Length > uint64(len(stream)-n) {
			return nil, fmt.Errorf("a frame ends early, after %d bytes", len(stream))
		}
		stream = stream[n+int(h.Length):]
		switch {
		case h.Opcode.IsControl():
			continue
		case h.Opcode != websocket.OpContinuation:
			letters = append(letters, letter{compressed: h.RSV1})
		case len(letters) == 0:
			return nil, errors.New("a message begins with a continuation")
		}
		letters[len(letters)-1].size += int(h.Length)
	}
	return letters, nil
}
