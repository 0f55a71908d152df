// This file counts what the floods of life_memory_test.go have allocated. The
// race detector has pools lose buffers on purpose, so these tests are only for
// builds without it.

//go:build !race

package websocket

import (
	"runtime"
	"testing"
	"testing/synctest"
)

// S-24: a million pongs that nobody has asked for. Each buffer that was taken for
// them came back, since hardly one was made.
func TestLifePongFloodAllocatesNothing(t *testing.T) {
	const pongs, each, most = 1_000_000, 64, 1000
	inEachRole(t, func(t *testing.T, role Role) {
		c, p, s := newLifeConn(t, role, Options{})
		for range each {
			s.block = append(s.block, p.frame(OpPong, true, "12345678")...)
		}
		s.times, s.most = pongs/each, 100
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		startRead(c)
		synctest.Wait()
		runtime.ReadMemStats(&after)
		if s.times > 0 || s.reads.Load() < 50*most {
			t.Fatalf("%d blocks of pongs were not read; there were %d reads", s.times, s.reads.Load())
		}
		if n := after.Mallocs - before.Mallocs; n > most {
			t.Errorf("%d allocations", n)
		}
	})
}
