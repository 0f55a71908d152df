package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"barewire.example/websocket"
)

//go:embed peer_zlib.py
var zlibProgram []byte

// startZlib has no package to take from dir.
func startZlib(ctx context.Context, scratch, _ string) *exec.Cmd {
	return exec.CommandContext(ctx, "python3", filepath.Join(scratch, "peer_zlib.py"))
}

// A zlibJob has zlib inflate or deflate messages. Those that are deflated have no header and no tail (7692 §7.2.1).
type zlibJob struct {
	Name     string   `json:"name"`
	Do       string   `json:"do"`   // inflate or deflate
	Bits     int      `json:"bits"` // of the window
	Alone    bool     `json:"alone"`
	Level    int      `json:"level"`    // of deflate
	Strategy string   `json:"strategy"` // likewise
	Messages [][]byte `json:"messages"`
}

// A zlibCheck has one side deflate and the other one inflate. When fault is set it is what the side that inflates must say.
type zlibCheck struct {
	zlibJob
	effort int // of our deflater
	ours   int // bits of our inflater
	fault  string
}

// meetZlib has zlib inflate what we deflate, and the reverse.
func (w *world) meetZlib(ctx context.Context, p installed) {
	inflates, deflates := zlibInflates(), zlibDeflates()
	theirs, err := startProcess(p.start(ctx, w.scratch, p.dir), p.version)
	if err != nil {
		w.giveUp("zlib", len(inflates)+len(deflates), err)
		return
	}
	defer theirs.stop()
	about := "python " + theirs.Runtime
	for _, part := range []struct {
		title  string
		checks []zlibCheck
	}{{"zlib inflates", inflates}, {"zlib deflates", deflates}} {
		var all []trial
		for _, c := range part.checks {
			all = append(all, trial{c.Name, func() ([]string, bool) { return c.run(ctx, theirs) }})
		}
		w.try(part.title, about, all)
	}
}

// zlibInflates returns checks of what we deflate, for all windows and efforts. zlib refuses distances beyond a window, as it
// must show with the smaller one of each pair.
func zlibInflates() (all []zlibCheck) {
	for bits := minBits; bits <= maxBits; bits++ {
		for _, alone := range []bool{false, true} {
			for effort := 1; effort <= 3; effort++ {
				c := zlibCheck{effort: effort}
				c.zlibJob = zlibJob{Do: "inflate", Bits: bits, Alone: alone, Messages: zlibMessages(bits)}
				c.Name = fmt.Sprintf("window-%d-effort-%d-%s", bits, effort, historyName(alone))
				all = append(all, c)
			}
		}
	}
	for bits := minBits; bits < maxBits; bits++ {
		c := zlibCheck{effort: 1, ours: bits + 1, fault: "invalid distance too far back"}
		far := noise(1<<bits + 1)
		c.zlibJob = zlibJob{Do: "inflate", Bits: bits, Messages: [][]byte{far, far}}
		c.Name = fmt.Sprintf("window-%d-refused-with-%d", bits+1, bits)
		all = append(all, c)
	}
	return all
}

// zlibDeflates returns checks of what we inflate. zlib cannot deflate raw streams with 8 bits.
func zlibDeflates() (all []zlibCheck) {
	for bits := minBits + 1; bits <= maxBits; bits++ {
		for _, strategy := range []string{"DEFAULT_STRATEGY", "FILTERED", "HUFFMAN_ONLY", "RLE", "FIXED"} {
			all = append(all, zlibDeflatesWith(bits, strategy)...)
		}
	}
	for bits := minBits; bits < maxBits; bits++ {
		c := zlibCheck{ours: bits, fault: websocket.RuleDeflate.Error()}
		far := noise(1<<bits + 1)
		c.zlibJob = zlibJob{Do: "deflate", Bits: maxBits, Level: 6, Strategy: "Z_DEFAULT_STRATEGY", Messages: [][]byte{far, far}}
		c.Name = fmt.Sprintf("window-15-refused-with-%d", bits)
		all = append(all, c)
	}
	return all
}

func zlibDeflatesWith(bits int, strategy string) (all []zlibCheck) {
	job := zlibJob{Do: "deflate", Bits: bits, Strategy: "Z_" + strategy, Messages: zlibMessages(bits)}
	for _, job.Level = range []int{1, 6, 9} {
		for _, job.Alone = range []bool{false, true} {
			c := zlibCheck{zlibJob: job, ours: bits}
			c.Name = fmt.Sprintf("window-%d-level-%d-%s-%s", bits, job.Level, strategy, historyName(job.Alone))
			all = append(all, c)
		}
	}
	return all
}

func historyName(alone bool) string {
	if alone {
		return "alone"
	}
	return "takeover"
}

// zlibMessages are of every kind, and repeat what is exactly as far back as the window reaches, and a byte further.
func zlibMessages(bits int) [][]byte {
	json, edge, beyond := jsonText(6000), noise(1<<bits), noise(1<<bits+1)
	return [][]byte{
		json, json[:3000], {}, {}, []byte("a"), noise(300), noise(300),
		make([]byte, 3000), payload("text", 5000).Data, payload("binary", 5000).Data,
		edge, edge, beyond, beyond, bytes.Repeat(noise(1<<bits-3), 2), {}, json,
	}
}

func (c zlibCheck) run(ctx context.Context, zlib *process) (faults []string, lost bool) {
	ctx, cancel := context.WithTimeoutCause(ctx, checkDeadline, fmt.Errorf("not within %v", checkDeadline))
	defer cancel()
	want := c.Messages
	if c.Do == "inflate" {
		deflated, err := c.deflate()
		if err != nil {
			return []string{err.Error()}, false
		}
		c.Messages = deflated
	}
	r, err := zlib.ask(ctx, c.Name, c.zlibJob)
	if err != nil {
		return []string{err.Error()}, errors.Is(err, errLost) || ctx.Err() != nil
	}
	var saw [][]byte
	for _, m := range r.Received {
		saw = append(saw, m.Data)
	}
	fault := r.Error
	if c.Do == "deflate" && fault == "" {
		saw, fault = c.inflate(saw)
	}
	return c.judge(outcomeOfZlib{want, saw, fault}), false
}
