package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"barewire.example/websocket"
)

// An attack is what a hostile client sends, and how it must be refused.
type attack struct {
	name   string
	sends  string
	code   websocket.CloseCode // of the server's Close; 0 for handshakes
	status int                 // of its answer to a handshake
	resets bool                // no answer is waited for
}

const goodRequest = "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// attackTimeout is for all of one attack.
const attackTimeout = time.Minute

// attacks are frames behind a good handshake (§5, §7.4, §8.1). Their masking keys are 0, so that payloads stay readable.
var attacks = []attack{
	frames("not-masked", "\x81\x02hi", 1002),
	frames("rsv1-without-extension", "\xc1\x80\x00\x00\x00\x00", 1002),
	frames("rsv2", "\xa1\x80\x00\x00\x00\x00", 1002),
	frames("reserved-opcode", "\x83\x80\x00\x00\x00\x00", 1002),
	frames("reserved-control-opcode", "\x8b\x80\x00\x00\x00\x00", 1002),
	frames("ping-in-fragments", "\x09\x80\x00\x00\x00\x00", 1002),
	frames("long-ping", "\x89\xfe\x00\x7e\x00\x00\x00\x00", 1002),
	frames("length-in-long-form", "\x82\xfe\x00\x05\x00\x00\x00\x00", 1002),
	frames("length-with-sign", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00", 1002),
	frames("continuation-of-nothing", "\x80\x80\x00\x00\x00\x00", 1002),
	frames("message-in-message", "\x01\x80\x00\x00\x00\x00\x81\x80\x00\x00\x00\x00", 1002),
	frames("close-of-one-byte", "\x88\x81\x00\x00\x00\x00\x03", 1002),
	frames("close-with-1005", "\x88\x82\x00\x00\x00\x00\x03\xed", 1002),
	frames("close-with-999", "\x88\x82\x00\x00\x00\x00\x03\xe7", 1002),
	frames("close-reason-no-utf8", "\x88\x83\x00\x00\x00\x00\x03\xe8\xff", 1007),
	frames("no-utf8", "\x81\x82\x00\x00\x00\x00\xc3\x28", 1007),
	frames("surrogate", "\x81\x83\x00\x00\x00\x00\xed\xa0\x80", 1007),
	frames("half-a-code-point", "\x81\x81\x00\x00\x00\x00\xc3", 1007),
	frames("one-byte-too-big", "\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01\x00\x00\x00\x00", 1009),
	frames("enormous", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"+strings.Repeat("x", 20000), 1009),
	abandoned("cut-in-a-frame", goodRequest+"\x82\xfe\x01\x00\x00\x00\x00\x00half"),
	abandoned("cut-behind-the-handshake", goodRequest),
}

// badRequests are handshakes (§4.2.1) that only a websocket.Server is sent: net/http answers some by itself.
var badRequests = []attack{
	request("post", "GET", "POST", 405),
	request("http-1.0", "HTTP/1.1", "HTTP/1.0", 505),
	request("no-upgrade", "Upgrade: websocket\r\n", "", 426),
	request("connection-stays", "Connection: Upgrade", "Connection: keep-alive", 400),
	request("no-key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400),
	request("short-key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ==", 400),
	request("version-8", "13", "8", 426),
	request("two-hosts", "Upgrade: ", "Host: localhost\r\nUpgrade: ", 400),
	request("no-http", goodRequest, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
	abandoned("half-a-request", goodRequest[:60]),
	abandoned("not-a-byte", ""),
}

// frames is an attack behind a good handshake.
func frames(name, sends string, code websocket.CloseCode) attack {
	return attack{name: name, sends: goodRequest + sends, code: code}
}

// request is an attack by a handshake in which something is replaced.
func request(name, old, replacement string, status int) attack {
	return attack{name: name, sends: strings.Replace(goodRequest, old, replacement, 1), status: status}
}

// abandoned is an attack in which the client cuts the connection off by a RST.
func abandoned(name, sends string) attack { return attack{name: name, sends: sends, resets: true} }

// run attacks the server at addr. Frames are counted by count when the server has to say that they break a rule.
func (a attack) run(addr string, count func()) error {
	if err := a.try(addr, count); err != nil {
		return fmt.Errorf("attack %s: %w", a.name, err)
	}
	return nil
}

func (a attack) try(addr string, count func()) error {
	nc, err := net.DialTimeout("tcp", addr, attackTimeout)
	if err != nil {
		return err
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(attackTimeout))
	if _, err := io.WriteString(nc, a.sends); err != nil {
		return err
	}
	if a.resets {
		return nc.(*net.TCPConn).SetLinger(0)
	}
	if a.code != 0 {
		count()
	}
	answer, err := io.ReadAll(nc)
	if err != nil {
		return fmt.Errorf("after the answer %q: %w", answer, err)
	}
	return a.check(answer)
}

// check wants the status of a refusal, or behind an acceptance a Close.
func (a attack) check(answer []byte) error {
	head, frames, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	version, rest, _ := strings.Cut(string(head), " ")
	number, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(number)
	if version != "HTTP/1.1" || err != nil {
		return fmt.Errorf("the answer is %q", answer)
	}
	if a.code == 0 {
		if status != a.status {
			return fmt.Errorf("status is %d, want %d", status, a.status)
		}
		return nil
	}
	if status != 101 {
		return fmt.Errorf("status of a good handshake is %d", status)
	}
	code, err := closeCode(frames)
	if err == nil && code != a.code {
		err = fmt.Errorf("close code is %v, want %v", code, a.code)
	}
	return err
}

// closeCode returns that of the only frame there is.
func closeCode(frames []byte) (websocket.CloseCode, error) {
	h, n := websocket.ParseHeader(frames)
	if n == 0 || h.Opcode != websocket.OpClose || h.Length != uint64(len(frames)-n) {
		return 0, fmt.Errorf("the server sends %x instead of a Close", frames)
	}
	code, _, broken := websocket.ParseCloseBody(frames[n:])
	if broken != 0 {
		return 0, errors.Join(errors.New("the server's Close is itself broken"), broken)
	}
	return code, nil
}
