package websocket

import (
	"bytes"
	"runtime/debug"
	"syscall"
	"testing"
)

// maskFencedPage returns a page of memory with inaccessible pages before and
// behind it.
func maskFencedPage(t *testing.T) []byte {
	t.Helper()
	size := syscall.Getpagesize()
	all, err := syscall.Mmap(-1, 0, 3*size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	for _, fence := range [][]byte{all[:size], all[2*size:]} {
		if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return all[size : 2*size : 2*size]
}

// S-30: implementations that unmask by words have run past the end of the
// payload. Here that would be a fault.
func TestMaskStaysInsideThePayload(t *testing.T) {
	page := maskFencedPage(t)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	var length, pos int
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("length %d, pos %d: %v", length, pos, r)
		}
	}()
	for length = range 131 {
		for pos = range 4 {
			maskCheckPiece(t, page[:length], pos)
			maskCheckPiece(t, page[len(page)-length:], pos)
		}
	}
}

func maskCheckPiece(t *testing.T, p []byte, pos int) {
	t.Helper()
	copy(p, maskPattern(len(p)))
	Mask(p, maskKey, pos)
	if want := maskBytewise(maskPattern(len(p)), maskKey, pos); !bytes.Equal(p, want) {
		t.Fatalf("length %d, pos %d: got %x, want %x", len(p), pos, p, want)
	}
}
