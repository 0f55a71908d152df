// This file fails the package when its tests leave goroutines behind.

package websocket

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails the package when a test leaves a goroutine behind. After a
// failed test that would only be noise.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		code = reportLeaks()
	}
	os.Exit(code)
}

func reportLeaks() (code int) {
	leaked := waitForGoroutines()
	if len(leaked) == 0 {
		return 0
	}
	fmt.Fprintf(os.Stderr, "FAIL: %d goroutines were left behind:\n\n%s\n", len(leaked), strings.Join(leaked, "\n\n"))
	return 1
}

// waitForGoroutines gives goroutines that are ending the time to do so, and
// returns those that stay.
func waitForGoroutines() (leaked []string) {
	for try := range 200 {
		if leaked = strayGoroutines(allStacks()); len(leaked) == 0 {
			return nil
		}
		runtime.Gosched()
		if try >= 100 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	return leaked
}

func allStacks() string {
	for size := 1 << 20; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return string(buf[:n])
		}
	}
}

// strayGoroutines returns the stacks in a dump of all goroutines but the
// first, which is the caller's, and those that last as long as the process.
func strayGoroutines(dump string) (stray []string) {
	for i, stack := range strings.Split(strings.TrimSpace(dump), "\n\n") {
		if i > 0 && !strings.Contains(stack, "created by os/signal.Notify") {
			stray = append(stray, stack)
		}
	}
	return stray
}

func TestStrayGoroutinesAreFoundUntilTheyEnd(t *testing.T) {
	stay, running, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go strayForTest(stay, running, ended)
	<-running
	if !isStray("strayForTest") {
		t.Error("a goroutine that waits is not found")
	}
	close(stay)
	<-ended
	for range 1000 {
		if !isStray("strayForTest") {
			return
		}
		runtime.Gosched()
	}
	t.Error("a goroutine that ended is found")
}

func strayForTest(stay, running, ended chan struct{}) {
	defer close(ended)
	close(running)
	<-stay
}

func isStray(name string) bool {
	return strings.Contains(strings.Join(strayGoroutines(allStacks()), ""), name)
}
