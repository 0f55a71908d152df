// These are the tests of masking keys: nobody can tell the next one (§5.3, §10.3),
// and what they mask is not the caller's memory.

package websocket

import (
	"bytes"
	"encoding/binary"
	"math"
	"sync"
	"testing"
	"testing/synctest"
)

func TestMaskKeysHaveNoPattern(t *testing.T) {
	const n = 1 << 20
	keys := make([]uint32, n)
	seen := make(map[uint32]int, n)
	var bits [32]int
	for i := range keys {
		k := freshMaskKey()
		keys[i] = binary.BigEndian.Uint32(k[:])
		seen[keys[i]]++
		for b := range bits {
			bits[b] += int(keys[i] >> b & 1)
		}
	}
	// n keys of 2^32 repeat n²/2^33 = 128 times, with a standard deviation of 11.
	if repeats := n - len(seen); repeats < 40 || repeats > 250 {
		t.Errorf("%d keys repeat another, want about 128", repeats)
	}
	// Each bit is set in half of them; 8 standard deviations of n/2 are 4096.
	for b, k := range bits {
		if k < n/2-4096 || k > n/2+4096 {
			t.Errorf("bit %d is set in %d of %d keys", b, k, n)
		}
	}
	// Neighbours, and those in the same place of their blocks, are independent:
	// a counter, or a block that is used twice, has a correlation near 1.
	for _, lag := range []int{1, 2, keyBlock / 4, keyBlock/4 + 1} {
		if r := correlation(keys, lag); math.Abs(r) > 0.01 {
			t.Errorf("keys that are %d apart have a correlation of %.3f", lag, r)
		}
		differences := map[uint32]int{}
		for i := lag; i < 1000+lag; i++ {
			differences[keys[i]-keys[i-lag]]++
			differences[keys[i]^keys[i-lag]]++
		}
		if len(differences) < 1990 {
			t.Errorf("keys that are %d apart have only %d differences in 2000", lag, len(differences))
		}
	}
}

// correlation returns that of a series with itself, lag places later.
func correlation(keys []uint32, lag int) float64 {
	const mean = 1 << 31
	var cov, variance float64
	for i := lag; i < len(keys); i++ {
		a, b := float64(keys[i])-mean, float64(keys[i-lag])-mean
		cov += a * b
		variance += a * a
	}
	return cov / variance
}

func TestMaskKeysForManyGoroutines(t *testing.T) {
	const goroutines, each = 8, 20_000
	all := make([][]([4]byte), goroutines)
	var running sync.WaitGroup
	for g := range all {
		running.Go(func() {
			for range each {
				all[g] = append(all[g], freshMaskKey())
			}
		})
	}
	running.Wait()
	seen := map[[4]byte]bool{}
	for _, keys := range all {
		for _, k := range keys {
			seen[k] = true
		}
	}
	// Three repeats are expected; a block that two goroutines share makes thousands.
	if repeats := goroutines*each - len(seen); repeats > 30 {
		t.Errorf("%d keys repeat", repeats)
	}
}

func TestMaskKeysCostNoMemory(t *testing.T) {
	if n := testing.AllocsPerRun(1000, func() { freshMaskKey() }); n != 0 {
		t.Errorf("%v allocations a key", n)
	}
}

// §5.3: a fresh key for each frame, so for each fragment and control frame, too.
// A connection that Dial has opened must not have another source.
func TestMaskKeysOfAConnection(t *testing.T) {
	dialBubble(t, Dialer{Options: Options{WriteBuffer: minBuffer}}, testURL, func(s *dialing) {
		p, r := s.open()
		keys := map[[4]byte]bool{}
		take := func() {
			h, _ := p.readFrame("a frame") // which wants a mask, and no key twice
			keys[h.MaskKey] = true
		}
		for range 200 {
			r.c.Write(background, Text, []byte("the same"))
			take()
		}
		w, err := r.c.NextWriter(background, Text)
		wantNil(s.t, "NextWriter", err)
		wrote := started(func() error {
			w.Write(make([]byte, 10_000))
			return w.Close()
		})
		for range 10_000/minBuffer + 1 {
			take()
		}
		wantNil(s.t, "Close", <-wrote)
		go r.c.Ping(background)
		for synctest.Wait(); p.sim.unread() > 0 || len(p.got) > 0; synctest.Wait() {
			take()
		}
		if keys[[4]byte{}] || len(keys) < 240 {
			s.t.Errorf("%d keys, a zero key among them: %v", len(keys), keys[[4]byte{}])
		}
	})
}

// §10.3: what was given to Write is sent, and is as it was afterwards.
func TestMaskKeysLeaveTheCallersBytesAlone(t *testing.T) {
	for _, size := range []int{1, 125, 126, defaultBuffer - 20, defaultBuffer + 1, 65_536, 200_000} {
		synctest.Test(t, func(t *testing.T) {
			c, p := newTestConn(t, RoleClient, Options{}, func(k *simKnobs) { k.capacity = 1000 })
			payload := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			mine := bytes.Clone(payload)
			wrote := started(func() error { return c.Write(background, Binary, mine) })
			p.wantFrame("the message", OpBinary, string(payload))
			if err := <-wrote; err != nil || !bytes.Equal(mine, payload) {
				t.Errorf("%d bytes: %v, changed: %v", size, err, !bytes.Equal(mine, payload))
			}
		})
	}
}
