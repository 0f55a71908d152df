// This file makes of a test vector what one role receives, and what must come
// of it.

package websocket

import (
	"errors"
	"fmt"
	"strings"
)

// vectorKey masks what the runner masks, and what an Endpoint under test sends
// as a client. It is the key of the RFC's examples.
var vectorKey = [4]byte{0x37, 0xFA, 0x21, 0x3D}

// A vectorScript is a vector as one role sees it.
type vectorScript struct {
	*vector
	role  Role
	steps []vectorStep
}

// bind masks what the vector leaves unmasked for the sake of both roles, makes
// the offsets explicit, and adds the Close that a break is answered with.
func (v *vector) bind(role Role) (vectorScript, error) {
	stream := vectorJoin(v.steps, ">")
	masked, place := stream, vectorPlaces(len(stream))
	if !v.bound && role == RoleServer {
		var err error
		if masked, place, err = vectorMask(stream); err != nil {
			return vectorScript{}, err
		}
	}
	script := vectorScript{vector: v, role: role}
	pos, closed := 0, false
	for i, step := range v.steps {
		end := pos + len(step.data)
		switch {
		case step.verb == ">":
			step.data = masked[place[pos]:place[end]]
			pos = end
		case step.verb == "<" && !v.bound && role == RoleClient:
			step.data, _, _ = vectorMask(step.data)
		case step.verb == "send" && strings.HasPrefix(step.what, "CLOSE"):
			closed = true
		case step.verb == "break":
			if step.at < 0 {
				step.at = vectorLastFrame(stream[:pos])
			}
			step.what = fmt.Sprintf("%s at %d", step.what, place[step.at])
		}
		script.steps = append(script.steps, step)
		answered := i+1 < len(v.steps) && v.steps[i+1].verb == "<"
		if step.verb == "break" && !closed && !answered {
			script.steps = append(script.steps, script.closing(step))
		}
	}
	return script, nil
}

// closing is the Close that answers a broken rule.
func (s vectorScript) closing(broken vectorStep) vectorStep {
	id, _, _ := strings.Cut(broken.what, " ")
	body := AppendCloseBody(nil, vectorRule(id).Code(), vectorRule(id).Text())
	frame := append([]byte{0x88, byte(len(body))}, body...)
	if s.role == RoleClient {
		frame, _, _ = vectorMask(frame)
	}
	return vectorStep{line: broken.line, verb: "<", data: frame}
}

func vectorPlaces(n int) []int {
	place := make([]int, n+1)
	for i := range place {
		place[i] = i
	}
	return place
}

// vectorMask masks every frame of a stream. Byte i of the stream becomes byte
// place[i] of the masked one.
func vectorMask(stream []byte) (masked []byte, place []int, err error) {
	place = vectorPlaces(len(stream))
	for pos := 0; pos < len(stream); {
		frame := stream[pos : pos+vectorFrameSize(stream[pos:])]
		start := len(masked)
		h, n := ParseHeader(frame)
		if len(frame) > 1 && frame[1]&bitMask != 0 {
			return nil, nil, errors.New("a vector without a role must not mask its frames")
		}
		if n == 0 {
			n = len(frame) + 1
			masked = append(masked, frame...)
		} else {
			h.Masked, h.MaskKey = true, vectorKey
			masked = append(AppendHeader(masked, h), frame[n:]...)
			Mask(masked[start+n+len(vectorKey):], vectorKey, 0)
		}
		if len(frame) > 1 {
			masked[start+1] |= bitMask
		}
		for i := range len(frame) + 1 {
			place[pos+i] = start + i
			if i >= n {
				place[pos+i] += len(vectorKey)
			}
		}
		pos += len(frame)
	}
	return masked, place, nil
}

// vectorLastFrame returns where the last frame of a stream begins.
func vectorLastFrame(stream []byte) (start int) {
	for pos := 0; pos < len(stream); pos += vectorFrameSize(stream[pos:]) {
		start = pos
	}
	return start
}

// settled reports whether nothing more is received before something else is to
// be done.
func (s vectorScript) settled(i int) bool {
	for _, next := range s.steps[i+1:] {
		if next.verb == ">" {
			return false
		}
		if next.verb == "send" || next.verb == "eof" {
			break
		}
	}
	return true
}

// want returns what must come of the run.
func (s vectorScript) want(run vectorRun) (log vectorLog) {
	for i, step := range s.steps {
		e := vectorEntry{line: step.line, what: step.verb + " " + step.what, data: step.data}
		switch step.verb {
		case ">":
			if run.byLine {
				log.add(vectorMarker(step))
			}
		case "event", "break":
			log.add(e)
		case "<":
			e.what = step.verb
			fallthrough
		case "refused", "eof":
			if run.endpoint {
				log.add(e)
			}
		case "state":
			if run.endpoint && (run.byLine || s.settled(i)) {
				log.add(e)
			}
		}
	}
	return log
}

func vectorMarker(step vectorStep) vectorEntry {
	return vectorEntry{line: step.line, what: fmt.Sprintf("line %d begins", step.line)}
}
