package main

import (
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"runtime"
	"testing"
	"time"
)

const (
	relayAsk    = "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"
	relayAnswer = "HTTP/1.1 101 Switching Protocols\r\nSec-Websocket-Extensions: permessage-deflate; x=1\r\n\r\n"
)

// Frames by §5.2: masked text with RSV1, a binary message in two frames with a ping between them, a Close.
const (
	relayBrowser = "\xc1\x83\x00\x00\x00\x00abc" + "\x02\x81\x00\x00\x00\x00a" + "\x89\x80\x00\x00\x00\x00" + "\x80\x82\x00\x00\x00\x00bc"
	relayServer  = "\x81\x00" + "\x88\x02\x03\xe8"
)

// relayTo starts a relay to a listener.
func relayTo(t *testing.T) (net.Listener, *relay) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r, err := startRelay(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return l, r
}

// talk lets a server that says its part at once and a browser exchange the streams over a relay.
func talk(t *testing.T, browsers, servers string) *relay {
	t.Helper()
	l, r := relayTo(t)
	defer l.Close()
	defer r.stop()
	heard := make(chan string, 1)
	go func() {
		nc, err := l.Accept()
		if err != nil {
			heard <- err.Error()
			return
		}
		defer nc.Close()
		io.WriteString(nc, servers)
		all := make([]byte, len(browsers))
		io.ReadFull(nc, all)
		heard <- string(all)
	}()
	nc, err := net.DialTimeout("tcp", r.addr(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(nc, browsers)
	if got, err := io.ReadAll(nc); string(got) != servers || err != nil {
		t.Errorf("the browser got %q, %v", got, err)
	}
	if got := <-heard; got != browsers {
		t.Errorf("the server got %q", got)
	}
	return r
}

func TestRelayKeepsWhatPasses(t *testing.T) {
	r := talk(t, relayAsk+relayBrowser, relayAnswer+relayServer)
	want := correspondence{"permessage-deflate; x=1", []letter{{true, 3}, {false, 3}}, []letter{{false, 0}}}
	if c, err := r.correspondence("/echo"); err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("%+v, %v; want %+v", c, err, want)
	}
	_, err := r.correspondence("/ech")
	checkError(t, err, "nobody has connected to /ech")
}

// answering returns the address of a server that sends back what it gets, and a channel that tells of connections that have
// ended.
func answering(t *testing.T) (addr string, ended <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	ends := make(chan struct{}, 10)
	go func() {
		for nc, err := l.Accept(); err == nil; nc, err = l.Accept() {
			io.Copy(nc, nc)
			nc.Close()
			ends <- struct{}{}
		}
	}()
	return l.Addr().String(), ends
}

func TestRelayHoldsAndCuts(t *testing.T) {
	for direction, name := range []string{"from-browser", "from-server"} {
		t.Run(name, func(t *testing.T) {
			addr, ended := answering(t)
			r, err := startRelay(addr)
			if err != nil {
				t.Fatal(err)
			}
			defer r.stop()
			r.hold(direction)
			nc, err := net.Dial("tcp", r.addr())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(time.Minute))
			io.WriteString(nc, "held")
			arrived(r, direction, "held")
			r.release()
			got := make([]byte, 4)
			if _, err := io.ReadFull(nc, got); err != nil || string(got) != "held" {
				t.Errorf("after release: %q, %v", got, err)
			}
			r.hold(direction)
			io.WriteString(nc, "lost")
			arrived(r, direction, "heldlost")
			r.cut()
			if n, err := nc.Read(got); n > 0 || err == nil {
				t.Errorf("after cut: %q, %v", got[:n], err)
			}
			<-ended
		})
	}
}

func TestRelayStrandsOnlyTheConnectionsThatThereAre(t *testing.T) {
	l, r := relayTo(t)
	defer l.Close()
	defer r.stop()
	// wants reads all that there is in time.
	wants := func(from net.Conn, want string) {
		t.Helper()
		got := make([]byte, len(want))
		if n, err := io.ReadFull(from, got); err != nil || string(got) != want {
			t.Fatalf("%q, %v; want %q", got[:n], err, want)
		}
	}
	dial := func() (browser, server net.Conn) {
		browser, err := net.Dial("tcp", r.addr())
		if err != nil {
			t.Fatal(err)
		}
		if server, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		for _, nc := range []net.Conn{browser, server} {
			t.Cleanup(func() { nc.Close() })
			nc.SetDeadline(time.Now().Add(time.Minute))
		}
		return browser, server
	}
	browser, server := dial()
	io.WriteString(browser, "before")
	wants(server, "before")
	r.strand()
	io.WriteString(browser, " lost")
	arrived(r, fromBrowser, "before lost")
	io.WriteString(server, "lost, too")
	arrived(r, fromServer, "lost, too")

	newBrowser, newServer := dial()
	io.WriteString(newBrowser, "GET /after?x HTTP/1.1\r\n\r\n")
	wants(newServer, "GET /after?x HTTP/1.1\r\n\r\n")
	if got := r.targets("/after"); !reflect.DeepEqual(got, []string{"/after?x"}) {
		t.Errorf("targets %q", got)
	}
	r.cut()
	for _, nc := range []net.Conn{browser, server} {
		if rest, err := io.ReadAll(nc); len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("behind what had passed: %q, %v", rest, err)
		}
	}
}

// arrived returns when the relay has read all of a stream, of which it must not have passed on what is held back.
func arrived(r *relay, direction int, want string) {
	for got := ""; got != want; {
		runtime.Gosched()
		r.mu.Lock()
		for _, rec := range r.conns {
			rec.mu.Lock()
			got = string(rec.streams[direction])
			rec.mu.Unlock()
		}
		r.mu.Unlock()
	}
}

func TestRelaySeesWhatIsBroken(t *testing.T) {
	for stream, want := range map[string]string{
		"\xc1\x83\x00\x00\x00\x00ab": "a frame ends early, after 8 bytes",
		"\xc1":                       "a frame ends early, after 1 bytes",
		"\x80\x01a":                  "a message begins with a continuation",
	} {
		_, err := readLetters([]byte(stream))
		checkError(t, err, want)
	}
}

// What zlib makes of the messages of robot.js.
func TestTraitsTellWhatASenderDoes(t *testing.T) {
	letters := func(again, twice int) []letter {
		return []letter{{true, 3}, {true, 1}, {true, 178}, {true, again}, {true, twice}, {true, 3018}, {true, 1048897}, {true, 1}, {true, 9}}
	}
	all := map[traits][]letter{
		{false, false}: letters(5, 2120), {false, true}: letters(178, 2121),
		{true, false}: letters(5, 3729), {true, true}: letters(178, 4013),
	}
	for did, sent := range all {
		for agreed := range all {
			if err := agreed.judge("browser", sent); (err == nil) != (did == agreed) {
				t.Errorf("agreed %+v, did %+v: %v", agreed, did, err)
			}
		}
	}
	checkError(t, traits{}.judge("server", nil), "the server has sent 0 messages, want 9")
	plain := letters(5, 2120)
	plain[repetitive] = letter{false, 1 << 20}
	checkError(t, traits{}.judge("server", plain), "the server: message 5 is not compressed, 1 MiB of the same lines has hardly become smaller")
}
