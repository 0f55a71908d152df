package websocket

import (
	"errors"
	"testing"
)

func TestSenderMessagesAreTextOrBinary(t *testing.T) {
	for _, typ := range []MessageType{0, 3, 8, 9, 10, 255} {
		s := NewSender(RoleServer, nil)
		if _, err := s.AppendFrame(nil, OpText, false, []byte("a")); err != nil {
			t.Fatal(err)
		}
		dst, err := s.AppendMessage([]byte("dst"), typ, nil)
		if !errors.Is(err, ErrMessageType) || string(dst) != "dst" {
			t.Errorf("type %d: %q, %v", typ, dst, err)
		}
		if s.Closed() || s.fragmented != OpText {
			t.Errorf("type %d changed the sender", typ)
		}
	}
}

func TestSenderClosesAreNotFragmented(t *testing.T) {
	s := NewSender(RoleServer, nil)
	if dst, err := s.AppendFrame(nil, OpClose, false, []byte{3, 0xe8}); !errors.Is(err, ErrFragment) || len(dst) > 0 || s.Closed() {
		t.Errorf("%x, %v, closed: %v", dst, err, s.Closed())
	}
}

func TestSenderOfAClientNeedsMaskingKeys(t *testing.T) {
	e := NewEndpoint(RoleClient, Config{})
	e.owePong([]byte("x"))
	e.oweClose(CloseNormal, "")
	dst := e.AppendOwed([]byte("dst"))
	dst, err := e.AppendMessage(dst, Text, nil)
	_, closing := e.AppendClose(dst, CloseNormal, "")
	if string(dst) != "dst" || !errors.Is(err, ErrMaskKey) || !errors.Is(closing, ErrMaskKey) || e.Sender.Closed() {
		t.Errorf("%q, %v, %v", dst, err, closing)
	}
}

// A Close that fails the connection carries the rule's sentence, so that has to
// fit, and the code has to be one that may be sent.
func TestSenderClosesWithEveryRule(t *testing.T) {
	for _, r := range Rules() {
		if r.Code() == 0 {
			continue
		}
		if _, err := NewSender(RoleServer, nil).AppendClose(nil, r.Code(), r.Text()); err != nil {
			t.Errorf("%s: %v", r.ID(), err)
		}
	}
}
