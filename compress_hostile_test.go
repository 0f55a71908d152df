// This file sends a Conn what no honest peer compresses, and the odd things that
// an honest one may. Each row is tried in both roles, as both kinds of read, at
// once and cut into bytes. compress_bomb_test.go is about what grows.

package websocket

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

const (
	helloFirst = "\xf2\x48\xcd\xc9\xc9\x07\x00" // "Hello" (7692 §7.2.3.1)
	helloAgain = "\xf2\x00\x11\x00\x00"         // the same out of the window (7692 §7.2.3.2)
	helloFinal = "\xf3\x48\xcd\xc9\xc9\x07\x00" // with BFINAL
	emptyBlock = "\x00\x00\x00\xff\xff"
)

// A compressRow is frames, and what is to come of them.
type compressRow struct {
	id       string
	frames   []compressFrame
	messages []string
	rule     Rule // that they break, behind the messages; or none
	agreed   Compression
	limit    int64
}

// A compressFrame has its first byte, where 0x40 is RSV1, and its payload.
type compressFrame struct {
	first   byte
	payload string
}

// packBits packs what is written as 0 and 1 into bytes, as 1951 §3.1.1 has it: the
// first bit is the lowest.
func packBits(s string) string {
	var b []byte
	n := 0
	for _, r := range s {
		if r == ' ' {
			continue
		}
		if n%8 == 0 {
			b = append(b, 0)
		}
		b[n/8] |= byte(r-'0') << (n % 8)
		n++
	}
	return string(b)
}

// matchBlock is a message that repeats three bytes, given the bits of how far back
// they are: a fixed block, the end of the block, an empty stored one.
func matchBlock(distance string) string {
	return packBits("0 10 0000001 " + distance + " 0000000 000 ")
}

// storedBlock is s in a stored block.
func storedBlock(s string) string {
	n := len(s)
	return string([]byte{0, byte(n), byte(n >> 8), byte(^n), byte(^n >> 8)}) + s
}

func textFrames(payloads ...string) (frames []compressFrame) {
	for _, payload := range payloads {
		frames = append(frames, compressFrame{0xc1, payload})
	}
	return frames
}

var (
	compressEach  = Compression{ServerNoContextTakeover: true, ClientNoContextTakeover: true}
	compressSmall = Compression{ServerMaxWindowBits: 8, ClientMaxWindowBits: 8}
	noise32K      = strings.ToValidUTF8(compressJSON(1<<15), "?")
)

var compressRows = []compressRow{
	{id: "Z-01", frames: textFrames(helloFirst), messages: []string{"Hello"}},
	{id: "Z-02", frames: textFrames(helloFirst, helloAgain), messages: []string{"Hello", "Hello"}},
	{id: "Z-03", frames: []compressFrame{{0xc1, helloFirst}, {0x81, "plain"}, {0xc1, helloAgain}}, messages: []string{"Hello", "plain", "Hello"}},
	{id: "Z-04", frames: []compressFrame{{0x41, helloFirst[:3]}, {0x89, "?"}, {0x80, helloFirst[3:]}}, messages: []string{"Hello"}},
	{id: "Z-04-cut-everywhere", frames: []compressFrame{{0x41, ""}, {0x00, "\xf2"}, {0x00, ""}, {0x00, "\x48\xcd\xc9\xc9\x07"}, {0x00, "\x00"}, {0x80, ""}}, messages: []string{"Hello"}},
	{id: "Z-05", frames: []compressFrame{{0x41, helloFirst[:3]}, {0xc0, helloFirst[3:]}}, rule: RuleReservedBit},
	{id: "Z-06", frames: []compressFrame{{0xc9, "?"}, {0x81, "plain"}}, rule: RuleReservedBit},
	{id: "Z-06-inside", frames: []compressFrame{{0x41, helloFirst[:3]}, {0xc9, "?"}}, rule: RuleReservedBit},
	{id: "Z-06-pong", frames: []compressFrame{{0xca, ""}}, rule: RuleReservedBit},
	{id: "Z-07", frames: []compressFrame{{0xc8, "\x03\xe8"}}, rule: RuleReservedBit},
	{id: "Z-08", frames: []compressFrame{{0x01, "plain"}, {0xc0, "plain"}}, rule: RuleReservedBit},
	{id: "Z-09", frames: []compressFrame{{0xa1, "plain"}}, rule: RuleReservedBit},
	{id: "Z-09-with-RSV1", frames: []compressFrame{{0xe1, helloFirst}}, rule: RuleReservedBit},
	{id: "Z-09-RSV3", frames: []compressFrame{{0xd1, helloFirst}}, rule: RuleReservedBit},
	{id: "Z-10", frames: textFrames("\xff\xff\xff\xff"), rule: RuleDeflate},
	{id: "Z-11", frames: textFrames("\x06"), rule: RuleDeflate},
	{id: "Z-11-later", frames: textFrames(helloFirst, helloFirst+"\x06"), messages: []string{"Hello"}, rule: RuleDeflate},
	{id: "Z-12", frames: textFrames(helloFirst[:4]), rule: RuleDeflate},
	{id: "Z-12-in-fragments", frames: []compressFrame{{0x41, helloFirst[:2]}, {0x80, helloFirst[2:4]}}, rule: RuleDeflate},
	{id: "Z-12-without-end", frames: textFrames(helloFirst[:6]), rule: RuleDeflate},
	{id: "Z-12-stored", frames: textFrames(storedBlock("Hello")), rule: RuleDeflate},
	{id: "Z-13", frames: textFrames(helloAgain), rule: RuleDeflate},
	{id: "Z-14", frames: textFrames("\x00", helloFirst), messages: []string{"", "Hello"}},
	{id: "Z-15", frames: textFrames("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), messages: []string{"Hello"}},
	{id: "Z-16", frames: textFrames(helloFinal+helloFirst, helloAgain), messages: []string{"HelloHello", "Hello"}},
	{id: "Z-17", frames: textFrames(storedBlock("Hello")+"\x00", helloAgain), messages: []string{"Hello", "Hello"}},
	{id: "Z-18", frames: textFrames("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), messages: []string{"Hello"}},
	{id: "Z-19", frames: textFrames("", helloFirst), messages: []string{"", "Hello"}},
	{id: "Z-20", frames: textFrames(storedBlock("\xc0\x80") + "\x00"), rule: RuleUTF8},
	{id: "Z-20-early", frames: []compressFrame{{0x41, storedBlock("Hello\xff")}}, rule: RuleUTF8},
	{id: "Z-20-cut", frames: textFrames(storedBlock("Hell\xc3") + "\x00"), rule: RuleUTF8},
	{id: "Z-20-binary", frames: []compressFrame{{0xc2, storedBlock("\xc0\x80") + "\x00"}}, messages: []string{"\xc0\x80"}},
	{id: "Z-22", frames: textFrames(helloFirst, storedBlock("Hell\xc3\xb6!")+"\x00"), messages: []string{"Hello"}, rule: RuleTooBig, limit: 5},
	{id: "Z-22-in-fragments", frames: []compressFrame{{0x41, storedBlock("abc")}, {0x00, storedBlock("de")}, {0x80, storedBlock("f") + "\x00"}}, rule: RuleTooBig, limit: 5},
	{id: "Z-22-text-first", frames: textFrames(storedBlock("abc\xffefgh") + "\x00"), rule: RuleUTF8, limit: 5},
	{id: "Z-23", frames: textFrames(strings.Repeat(emptyBlock, 1000)+"\x00", helloFirst), messages: []string{"", "Hello"}},
	{id: "Z-24", frames: textFrames(strings.Repeat(emptyBlock, 200)), rule: RuleTooBig, limit: 500},
	{id: "Z-24-in-fragments", frames: []compressFrame{{0x41, strings.Repeat(emptyBlock, 60)}, {0x80, strings.Repeat(emptyBlock, 140)}}, rule: RuleTooBig, limit: 500},
	{id: "Z-26", frames: textFrames(storedBlock(noise32K)+"\x00", matchBlock("11101 1111111111111")), messages: []string{noise32K, noise32K[:3]}},
	{id: "Z-26-one-short", frames: textFrames(storedBlock(noise32K[1:])+"\x00", matchBlock("11101 1111111111111")), messages: []string{noise32K[1:]}, rule: RuleDeflate},
	{id: "Z-26-no-such-code", frames: textFrames(storedBlock(noise32K)+"\x00", matchBlock("11110 0000000000000")), messages: []string{noise32K}, rule: RuleDeflate},
	{id: "Z-27", frames: textFrames(helloFirst, helloAgain), messages: []string{"Hello"}, rule: RuleDeflate, agreed: compressEach},
	{id: "Z-27-within", frames: textFrames(helloFirst, helloFirst), messages: []string{"Hello", "Hello"}, agreed: compressEach},
	{id: "Z-28", frames: textFrames(storedBlock(noise32K[:512])+"\x00", matchBlock("01111 111111")), messages: []string{noise32K[:512], noise32K[256:259]}, agreed: compressSmall},
	{id: "Z-28-one-more", frames: textFrames(storedBlock(noise32K[:512])+"\x00", matchBlock("10000 0000000")), messages: []string{noise32K[:512]}, rule: RuleDeflate, agreed: compressSmall},
}

func TestCompressionStandsHostilePeers(t *testing.T) {
	for _, row := range compressRows {
		t.Run(row.id, func(t *testing.T) {
			for _, read := range []compressRead{appendReadAll, nextReaderAll} {
				for _, step := range []int{1, 1 << 20} {
					o := Options{Compression: &row.agreed, MaxMessageSize: row.limit}
					eachCompress(t, o, func(t *testing.T, c *Conn, p *compressPeer) { row.run(t, p, step, read) })
				}
			}
		})
	}
}

// A compressRead reads a message.
type compressRead func(*testing.T, *Conn) (string, error)

// run plays the row, so many bytes at a time.
func (row *compressRow) run(t *testing.T, p *compressPeer, step int, read compressRead) {
	var b []byte
	pings := 0
	for _, f := range row.frames {
		b = append(b, p.raw(f.first, f.payload)...)
		if f.first == 0x80|byte(OpPing) {
			pings++
		}
	}
	p.ours.tune(func(k *simKnobs) { k.readAtMost = step })
	done := p.meanwhile(func() { p.writeBytes(b) })
	for _, want := range row.messages {
		if got, err := read(t, p.c); got != want || err != nil {
			t.Fatalf("got %s, %v; want %s", abridge(got), err, abridge(want))
		}
	}
	for range pings {
		p.wantFrame("pings are answered", OpPong, "?")
	}
	if row.rule == 0 {
		done()
		p.wantIdle("nothing was wrong")
		wantGoesOn(p)
		return
	}
	_, err := read(t, p.c)
	var pe *ProtocolError
	if !errors.As(err, &pe) || pe.Rule != row.rule {
		t.Fatalf("got error %v, want %v", err, row.rule)
	}
	done()
	p.wantClose("the connection fails", row.rule.Code(), row.rule.Text())
	if _, again := read(t, p.c); again != err {
		t.Errorf("the next read: %v", again)
	}
}

func appendReadAll(t *testing.T, c *Conn) (string, error) {
	_, got, err := c.AppendRead(t.Context(), nil)
	if err != nil && len(got) > 0 {
		t.Errorf("%q was delivered with %v", got, err)
	}
	return string(got), err
}

func nextReaderAll(t *testing.T, c *Conn) (string, error) {
	_, r, err := c.NextReader(t.Context())
	if err != nil {
		return "", err
	}
	got, err := io.ReadAll(r)
	return string(got), err
}

// wantGoesOn wants the connection to work in both directions.
func wantGoesOn(p *compressPeer) {
	p.t.Helper()
	back := compressJSON(200)
	wantNil(p.t, "Write", p.c.Write(p.t.Context(), Text, []byte(back)))
	p.wantMessage("a message of the Conn", Text, true, back)
	p.writeBytes(p.raw(0xc1, helloFirst))
	reads(p.t, p.c).want("a message of the peer", Text, "Hello")
}

// Z-25: without an agreement RSV1 is a reserved bit.
func TestCompressionNeedsAnAgreement(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		h := Header{Fin: true, RSV1: true, Opcode: OpText, Length: uint64(len(helloFirst)), Masked: p.role == RoleClient}
		p.writeBytes(p.encode(h, helloFirst))
		_, _, err := c.Read(t.Context())
		wantIs(t, "RSV1", err, RuleReservedBit)
		p.wantClose("a broken rule", CloseProtocolError, RuleReservedBit.Text())
	})
}

// The bytes behind what is wrong are not looked at, and text fails at its first
// impossible byte although the message goes on.
func TestCompressionFailsAtOnce(t *testing.T) {
	for rule, payload := range map[Rule]string{RuleUTF8: storedBlock("a\xffb"), RuleDeflate: storedBlock("ab") + "\x06", RuleTooBig: storedBlock(compressJSON(2000))} {
		eachCompress(t, Options{Compression: &Compression{}, MaxMessageSize: 1000}, func(t *testing.T, c *Conn, p *compressPeer) {
			b := p.raw(0xc1, payload[:min(len(payload), 1100)]+strings.Repeat("\x00", 20))
			p.writeBytes(b[:len(b)-20])
			_, _, err := c.Read(t.Context())
			wantIs(t, "the frame has not ended", err, rule)
			p.wantClose("it need not", rule.Code(), rule.Text())
		})
	}
}

// A fault in one message must not reach another connection through the pools.
func TestCompressionFaultsStayWhereTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, q := newCompressConn(t, RoleServer, compressAll)
		want := compressMessages()
		for i := range 100 {
			bad, p := newCompressConn(t, RoleServer, compressAll)
			broken := compressRows[i%len(compressRows)]
			for _, f := range broken.frames {
				if slices.Contains([]Rule{RuleDeflate, RuleUTF8}, broken.rule) {
					p.writeBytes(p.raw(f.first, f.payload))
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			go bad.Read(ctx)
			synctest.Wait()
			bad.CloseNow()
			cancel()
			m := want[i%len(want)]
			q.send(m.Type, string(m.Data))
			reads(t, good).want("on another connection", m.Type, string(m.Data))
		}
	})
}
