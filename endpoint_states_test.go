package websocket

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// Every state with every event. States with a name of two words are those that
// can be reached in more than one way. "got" is what Next returned, "sent" the
// frames of the call itself and then of AppendOwed, "paid" the state after
// that.
const endpointCells = `
# state         event       got    next       error   sent                 paid
open            data        data   open       -       -                    open
open            ping        ping   open       -       pong:p               open
open            pong        pong   open       -       -                    open
open            close       close  answering  -       close:1000           closed
open            bad         -      failed     broken  close:1002           failed
open            eof         -      lost       eof     -                    lost
open            send-close  -      closing    -       close:1001           closing
open            send-data   -      open       -       binary:x             open
open            pay         -      open       -       -                    open

closing         data        data   closing    -       -                    closing
closing         ping        ping   closing    -       pong:p               closing
closing         pong        pong   closing    -       -                    closing
closing         close       close  closed     -       -                    closed
closing         bad         -      failed     broken  -                    failed
closing         eof         -      lost       eof     -                    lost
closing         send-close  -      closing    closed  -                    closing
closing         send-data   -      closing    closed  -                    closing
closing         pay         -      closing    -       -                    closing

answering       data        -      answering  -       close:1000           closed
answering       ping        -      answering  -       close:1000           closed
answering       pong        -      answering  -       close:1000           closed
answering       close       -      answering  -       close:1000           closed
answering       bad         -      answering  -       close:1000           closed
answering       eof         -      answering  -       close:1000           closed
answering       send-close  -      closed     -       close:1001           closed
answering       send-data   -      answering  -       binary:x,close:1000  closed
answering       pay         -      closed     -       close:1000           closed

closed          data        -      closed     -       -                    closed
closed          ping        -      closed     -       -                    closed
closed          pong        -      closed     -       -                    closed
closed          close       -      closed     -       -                    closed
closed          bad         -      closed     -       -                    closed
closed          eof         -      closed     -       -                    closed
closed          send-close  -      closed     closed  -                    closed
closed          send-data   -      closed     closed  -                    closed
closed          pay         -      closed     -       -                    closed

failed          data        -      failed     broken  close:1002           failed
failed          ping        -      failed     broken  close:1002           failed
failed          pong        -      failed     broken  close:1002           failed
failed          close       -      failed     broken  close:1002           failed
failed          bad         -      failed     broken  close:1002           failed
failed          eof         -      failed     -       close:1002           failed
failed          send-close  -      failed     -       close:1001           failed
failed          send-data   -      failed     -       binary:x,close:1002  failed
failed          pay         -      failed     -       close:1002           failed

failed-paid     data        -      failed     broken  -                    failed
failed-paid     ping        -      failed     broken  -                    failed
failed-paid     pong        -      failed     broken  -                    failed
failed-paid     close       -      failed     broken  -                    failed
failed-paid     bad         -      failed     broken  -                    failed
failed-paid     eof         -      failed     -       -                    failed
failed-paid     send-close  -      failed     closed  -                    failed
failed-paid     send-data   -      failed     closed  -                    failed
failed-paid     pay         -      failed     -       -                    failed

lost            data        data   lost       -       -                    lost
lost            ping        ping   lost       -       pong:p               lost
lost            pong        pong   lost       -       -                    lost
lost            close       close  answering  -       close:1000           closed
lost            bad         -      failed     broken  close:1002           failed
lost            eof         -      lost       eof     -                    lost
lost            send-close  -      lost       -       close:1001           lost
lost            send-data   -      lost       -       binary:x             lost
lost            pay         -      lost       -       -                    lost

lost-closing    data        data   lost       -       -                    lost
lost-closing    ping        ping   lost       -       pong:p               lost
lost-closing    pong        pong   lost       -       -                    lost
lost-closing    close       close  closed     -       -                    closed
lost-closing    bad         -      failed     broken  -                    failed
lost-closing    eof         -      lost       eof     -                    lost
lost-closing    send-close  -      lost       closed  -                    lost
lost-closing    send-data   -      lost       closed  -                    lost
lost-closing    pay         -      lost       -       -                    lost

`

// endpointWays says by which events a state is reached.
var endpointWays = map[string][]string{
	"open":         nil,
	"closing":      {"send-close"},
	"answering":    {"close"},
	"closed":       {"send-close", "close"},
	"failed":       {"bad"},
	"failed-paid":  {"bad", "pay"},
	"lost":         {"eof"},
	"lost-closing": {"send-close", "eof"},
}

var endpointEvents = map[string]func(e *Endpoint, dst []byte) (ev Event, sent []byte, err error){
	"data":  endpointNext(OpBinary, "d", 0),
	"ping":  endpointNext(OpPing, "p", 0),
	"pong":  endpointNext(OpPong, "p", 0),
	"close": endpointNext(OpClose, "\x03\xE8bye", 0),
	"bad":   endpointNext(OpBinary, "", bitRSV1),
	"eof":   func(e *Endpoint, dst []byte) (Event, []byte, error) { return Event{}, dst, e.EOF() },
	"pay":   func(e *Endpoint, dst []byte) (Event, []byte, error) { return Event{}, e.AppendOwed(dst), nil },
	"send-close": func(e *Endpoint, dst []byte) (Event, []byte, error) {
		dst, err := e.AppendClose(dst, CloseGoingAway, "")
		return Event{}, dst, err
	},
	"send-data": func(e *Endpoint, dst []byte) (Event, []byte, error) {
		dst, err := e.AppendMessage(dst, Binary, []byte("x"))
		return Event{}, dst, err
	},
}

// endpointNext returns the event that a frame arrives, with more bits set in
// its first byte.
func endpointNext(op Opcode, payload string, more byte) func(*Endpoint, []byte) (Event, []byte, error) {
	return func(e *Endpoint, dst []byte) (Event, []byte, error) {
		b := receiverFrame(e.Receiver.role, op, true, payload)
		b[0] |= more
		ev, _, err := e.Next(b)
		return ev, dst, err
	}
}

func TestEndpointInEveryStateAtEveryEvent(t *testing.T) {
	seen := map[string]bool{}
	for line := range strings.Lines(endpointCells) {
		cell := strings.Fields(line)
		if len(cell) == 0 || cell[0] == "#" {
			continue
		}
		name := cell[0] + "/" + cell[1]
		if seen[name] {
			t.Errorf("%s stands twice in the table", name)
		}
		seen[name] = true
		for _, role := range []Role{RoleServer, RoleClient} {
			t.Run(name+"/"+role.String(), func(t *testing.T) {
				if got := endpointCell(t, role, cell[0], cell[1]); !slices.Equal(got, cell[2:]) {
					t.Errorf("got, next, error, sent, paid are\n%q, want\n%q", got, cell[2:])
				}
			})
		}
	}
	if want := len(endpointWays) * len(endpointEvents); len(seen) != want {
		t.Errorf("the table has %d cells, want %d", len(seen), want)
	}
}

// endpointCell does what a row of the table says and returns the rest of it.
func endpointCell(t *testing.T, role Role, from, event string) []string {
	t.Helper()
	e := endpointNew(role)
	for _, way := range endpointWays[from] {
		endpointEvents[way](e, nil)
	}
	if state, _, _ := strings.Cut(from, "-"); e.State().String() != state {
		t.Fatalf("the way to %s leads to %s", from, e.State())
	}
	ev, sent, err := endpointEvents[event](e, nil)
	row := []string{"-", e.State().String(), endpointError(err), "-", ""}
	if ev.Kind != NeedMore {
		row[0] = map[EventKind]string{DataReceived: "data", PingReceived: "ping", PongReceived: "pong", CloseReceived: "close"}[ev.Kind]
	}
	if sent = e.AppendOwed(sent); len(sent) > 0 {
		row[3] = endpointSent(t, role, sent)
	}
	row[4] = e.State().String()
	return row
}

func endpointError(err error) string {
	lost := &CloseError{Code: CloseAbnormal, cause: io.ErrUnexpectedEOF}
	ce := (*CloseError)(nil)
	switch {
	case err == nil:
		return "-"
	case err == ErrClosed:
		return "closed"
	case errors.Is(err, RuleReservedBit):
		return "broken"
	case errors.As(err, &ce) && *ce == *lost:
		return "eof"
	}
	return err.Error()
}

// endpointSent names frames as the table does; a Close that fails the
// connection carries the rule's sentence.
func endpointSent(t *testing.T, role Role, b []byte) string {
	t.Helper()
	var names []string
	for _, line := range senderFrames(t, role, b) {
		var op, payload string
		if _, err := fmt.Sscanf(line, "%s %q", &op, &payload); err != nil {
			t.Fatal(err)
		}
		if op == "close" {
			code, reason, _ := ParseCloseBody([]byte(payload))
			if failed := code == CloseProtocolError; failed != (string(reason) == RuleReservedBit.Text()) {
				t.Errorf("close %d has the reason %q", code, reason)
			}
			payload = fmt.Sprint(int(code))
		}
		names = append(names, op+":"+payload)
	}
	return strings.Join(names, ",")
}
