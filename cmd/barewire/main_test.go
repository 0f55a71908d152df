package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// asProgram is the variable in the environment that makes the test binary the
// program, for tests that need a process of its own.
const asProgram = "BAREWIRE_TEST_AS_PROGRAM"

// TestMain fails the package when a test leaves a goroutine behind.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	code := m.Run()
	if code == 0 {
		code = reportLeaks()
	}
	os.Exit(code)
}

// reportLeaks gives goroutines that are ending the time to do so.
func reportLeaks() (code int) {
	var leaked []string
	for end := time.Now().Add(testTimeout); time.Now().Before(end); runtime.Gosched() {
		if leaked = strayGoroutines(); len(leaked) == 0 {
			return 0
		}
	}
	fmt.Fprintf(os.Stderr, "FAIL: %d goroutines were left behind:\n\n%s\n", len(leaked), strings.Join(leaked, "\n\n"))
	return 1
}

// strayGoroutines returns the stacks of all goroutines but this one.
func strayGoroutines() (stray []string) {
	buf := make([]byte, 4<<20)
	stacks := strings.Split(strings.TrimSpace(string(buf[:runtime.Stack(buf, true)])), "\n\n")
	for _, s := range stacks[1:] {
		if !strings.Contains(s, "created by os/signal.Notify") {
			stray = append(stray, s)
		}
	}
	return stray
}
