package fuzz

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"barewire.example/websocket"
)

// This file reads testdata/vectors, whose format is described there, as far as
// it is of use for seeds: names, roles, limits, what was agreed on for compression,
// and the bytes that are received.

const vectorDir = "../testdata/vectors"

// maxSeed leaves out the vectors that are long only because a limit is. They
// would make every mutation slow, and run as vectors anyway.
const maxSeed = 1024

// A vector is what the peer sends in one test vector.
type vector struct {
	name   string
	bound  bool           // to one role
	role   websocket.Role // of the side that receives
	limits websocket.Limits
	agreed *websocket.Compression // nil for none
	bytes  []byte
}

// vectors reads all vectors; one that holds for both roles comes twice, for the
// server with masks. It fails when they are there but cannot be read.
func vectors(tb testing.TB) []vector {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join(vectorDir, "*.txt"))
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := os.Stat(vectorDir); err == nil && len(names) == 0 {
		tb.Fatalf("%s has no vectors", vectorDir)
	}
	var all []vector
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		found, err := parseVectors(string(text))
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		for _, v := range found {
			all = append(all, v.forRoles()...)
		}
	}
	return slices.DeleteFunc(all, func(v vector) bool { return len(v.bytes) > maxSeed })
}

// forRoles gives a vector that is bound to no role to both.
func (v vector) forRoles() []vector {
	if v.bound {
		return []vector{v}
	}
	masked := v
	v.role, masked.role = websocket.RoleClient, websocket.RoleServer
	masked.bytes = nil
	for rest := v.bytes; len(rest) > 0; {
		h, n := websocket.ParseHeader(rest)
		if n == 0 {
			break // an unfinished header has no key
		}
		h.Masked, h.MaskKey = true, [4]byte{0x37, 0xFA, 0x21, 0x3D}
		masked.bytes = websocket.AppendHeader(masked.bytes, h)
		payload := bytes.Clone(rest[n : n+int(min(h.Length, uint64(len(rest)-n)))])
		rest = rest[n+len(payload):]
		websocket.Mask(payload, h.MaskKey, 0)
		masked.bytes = append(masked.bytes, payload...)
	}
	return []vector{v, masked}
}

func parseVectors(text string) (found []vector, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		verb, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch {
		case verb == "==":
			found = append(found, vector{name: rest})
		case verb == "" || verb[0] == '#':
		case len(found) == 0:
			err = fmt.Errorf("%q stands in front of the first vector", line)
		default:
			err = found[len(found)-1].take(verb, rest)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there are no vectors in it")
	}
	return found, nil
}

// take leaves out what says how things end.
func (v *vector) take(verb, rest string) error {
	switch verb {
	case ">":
		b, rest, err := parseItems(rest)
		if err == nil && rest != "" && !strings.HasPrefix(rest, "  ") {
			err = fmt.Errorf("%q behind the bytes", rest)
		}
		v.bytes = append(v.bytes, b...)
		return err
	case "role":
		role, ok := map[string]websocket.Role{"server": websocket.RoleServer, "client": websocket.RoleClient}[rest]
		if v.bound, v.role = true, role; !ok {
			return fmt.Errorf("role %q", rest)
		}
	case "limit":
		return v.takeLimit(rest)
	case "compression":
		return v.takeCompression(rest)
	case "event", "break", "<", "send", "refused", "eof", "state":
	default:
		return fmt.Errorf("verb %q", verb)
	}
	return nil
}

func (v *vector) takeLimit(rest string) error {
	name, number, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(number)
	switch name {
	case "message":
		v.limits.MaxMessageSize = int64(n)
	case "frames":
		v.limits.MaxFrames = n
	default:
		err = fmt.Errorf("limit %q", name)
	}
	return err
}

// takeCompression reads an extension of which the name is left out. What a server
// may answer to the simplest offer is what can be agreed on.
func (v *vector) takeCompression(rest string) error {
	text := "permessage-deflate"
	if rest != "" {
		text += "; " + rest
	}
	list, err := websocket.ParseExtensions([]string{text})
	if err == nil {
		v.agreed, err = new(websocket.Compression).Confirm(list)
	}
	return err
}

// parseItems reads items with one blank between them.
func parseItems(s string) (b []byte, rest string, err error) {
	for {
		item, after, err := parseItem(s)
		if err != nil {
			return nil, "", err
		}
		b = append(b, item...)
		next, more := strings.CutPrefix(after, " ")
		if !more || strings.HasPrefix(next, " ") {
			return b, after, nil
		}
		s = next
	}
}

// parseItem reads 89, "Hello" or (80 00), perhaps with *3 behind it.
func parseItem(s string) (b []byte, rest string, err error) {
	const digits = "0123456789abcdef"
	switch {
	case strings.HasPrefix(s, "("):
		b, rest, err = parseItems(s[1:])
		var closed bool
		if rest, closed = strings.CutPrefix(rest, ")"); err == nil && !closed {
			err = fmt.Errorf("%q is not closed", s)
		}
	case strings.HasPrefix(s, `"`):
		quoted, _ := strconv.QuotedPrefix(s)
		var text string
		text, err = strconv.Unquote(quoted)
		b, rest = []byte(text), s[len(quoted):]
	default:
		rest = strings.TrimLeft(s, digits)
		if rest == s {
			return nil, "", fmt.Errorf("%q are no bytes", s)
		}
		b, err = hex.DecodeString(strings.TrimSuffix(s, rest))
	}
	count, repeated := strings.CutPrefix(rest, "*")
	if err != nil || !repeated {
		return b, rest, err
	}
	rest = strings.TrimLeft(count, digits[:10])
	n, err := strconv.ParseUint(strings.TrimSuffix(count, rest), 10, 24)
	return bytes.Repeat(b, int(n)), rest, err
}

func TestVectorsAreRead(t *testing.T) {
	const text = `# prose
== a-ping
role server
limit frames 3
> 89 85 37fa213d 7f9f4d5158     PING fin "Hello"

event PING "Hello"
> (80 00)*2 "a\xff"*3

== for-both-roles
> 81 02 "hi"
> 89

== compressed
compression client_no_context_takeover; server_max_window_bits=9
> c1 01 00
== compressed-by-default
compression
> c1 01 00
`
	found, err := parseVectors(text)
	if err != nil || len(found) != 4 {
		t.Fatalf("%+v, %v", found, err)
	}
	v := found[0]
	if v.name != "a-ping" || !v.bound || v.role != websocket.RoleServer || v.limits.MaxFrames != 3 ||
		string(v.bytes) != "\x89\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58\x80\x00\x80\x00a\xFFa\xFFa\xFF" {
		t.Errorf("%+v", v)
	}
	if a := found[2].agreed; v.agreed != nil || a == nil || !a.ClientNoContextTakeover || a.ServerMaxWindowBits != 9 || a.ClientMaxWindowBits != 15 {
		t.Errorf("%+v", a)
	}
	if a := found[3].agreed; a == nil || a.ClientNoContextTakeover || a.ServerNoContextTakeover || a.ServerMaxWindowBits != 15 {
		t.Errorf("%+v", a)
	}
	both := found[1].forRoles()
	if len(both) != 2 || both[0].role != websocket.RoleClient || string(both[0].bytes) != "\x81\x02hi\x89" ||
		both[1].role != websocket.RoleServer || string(both[1].bytes) != "\x81\x82\x37\xFA\x21\x3D\x5F\x93" {
		t.Errorf("%+v", both)
	}
}

func TestVectorsThatCannotBeReadAreErrors(t *testing.T) {
	for _, text := range []string{
		"", "> 8900\n", "== a\n> 89 8\n", "== a\n> xx\n", "== a\n> \n", "== a\n> (80 00\n", "== a\n> \"a\n", "== a\n> 80*x\n",
		"== a\n> 80 PING\n", "== a\nrole both\n", "== a\nlimit message x\n", "== a\nlimit bytes 1\n", "== a\ncompression x\n", "== a\ncompression server_max_window_bits=7\n", "== a\nexpect 80\n",
	} {
		if found, err := parseVectors(text); err == nil {
			t.Errorf("%q was accepted: %+v", text, found)
		}
	}
}
