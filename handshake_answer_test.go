package websocket

import (
	"bufio"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// §1.3 and §4.2.2 work out this one.
func TestHandshakeAcceptKeyOfTheRFC(t *testing.T) {
	if got, want := AcceptKey(sampleKey), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		t.Errorf("AcceptKey = %q, want %q", got, want)
	}
}

func TestHandshakeAcceptKeyOfRandomKeys(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		var nonce [16]byte
		binary.BigEndian.PutUint64(nonce[:], random.Uint64())
		binary.BigEndian.PutUint64(nonce[8:], random.Uint64())
		key := EncodeKey(nonce)
		if want := slowBase64(nonce[:]); key != want || !isKey(key) {
			t.Fatalf("EncodeKey(%x) = %q, want %q", nonce, key, want)
		}
		sum := slowSHA1(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
		if got, want := AcceptKey(key), slowBase64(sum[:]); got != want {
			t.Fatalf("AcceptKey(%q) = %q, want %q", key, got, want)
		}
	}
}

// slowSHA1 is RFC 3174 §6.1, word for word.
func slowSHA1(message string) (sum [20]byte) {
	padded := append([]byte(message), 0x80)
	for len(padded)%64 != 56 {
		padded = append(padded, 0)
	}
	padded = binary.BigEndian.AppendUint64(padded, uint64(len(message))*8)
	h := [5]uint32{0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}
	for ; len(padded) > 0; padded = padded[64:] {
		slowSHA1Block(&h, padded[:64])
	}
	for i, word := range h {
		binary.BigEndian.PutUint32(sum[4*i:], word)
	}
	return sum
}

func slowSHA1Block(h *[5]uint32, block []byte) {
	var w [80]uint32
	for t := range w {
		if t < 16 {
			w[t] = binary.BigEndian.Uint32(block[4*t:])
		} else {
			w[t] = bits.RotateLeft32(w[t-3]^w[t-8]^w[t-14]^w[t-16], 1)
		}
	}
	a, b, c, d, e := h[0], h[1], h[2], h[3], h[4]
	for t := range w {
		f, k := b&c|^b&d, uint32(0x5A827999)
		switch t / 20 {
		case 1:
			f, k = b^c^d, 0x6ED9EBA1
		case 2:
			f, k = b&c|b&d|c&d, 0x8F1BBCDC
		case 3:
			f, k = b^c^d, 0xCA62C1D6
		}
		a, b, c, d, e = bits.RotateLeft32(a, 5)+f+e+w[t]+k, a, bits.RotateLeft32(b, 30), c, d
	}
	for i, word := range [5]uint32{a, b, c, d, e} {
		h[i] += word
	}
}

// slowBase64 is RFC 4648 §4, bit by bit.
func slowBase64(b []byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var out []byte
	for i := 0; i < len(b)*8; i += 6 {
		v := 0
		for j := i; j < i+6; j++ {
			v <<= 1
			if j < len(b)*8 {
				v |= int(b[j/8] >> (7 - j%8) & 1)
			}
		}
		out = append(out, alphabet[v])
	}
	for len(out)%4 != 0 {
		out = append(out, '=')
	}
	return string(out)
}

func TestHandshakeAnswerIsAValidResponse(t *testing.T) {
	a := &Answer{
		Subprotocol: "chat",
		Extensions:  []Extension{{Name: "permessage-deflate", Params: []Param{{Name: "server_max_window_bits", Value: "10", HasValue: true}}}},
		Header:      map[string][]string{"X-B": {"1", "2"}, "X-A": {"3"}},
	}
	got := string(AppendAnswer([]byte("before"), sampleKey, a))
	want := "before" + strings.Join([]string{
		"HTTP/1.1 101 Switching Protocols",
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
		"Sec-WebSocket-Protocol: chat",
		"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10",
		"X-A: 3",
		"X-B: 1",
		"X-B: 2",
	}, "\r\n") + "\r\n\r\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(a.Header) != 2 {
		t.Errorf("the caller's header was changed: %v", a.Header)
	}
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(strings.TrimPrefix(got, "before"))), nil)
	if err != nil || res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Protocol") != "chat" {
		t.Errorf("net/http reads %+v, %v", res, err)
	}
}

// §4.2.2: no agreement means no field.
func TestHandshakeAnswerWithoutAgreement(t *testing.T) {
	want := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
	if got := string(AppendAnswer(nil, sampleKey, &Answer{})); got != want {
		t.Errorf("got %q", got)
	}
}

func TestHandshakeAnswerSelectsOnlyWhatWasOffered(t *testing.T) {
	offer := &Offer{Subprotocols: []string{"chat"}, Extensions: []Extension{{Name: "permessage-deflate"}}}
	for name, test := range map[string]struct {
		answer Answer
		ok     bool
	}{
		"nothing":               {Answer{}, true},
		"all":                   {Answer{Subprotocol: "chat", Extensions: []Extension{{Name: "permessage-deflate"}}}, true},
		"other-subprotocol":     {Answer{Subprotocol: "superchat"}, false},
		"subprotocol-in-case":   {Answer{Subprotocol: "CHAT"}, false},
		"other-extension":       {Answer{Extensions: []Extension{{Name: "x-foo"}}}, false},
		"bad-extension-value":   {Answer{Extensions: []Extension{{"permessage-deflate", []Param{{"a", "b c", true}}}}}, false},
		"cookie":                {Answer{Header: map[string][]string{"Set-Cookie": {"a=b; Path=/"}}}, true},
		"field-of-ours":         {Answer{Header: map[string][]string{"sec-websocket-accept": {"x"}}}, false},
		"line-feed-in-a-cookie": {Answer{Header: map[string][]string{"Set-Cookie": {"a\nb"}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.answer.Check(offer); (err == nil) != test.ok {
				t.Error(err)
			}
		})
	}
}
