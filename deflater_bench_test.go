// This file measures the deflater beside compress/flate. Figures of one run can
// be compared with each other, and with nothing else.

package websocket

import (
	"bytes"
	"compress/flate"
	"fmt"
	"testing"
)

// deflateBenchSizes are the lengths of the messages that are measured.
var deflateBenchSizes = []struct {
	name string
	size int
}{{"json-128B", 128}, {"json-1KiB", 1 << 10}, {"json-16KiB", 16 << 10}, {"json-128KiB", 128 << 10}}

// deflateBenchMessages returns a megabyte of messages that all differ.
func deflateBenchMessages(size int) (messages [][]byte) {
	for p := jsonCorpus(1 << 20); len(p) > 0; p = p[size:] {
		messages = append(messages, p[:size])
	}
	return messages
}

// BenchmarkDeflate is a connection with takeover: a message may refer to those
// before it.
func BenchmarkDeflate(b *testing.B) { benchDeflate(b, true) }

// BenchmarkDeflateNoTakeover is one without: each message begins anew.
func BenchmarkDeflateNoTakeover(b *testing.B) { benchDeflate(b, false) }

// A benchCompressor compresses one message and returns how many bytes go into its
// frames.
type benchCompressor func(p []byte) int

func benchDeflate(b *testing.B, takeover bool) {
	for _, s := range deflateBenchSizes {
		messages := deflateBenchMessages(s.size)
		for effort := effortFast; effort <= effortBest; effort++ {
			b.Run(fmt.Sprintf("%s/barewire-effort-%d", s.name, effort), func(b *testing.B) {
				benchCompress(b, benchDeflater(takeover, effort), messages)
			})
		}
		for _, level := range []int{1, 6} {
			b.Run(fmt.Sprintf("%s/flate-%d", s.name, level), func(b *testing.B) {
				benchCompress(b, benchFlate(b, takeover, level), messages)
			})
		}
	}
}

// benchCompress sends all messages once for the sizes, and then goes on for the
// time.
func benchCompress(b *testing.B, compress benchCompressor, messages [][]byte) {
	total := 0
	for _, p := range messages {
		total += compress(p)
	}
	i := 0
	b.SetBytes(int64(len(messages[0])))
	for b.Loop() {
		compress(messages[i%len(messages)])
		i++
	}
	b.ReportMetric(float64(total)/float64(len(messages)), "out-B/op")
}

func benchDeflater(takeover bool, effort int) benchCompressor {
	var d deflater
	d.init(15, takeover, effort)
	var out []byte
	return func(p []byte) int {
		out = d.append(out[:0], p, true)
		return len(out)
	}
}

// benchFlate keeps its writer, as everybody does: a new one takes longer than a
// message.
func benchFlate(b *testing.B, takeover bool, level int) benchCompressor {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, level)
	if err != nil {
		b.Fatal(err)
	}
	return func(p []byte) int {
		out.Reset()
		if !takeover {
			w.Reset(&out)
		}
		w.Write(p)
		w.Flush()
		return out.Len() - len(inflateTail)
	}
}

// BenchmarkDeflaterWakes is a small message after a rest: the table is made anew
// from a full window.
func BenchmarkDeflaterWakes(b *testing.B) {
	p := jsonCorpus(128)
	for _, windowBits := range []int{9, 12, 15} {
		for effort := effortFast; effort <= effortBest; effort++ {
			b.Run(fmt.Sprintf("bits-%d/effort-%d", windowBits, effort), func(b *testing.B) {
				var d deflater
				scratch, table := new(deflateScratch), newDeflateTable(tableWords(1<<windowBits))
				d.scratch = func() *deflateScratch { return scratch }
				d.getTable = func(int) *deflateTable { return table }
				d.init(windowBits, true, effort)
				out := d.append(nil, jsonCorpus(40000), true)
				b.ReportAllocs()
				for b.Loop() {
					out = d.append(out[:0], p, true)
					d.rest()
				}
			})
		}
	}
}
