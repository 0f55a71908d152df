package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// flat is what a run is like in which nothing grows, with noise of up to these parts of a hundred and single peaks.
func flat(seed uint64, memoryNoise, countNoise int) []usage {
	rng := rand.New(rand.NewPCG(seed, 0))
	noisy := func(value, noise int) int { return value + value*(rng.IntN(2*noise+1)-noise)/100 }
	run := make([]usage, 120)
	for i := range run {
		run[i] = usage{memory: int64(noisy(100<<20, memoryNoise)), goroutines: noisy(4000, countNoise), descriptors: noisy(2000, countNoise)}
		if rng.IntN(10) == 0 {
			run[i].memory *= 2
		}
	}
	return run
}

func TestJudgePassesNoise(t *testing.T) {
	for seed := range uint64(50) {
		if err := judge(flat(seed, 10, 3)); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

func TestJudgePassesWhatGrowsWhileItWarmsUp(t *testing.T) {
	run := flat(1, 1, 1)
	for i := range run[:len(run)/4] {
		run[i] = usage{memory: int64(i) << 20, goroutines: 100 * i, descriptors: 50 * i}
	}
	if err := judge(run); err != nil {
		t.Error(err)
	}
}

func TestJudgeFailsOnASlope(t *testing.T) {
	for name, leak := range map[string]func(u *usage, step int){
		"memory":      func(u *usage, step int) { u.memory += int64(step) * 500 << 10 },
		"goroutines":  func(u *usage, step int) { u.goroutines += step * 3 },
		"descriptors": func(u *usage, step int) { u.descriptors += step * 2 },
	} {
		for seed := range uint64(50) {
			run := flat(seed, 10, 3)
			for i := range run {
				leak(&run[i], i)
			}
			err := judge(run)
			if err == nil || !strings.HasPrefix(err.Error(), name+" grow") || strings.Count(err.Error(), "grow") != 1 {
				t.Errorf("a slope of %s, seed %d: %v", name, seed, err)
			}
		}
	}
}

func TestJudgeNamesEverySlope(t *testing.T) {
	run := flat(1, 0, 0)
	for i := range run {
		run[i] = usage{memory: int64(i+1) << 20, goroutines: 10 * i, descriptors: 10 * i}
	}
	err := judge(run)
	if err == nil || strings.Count(err.Error(), " grow") != len(resources) {
		t.Errorf("three slopes: %v", err)
	}
}

func TestJudgeWantsSamples(t *testing.T) {
	if err := judge(flat(1, 1, 1)[:minSamples-1]); err == nil {
		t.Error("a verdict without samples")
	}
}

func TestHistogramFindsTheSlowestOfAHundred(t *testing.T) {
	var h histogram
	if p99, n := h.take(); p99 != 0 || n != 0 {
		t.Errorf("of nothing: %v of %d", p99, n)
	}
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	p99, n := h.take()
	if low, high := 990*time.Millisecond, 1040*time.Millisecond; n != 1000 || p99 < low || p99 > high {
		t.Errorf("p99 of 1 to 1000 ms: %v of %d", p99, n)
	}
	if _, n := h.take(); n != 0 {
		t.Errorf("%d are left", n)
	}
	for _, d := range []time.Duration{-1, 0, time.Hour} {
		h.add(d)
	}
	if p99, n := h.take(); n != 3 || p99 < time.Minute {
		t.Errorf("p99 with an hour: %v of %d", p99, n)
	}
}

func TestUsageReadsStatus(t *testing.T) {
	n, err := residentMemory([]byte("Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t    5124 kB\nRssAnon:\t 1 kB\n"))
	if n != 5124<<10 || err != nil {
		t.Errorf("memory is %d, %v", n, err)
	}
	for _, status := range []string{"", "Name:\tx\n", "\nVmRSS:\t12\n", "\nVmRSS:\tx kB\n"} {
		if n, err := residentMemory([]byte(status)); err == nil {
			t.Errorf("memory of %q is %d", status, n)
		}
	}
}
