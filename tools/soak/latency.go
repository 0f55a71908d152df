package main

import (
	"math"
	"sync/atomic"
	"time"
)

// A histogram counts durations in memory that does not grow. Each class reaches classStep times as far as the one before.
type histogram struct {
	classes [400]atomic.Int64
}

const (
	classBase = time.Microsecond
	classStep = 1.05 // the last class ends behind 5 minutes
)

func (h *histogram) add(d time.Duration) {
	class := int(math.Log(float64(max(d, classBase))/float64(classBase)) / math.Log(classStep))
	h.classes[min(class, len(h.classes)-1)].Add(1)
}

// take returns how long all but one percent took at most, and begins anew.
func (h *histogram) take() (p99 time.Duration, n int64) {
	var counts [len(h.classes)]int64
	for i := range counts {
		counts[i] = h.classes[i].Swap(0)
		n += counts[i]
	}
	beyond := n / 100
	for i := len(counts) - 1; i >= 0; i-- {
		if beyond -= counts[i]; beyond < 0 {
			return time.Duration(float64(classBase) * math.Pow(classStep, float64(i+1))), n
		}
	}
	return 0, n
}
