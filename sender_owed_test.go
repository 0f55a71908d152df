package websocket

import (
	"fmt"
	"strings"
	"testing"
)

// The tests of this file are about Close frames and what is owed to the peer.

func TestSenderClosesOnceAndForGood(t *testing.T) {
	for _, c := range []struct {
		code   CloseCode
		reason string
		want   string
	}{
		{CloseNormal, "", `close "\x03\xe8"`},
		{CloseNoStatus, "", `close ""`},
		{4999, "größer", `close "\x13\x87größer"`},
		{CloseGoingAway, strings.Repeat("x", MaxCloseReason), `close "\x03\xe9` + strings.Repeat("x", MaxCloseReason) + `"`},
	} {
		senderBoth(t, func(t *testing.T, s *Sender) {
			if s.Closed() {
				t.Error("closed from the start")
			}
			b, err := s.AppendClose(nil, c.code, c.reason)
			if err != nil || !s.Closed() {
				t.Fatalf("%v, Closed() = %v", err, s.Closed())
			}
			senderWant(t, s, b, c.want)
		})
	}
}

func TestSenderTakesCloseAsAFrame(t *testing.T) {
	for body, want := range map[string]string{"": `close ""`, "\x03\xE8bye": `close "\x03\xe8bye"`} {
		senderBoth(t, func(t *testing.T, s *Sender) {
			b, err := s.AppendFrame(nil, OpClose, true, []byte(body))
			if err != nil || !s.Closed() {
				t.Fatalf("%v, Closed() = %v", err, s.Closed())
			}
			senderWant(t, s, b, want)
		})
	}
}

// Autobahn 2.10: ten pings, ten pongs in order. Up to 16 are kept.
func TestSenderAnswersPingsInOrder(t *testing.T) {
	senderBoth(t, func(t *testing.T, s *Sender) {
		var want []string
		for i := range maxOwedPongs {
			payload := strings.Repeat(string(rune('a'+i)), i*8) // 0 to 120 bytes
			s.owePong([]byte(payload))
			want = append(want, fmt.Sprintf("pong %q", payload))
		}
		if !s.Owes() {
			t.Error("nothing is owed")
		}
		senderWant(t, s, s.AppendOwed(nil), want...)
		if b := s.AppendOwed([]byte("dst")); string(b) != "dst" || s.Owes() {
			t.Errorf("paid twice: %x, Owes() = %v", b, s.Owes())
		}
	})
}

// S-22, §5.5.3: behind 16 the newest ping takes the place of the one before it.
func TestSenderOwesSixteenPongsAtMost(t *testing.T) {
	senderBoth(t, func(t *testing.T, s *Sender) {
		for round := range 2 {
			var want []string
			for i := range maxOwedPongs - 1 {
				s.owePong([]byte{byte(i)})
				want = append(want, fmt.Sprintf("pong %q", []byte{byte(i)}))
			}
			for _, payload := range []string{"the 16th", strings.Repeat("x", MaxControlPayload), "", "the newest"} {
				s.owePong([]byte(payload))
			}
			if most := (maxOwedPongs) * (1 + MaxControlPayload); cap(s.owed.pongs) > 2*most {
				t.Errorf("%d bytes are held for pongs", cap(s.owed.pongs))
			}
			b := s.AppendOwed(nil)
			if senderWant(t, s, b, append(want, `pong "the newest"`)...); s.owed.pongs != nil {
				t.Errorf("round %d: memory is kept for pongs that are paid", round)
			}
		}
	})
}

func TestSenderCopiesThePayloadOfPings(t *testing.T) {
	senderBoth(t, func(t *testing.T, s *Sender) {
		payload := []byte("ping")
		s.owePong(payload)
		copy(payload, "XXXX")
		senderWant(t, s, s.AppendOwed(nil), `pong "ping"`)
	})
}

func TestSenderPaysPongsBetweenFragments(t *testing.T) {
	senderBoth(t, func(t *testing.T, s *Sender) {
		b, _ := s.AppendFrame(nil, OpText, false, []byte("a"))
		s.owePong([]byte("p"))
		b, err := s.AppendFrame(s.AppendOwed(b), OpContinuation, true, []byte("b"))
		if err != nil {
			t.Fatal(err)
		}
		senderWant(t, s, b, `text "a"…`, `pong "p"`, `continuation "b"`)
	})
}

// §5.5.2 excuses from answering only who has received a Close.
func TestSenderPaysPongsBehindItsOwnClose(t *testing.T) {
	senderBoth(t, func(t *testing.T, s *Sender) {
		b, _ := s.AppendClose(nil, CloseNormal, "")
		s.owePong([]byte("late"))
		if !s.Owes() {
			t.Error("the pong is not owed")
		}
		senderWant(t, s, s.AppendOwed(b), `close "\x03\xe8"`, `pong "late"`)
	})
}

func TestSenderPaysPongsBeforeTheClose(t *testing.T) {
	senderBoth(t, func(t *testing.T, s *Sender) {
		s.oweClose(CloseGoingAway, "")
		s.owePong([]byte("first"))
		senderWant(t, s, s.AppendOwed(nil), `pong "first"`, `close "\x03\xe9"`)
		if !s.Closed() || s.Owes() {
			t.Errorf("Closed() = %v, Owes() = %v", s.Closed(), s.Owes())
		}
	})
}

func TestSenderOwesTheFirstCloseOnly(t *testing.T) {
	senderBoth(t, func(t *testing.T, s *Sender) {
		s.oweClose(CloseTooBig, "first")
		s.oweClose(CloseNormal, "second")
		senderWant(t, s, s.AppendOwed(nil), `close "\x03\xf1first"`)
		s.oweClose(CloseNormal, "third")
		if b := s.AppendOwed(nil); len(b) != 0 || s.Owes() {
			t.Errorf("a second Close: %x, Owes() = %v", b, s.Owes())
		}
	})
}

func TestSenderOwesNoCloseBehindItsOwn(t *testing.T) {
	senderBoth(t, func(t *testing.T, s *Sender) {
		s.oweClose(CloseProtocolError, "")
		b, err := s.AppendClose(nil, CloseGoingAway, "")
		if err != nil || s.Owes() {
			t.Fatalf("%v, Owes() = %v", err, s.Owes())
		}
		senderWant(t, s, s.AppendOwed(b), `close "\x03\xe9"`)
	})
}

func TestSenderAnswersEvents(t *testing.T) {
	for name, c := range map[string]struct {
		ev   Event
		err  error
		want []string
	}{
		"need-more":    {Event{}, nil, nil},
		"frame-start":  {Event{Kind: FrameStart, Op: OpPing}, nil, nil},
		"data":         {Event{Kind: DataReceived, Op: OpText, Final: true, Data: []byte("x")}, nil, nil},
		"pong":         {Event{Kind: PongReceived, Op: OpPong, Data: []byte("x")}, nil, nil},
		"ping":         {Event{Kind: PingReceived, Op: OpPing, Data: []byte("x")}, nil, []string{`pong "x"`}},
		"close":        {Event{Kind: CloseReceived, Op: OpClose, Data: []byte("\x0F\xA1bye")}, nil, []string{`close "\x0f\xa1"`}},
		"close-empty":  {Event{Kind: CloseReceived, Op: OpClose}, nil, []string{`close ""`}},
		"broken-rule":  {Event{}, &ProtocolError{Rule: RuleUTF8}, []string{`close "\x03\xeftext is not valid UTF-8"`}},
		"foreign-fail": {Event{}, ErrClosed, nil},
	} {
		t.Run(name, func(t *testing.T) {
			senderBoth(t, func(t *testing.T, s *Sender) {
				s.answer(c.ev, c.err)
				if s.Owes() != (c.want != nil) {
					t.Errorf("Owes() = %v", s.Owes())
				}
				senderWant(t, s, s.AppendOwed(nil), c.want...)
			})
		})
	}
}
