// This file measures the inflater beside compress/flate. Figures of one run can
// be compared with each other, and with nothing else.

package websocket

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// BenchmarkInflate is a connection with takeover. The reader of compress/flate is
// used in both of the ways that there are: fed with a stream that never ends,
// which nobody who pools readers can do, and reset to the history at each message.
func BenchmarkInflate(b *testing.B) {
	benchInflate(b, true, []benchInflater{{"barewire", benchOurs}, {"flate-stream", benchFlateStream}, {"flate-reset", benchFlateReset}})
}

// BenchmarkInflateNoTakeover is one without: the reader is reset to nothing.
func BenchmarkInflateNoTakeover(b *testing.B) {
	benchInflate(b, false, []benchInflater{{"barewire", benchOurs}, {"flate-reset", benchFlateReset}})
}

// A benchInflater begins a connection on which all payloads come, over and over.
// What it returns inflates the next one, of which n bytes come.
type benchInflater struct {
	name  string
	begin func(payloads [][]byte, takeover bool) (inflate func(payload []byte, n int) error)
}

// MB/s are those of what comes out.
func benchInflate(b *testing.B, takeover bool, all []benchInflater) {
	for _, s := range deflateBenchSizes {
		payloads := inflateByWriter(b, 6, takeover, deflateBenchMessages(s.size))
		for _, f := range all {
			b.Run(s.name+"/"+f.name, func(b *testing.B) {
				inflate := f.begin(payloads, takeover)
				i := 0
				b.SetBytes(int64(s.size))
				for b.Loop() {
					if err := inflate(payloads[i%len(payloads)], s.size); err != nil {
						b.Fatal(err)
					}
					i++
				}
			})
		}
	}
}

func benchOurs(_ [][]byte, takeover bool) func([]byte, int) error {
	f := newTestInflater(15, takeover)
	return func(payload []byte, n int) error {
		for more := true; more; {
			out, used, ok := f.next(payload)
			if !ok {
				return io.ErrUnexpectedEOF
			}
			n -= len(out)
			payload = payload[used:]
			more = len(out) > 0
		}
		if _, _, ok := f.end(); !ok || n != 0 {
			return io.ErrUnexpectedEOF
		}
		return nil
	}
}

func benchFlateReset(_ [][]byte, takeover bool) func([]byte, int) error {
	var source bytes.Reader
	var tailed, history []byte
	buf := make([]byte, 128<<10)
	r := flate.NewReader(&source)
	return func(payload []byte, n int) error {
		tailed = append(append(tailed[:0], payload...), inflateTail...)
		source.Reset(tailed)
		r.(flate.Resetter).Reset(&source, history)
		if _, err := io.ReadFull(r, buf[:n]); err != nil {
			return err
		}
		if takeover {
			history = append(history, buf[:n]...)
			history = history[:copy(history, history[max(0, len(history)-1<<15):])]
		}
		return nil
	}
}

func benchFlateStream(payloads [][]byte, _ bool) func([]byte, int) error {
	endless := &benchEndless{}
	for _, payload := range payloads {
		endless.b = append(append(endless.b, payload...), inflateTail...)
	}
	buf := make([]byte, 128<<10)
	r := flate.NewReader(endless)
	return func(_ []byte, n int) error {
		_, err := io.ReadFull(r, buf[:n])
		return err
	}
}

// benchEndless repeats b for ever.
type benchEndless struct {
	b []byte
	i int
}

func (e *benchEndless) Read(p []byte) (int, error) {
	n := copy(p, e.b[e.i:])
	e.i = (e.i + n) % len(e.b)
	return n, nil
}

func (e *benchEndless) ReadByte() (byte, error) {
	c := e.b[e.i]
	e.i = (e.i + 1) % len(e.b)
	return c, nil
}

// BenchmarkInflateHostile takes input that yields next to nothing and costs the
// most. The same MB/s of input at both sizes says that the time is linear.
func BenchmarkInflateHostile(b *testing.B) {
	header := (&inflateWriter{}).header(257, 1, []int{inflateZeros(138), inflateZeros(118), 1, 0}).end()
	long := inflateRandomLens(rand.New(rand.NewPCG(1, 1)), 286, 286)
	for _, block := range []struct {
		name  string
		bytes []byte
	}{
		{"empty-stored", []byte("\x00" + inflateTail)},
		{"smallest-header", header.stored(0, "").bytes()},
		{"long-codes", (&inflateWriter{}).dynamic(long, []int{0}).end().stored(0, "").bytes()},
	} {
		for _, size := range []int{64 << 10, 1 << 20} {
			payload := bytes.Repeat(block.bytes, size/len(block.bytes))
			b.Run(fmt.Sprintf("%s/%d", block.name, size), func(b *testing.B) {
				f := newTestInflater(15, true)
				b.SetBytes(int64(len(payload)))
				for b.Loop() {
					if out, n, ok := f.next(payload); len(out) > 0 || n < len(payload) || !ok {
						b.Fatal("refused")
					}
				}
			})
		}
	}
}
