package main

import (
	"bytes"
	"context"
	"errors"
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

// The browser sees nothing but our own pages, so it needs no sandbox, which root could not have in a container. It speaks
// DevTools on a port, which is what we use, and on a pipe, at whose end it ends.
var chromiumFlags = []string{
	"--headless", "--remote-debugging-port=0", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
	"--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-breakpad",
}

// chromium is the browser's process, and as a target the browser.
type chromium struct {
	target
	cmd    *exec.Cmd
	stderr *journal[string] // lines
	ended  chan struct{}    // closed when the process has ended
	life   [2]*os.File      // our ends of the pipe, on which nothing is said
}

// startChromium starts a browser that knows nothing yet: its profile and all else that it writes is below dir. It ends by
// itself when this process is gone, because the pipe ends then.
func startChromium(ctx context.Context, program, dir string) (*chromium, error) {
	c := &chromium{stderr: newJournal[string](), ended: make(chan struct{})}
	// The browser reads commands from its file 3, and writes replies and events to its file 4.
	commands, commandsOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer commands.Close()
	eventsIn, events, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer events.Close()
	c.life = [2]*os.File{commandsOut, eventsIn}
	c.cmd = exec.Command(program, append(slices.Clone(chromiumFlags), "--user-data-dir="+filepath.Join(dir, "profile"))...)
	c.cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir)
	c.cmd.Stderr = &lineWriter{to: c.stderr}
	c.cmd.WaitDelay = 5 * time.Second // its children may have stderr a little longer
	c.cmd.ExtraFiles = []*os.File{commands, events}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		c.cmd.Wait() // how it ends is no check
		c.stderr.end(errors.New("the browser has ended"))
		close(c.ended)
	}()
	if err := c.connect(ctx); err != nil {
		c.stop()
		return nil, fmt.Errorf("%s: %w\n%s", program, err, c.lastWords())
	}
	return c, nil
}

// connect waits until the browser says where its DevTools are.
func (c *chromium) connect(ctx context.Context) error {
	const announcement = "DevTools listening on "
	line, err := c.stderr.wait(ctx, func(line string) bool { return strings.HasPrefix(line, announcement) })
	if err != nil {
		return fmt.Errorf("it does not say where its DevTools are: %w", err)
	}
	c.link, err = dialDevTools(ctx, strings.TrimPrefix(line, announcement))
	return err
}

// stop lets the browser end its own children, which still write into the profile, and insists after a while.
func (c *chromium) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if c.link != nil {
		c.call(ctx, "Browser.close", nil, nil)
		defer c.link.conn.CloseNow()
	}
	for _, end := range c.life {
		end.Close()
	}
	select {
	case <-c.ended:
	case <-ctx.Done():
		c.cmd.Process.Kill()
		<-c.ended
	}
}

// lastWords tells why a browser does not start.
func (c *chromium) lastWords() string {
	lines, _, _ := c.stderr.state()
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// A lineWriter adds each line to a journal once it is complete.
type lineWriter struct {
	to   *journal[string]
	rest []byte
}

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		w.to.add(strings.TrimSuffix(string(line), "\r"))
		w.rest = rest
	}
}
