package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"barewire.example/websocket"
)

// A report is what one side saw of a connection.
type report struct {
	Name        string    `json:"name"`
	Opened      bool      `json:"opened"`
	Subprotocol string    `json:"subprotocol"`
	Received    []message `json:"received"` // by a client
	Pongs       int       `json:"pongs"`    // that brought a ping's payload back
	Close       *ending   `json:"close"`
	Refusal     *refusal  `json:"refusal"`
	Compression *params   `json:"compression"` // as agreed on
	Error       string    `json:"error"`

	tap *tap // on our side, when there is one
}

// An ending is the other side's Close frame, and who began.
type ending struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
	First  string `json:"first"` // self or peer
}

type refusal struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
}

// theirRefusal is the body with which the peers' servers refuse.
const theirRefusal = "who are you?\n"

// An outcome is all that is known about a check that was run.
type outcome struct {
	client, server report // the server's is empty for connections that were not opened
	frames         []frame
	answer         string // head of the server's, when the check is tapped
	ours           side   // which one is ours
}

// A judge collects what is wrong with an outcome.
type judge struct {
	check
	outcome
	faults []string
}

// judgeOutcome returns what is wrong, or nothing.
func judgeOutcome(c check, o outcome) []string {
	j := &judge{check: c, outcome: o}
	switch {
	case c.want.failure != "":
		j.judgeFailure()
	case c.want.refusal != 0:
		j.judgeRefusal()
	default:
		j.judgeConversation()
	}
	return j.faults
}

// expect adds a fault when what was seen is not what was wanted.
func (j *judge) expect(what string, want, saw any) {
	if want != saw {
		j.faults = append(j.faults, fmt.Sprintf("%s: want %#v, saw %#v", what, want, saw))
	}
}

// judgeFailure wants the client to complain, with a word that they all have for it.
func (j *judge) judgeFailure() {
	j.expect("the client's connection is open", false, j.client.Opened)
	if !strings.Contains(strings.ToLower(j.client.Error), j.want.failure) {
		j.faults = append(j.faults, fmt.Sprintf("the client's error: want one with %q, saw %q", j.want.failure, j.client.Error))
	}
}

func (j *judge) judgeRefusal() {
	want := refusal{j.want.refusal, theirRefusal}
	if j.ours == server {
		want.Body = j.want.rule.Error() + "\n"
	}
	saw := refusal{}
	if j.client.Refusal != nil {
		saw = *j.client.Refusal
	}
	j.expect("the client's error", "", j.client.Error)
	j.expect("the client's connection is open", false, j.client.Opened)
	j.expect("the refusal that the client saw", want, saw)
}

func (j *judge) judgeConversation() {
	for _, end := range []struct {
		side
		report
	}{{client, j.client}, {server, j.server}} {
		who := "the " + string(end.side) + "'s "
		j.expect(who+"error", "", end.Error)
		j.expect(who+"connection was opened", true, end.Opened)
		j.expect(who+"subprotocol", j.want.subprotocol, end.Subprotocol)
		pongs := 0
		if j.want.pinger == end.side {
			pongs = 1
		}
		j.expect(who+"pongs", pongs, end.Pongs)
		j.judgeEnding(end.side, end.Close)
	}
	j.judgeReceived()
	j.judgeAgreement()
	if j.tapped {
		j.judgeFrames()
	}
}

func (j *judge) judgeReceived() {
	j.expect("messages that the client received", len(j.want.received), len(j.client.Received))
	for i := range min(len(j.want.received), len(j.client.Received)) {
		want, saw := j.want.received[i], j.client.Received[i]
		if want.Type != saw.Type || !bytes.Equal(want.Data, saw.Data) {
			j.faults = append(j.faults, fmt.Sprintf("message that the client received: want %v, saw %v", want, saw))
		}
	}
}

// String does not show the message, which may be large.
func (m message) String() string {
	sum := sha256.Sum256(m.Data)
	return fmt.Sprintf("%s of %d bytes, SHA-256 %x…", m.Type, len(m.Data), sum[:6])
}

// judgeEnding compares what a side says about the closing. §5.5.1: the answer to a Close repeats the code; the reason too,
// if the other side likes.
func (j *judge) judgeEnding(who side, saw *ending) {
	if saw == nil {
		saw = &ending{}
	}
	want := ending{j.want.code, j.want.reason, "peer"}
	if j.want.closer == who {
		want.First = "self"
		if saw.Reason == "" {
			want.Reason = ""
		}
	}
	j.expect("the end that the "+string(who)+" saw", want, *saw)
}

func (j *judge) judgeFrames() {
	for _, f := range j.frames {
		j.expect(fmt.Sprintf("%s frame of the %s is masked", f.op, f.from), f.from == client, f.masked)
	}
	j.judgeAnswer()
	j.judgeData()
	if j.want.fragmenter != "" {
		j.judgeFragments()
	}
	if j.want.pinger != "" {
		j.judgePing()
	}
	j.judgeCloseFrames()
}

// judgeFragments wants all data frames of the side to be the fragments of one message (§5.4).
func (j *judge) judgeFragments() {
	mine := slices.DeleteFunc(slices.Clone(j.frames), func(f frame) bool {
		return f.from != j.want.fragmenter || f.op.IsControl()
	})
	j.expect("the message is in several frames", true, len(mine) > 1)
	for i, f := range mine {
		op := websocket.OpContinuation
		if i == 0 {
			op = map[string]websocket.Opcode{"text": websocket.OpText, "binary": websocket.OpBinary}[j.want.received[0].Type]
		}
		j.expect(fmt.Sprintf("opcode of fragment %d", i), op, f.op)
		j.expect(fmt.Sprintf("fragment %d is the last", i), i == len(mine)-1, f.fin)
	}
}

// judgePing wants a ping, and after it a pong of the other side with the same payload (§5.5.3).
func (j *judge) judgePing() {
	ping := j.find(j.want.pinger, websocket.OpPing)
	pong := j.find(j.want.pinger.other(), websocket.OpPong)
	if ping < 0 || pong < ping {
		j.faults = append(j.faults, fmt.Sprintf("want a ping of the %s and then a pong, saw %v", j.want.pinger, j.frames))
		return
	}
	payload := string(j.frames[ping].payload)
	if j.want.pinger != j.ours {
		j.expect("payload of the ping", string(j.want.payload), payload)
	}
	j.expect("the ping has a payload", true, payload != "")
	j.expect("payload of the pong", payload, string(j.frames[pong].payload))
}

func (j *judge) judgeCloseFrames() {
	first := j.find(j.want.closer, websocket.OpClose)
	second := j.find(j.want.closer.other(), websocket.OpClose)
	if first < 0 || second < first {
		j.faults = append(j.faults, fmt.Sprintf("want a Close of the %s and then another, saw %v", j.want.closer, j.frames))
		return
	}
	body := string(websocket.AppendCloseBody(nil, websocket.CloseCode(j.want.code), j.want.reason))
	j.expect("body of the first Close", body, string(j.frames[first].payload))
	answer := string(j.frames[second].payload)
	j.expect("code of the second Close", body[:2], answer[:min(2, len(answer))])
}

func (j *judge) find(from side, op websocket.Opcode) int {
	return slices.IndexFunc(j.frames, func(f frame) bool { return f.from == from && f.op == op })
}
