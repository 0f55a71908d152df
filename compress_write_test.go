// This file tests what a Conn sends when compression was agreed on: which
// messages are compressed, how they are cut into frames, and that nobody
// notices who did not ask for it. compress_cancel_test.go is about writes that
// are stopped.

package websocket

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

func mustSend(t *testing.T, c *Conn, messages ...Message) {
	t.Helper()
	if err := c.WriteBatch(t.Context(), messages...); err != nil {
		t.Error(err)
	}
}

func TestCompressionBeginsAtTheThreshold(t *testing.T) {
	for threshold, from := range map[int]int{0: 128, 1: 1, 300: 300, -1: 0} {
		eachCompress(t, withCompression(Compression{Threshold: threshold}), func(t *testing.T, c *Conn, p *compressPeer) {
			for _, n := range []int{0, 1, from - 1, from, from + 1, 5000} {
				if n < 0 {
					continue
				}
				text := compressJSON(n)
				mustSend(t, c, Message{Type: Text, Data: []byte(text)}, Message{Type: Binary, Data: []byte(text)})
				p.wantMessage("text", Text, n >= from, text)
				p.wantMessage("binary", Binary, n >= from, text)
				w := mustNextWriter(t, c, Text)
				mustWrite(t, w, text)
				mustClose(t, w)
				p.wantMessage("a writer's first frame counts", Text, n >= from, text)
			}
		})
	}
}

// 7692 §7.2.3.6: what an empty message is.
func TestCompressionOfAnEmptyMessage(t *testing.T) {
	eachCompress(t, compressAll, func(t *testing.T, c *Conn, p *compressPeer) {
		for range 3 {
			mustSend(t, c, Message{Type: Binary})
			if h, payload := p.readAny("an empty message"); !h.Fin || !h.RSV1 || payload != "\x00" {
				t.Fatalf("%+v with %q", h, payload)
			}
			mustSend(t, c, Message{Type: Text, Data: []byte("between")})
			p.wantMessage("the window is as it was", Text, true, "between")
			mustClose(t, mustNextWriter(t, c, Text))
			p.wantMessage("a writer that wrote nothing", Text, true, "")
		}
	})
}

func TestCompressionMakesMessagesSmaller(t *testing.T) {
	eachCompress(t, compressAll, func(t *testing.T, c *Conn, p *compressPeer) {
		text := compressJSON(2000)
		mustSend(t, c, Message{Type: Text, Data: []byte(text)})
		first := p.wantMessage("the first", Text, true, text)
		mustSend(t, c, Message{Type: Text, Data: []byte(text)})
		second := p.wantMessage("the same again", Text, true, text)
		if first.size > 1000 || second.size > 60 {
			t.Errorf("2000 bytes became %d, and then %d", first.size, second.size)
		}
	})
}

// Each of the ways to opt out, among messages that do not.
func TestCompressionCanBeLeftOut(t *testing.T) {
	eachCompress(t, withCompression(Compression{}), func(t *testing.T, c *Conn, p *compressPeer) {
		text := compressJSON(1000)
		on, off := Message{Type: Text, Data: []byte(text)}, Message{Type: Text, Data: []byte(text), NoCompression: true}
		short := Message{Type: Binary, Data: []byte("short")}
		mustSend(t, c, on, off, short, on, off, off, on, short)
		for i, compressed := range []bool{true, false, false, true, false, false, true, false} {
			why := fmt.Sprint("message ", i)
			if i == 2 || i == 7 {
				p.wantMessage(why, Binary, compressed, "short")
			} else {
				p.wantMessage(why, Text, compressed, text)
			}
		}
		for _, plain := range []bool{true, false} {
			w := mustNextWriter(t, c, Text)
			if plain {
				w.NoCompression()
			}
			for i := range 20 {
				mustWrite(t, w, text[50*i:50*i+50])
			}
			mustClose(t, w)
			p.wantMessage("from a writer", Text, !plain, text)
			wantNil(t, "Write", c.Write(t.Context(), Text, []byte(text)))
			p.wantMessage("Write after a writer", Text, true, text)
		}
	})
}

// What is refused in the middle of a batch leaves no trace in the compressor.
func TestCompressionSurvivesARefusal(t *testing.T) {
	eachCompress(t, compressAll, func(t *testing.T, c *Conn, p *compressPeer) {
		good := compressJSON(500)
		for range 3 {
			err := c.WriteBatch(t.Context(), Message{Type: Text, Data: []byte(good)}, Message{Type: Text, Data: []byte(good + "\xff")})
			wantIs(t, "text that is not UTF-8", err, ErrInvalidUTF8)
			wantIs(t, "a type that does not exist", c.Write(t.Context(), 7, []byte(good)), ErrMessageType)
			w := mustNextWriter(t, c, Text)
			mustWrite(t, w, "\xff"+good)
			wantIs(t, "a writer's text", w.Close(), ErrInvalidUTF8)
			p.wantMessage("what stood in front", Text, true, good)
		}
	})
}

func TestCompressionLeavesTheCallersBytesAlone(t *testing.T) {
	eachCompress(t, compressAll, func(t *testing.T, c *Conn, p *compressPeer) {
		for _, n := range []int{0, 10, 5000, 200_000} {
			array := []byte(compressJSON(n) + "behind")
			before := bytes.Clone(array)
			done := p.meanwhile(func() { mustSend(t, c, Message{Type: Text, Data: array[:n]}) })
			p.wantMessage("a part of an array", Text, true, string(before[:n]))
			done()
			if !bytes.Equal(array, before) {
				t.Errorf("%d bytes were changed", n)
			}
			for i := range array {
				array[i] = '.' // it is the caller's again
			}
			mustSend(t, c, Message{Type: Text, Data: before[:min(n, 300)]})
			p.wantMessage("the compressor has not kept it", Text, true, string(before[:min(n, 300)]))
		}
	})
}

// Longer messages than go into one compressed frame are fragmented.
func TestCompressionCutsLongMessages(t *testing.T) {
	const f = maxDeflateFrame
	eachCompress(t, compressAll, func(t *testing.T, c *Conn, p *compressPeer) {
		for _, payload := range []string{compressJSON(f), compressJSON(f + 1), compressNoise(f, 1), compressNoise(3*f, 2), compressNoise(3*f+1, 3), compressJSON(1 << 20)} {
			done := p.meanwhile(func() { mustSend(t, c, Message{Type: Binary, Data: []byte(payload)}) })
			m := p.wantMessage("a long message", Binary, true, payload)
			done()
			if want := (len(payload) + f - 1) / f; len(m.frames) != want {
				t.Errorf("%d bytes in %d frames, want %d", len(payload), len(m.frames), want)
			}
			for _, n := range m.frames {
				if n > 64<<10 {
					t.Errorf("a frame of %d bytes", n)
				}
			}
		}
	})
}

func TestCompressionOfAWriter(t *testing.T) {
	for _, buffer := range []int{minBuffer, defaultBuffer, 256 << 10} {
		o := compressAll
		o.WriteBuffer = buffer
		eachCompress(t, o, func(t *testing.T, c *Conn, p *compressPeer) {
			for _, payload := range []string{compressJSON(100), compressJSON(3 * buffer), compressNoise(3*buffer, 4)} {
				done := p.meanwhile(func() {
					w := mustNextWriter(t, c, Binary)
					for rest := payload; rest != ""; {
						n := min(1000, len(rest))
						mustWrite(t, w, rest[:n])
						rest = rest[n:]
					}
					mustClose(t, w)
				})
				m := p.wantMessage("from a writer", Binary, true, payload)
				done()
				if len(payload) > buffer && len(m.frames) < 2 {
					t.Errorf("%d bytes in %d frames", len(payload), len(m.frames))
				}
			}
		})
	}
}

func TestCompressionLetsControlFramesPass(t *testing.T) {
	o := compressAll
	o.WriteBuffer = minBuffer
	eachCompress(t, o, func(t *testing.T, c *Conn, p *compressPeer) {
		ctx, cancel := context.WithCancel(t.Context())
		go c.Read(ctx)
		payload := compressNoise(10*fragmentSize, 5)
		w := mustNextWriter(t, c, Binary)
		var data strings.Builder
		for i := range 10 {
			mustWrite(t, w, payload[i*fragmentSize:(i+1)*fragmentSize])
			if i == 0 {
				continue // it may be the last
			}
			h, fragment := p.readAny("a fragment")
			if h.Fin || h.RSV1 != (i == 1) || h.Opcode.IsControl() {
				t.Fatalf("fragment %d: %+v", i, h)
			}
			data.WriteString(fragment)
			p.write(OpPing, true, "between")
			p.wantFrame("control frames are never compressed", OpPong, "between")
			pinged := startPing(t.Context(), c)
			p.write(OpPong, true, p.readPing("our own"))
			wantPong(t, "our own", pinged, 0)
		}
		mustClose(t, w)
		h, fragment := p.readAny("the last")
		if data.WriteString(fragment); !h.Fin || p.inflated("all of it", data.String()) != payload {
			t.Error("it is not the message")
		}
		mustSend(t, c, Message{Type: Binary, Data: []byte(payload[:400])})
		if m := p.wantMessage("the window", Binary, true, payload[:400]); m.size > 50 {
			t.Errorf("%d bytes of noise that was sent before", m.size)
		}
		cancel()
		synctest.Wait()
	})
}

// Concurrent writers share one window: every message must be inflated in the
// order in which it was compressed.
func TestCompressionOfConcurrentWriters(t *testing.T) {
	const writers, each = 6, 30
	eachCompress(t, withCompression(Compression{Threshold: 20}), func(t *testing.T, c *Conn, p *compressPeer) {
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() {
				for j := range each {
					text := fmt.Appendf(nil, "%d %d %s", i, j, compressJSON(j*20))
					m := Message{Type: Text, Data: text, NoCompression: j%5 == 4}
					if i%2 == 0 {
						mustSend(t, c, m, m)
					} else {
						w := mustNextWriter(t, c, Text)
						mustWrite(t, w, string(text))
						mustClose(t, w)
					}
				}
			})
		}
		done := p.meanwhile(all.Wait)
		var next [writers]int
		for range writers/2*each*2 + writers/2*each {
			var i, j int
			m := p.message("from one of them")
			fmt.Sscan(m.payload, &i, &j)
			want := next[i]
			if next[i]++; i%2 == 0 {
				want /= 2
			}
			if j != want || m.payload != fmt.Sprintf("%d %d %s", i, j, compressJSON(j*20)) {
				t.Fatalf("writer %d, message %d: %s", i, want, abridge(m.payload))
			}
		}
		done()
	})
}

// A masking key is for one frame (§5.3), and none is made for nothing.
func TestCompressionTakesAKeyForEachFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCompressConn(t, RoleClient, compressAll)
		keys, next := 0, c.sender.maskKey
		c.sender.maskKey = func() [4]byte { keys++; return next() }
		for _, size := range []int{0, 100, 3 * maxDeflateFrame} {
			keys = 0
			text := compressJSON(size)
			sent := started(func() error { return c.Write(background, Text, []byte(text)) })
			m := p.wantMessage("a message", Text, true, text)
			wantNil(t, "Write", <-sent)
			if keys != len(m.frames) {
				t.Errorf("%d keys for %d frames", keys, len(m.frames))
			}
		}
	})
}
