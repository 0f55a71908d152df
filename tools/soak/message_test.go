package main

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"barewire.example/websocket"
)

func TestScriptRepeatsItself(t *testing.T) {
	one, same, other := newScript(7, maxSize), newScript(7, maxSize), newScript(8, maxSize)
	differ := 0
	for n := range 2000 {
		a, b, c := one.next(), same.next(), other.next()
		if a.Type != b.Type || !bytes.Equal(a.Data, b.Data) {
			t.Fatalf("message %d differs", n)
		}
		if strings.HasPrefix(string(a.Data), closeCommand) {
			t.Fatalf("message %d is a command", n)
		}
		if !bytes.Equal(a.Data, c.Data) {
			differ++
		}
	}
	if differ < 1500 {
		t.Errorf("only %d of 2000 messages depend on the seed", differ)
	}
}

func TestExcerptsAreOfEverySize(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	classes := make(map[string]int)
	for range 20000 {
		e := pick(rng, maxSize)
		p := e.append(nil)
		if e.kind == websocket.Text && !utf8.Valid(p) {
			t.Fatalf("text %+v is not UTF-8", e)
		}
		switch {
		case len(p) == 0:
			classes["empty"]++
		case len(p) <= 256:
			classes["small"]++
		case len(p) <= 4<<10:
			classes["middle"]++
		case len(p) <= 64<<10:
			classes["large"]++
		default:
			classes["huge"]++
		}
		if small := pick(rng, 512); small.size > 512 {
			t.Fatalf("%d bytes are more than 512", small.size)
		}
	}
	for _, class := range []string{"empty", "small", "middle", "large", "huge"} {
		if classes[class] == 0 {
			t.Errorf("no message is %s: %v", class, classes)
		}
	}
}
