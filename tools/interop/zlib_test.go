package main

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"
)

// flateTail ends what 7692 §7.2.1 cuts, and then the stream, for compress/flate.
const flateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

func TestZlibChecksHaveNamesOfTheirOwn(t *testing.T) {
	inflates, deflates := zlibInflates(), zlibDeflates()
	if len(inflates) != 8*3*2+7 || len(deflates) != 7*3*5*2+7 {
		t.Errorf("%d and %d checks", len(inflates), len(deflates))
	}
	seen := map[string]bool{}
	for _, c := range append(inflates, deflates...) {
		if seen[c.Do+c.Name] {
			t.Errorf("%s twice", c.Name)
		}
		seen[c.Do+c.Name] = true
	}
}

// What compress/flate makes of our side is right, in both roles; whether distances are within a window it cannot see.
func TestZlibChecksDeflate(t *testing.T) {
	for _, c := range zlibInflates() {
		if !c.Alone || c.fault != "" {
			continue
		}
		payloads, err := c.deflate()
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range payloads {
			got, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(p), strings.NewReader(flateTail))))
			if err != nil || !bytes.Equal(got, c.Messages[i]) {
				t.Errorf("%s: message %d: %d bytes of %d, %v", c.Name, i, len(got), len(c.Messages[i]), err)
			}
		}
	}
}

func TestZlibChecksInflate(t *testing.T) {
	for _, c := range []zlibCheck{
		{ours: 15, zlibJob: zlibJob{Do: "deflate", Bits: 15}},
		{ours: 15, zlibJob: zlibJob{Do: "deflate", Bits: 14}},
	} {
		var payloads [][]byte
		var all bytes.Buffer
		z, _ := flate.NewWriter(&all, 6)
		for _, m := range zlibMessages(15) {
			all.Reset()
			z.Write(m)
			z.Flush()
			payloads = append(payloads, bytes.Clone(all.Bytes()[:all.Len()-4]))
		}
		saw, fault := c.inflate(payloads)
		if faults := c.judge(outcomeOfZlib{zlibMessages(15), saw, fault}); len(faults) > 0 {
			t.Errorf("role %v: %v", c.role(), faults)
		}
		payloads[3][0] ^= 7
		if _, fault = c.inflate(payloads); fault == "" {
			t.Errorf("role %v: no fault", c.role())
		}
	}
}

func TestZlibJudge(t *testing.T) {
	a, b := []byte("a"), []byte("b")
	tests := []struct {
		name, refusal string
		saw           [][]byte
		fault, want   string
	}{
		{"right", "", [][]byte{a, b}, "", ""},
		{"other bytes", "", [][]byte{a, a}, "", "message 1: want binary of 1 bytes"},
		{"too few", "", [][]byte{a}, "", "want 2 messages, saw 1"},
		{"error", "", [][]byte{a}, "zlib.error", `and the error "zlib.error"`},
		{"refused", "too far", [][]byte{a}, "it is too far back", ""},
		{"refused late", "too far", [][]byte{a, b}, "it is too far back", "after 1 messages, saw"},
		{"not refused", "too far", [][]byte{a, b}, "", `want the error "too far"`},
	}
	for _, test := range tests {
		c := zlibCheck{fault: test.refusal}
		faults := strings.Join(c.judge(outcomeOfZlib{[][]byte{a, b}, test.saw, test.fault}), "; ")
		if (faults == "") != (test.want == "") || !strings.Contains(faults, test.want) {
			t.Errorf("%s: %q", test.name, faults)
		}
	}
}
