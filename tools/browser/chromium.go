package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// findChromium returns the path of a program; named is what CHROMIUM says.
func findChromium(named string) (string, error) {
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	if named != "" {
		names = []string{named}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no browser: %s not found; set CHROMIUM to the path of a Chromium", strings.Join(names, ", "))
}

// The browser sees nothing but our own pages, so it needs no sandbox, which root could not have in a container.
var chromiumFlags = []string{
	"--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic",
	"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-breakpad",
}

// chromium is the browser's process, and as a target the browser.
type chromium struct {
	target
	cmd    *exec.Cmd
	stderr string        // file
	ended  chan struct{} // closed when the process has ended
}

// startChromium starts a browser that knows nothing yet: its profile and all else that it writes is below dir. It ends by
// itself when this process is gone, because the pipe ends then.
func startChromium(program, dir string) (*chromium, error) {
	c := &chromium{stderr: filepath.Join(dir, "stderr"), ended: make(chan struct{})}
	// The browser reads commands from its file 3, and writes replies and events to its file 4.
	commandsIn, commandsOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer commandsIn.Close()
	eventsIn, eventsOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer eventsOut.Close()
	stderr, err := os.Create(c.stderr)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	c.cmd = exec.Command(program, append(slices.Clone(chromiumFlags), "--user-data-dir="+filepath.Join(dir, "profile"))...)
	c.cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir)
	c.cmd.Stderr = stderr
	c.cmd.ExtraFiles = []*os.File{commandsIn, eventsOut}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		c.cmd.Wait() // how it ends is no check; that it has ended shows in the pipe
		close(c.ended)
	}()
	c.target = target{pipe: newPipe(commandsOut, eventsIn)}
	return c, nil
}

// stop lets the browser end its own children, which still write into the profile, and insists after a while.
func (c *chromium) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c.call(ctx, "Browser.close", nil, nil)
	select {
	case <-c.ended:
	case <-ctx.Done():
		c.cmd.Process.Kill()
		<-c.ended
	}
}

// lastWords tells why a browser does not start.
func (c *chromium) lastWords() string {
	text, _ := os.ReadFile(c.stderr)
	return strings.TrimSpace(string(text[max(0, len(text)-2000):]))
}
