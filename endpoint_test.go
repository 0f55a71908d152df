package websocket

import (
	"bytes"
	"math/bits"
	"slices"
	"testing"
	"unsafe"
)

func endpointNew(role Role) *Endpoint {
	return NewEndpoint(role, Config{MaskKey: senderKeys()})
}

func TestEndpointStatesHaveNames(t *testing.T) {
	var got []string
	for s := range StateLost + 2 {
		got = append(got, s.String())
	}
	if want := []string{"open", "closing", "answering", "closed", "failed", "lost", "state 6"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// endpointDeliver gives b to e, whole or byte by byte, notes its events, and
// returns what e owes then.
func endpointDeliver(t *testing.T, e *Endpoint, l *receiverLog, b []byte) []byte {
	t.Helper()
	for len(b) > 0 {
		ev, n, err := e.Next(b)
		if err != nil {
			t.Fatal(err)
		}
		l.note(ev)
		b = b[n:]
	}
	return e.AppendOwed(nil)
}

func TestEndpointsTalkToEachOther(t *testing.T) {
	client, server := endpointNew(RoleClient), endpointNew(RoleServer)
	var heard [2]receiverLog
	ask, _ := client.AppendMessage(nil, Text, []byte("Hello"))
	ask, _ = client.AppendPing(ask, []byte("1"))
	ask, _ = client.AppendFrame(ask, OpBinary, false, []byte("ab"))
	reply := endpointDeliver(t, server, &heard[0], ask)
	more, _ := client.AppendFrame(nil, OpContinuation, true, []byte("c"))
	more, _ = client.AppendClose(more, CloseGoingAway, "bye")
	answer, _ := server.AppendMessage(reply, Binary, nil)
	answer = append(answer, endpointDeliver(t, server, &heard[0], more)...)
	if last := endpointDeliver(t, client, &heard[1], answer); len(last) != 0 {
		t.Errorf("the client still sends %x", last)
	}
	if want := []string{`text "Hello"`, `ping "1"`, `binary "abc"`, `close "\x03\xe9bye"`}; !slices.Equal(heard[0].lines, want) {
		t.Errorf("the server heard %q", heard[0].lines)
	}
	if want := []string{`pong "1"`, `binary ""`, `close "\x03\xe9"`}; !slices.Equal(heard[1].lines, want) {
		t.Errorf("the client heard %q", heard[1].lines)
	}
	if client.State() != StateClosed || server.State() != StateClosed || client.EOF() != nil || server.EOF() != nil {
		t.Errorf("client %s, server %s", client.State(), server.State())
	}
}

// neither answers the other's Close with a second one.
func TestEndpointsMayBothCloseAtOnce(t *testing.T) {
	client, server := endpointNew(RoleClient), endpointNew(RoleServer)
	fromClient, _ := client.AppendClose(nil, CloseNormal, "")
	fromServer, _ := server.AppendClose(nil, CloseGoingAway, "")
	var heard [2]receiverLog
	if owed := endpointDeliver(t, server, &heard[0], fromClient); len(owed) != 0 {
		t.Errorf("the server sends %x", owed)
	}
	if owed := endpointDeliver(t, client, &heard[1], fromServer); len(owed) != 0 {
		t.Errorf("the client sends %x", owed)
	}
	if got := append(heard[0].lines, heard[1].lines...); !slices.Equal(got, []string{`close "\x03\xe8"`, `close "\x03\xe9"`}) {
		t.Errorf("they heard %q", got)
	}
	if client.State() != StateClosed || server.State() != StateClosed {
		t.Errorf("client %s, server %s", client.State(), server.State())
	}
}

// An endpoint answers a broken rule once, however often it is asked again.
func TestEndpointFailsOnce(t *testing.T) {
	e := endpointNew(RoleClient)
	_, _, first := e.Next([]byte("\x83\x00"))
	sent := e.AppendOwed(nil)
	for range 3 {
		if _, n, err := e.Next([]byte("\x89\x00")); n != 0 || err != first || e.Owes() {
			t.Errorf("%d, %v, Owes() = %v", n, err, e.Owes())
		}
	}
	senderWant(t, &e.Sender, sent, `close "\x03\xeaopcode is reserved"`)
}

func TestEndpointShowsEachFrame(t *testing.T) {
	e := endpointNew(RoleClient)
	e.EachFrame = true
	if ev, n, err := e.Next([]byte("\x89\x01p")); ev.Kind != FrameStart || n != 2 || err != nil || e.Owes() {
		t.Errorf("%+v, %d, %v, Owes() = %v", ev, n, err, e.Owes())
	}
	if ev, n, err := e.Next([]byte("p")); ev.Kind != PingReceived || n != 1 || err != nil || !e.Owes() {
		t.Errorf("%+v, %d, %v, Owes() = %v", ev, n, err, e.Owes())
	}
	if !bytes.HasPrefix(e.AppendOwed(nil), []byte{0x8A, 0x81}) {
		t.Error("no masked pong")
	}
}

func TestSizes(t *testing.T) {
	sizes := []uintptr{
		unsafe.Sizeof(Header{}), unsafe.Sizeof(Event{}), unsafe.Sizeof(Receiver{}), unsafe.Sizeof(Sender{}), unsafe.Sizeof(Endpoint{}),
	}
	want := map[int][]uintptr{
		64: {24, 56, 296, 104, 408},
		32: {20, 36, 252, 56, 312},
	}[bits.UintSize]
	if !slices.Equal(sizes, want) {
		t.Errorf("Header, Event, Receiver, Sender, Endpoint have %d bytes, want %d", sizes, want)
	}
}
