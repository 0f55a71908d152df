// This file has the ten conversations that faults are injected into. Each is
// short, since every one of its bytes costs some runs. They judge nothing but
// what the Conn sends while it is recorded.

package websocket

import (
	"strings"
	"testing/synctest"
)

// faultBuffers are the smallest, so that their borders are soon met.
var faultBuffers = Options{ReadBuffer: minBuffer, WriteBuffer: minBuffer}

// faultLarge is more than minRoom, so that it is read straight to its place.
var faultLarge = strings.Repeat("0123456789abcdefghijklmnopqrstuvw", 150)

// faultText compresses well, the second time still better.
const faultText = "the rain in Spain stays mainly in the plain, the rain"

var faultSessions = []*faultSession{
	{
		name: "small-text-closed-by-the-peer",
		act: func(a *faultActor) {
			a.write(Text, "Hello")
			a.read()
			a.write(Text, "")
			a.readAll()
		},
		peer: func(p *compressPeer) {
			p.wantFrame("a greeting", OpText, "Hello")
			p.write(OpText, true, "h\u00e9 \u20ac")
			p.wantFrame("an empty message", OpText, "")
			p.writeClose(CloseGoingAway, "bye")
			p.wantClose("the answer", CloseGoingAway, "")
		},
		reads: []string{"h\u00e9 \u20ac"},
		end:   CloseError{Code: CloseGoingAway, Reason: "bye", Remote: true},
	},
	{
		name: "fragments-with-pings-between",
		act: func(a *faultActor) {
			a.read()
			a.write(Binary, "all of it")
			a.readAll()
		},
		peer: func(p *compressPeer) {
			p.writeBytes(append(p.frame(OpText, false, "frag\xe2"), p.frame(OpPing, true, "1")...))
			p.wantFrame("between the fragments", OpPong, "1")
			p.write(OpContinuation, false, "\x82\xacm")
			p.write(OpPing, true, "")
			p.wantFrame("between the fragments", OpPong, "")
			p.write(OpContinuation, false, "")
			p.write(OpContinuation, true, "ent")
			p.wantFrame("the message is whole", OpBinary, "all of it")
			p.writeClose(CloseNoStatus, "")
			p.wantClose("the answer", CloseNoStatus, "")
		},
		reads: []string{"frag\u20acment"},
		end:   CloseError{Code: CloseNoStatus, Remote: true},
	},
	{
		name: "large-binary", opts: faultBuffers,
		act: func(a *faultActor) {
			a.read()
			a.write(Binary, faultLarge)
			a.close(CloseNormal, "enough")
		},
		peer: func(p *compressPeer) {
			p.write(OpBinary, true, faultLarge)
			p.wantFrame("as much", OpBinary, faultLarge)
			p.wantClose("the end", CloseNormal, "enough")
			p.writeClose(CloseNormal, "")
		},
		reads: []string{faultLarge},
		end:   CloseError{Code: CloseNormal},
	},
	{
		name: "compressed-with-takeover",
		opts: compressAll,
		act: func(a *faultActor) {
			a.read()
			a.write(Text, faultText)
			a.read()
			a.write(Text, faultText)
			a.readAll()
		},
		peer: func(p *compressPeer) {
			p.send(Text, faultText)
			p.wantMessage("the first", Text, true, faultText)
			p.writeBytes(p.compressed(Text, faultText, 3)) // in fragments
			p.wantMessage("the second", Text, true, faultText)
			p.writeClose(CloseNormal, "")
			p.wantClose("the answer", CloseNormal, "")
		},
		reads: []string{faultText, faultText},
		end:   CloseError{Code: CloseNormal, Remote: true},
	},
	{
		name: "compressed-without-takeover",
		opts: withCompression(Compression{Threshold: -1, ServerNoContextTakeover: true, ClientNoContextTakeover: true, Effort: 3}),
		act: func(a *faultActor) {
			a.write(Binary, faultText)
			a.read()
			a.batch(Message{Type: Text, Data: []byte(faultText)}, Message{Type: Text, Data: []byte("secret"), NoCompression: true})
			a.close(4000, "")
		},
		peer: func(p *compressPeer) {
			p.wantMessage("the first", Binary, true, faultText)
			p.send(Binary, faultText)
			p.wantMessage("the second", Text, true, faultText)
			p.wantMessage("the third", Text, false, "secret")
			p.wantClose("the end", 4000, "")
			p.writeClose(4001, "well")
		},
		reads: []string{faultText},
		end:   CloseError{Code: 4001, Reason: "well"},
	},
	{
		name: "closed-by-us-while-the-peer-talks",
		act: func(a *faultActor) {
			a.read()
			a.close(CloseGoingAway, "going away")
		},
		peer: func(p *compressPeer) {
			p.write(OpText, true, "one")
			p.wantClose("the end", CloseGoingAway, "going away")
			p.write(OpBinary, false, "nobody reads")
			p.write(OpPing, true, "x")
			p.wantFrame("no Close has come", OpPong, "x")
			p.write(OpContinuation, true, "this")
			p.writeClose(CloseGoingAway, "")
		},
		reads: []string{"one"},
		end:   CloseError{Code: CloseGoingAway},
	},
	{
		// The peer is silent long enough to be sent a ping by keepalive.
		name: "pings-and-keepalive",
		act: func(a *faultActor) {
			a.ping()
			a.ping()
			a.readAll()
		},
		peer: func(p *compressPeer) {
			p.write(OpPong, true, "not asked for")
			for range 2 {
				p.write(OpPong, true, p.readPing("from the user"))
			}
			p.write(OpPong, true, p.readPing("from keepalive"))
			p.write(OpPing, true, "and back")
			p.wantFrame("the pong", OpPong, "and back")
			p.writeClose(CloseNormal, "")
			p.wantClose("the answer", CloseNormal, "")
		},
		end: CloseError{Code: CloseNormal, Remote: true},
	},
	{
		name: "streamed-with-a-ping-between", opts: faultBuffers,
		act: func(a *faultActor) {
			a.stream(Binary, a.read, strings.Repeat("a", 300), "b", "c")
			a.close(CloseNormal, "")
		},
		peer: func(p *compressPeer) {
			h, first := p.readFrame("what has filled the buffer")
			p.write(OpPing, true, "between")
			p.wantFrame("between the fragments", OpPong, "between")
			p.write(OpText, true, "go on")
			p.write(OpText, true, "and on")
			p.wantFragment("the rest", OpContinuation, true, strings.Repeat("a", 300-len(first))+"bc")
			if h.Opcode != OpBinary || h.Fin {
				p.t.Errorf("the first frame is %+v", h)
			}
			p.wantClose("the end", CloseNormal, "")
			p.writeClose(CloseNormal, "")
		},
		reads: []string{"go on", "and on"},
		end:   CloseError{Code: CloseNormal},
	},
	{
		name: "batch-and-close-write",
		act: func(a *faultActor) {
			a.batch(Message{Type: Text, Data: []byte("1st")}, Message{Type: Binary, Data: []byte{}}, Message{Type: Text, Data: []byte("3rd")})
			a.readPieces()
			a.closeWrite(CloseNormal, "no more questions")
			a.readPieces()
			a.readAll()
		},
		peer: func(p *compressPeer) {
			p.wantFrame("the batch", OpText, "1st")
			p.wantFrame("the batch", OpBinary, "")
			p.wantFrame("the batch", OpText, "3rd")
			p.write(OpText, true, "a first answer")
			p.wantClose("no more questions", CloseNormal, "no more questions")
			p.write(OpText, false, "a second ")
			p.write(OpContinuation, true, "answer")
			p.write(OpBinary, true, "and a third")
			p.writeClose(CloseNormal, "done")
		},
		reads: []string{"a first answer", "a second answer", "and a third"},
		end:   CloseError{Code: CloseNormal, Reason: "done"},
	},
	{
		name: "early-bytes-behind-the-handshake", early: true,
		act: func(a *faultActor) {
			a.read()
			a.read()
			a.write(Text, "I have both")
			a.readAll()
		},
		peer: func(p *compressPeer) {
			half := p.frame(OpText, true, "the other half comes later")
			p.writeBytes(append(append(p.frame(OpText, true, "early"), p.frame(OpPing, true, "p")...), half[:9]...))
			p.wantFrame("what was early is processed", OpPong, "p")
			p.writeBytes(half[9:])
			p.wantFrame("both have come", OpText, "I have both")
			p.writeClose(CloseServiceRestart, "")
			p.wantClose("the answer", CloseServiceRestart, "")
			synctest.Wait()
		},
		reads: []string{"early", "the other half comes later"},
		end:   CloseError{Code: CloseServiceRestart, Remote: true},
	},
}
