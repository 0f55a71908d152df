package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
)

// usage is what a process holds.
type usage struct {
	memory      int64 // bytes that are resident
	heap        int64 // bytes of it that Go has given out and not collected
	goroutines  int
	descriptors int
}

func (u usage) String() string {
	return fmt.Sprintf("%d MiB (%.1f in use), %d goroutines, %d descriptors", u.memory>>20, float64(u.heap)/(1<<20), u.goroutines, u.descriptors)
}

// readUsage returns what /proc tells of a process, which is memory and descriptors.
func readUsage(pid string) (u usage, err error) {
	status, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		return u, err
	}
	if u.memory, err = residentMemory(status); err != nil {
		return u, err
	}
	dir, err := os.Open(filepath.Join("/proc", pid, "fd"))
	if err != nil {
		return u, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	u.descriptors = len(names)
	return u, err
}

func residentMemory(status []byte) (int64, error) {
	_, rest, ok := bytes.Cut(status, []byte("\nVmRSS:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	number, isKiB := bytes.CutSuffix(bytes.TrimSpace(line), []byte(" kB"))
	if !ok || !isKiB {
		return 0, errors.New("the status of the process has no VmRSS")
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(number)), 10, 64)
	return n << 10, err
}

// ownUsage returns what this process uses; the descriptor with which it finds out counts.
func ownUsage() (usage, error) {
	u, err := readUsage("self")
	u.goroutines, u.heap = runtime.NumGoroutine(), heapInUse()
	return u, err
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// trim lets go of all memory that is not needed. What a sync.Pool holds takes two collections.
func trim() {
	runtime.GC()
	debug.FreeOSMemory()
}

// sameCounts compares what can be counted exactly.
func (u usage) sameCounts(v usage) bool {
	return u.goroutines == v.goroutines && u.descriptors == v.descriptors
}
