package websocket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
)

// preparedPair returns a Conn in the role, and the other side of it.
func preparedPair(t *testing.T, role Role, o Options) (c, other *Conn) {
	client, server := newPipe()
	ours, theirs := server, client
	if role == RoleClient {
		ours, theirs = client, server
	}
	c, _ = newTestConnOn(t, role, o, ends{ours, theirs})
	other, _ = newTestConnOn(t, opposite(role), o, ends{theirs, ours})
	return c, other
}

// wantRead reads a message that is there.
func wantRead(t *testing.T, c *Conn, want []byte) {
	t.Helper()
	if _, got, err := c.Read(t.Context()); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read %.40q and %v, want %.40q", got, err, want)
	}
}

func TestPreparedArrivesOnAnyConnection(t *testing.T) {
	small, large := []byte(testPayload(3_000)), []byte(testPayload(200_000))
	settings := map[string]*Compression{
		"plain":       nil,
		"takeover":    {},
		"alone":       {ServerNoContextTakeover: true, ClientNoContextTakeover: true},
		"small":       {ServerMaxWindowBits: 9, ClientMaxWindowBits: 8, Effort: 3},
		"below":       {Threshold: 1 << 20},
		"all-of-them": {Threshold: -1, Effort: 2},
	}
	prepared := map[string]*Prepared{
		string(small): Prepare(Message{Type: Text, Data: small}),
		string(large): Prepare(Message{Type: Binary, Data: large}),
		"":            Prepare(Message{Type: Text}),
		"secret":      Prepare(Message{Type: Text, Data: []byte("secret"), NoCompression: true}),
	}
	for name, compression := range settings {
		for _, role := range []Role{RoleServer, RoleClient} {
			t.Run(fmt.Sprint(name, "-", role), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, other := preparedPair(t, role, Options{Compression: compression})
					for range 3 {
						for want, p := range prepared {
							sent := started(func() error { return c.WritePrepared(t.Context(), p) })
							wantRead(t, other, []byte(want))
							wantNil(t, "WritePrepared", <-sent)
							sent = started(func() error { return c.Write(t.Context(), Text, small) })
							wantRead(t, other, small)
							wantNil(t, "Write", <-sent)
						}
					}
				})
			})
		}
	}
}

func TestPreparedIsCompressedOnceForEachSetting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		message := bytes.Repeat([]byte("again and "), 100)
		p := Prepare(Message{Type: Text, Data: message})
		for i, compression := range []Compression{
			{}, {}, {ServerNoContextTakeover: true}, {ClientMaxWindowBits: 9}, {ServerMaxWindowBits: 9}, {Effort: 3},
		} {
			c, other := preparedPair(t, RoleServer, Options{Compression: &compression})
			wantNil(t, "WritePrepared", c.WritePrepared(t.Context(), p))
			wantRead(t, other, message)
			if want := []int{1, 1, 1, 1, 2, 3}[i]; len(p.deflated) != want {
				t.Errorf("%+v: compressed %d times, want %d", compression, len(p.deflated), want)
			}
		}
		for s, data := range p.deflated {
			if len(data) > len(message)/10 {
				t.Errorf("%+v: %d bytes for %d", s, len(data), len(message))
			}
		}
	})
}

// What follows a prepared message may refer to what came before it, at the right
// distance, and the peer's window has it all.
func TestPreparedMovesTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newTestConn(t, RoleServer, Options{Compression: &Compression{}})
		first := make([]byte, 2_000)
		rand.NewChaCha8([32]byte{}).Read(first)
		wantNil(t, "Write", c.Write(t.Context(), Binary, first))
		_, whole := p.readFrame("the first message")
		wantNil(t, "WritePrepared", c.WritePrepared(t.Context(), Prepare(Message{Type: Text, Data: []byte(testPayload(500))})))
		p.readFrame("the prepared one")
		wantNil(t, "Write", c.Write(t.Context(), Binary, first))
		if _, again := p.readFrame("the first once more"); len(again) > len(whole)/10 {
			t.Errorf("%d bytes at first, and %d the second time", len(whole), len(again))
		}
	})
}

func TestPreparedRefusesWhatCannotBeSent(t *testing.T) {
	for want, m := range map[error]Message{
		ErrInvalidUTF8: {Type: Text, Data: []byte("\xff")},
		ErrMessageType: {Type: 3},
	} {
		eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
			if err := c.WritePrepared(background, Prepare(m)); err != want {
				t.Errorf("%v, want %v", err, want)
			}
			wantNil(t, "Write", c.Write(background, Text, []byte("x")))
			p.wantFrame("nothing was harmed", OpText, "x")
		})
	}
}

// That a prepared message was checked before says nothing of the next one.
func TestPreparedVouchesForItselfOnly(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		wantNil(t, "WritePrepared", c.WritePrepared(background, Prepare(Message{Type: Text, Data: []byte("x")})))
		p.wantFrame("the prepared one", OpText, "x")
		if err := c.Write(background, Text, []byte("\xff")); err != ErrInvalidUTF8 {
			t.Errorf("Write: %v", err)
		}
	})
}

func TestPreparedEndsWithItsConnection(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		m := Prepare(Message{Type: Binary, Data: []byte("x")})
		ctx, cancel := context.WithCancel(background)
		cancel()
		if err := c.WritePrepared(ctx, m); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled context: %v", err)
		}
		c.CloseNow()
		if err := c.WritePrepared(background, m); err != ErrClosed {
			t.Errorf("a closed connection: %v", err)
		}
	})
}
