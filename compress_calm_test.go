// This file tests that a connection which is idle gives up what it needs only
// while it is busy, and that nobody can tell. The clock is the fake one.

package websocket

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wantTable wants the Conn to have its table or not.
func (p *compressPeer) wantTable(why string, want bool) {
	p.t.Helper()
	synctest.Wait()
	p.c.frameTurn.lock(nil, nil)
	defer p.c.frameTurn.unlock()
	if got := p.c.sender.deflater.table != nil; got != want {
		p.t.Fatalf("%s: there is a table: %v, want %v", why, got, want)
	}
}

// eachCalm runs a test with keepalive and without, which must make no difference.
// The peer must be read from meanwhile, for the pings.
func eachCalm(t *testing.T, agreed Compression, f func(t *testing.T, c *Conn, p *compressPeer)) {
	t.Helper()
	for name, keepAlive := range map[string]time.Duration{"keepalive": defaultKeepAlive, "rare": 10 * time.Minute, "without": -1} {
		t.Run(name, func(t *testing.T) {
			eachCompress(t, Options{KeepAlive: keepAlive, Compression: &agreed}, f)
		})
	}
}

// calmTick is a little longer than calmAfter: a Conn that is writing when it is to
// look whether it is busy looks again soon, and in fake time such things meet.
const calmTick = calmAfter + 7*time.Second

// tick lets the time pass after which the Conn looks whether it is busy, and
// answers pings.
func (p *compressPeer) tick() {
	p.t.Helper()
	<-time.After(calmTick)
	synctest.Wait()
	for p.sim.unread() > 0 {
		p.write(OpPong, true, p.readPing("a tick"))
	}
	synctest.Wait()
}

func TestCompressionCalmsDown(t *testing.T) {
	eachCalm(t, Compression{Threshold: -1}, func(t *testing.T, c *Conn, p *compressPeer) {
		text := compressNoise(1000, 7)
		for range 3 {
			<-time.After(time.Second) // so that keepalive does not write at the same time
			mustSend(t, c, Message{Type: Binary, Data: []byte(text)})
			p.wantMessage("a message", Binary, true, text)
			p.wantTable("it is busy", true)
			p.tick()
			p.wantTable("it was busy since the last tick", true)
			p.tick()
			p.wantTable("it was not", false)
			if c.warm.timer.Stop() {
				t.Error("an idle connection wakes up")
			}
			if h := &c.sender.deflater.history; len(h.ring) > 2*h.n {
				t.Errorf("a window of %d bytes has %d", h.n, len(h.ring))
			}
			p.tick()
			mustSend(t, c, Message{Type: Binary, Data: []byte(text)})
			if m := p.wantMessage("the window is still there", Binary, true, text); m.size > 50 {
				t.Errorf("%d bytes for noise that was sent before", m.size)
			}
			p.wantTable("it is busy again", true)
		}
	})
}

// Without a window to keep, nothing is kept.
func TestCompressionWithoutTakeoverCalmsDownToNothing(t *testing.T) {
	eachCalm(t, Compression{ServerNoContextTakeover: true, ClientNoContextTakeover: true}, func(t *testing.T, c *Conn, p *compressPeer) {
		text := compressJSON(1000)
		mustSend(t, c, Message{Type: Text, Data: []byte(text)})
		p.wantMessage("a message", Text, true, text)
		p.tick()
		p.tick()
		p.wantTable("it is idle", false)
		if ring := len(c.sender.deflater.history.ring); ring != 0 {
			t.Errorf("there is a window of %d bytes", ring)
		}
		mustSend(t, c, Message{Type: Text, Data: []byte(text)})
		p.wantMessage("a message", Text, true, text)
	})
}

// Plain messages and reads do not keep a compressor busy; a fragment does.
func TestCompressionIsBusyWhenItCompresses(t *testing.T) {
	o := compressAll
	o.WriteBuffer, o.KeepAlive = minBuffer, -1
	eachCompress(t, o, func(t *testing.T, c *Conn, p *compressPeer) {
		<-time.After(time.Second)
		noise := compressNoise(10*fragmentSize, 8)
		w := mustNextWriter(t, c, Binary)
		for i := range 10 {
			mustWrite(t, w, noise[i*fragmentSize:(i+1)*fragmentSize])
			if i == 5 {
				<-time.After(2 * calmTick)
				p.wantTable("in the middle of a message, but idle", false)
			}
		}
		mustClose(t, w)
		p.wantMessage("a message with a pause", Binary, true, noise)
		for range 2 {
			p.wantTable("it has compressed", true)
			<-time.After(calmTick)
			mustSend(t, c, Message{Type: Binary, Data: []byte(noise), NoCompression: true})
			p.wantMessage("plain", Binary, false, noise)
			p.send(Text, "read")
			reads(t, c).want("a message of the peer", Text, "read")
			<-time.After(calmTick)
			p.wantTable("it has not compressed", false)
			mustSend(t, c, Message{Type: Binary, Data: []byte(noise[:500])})
			p.wantMessage("the window is still there", Binary, true, noise[:500])
		}
	})
}

// Ticks in the middle of everything, with other connections that take what is
// given up.
func TestCompressionSharesWhatItGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all sync.WaitGroup
		for i := range 10 {
			c, p := newCompressConn(t, Role(i%2), Options{KeepAlive: -1, Compression: &Compression{Effort: 1 + i%3, Threshold: -1}})
			all.Go(func() {
				for j := range 20 {
					text := compressJSON(100 + 1000*((i+j)%7))
					go c.Write(background, Text, []byte(text))
					p.wantMessage("a message", Text, true, text)
					p.send(Text, text)
					reads(t, c).want("a message of the peer", Text, text)
					<-time.After(time.Duration(1+(i+j)%4) * 20 * time.Second)
				}
			})
		}
		all.Wait()
	})
}

// Whoever waits for a message holds nothing but the windows.
func TestCompressionHoldsNothingWhileItWaits(t *testing.T) {
	eachTakeover(t, Options{}, func(t *testing.T, c *Conn, p *compressPeer) {
		for range 3 {
			p.send(Text, compressJSON(2000))
			p.send(Text, compressJSON(3000))
			reads(t, c).want("a message", Text, compressJSON(2000))
			if c.receiver.inflater.spare == nil {
				t.Error("it gives up what it needs at once")
			}
			reads(t, c).want("a message", Text, compressJSON(3000))
			wantInterrupted(t, c)
			if f := c.receiver.inflater; f.s != nil || f.spare != nil || c.partial != nil || c.in.buf != nil {
				t.Error("it holds what it does not need")
			}
		}
	})
}

// The timer ends with the connection, however that ends.
func TestCompressionLeavesNoTimer(t *testing.T) {
	ends := map[string]func(c *Conn, p *compressPeer){
		"close-now": func(c *Conn, p *compressPeer) { c.CloseNow() },
		"lost":      func(c *Conn, p *compressPeer) { p.sim.reset(); c.Read(background) },
		"closed": func(c *Conn, p *compressPeer) {
			p.writeClose(CloseNormal, "")
			p.sim.CloseWrite()
			c.Read(background)
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			eachCalm(t, Compression{}, func(t *testing.T, c *Conn, p *compressPeer) {
				text := compressJSON(1000)
				mustSend(t, c, Message{Type: Text, Data: []byte(text)})
				p.wantMessage("a message", Text, true, text)
				<-time.After(time.Second)
				end(c, p)
				<-c.Done()
				c.mu.Lock()
				defer c.mu.Unlock()
				if c.warm.timer.Stop() {
					t.Error("the timer would go off")
				}
			})
		})
	}
}

// A connection that compresses nothing has no timer for it.
func TestCompressionNeedsNoTimerUnused(t *testing.T) {
	eachCalm(t, Compression{}, func(t *testing.T, c *Conn, p *compressPeer) {
		text := compressJSON(1000)
		mustSend(t, c, Message{Type: Text, Data: []byte(text), NoCompression: true})
		p.wantMessage("a message", Text, false, text)
		p.send(Text, text)
		reads(t, c).want("a message", Text, text)
		if c.warm.timer != nil {
			t.Error("there is a timer")
		}
	})
}

// Somebody who writes for a long time is busy, and lost to nobody.
func TestCompressionCalmsDownAfterALongWrite(t *testing.T) {
	eachCompress(t, Options{WriteTimeout: -1, KeepAlive: -1, Compression: &Compression{}}, func(t *testing.T, c *Conn, p *compressPeer) {
		text := compressNoise(1000, 9)
		p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
		sent := started(func() error { return c.Write(background, Binary, []byte(text)) })
		<-time.After(10 * calmAfter)
		p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = false })
		wantNil(t, "Write", <-sent)
		p.wantMessage("a message", Binary, true, text)
		p.wantTable("it was busy until now", true)
		<-time.After(2 * calmTick)
		p.wantTable("it is idle", false)
	})
}

// What was left to whoever had the frame turn is paid when calm has had it.
func TestCompressionCalmPaysWhatIsOwed(t *testing.T) {
	eachCompress(t, Options{KeepAlive: -1, Compression: &Compression{}}, func(t *testing.T, c *Conn, p *compressPeer) {
		c.frameTurn.lock(nil, nil)
		c.owe(Event{Kind: PingReceived, Data: []byte("a")}, nil)
		c.frameTurn.unlock() // and not yield
		c.calm()
		p.wantFrame("the pong", OpPong, "a")
	})
}

// A connection that is over sets no timer, and has given back what it can.
func TestCompressionIsNotWatchedAfterTheEnd(t *testing.T) {
	eachCompress(t, Options{KeepAlive: -1, Compression: &Compression{}}, func(t *testing.T, c *Conn, p *compressPeer) {
		text := compressJSON(1000)
		mustSend(t, c, Message{Type: Text, Data: []byte(text)})
		p.wantMessage("a message", Text, true, text)
		c.CloseNow()
		p.wantTable("it is over", false)
		c.watchWarmth(calmAfter)
		if c.warm.timer.Stop() {
			t.Error("there is a timer")
		}
	})
}
