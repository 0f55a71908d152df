// This file sends messages through a deflater and three inflaters: our own, the
// reference and compress/flate.

package websocket

import (
	"bytes"
	"testing"
)

// deflateMessage compresses one message in pieces of at most cut bytes, and
// overwrites each piece afterwards to catch a deflater that keeps it.
func deflateMessage(t testing.TB, d *deflater, p []byte, cut int) []byte {
	t.Helper()
	var out []byte
	for {
		n := min(cut, len(p))
		piece := bytes.Clone(p[:n])
		out = d.append(out, piece, n == len(p))
		if !bytes.Equal(piece, p[:n]) {
			t.Fatal("the piece was changed")
		}
		p = p[n:]
		inflateScribble(piece)
		if len(p) == 0 {
			return out
		}
	}
}

// A deflateCheck is one direction of a connection.
type deflateCheck struct {
	d   deflater
	f   inflater
	ref inflateReference
	cut int
}

func newDeflateCheck(windowBits int, takeover bool, effort int) *deflateCheck {
	c := &deflateCheck{ref: inflateReference{reach: 1 << windowBits, takeover: takeover}, cut: 1 << 30}
	c.d.init(windowBits, takeover, effort)
	c.f.init(windowBits, takeover)
	return c
}

// message returns what goes into the frames. The reference sees to it that no
// distance is beyond the window. What it lets pass, because senders may do it,
// our deflater must not do either: old inflaters stop at BFINAL or at a code
// that is not complete.
func (c *deflateCheck) message(t testing.TB, p []byte) []byte {
	t.Helper()
	var history []byte
	if c.d.takeover {
		history = c.ref.out
	}
	out := deflateMessage(t, &c.d, p, c.cut)
	got, fault := c.ref.message(out)
	if fault != "" || !bytes.Equal(got, p) {
		t.Fatalf("reference: fault %q; %d bytes became %d", fault, len(p), len(got))
	}
	if seen := c.ref.seen; seen.finals+seen.padding+seen.incomplete > 0 {
		t.Fatalf("%d last blocks, %d bits of padding that are 1, %d incomplete codes", seen.finals, seen.padding, seen.incomplete)
	}
	inflateCheckFlate(t, history, out, inflateResult{p, ""})
	if got, ok := inflateMessage(&c.f, out, inflateWhole); !ok || !bytes.Equal(got, p) {
		t.Fatalf("inflater: %v; %d bytes became %d", ok, len(p), len(got))
	}
	return out
}
