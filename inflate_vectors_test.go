package websocket

import (
	"bufio"
	"bytes"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The vectors in testdata/inflate were written by zlib; make.py tells how.
func TestInflateZlibVectors(t *testing.T) {
	messages := 0
	for windowBits := 9; windowBits <= 15; windowBits++ {
		for _, sender := range inflateVectors(t, windowBits) {
			messages += sender.check(t)
		}
	}
	if messages != 7*8*4 {
		t.Errorf("%d messages", messages)
	}
}

// An inflateSender is what one sender has sent, and what that should yield.
type inflateSender struct {
	inflateCase
	name   string
	length []int
	sum    []uint32
}

func inflateVectors(t *testing.T, windowBits int) (senders []*inflateSender) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "inflate", fmt.Sprintf("zlib-%d.txt", windowBits)))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "sender "); ok {
			senders = append(senders, &inflateSender{name: name, inflateCase: inflateCase{windowBits: windowBits, takeover: true}})
			continue
		}
		var length int
		var sum uint32
		var packed string
		if _, err := fmt.Sscanf(lines.Text(), "%d %x %s", &length, &sum, &packed); err != nil {
			t.Fatalf("%.40q: %v", lines.Text(), err)
		}
		s := senders[len(senders)-1]
		s.length, s.sum, s.payloads = append(s.length, length), append(s.sum, sum), append(s.payloads, inflateHex(t, packed))
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	return senders
}

func (s *inflateSender) check(t *testing.T) (messages int) {
	t.Helper()
	outs, fault := s.inflateCase.check(t)
	for i, out := range outs {
		if len(out) != s.length[i] || crc32.ChecksumIEEE(out) != s.sum[i] || fault != "" {
			t.Errorf("%d bits, %s, message %d: %d bytes, fault %q", s.windowBits, s.name, i, len(out), fault)
		}
	}
	return len(outs)
}

// What compress/flate makes in its different ways, with takeover and without.
func TestInflateFlateStreams(t *testing.T) {
	for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, 1, 3, 6, 9} {
		for _, takeover := range []bool{false, true} {
			r := rand.New(rand.NewPCG(1, uint64(level+9)))
			var plain [][]byte
			for _, size := range []int{0, 1, 100, 5000, 4096, 4097, 0, 40000} {
				plain = append(plain, jsonMessage(r, size))
			}
			plain = append(plain, bytes.Repeat([]byte("x"), 20000), randomMessage(r, 5000), bytes.Repeat([]byte("xyz"), 4096/3))
			c := inflateCase{15, takeover, inflateByWriter(t, level, takeover, plain)}
			outs, fault := c.check(t)
			if fault != "" || !bytes.Equal(bytes.Join(outs, nil), bytes.Join(plain, nil)) {
				t.Errorf("level %d, takeover %v: fault %q", level, takeover, fault)
			}
		}
	}
}

// inflateByWriter compresses messages with compress/flate.
func inflateByWriter(t testing.TB, level int, takeover bool, plain [][]byte) (payloads [][]byte) {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, level)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plain {
		out.Reset()
		if !takeover {
			w.Reset(&out)
		}
		w.Write(p)
		w.Flush()
		payload, ok := bytes.CutSuffix(out.Bytes(), []byte(inflateTail))
		if !ok {
			t.Fatalf("%x has no tail", out.Bytes())
		}
		payloads = append(payloads, bytes.Clone(payload))
	}
	return payloads
}
