package main

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"barewire.example/websocket"
)

func TestEchoReturnsEachMessageWithItsType(t *testing.T) {
	p := start(t)
	tests := []struct {
		name string
		mt   websocket.MessageType
		text string
	}{
		{"text", websocket.Text, "Hello, w\u00f6rld"},
		{"binary", websocket.Binary, "\x00\xff\xfe"},
		{"empty-text", websocket.Text, ""},
		{"empty-binary", websocket.Binary, ""},
		{"limit", websocket.Binary, strings.Repeat("0123456789abcdef", 1<<16)},
	}
	c := p.dial("/echo")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.t = t
			c.send(tt.mt, tt.text)
			c.want(tt.mt, tt.text)
		})
	}
	c.t = t
	c.close(websocket.CloseNormal, "")
}

func TestEchoJoinsFragments(t *testing.T) {
	c := start(t).dial("/echo")
	var b []byte
	var err error
	for _, f := range []struct {
		op   websocket.Opcode
		fin  bool
		text string
	}{
		{websocket.OpText, false, "one, "},
		{websocket.OpPing, true, "are you there?"},
		{websocket.OpContinuation, false, ""},
		{websocket.OpContinuation, true, "two"},
	} {
		if b, err = c.endpoint.AppendFrame(b, f.op, f.fin, []byte(f.text)); err != nil {
			t.Fatal(err)
		}
	}
	c.write(b, nil)
	c.want(websocket.Text, "one, two")
}

func TestEchoRefusesWhatIsTooLarge(t *testing.T) {
	p := start(t, "-max-message", "1KiB", "-max-frames", "3")
	c := p.dial("/echo")
	c.send(websocket.Binary, strings.Repeat("x", 1024))
	c.want(websocket.Binary, strings.Repeat("x", 1024))
	c.send(websocket.Binary, strings.Repeat("x", 1025))
	c.wantClose(websocket.CloseTooBig)

	c = p.dial("/echo")
	b, _ := c.endpoint.AppendFrame(nil, websocket.OpText, false, nil)
	for range 3 {
		b, _ = c.endpoint.AppendFrame(b, websocket.OpContinuation, false, nil)
	}
	c.write(b, nil)
	c.wantClose(websocket.ClosePolicyViolation)
}

func TestEchoAgreesToASubprotocol(t *testing.T) {
	p := start(t, "-subprotocol", "chat.v1,chat.v2", "-subprotocol", "superchat")
	for offered, want := range map[string]string{
		"superchat":        "superchat",
		"soap, chat.v2":    "chat.v2",
		"soap":             "",
		"chat.v1, chat.v2": "chat.v1",
	} {
		c := p.dial("/echo", "Sec-WebSocket-Protocol: "+offered)
		if got := c.answer.Header.Get("Sec-WebSocket-Protocol"); got != want {
			t.Errorf("offered %q: got %q, want %q", offered, got, want)
		}
		c.close(websocket.CloseNormal, "")
	}
}

// Time in these tests is that of a synctest bubble: nothing waits for a clock.

func TestIntakeLetsGoOfLargeMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, c, got := intakeOverPipe(t)
		for range 3 { // each prolongs the time
			c.send(websocket.Text, large)
			if m := <-got; m != large {
				t.Fatalf("got %d bytes, want %d", len(m), len(large))
			}
			time.Sleep(intakePatience - time.Nanosecond)
			synctest.Wait()
			if cap(in.buf) < len(large) {
				t.Error("large memory is gone although large messages came")
			}
		}
		c.send(websocket.Text, "small") // does not prolong it
		<-got
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if in.buf != nil || in.large != nil {
			t.Errorf("an idle connection holds %d bytes", cap(in.buf))
		}
		c.send(websocket.Text, "small")
		if m := <-got; m != "small" || cap(in.buf) > smallIntake {
			t.Errorf("got %q in %d bytes", m, cap(in.buf))
		}
	})
}

func TestIntakeLetsGoInTheMiddleOfAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c, got := intakeOverPipe(t)
		c.send(websocket.Text, large)
		<-got
		frame, err := c.endpoint.AppendMessage(nil, websocket.Text, []byte(large))
		c.write(frame[:len(frame)/2], err)
		time.Sleep(intakePatience)
		synctest.Wait()
		c.write(frame[len(frame)/2:], nil)
		if m := <-got; m != large {
			t.Errorf("got %d bytes, want %d", len(m), len(large))
		}
	})
}

var large = strings.Repeat("large", 10_000)

// intakeOverPipe has an intake read what the client sends. The intake belongs to
// the test while its goroutine is blocked.
func intakeOverPipe(t *testing.T) (*intake, *client, <-chan string) {
	ours, theirs := net.Pipe()
	in, got := new(intake), make(chan string)
	go func() {
		defer close(got)
		defer in.release()
		u := websocket.Upgrader{}
		conn, _, err := u.UpgradeConn(ours)
		for err == nil {
			var p []byte
			if _, p, err = in.read(conn); err == nil {
				got <- string(p)
			}
		}
	}()
	t.Cleanup(func() {
		theirs.Close()
		<-got
	})
	return in, open(t, theirs, "/", "Host: localhost"), got
}
