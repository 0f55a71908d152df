package websocket

import "testing"

func TestBufferSizesArePowersOfTwo(t *testing.T) {
	tests := []struct{ n, want int }{
		{1, 1}, {2, 2}, {3, 4}, {255, 256}, {256, 256}, {257, 512}, {8191, 8192}, {8192, 8192}, {8193, 16384}, {1 << 20, 1 << 20},
	}
	for _, tt := range tests {
		b := getBuffer(tt.n)
		if len(*b) != tt.want || cap(*b) != tt.want {
			t.Errorf("getBuffer(%d): len %d, cap %d, want %d", tt.n, len(*b), cap(*b), tt.want)
		}
		putBuffer(b)
	}
}

// TestBufferReturnsToItsPool looks into every pool, since a buffer in the wrong
// one is too short for who gets it.
func TestBufferReturnsToItsPool(t *testing.T) {
	for class := range 16 {
		for range 100 { // a pool may lose some
			putBuffer(getBuffer(1 << class))
			b := getBuffer(1 << class)
			if len(*b) != 1<<class {
				t.Fatalf("a buffer of %d bytes came from the pool of %d", len(*b), 1<<class)
			}
			putBuffer(b)
		}
	}
}

func TestBufferIsUsedAgain(t *testing.T) {
	for range 1000 { // the race detector makes pools lose a quarter, a collection all
		b := getBuffer(512)
		putBuffer(b)
		again := getBuffer(512)
		same := b == again
		putBuffer(again)
		if same {
			return
		}
	}
	t.Error("no buffer came back in 1000 tries")
}
