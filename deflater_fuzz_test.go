package websocket

import (
	"slices"
	"testing"
)

// FuzzDeflateRoundTrip lets the input choose everything: the window, the takeover
// and the effort in the first byte, how the messages are cut in the second, and
// the messages, each with two bytes before it: its length, and in the highest bit
// whether there is a rest behind it. They go through three inflaters, of which one
// refuses distances beyond the window.
func FuzzDeflateRoundTrip(f *testing.F) {
	names := []string{"zeros", "random", "words", "json", "binary", "all", "exactly", "too-far", "long-258"}
	for i := range 8 * 2 * 3 {
		settings := i%16 | i/16<<4
		p := deflateCorpora(8)[names[i%len(names)]]
		p = p[:min(len(p), 1200)]
		n := []byte{byte(len(p)), byte(len(p)>>8 | i&1<<7)}
		f.Add(slices.Concat([]byte{byte(settings), byte(9 + i)}, n, p, n, p))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) < 2 || len(in) > 1<<14 {
			return
		}
		settings := int(in[0])
		c := newDeflateCheck(8+settings&7, settings&8 != 0, effortFast+settings>>4%3)
		c.cut = 1 + int(in[1])*int(in[1])
		for in = in[2:]; len(in) > 2; {
			n := min(int(in[0])|int(in[1]&0x7f)<<8, len(in)-2)
			rest := in[1]&0x80 != 0
			c.message(t, in[2:2+n])
			in = in[2+n:]
			if rest {
				c.d.rest()
				c.f.rest()
			}
		}
	})
}
