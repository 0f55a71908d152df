package main

import (
	"errors"
	"fmt"
	"slices"
)

// A resource is something of which a process must not need more and more.
type resource struct {
	name      string
	of        func(usage) int64
	share     float64 // by which it may grow all the same
	allowance int64   // on top of that
}

// All vary with what the connections are just doing, and the counts with how many are between two lives.
var resources = []resource{
	{"memory", func(u usage) int64 { return u.memory }, 0.10, 8 << 20},
	{"goroutines", func(u usage) int64 { return int64(u.goroutines) }, 0.02, 16},
	{"descriptors", func(u usage) int64 { return int64(u.descriptors) }, 0.02, 16},
}

// minSamples is how many samples a verdict needs, so that each quarter has a few.
const minSamples = 16

// judge looks for slopes in samples that were taken at equal distances. The first quarter is for warming up. The median of the
// second is what is needed; that of the last must not be more.
func judge(samples []usage) error {
	if len(samples) < minSamples {
		return fmt.Errorf("%d samples are too few for a verdict", len(samples))
	}
	quarter := len(samples) / 4
	second, last := samples[quarter:2*quarter], samples[len(samples)-quarter:]
	var errs []error
	for _, r := range resources {
		before, after := r.median(second), r.median(last)
		if limit := before + int64(r.share*float64(before)) + r.allowance; after > limit {
			errs = append(errs, fmt.Errorf("%s grow: from %d in the second quarter to %d in the last, beyond %d", r.name, before, after, limit))
		}
	}
	return errors.Join(errs...)
}

func (r resource) median(samples []usage) int64 {
	values := make([]int64, 0, len(samples))
	for _, u := range samples {
		values = append(values, r.of(u))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
