package main

import (
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"
)

func TestTableNamesAreStable(t *testing.T) {
	var names []string
	for _, c := range table() {
		if !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(c.Name) || slices.Contains(names, c.Name) {
			t.Errorf("name %q", c.Name)
		}
		names = append(names, c.Name)
	}
	for _, name := range []string{
		"text-0", "text-1", "text-125", "text-126", "text-65535", "text-65536", "text-1048576",
		"binary-0", "binary-1", "binary-125", "binary-126", "binary-65535", "binary-65536", "binary-1048576",
		"fragments-text", "server-fragments-text", "fragments-binary", "server-fragments-binary", "ping", "server-ping",
		"close-1000", "server-close-1000", "close-3000", "server-close-3000", "close-4999", "server-close-4999",
		"subprotocol-chosen", "subprotocol-none-offered", "refused-401", "origin-same", "origin-refused",
		"wss-text-65536", "wss-close-4999", "wss-server-close-4999", "wss-unknown-authority",
	} {
		if !slices.Contains(names, name) {
			t.Errorf("no check %s in %v", name, names)
		}
	}
	if theirs, ours := len(peer{}.checks(client, "plain")), len(peer{}.checks(server, "plain")); theirs != 33 || ours != 35 {
		t.Errorf("%d checks of their servers, %d of ours", theirs, ours)
	}
}

func TestTablePayloads(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
		for _, kind := range []string{"text", "binary"} {
			m := payload(kind, size)
			if m.Type != kind || len(m.Data) != size {
				t.Errorf("%s of %d bytes: %v", kind, size, m)
			}
		}
		text := payload("text", size).Data
		if !utf8.Valid(text) || size >= 10 && utf8.RuneCount(text) > size/2 {
			t.Errorf("text of %d bytes has %d characters", size, utf8.RuneCount(text))
		}
	}
}
