package main

import (
	"strings"
	"testing"

	"barewire.example/websocket"
)

func TestDialExplainsUsageErrors(t *testing.T) {
	tests := []struct{ args, reason string }{
		{"", "a URL is missing"},
		{"ws://localhost/ more", `"more"`},
		{"ws://localhost/ -color", "-color"},
		{"-n -1 ws://localhost/", "negative"},
		{"-n many ws://localhost/", "-n"},
		{"-redirects -1 ws://localhost/", "negative"},
		{"-wait soon ws://localhost/", "-wait"},
		{"-ping -1s ws://localhost/", "negative"},
		{"-timeout -1s ws://localhost/", "negative"},
		{"-binary -hex ws://localhost/", "exclude each other"},
		{"-k -cacert ca.pem ws://localhost/", "exclude each other"},
		{"-cert c.pem ws://localhost/", "need each other"},
		{"-key k.pem ws://localhost/", "need each other"},
		{"-cert missing.pem -key missing.pem wss://localhost/", "missing.pem"},
		{"-cacert missing.pem wss://localhost/", "missing.pem"},
		{"-cacert dial.go wss://localhost/", "no certificate in dial.go"},
		{"-H nonsense ws://localhost/", "'Name: value'"},
		{"-H :x ws://localhost/", "'Name: value'"},
		{"-subprotocol a,,b ws://localhost/", "empty element"},
		{"-max-message 0 ws://localhost/", "positive number of bytes"},
		{"-proxy localhost:3128 ws://localhost/", "-proxy"},
		{"-proxy ftp://localhost/ ws://localhost/", "-proxy must begin with"},
		{"-proxy http://localhost -unix s ws://localhost/", "exclude each other"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			status, stdout, stderr := runBriefly(append([]string{"dial"}, strings.Fields(tt.args)...)...)
			if status != exitUsage || stdout != "" {
				t.Errorf("status %d, printed %q", status, stdout)
			}
			if !strings.HasPrefix(stderr, "barewire dial: ") || !strings.Contains(stderr, tt.reason) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("the reason is not one line with %q: %q", tt.reason, stderr)
			}
		})
	}
}

func TestDialExplainsValuesThatCannotBeSent(t *testing.T) {
	url := peer(t, echoes)
	for _, args := range [][]string{
		{url + "#fragment"}, {"ws://"}, {"-subprotocol", "a b", url}, {"-subprotocol", "a,a", url},
		{"-H", "Sec-WebSocket-Key: x", url}, {"-H", "A: \x01", url}, {"-H", "Host: a/b", url},
	} {
		status, stdout, stderr := piped(t, "", args...)
		if status != exitUsage || stdout != "" || !strings.HasPrefix(stderr, "barewire dial: ") {
			t.Errorf("%q: status %d, stdout %q, stderr %q", args, status, stdout, stderr)
		}
	}
}

func TestDialHelps(t *testing.T) {
	for _, args := range [][]string{{"help", "dial"}, {"dial", "-h"}, {"dial", "ws://localhost/", "-help"}} {
		status, stdout, stderr := runBriefly(args...)
		if status != exitOK || stderr != "" {
			t.Errorf("%q: status %d, stderr %q", args, status, stderr)
		}
		for _, want := range []string{"usage: barewire dial", "Exit statuses", "-reconnect", "-subprotocol", "/help", "rtt_ms"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%q is not in the help", want)
			}
		}
	}
	if _, stdout, _ := runBriefly("help"); !strings.Contains(stdout, "  dial ") {
		t.Errorf("dial is not in the list of verbs: %q", stdout)
	}
}

func TestDialFlagsHaveTheDefaultsOfTheLibrary(t *testing.T) {
	f, err := parseDialFlags([]string{"ws://localhost/"})
	if err != nil || f.maxMessage != websocket.DefaultMaxMessageSize {
		t.Fatalf("%+v, %v", f, err)
	}
	d, err := f.newDialer(nil)
	if err != nil || d.Proxy != nil || d.NetDial != nil || d.WrapConn != nil || d.MaxRedirects != 0 || len(d.Header) != 0 || d.TLSConfig.InsecureSkipVerify {
		t.Errorf("%+v, %v", d, err)
	}
}
