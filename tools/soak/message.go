package main

import (
	"fmt"
	"math/rand/v2"

	"barewire.example/websocket"
)

// corpora have what messages are cut from, as text and as something else. The text is made of units of 4 bytes, so that it
// can be cut at each fourth byte.
var corpora = map[websocket.MessageType][]byte{
	websocket.Text:   makeText(),
	websocket.Binary: makeBytes(),
}

const (
	unit       = 4
	corpusSize = 1 << 20
	maxSize    = 512 << 10
)

func makeText() []byte {
	units := []string{"soak", " for", " the", "ever", "\"\\{}", "12.5", "ÄßЖé", "漢 ", "a€", "😀", "\x00\t\r\n", "öx!"}
	rng := rand.New(rand.NewPCG(1, 1))
	b := make([]byte, 0, corpusSize+unit)
	for len(b) < corpusSize {
		b = append(b, units[rng.IntN(len(units))]...)
	}
	return b[:corpusSize]
}

// makeBytes returns what cannot be compressed.
func makeBytes() []byte {
	b := make([]byte, corpusSize)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// An excerpt says what a message carries.
type excerpt struct {
	kind     websocket.MessageType
	at, size int
}

// pick chooses an excerpt. Most are small, one of a thousand is of up to maxSize bytes, unless limit says less.
func pick(rng *rand.Rand, limit int) excerpt {
	most := maxSize
	switch n := rng.IntN(1000); {
	case n < 800:
		most = 256
	case n < 950:
		most = 4 << 10
	case n < 999:
		most = 64 << 10
	}
	e := excerpt{kind: websocket.Binary, size: rng.IntN(min(most, limit)/unit+1) * unit}
	if rng.IntN(2) == 0 {
		e.kind = websocket.Text
	}
	e.at = rng.IntN((corpusSize-e.size)/unit+1) * unit
	return e
}

func (e excerpt) append(dst []byte) []byte { return append(dst, corpora[e.kind][e.at:e.at+e.size]...) }

// A script is a sequence of different messages, the same for the same seed: one for the side that sends, and another one for
// the side that knows what has to come back, and in which order.
type script struct {
	rng   *rand.Rand
	limit int // bytes of a message's excerpt
	n     int
	buf   []byte
}

func newScript(seed uint64, limit int) *script {
	return &script{rng: rand.New(rand.NewPCG(seed, 0)), limit: limit}
}

// next returns a message that is valid until the next call.
func (s *script) next() websocket.Message {
	e := pick(s.rng, s.limit)
	s.n++
	s.buf = e.append(fmt.Appendf(s.buf[:0], "%d ", s.n))
	m := websocket.Message{Type: e.kind, Data: s.buf}
	if cap(s.buf) > smallBuffer {
		s.buf = nil // thousands of scripts must not keep the largest message of each
	}
	return m
}

const smallBuffer = 4 << 10
