package main

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"

	"barewire.example/websocket"
)

// runBriefly runs the program with a context that has already ended.
func runBriefly(args ...string) (status int, stdout, stderr string) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, log transcript
	status = run(ctx, args, streams{out: &out, err: &log})
	return status, out.String(), log.String()
}

func TestRunExplainsUsageErrors(t *testing.T) {
	tests := []struct{ args, reason string }{
		{"", "a verb is missing"},
		{"sreve", `no verb "sreve"`},
		{"version please", `"please"`},
		{"help sreve", `no verb "sreve"`},
		{"serve now", `"now"`},
		{"serve -port 1", "-port"},
		{"serve -max-message", "-max-message"},
		{"serve -max-message 0", "positive number of bytes"},
		{"serve -max-message -1", "positive number of bytes"},
		{"serve -max-message 1GiB", "positive number of bytes"},
		{"serve -max-message 1MB", "positive number of bytes"},
		{"serve -max-message 8796093022208MiB", "positive number of bytes"},
		{"serve -max-frames 0", "-max-frames"},
		{"serve -max-frames many", "-max-frames"},
		{"serve -log xml", `"xml"`},
		{"serve -queue 0", "1 to"},
		{"serve -queue-bytes 0", "positive number of bytes"},
		{"serve -slow down", `"down"`},
		{"serve -slow block -write-timeout off", "-write-timeout"},
		{"serve -max-conns -1", "-max-conns "},
		{"serve -max-conns-per-addr -1", "-max-conns-per-addr"},
		{"serve -keepalive soon", "1ms to 87600h like 500ms, 30s or 5m, or off"},
		{"serve -keepalive -1s", "or off"},
		{"serve -keepalive 999us", "or off"},
		{"serve -pong-timeout off", "1ms to 87600h"},
		{"serve -pong-timeout 0", "1ms to 87600h"},
		{"serve -write-timeout 5", "or off"},
		{"serve -idle-timeout never", "or off"},
		{"serve -close-timeout 0s", "1ms to 87600h"},
		{"serve -close-timeout 2562047h47m16s", "1ms to 87600h"},
		{"serve -v -quiet", "exclude each other"},
		{"serve -tls-cert c.pem", "need each other"},
		{"serve -tls-key k.pem", "need each other"},
		{"serve -tls-self-signed -tls-cert c.pem -tls-key k.pem", "exclude each other"},
		{"serve -subprotocol a,,b", "empty element"},
		{"serve -host ,", "empty element"},
		{"serve -origin https://example.com/path", `"https://example.com/path"`},
		{"serve -origin https://user@example.com", "user@example.com"},
		{"serve -origin https://*.*.example.com", "*.*.example.com"},
		{"serve -host a/b", `"a/b"`},
		{"serve -subprotocol c@d", `"c@d"`},
		{"serve -subprotocol a,a", `"a"`},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			status, stdout, stderr := runBriefly(strings.Fields(tt.args)...)
			if status != exitUsage || stdout != "" {
				t.Errorf("status %d, printed %q", status, stdout)
			}
			if !strings.HasPrefix(stderr, "barewire") || !strings.Contains(stderr, tt.reason) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("the reason is not one line with %q: %q", tt.reason, stderr)
			}
		})
	}
}

func TestRunReportsFailures(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, args := range [][]string{
		{"serve", "-addr", taken.Addr().String()},
		{"serve", "-addr", "nonsense"},
		{"serve", "-tls-cert", "missing.pem", "-tls-key", "missing.pem"},
	} {
		status, stdout, stderr := runBriefly(args...)
		if status != exitFailure || stdout != "" || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: status %d, printed %q and %q", args, status, stdout, stderr)
		}
	}
}

func TestRunHelps(t *testing.T) {
	for args, want := range map[string][]string{
		"help":          {"serve", "version"},
		"-h":            {"serve", "version"},
		"--help":        {"serve", "version"},
		"help help":     {"serve", "version"},
		"help -h":       {"serve", "version"},
		"help --help":   {"serve", "version"},
		"-h -h":         {"serve", "version"},
		"help -h serve": {"serve", "version"},
		"version -h":    {"usage: barewire version"},
		"help serve": {"/broadcast", "/chat", "/healthz", "/metrics", "-addr", "-max-message", "DNS rebinding", "reverse proxy",
			"-queue messages", "-queue-bytes bytes", "-slow policy", "(default disconnect)", "-max-conns number", "-max-conns-per-addr number",
			"-keepalive time", "-pong-timeout time", "-write-timeout time", "-idle-timeout time", "-close-timeout time"},
		"serve -h":      {"-tls-self-signed"},
		"help version":  {"usage: barewire version"},
		"version":       {"barewire ", "go1."},
		"version -help": {"usage: barewire version"},
	} {
		status, stdout, stderr := runBriefly(strings.Fields(args)...)
		if status != exitOK || stderr != "" {
			t.Errorf("%s: status %d, stderr %q", args, status, stderr)
		}
		for _, w := range want {
			if !strings.Contains(stdout, w) {
				t.Errorf("%s: %q is not in %q", args, w, stdout)
			}
		}
	}
}

func TestServeEndsAtOnceWhenInterruptedEarly(t *testing.T) {
	if status, stdout, stderr := runBriefly("serve", "-addr", "127.0.0.1:0"); status != exitOK || !strings.Contains(stdout, "listening") {
		t.Errorf("status %d, printed %q and %q", status, stdout, stderr)
	}
}

func TestFlagsHaveTheDefaultsOfTheLibrary(t *testing.T) {
	f, err := parseServeFlags(nil)
	if err != nil || f.addr != ":8080" || f.maxMessage != websocket.DefaultMaxMessageSize || f.maxFrames != websocket.DefaultMaxFrames || f.anyOrigin || f.tls() {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestByteSize(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "65536": 64 << 10, "64KiB": 64 << 10, "16MiB": 16 << 20, "1000": 1000} {
		var s, again byteSize
		if err := s.Set(text); err != nil || int64(s) != want {
			t.Errorf("%s is %d, %v", text, int64(s), err)
		}
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("%s comes back as %s: %v", text, s.String(), err)
		}
	}
	if got := new(byteSize).String(); got != strconv.Itoa(0) {
		t.Errorf("zero is %q", got)
	}
}
