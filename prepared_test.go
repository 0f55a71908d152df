package websocket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
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
			if len(data.payload()) > len(message)/10 {
				t.Errorf("%+v: %d bytes for %d", s, len(data.payload()), len(message))
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

// Several go together like a batch: with as few writes as can be, and those in
// front of one that is refused are sent.
func TestPreparedGoesInBatches(t *testing.T) {
	eachRole(t, Options{WriteBuffer: 1 << 10}, func(t *testing.T, c *Conn, p *testPeer) {
		a, b := Prepare(textMessage("a")), Prepare(textMessage(testPayload(100)))
		bad := Prepare(textMessage("\xff"))
		wantNil(t, "none", c.WritePrepared(background))
		wantNil(t, "three", c.WritePrepared(background, a, b, a))
		p.wantTexts("in order", "a", testPayload(100), "a")
		if n := len(p.sim.peer.writes()); n != 1 {
			t.Errorf("%d writes", n)
		}
		wantIs(t, "a bad one", c.WritePrepared(background, a, b, bad, a), ErrInvalidUTF8)
		p.wantTexts("those in front of it", "a", testPayload(100))
		p.wantIdle("and no more")
		wantNil(t, "afterwards", c.WritePrepared(background, b))
		p.wantTexts("nothing was harmed", testPayload(100))
	})
}

// Frames of all sizes are in one batch, compressed and not.
func TestPreparedBatchesMayBeLarge(t *testing.T) {
	for _, link := range testLinks[:4] {
		for name, o := range map[string]Options{"plain": {}, "compressed": withCompression(Compression{Threshold: 200})} {
			for _, role := range []Role{RoleServer, RoleClient} {
				t.Run(fmt.Sprint(link.name, "/", name, "/", role), func(t *testing.T) {
					ours, theirs := link.open(t)
					c, _ := newTestConnOn(t, role, o, ends{ours, theirs})
					other, _ := newTestConnOn(t, opposite(role), o, ends{theirs, ours})
					var batch []*Prepared
					for _, n := range testSizes {
						text := textMessage(testPayload(n))
						batch = append(batch, Prepare(text))
						text.NoCompression = true
						batch = append(batch, Prepare(text))
					}
					sent := started(func() error { return c.WritePrepared(background, batch...) })
					for _, n := range testSizes {
						wantRead(t, other, []byte(testPayload(n)))
						wantRead(t, other, []byte(testPayload(n)))
					}
					wantNil(t, "WritePrepared", <-sent)
				})
			}
		}
	}
}

// Who prepares a message may change its bytes, also before it is compressed.
func TestPreparedHasACopy(t *testing.T) {
	for name, o := range map[string]Options{"plain": {}, "compressed": withCompression(Compression{Threshold: -1})} {
		t.Run(name, func(t *testing.T) {
			inEachRole(t, func(t *testing.T, role Role) {
				c, other := preparedPair(t, role, o)
				data := []byte("as it was")
				m := Prepare(Message{Type: Text, Data: data})
				clear(data)
				for range 2 { // it is not masked in place either
					wantNil(t, "WritePrepared", c.WritePrepared(background, m))
					wantRead(t, other, []byte("as it was"))
				}
			})
		})
	}
}

// WriteTimeout is for each 64 KiB of a batch, not for all of it.
func TestPreparedBatchesHaveTimeToLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newTestConn(t, RoleServer, Options{WriteTimeout: 10 * time.Second})
		c.out.vectored = true // though the transport has no writev
		m := Prepare(Message{Type: Binary, Data: make([]byte, 60<<10)})
		sent := started(func() error { return c.WritePrepared(background, m, m, m, m, m, m, m, m) })
		for range 8 {
			time.Sleep(9 * time.Second)
			p.wantFrame("it moves", OpBinary, string(m.message.Data))
		}
		wantNil(t, "WritePrepared", <-sent)
	})
}
