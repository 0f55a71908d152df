package main

import (
	"fmt"
	"strings"
)

// A setting is how the server is told to compress, and what must come of it.
type setting struct {
	flags  string // of the server
	answer string // Sec-WebSocket-Extensions
	server traits
	client traits
}

// traits are how one direction compresses.
type traits struct {
	small bool // a window of less than 4 KiB
	alone bool // each message begins with an empty window
}

var settings = []setting{
	{"-compress", "permessage-deflate", traits{}, traits{}},
	{"-compress -compress-level 3 -compress-server-window 8 -compress-client-window 8",
		"permessage-deflate; server_max_window_bits=8; client_max_window_bits=8", traits{small: true}, traits{small: true}},
	{"-compress -compress-server-window 9", "permessage-deflate; server_max_window_bits=9", traits{small: true}, traits{}},
	{"-compress -compress-client-window 10", "permessage-deflate; client_max_window_bits=10", traits{}, traits{small: true}},
	{"-compress -compress-server-no-takeover", "permessage-deflate; server_no_context_takeover", traits{alone: true}, traits{}},
	{"-compress -compress-client-no-takeover", "permessage-deflate; client_no_context_takeover", traits{}, traits{alone: true}},
	{"-compress -compress-level 2 -compress-server-no-takeover -compress-client-no-takeover -compress-server-window 11 -compress-client-window 11",
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11; client_max_window_bits=11",
		traits{true, true}, traits{true, true}},
}

// compressionChecks are those of what people see, and what passes with each setting.
func compressionChecks() []check {
	seen := func(run func(*trial)) func(*trial) {
		return func(tr *trial) {
			tr.compression = `compression "permessage-deflate"`
			run(tr)
		}
	}
	list := []check{
		{"with -compress text and bytes come back from /echo", "-compress -compress-threshold 0", "", seen(checkEcho)},
		{"with -compress each page on /broadcast gets what one sends", "-compress -compress-threshold 0", "", seen(checkBroadcast)},
		{"with -compress a message that is too large when it has come out ends in 1009", "-compress", "", seen(checkTooLarge)},
	}
	for _, s := range settings {
		list = append(list, check{"with " + s.flags + " messages are compressed as agreed", s.flags + " -max-message 1MiB", "", s.check})
	}
	return list
}

// check exchanges the messages of robot.js with the server, and judges what has passed.
func (s setting) check(tr *trial) {
	r := tr.relay()
	p := tr.openPage("http://" + r.addr() + "/")
	p.wants(s.answer, "exchange", "ws://"+r.addr()+"/echo")
	c, err := r.correspondence("/echo")
	must(err)
	if c.extensions != s.answer {
		must(fmt.Errorf("the server has answered %q, want %q", c.extensions, s.answer))
	}
	must(s.client.judge("browser", c.browsers))
	must(s.server.judge("server", c.servers))
}

// The messages of robot.js, by their places.
const (
	once, again = 2, 3 // the same 200 letters that make no sense
	twice       = 4    // 4096 random digits, and then the same digits
	repetitive  = 5    // 1 MiB
	numLetters  = 9
)

// judge tells by the sizes what the sender has referred to.
func (t traits) judge(sender string, letters []letter) error {
	if len(letters) != numLetters {
		return fmt.Errorf("the %s has sent %d messages, want %d", sender, len(letters), numLetters)
	}
	var wrong []string
	expect := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	for _, i := range []int{once, again, twice, repetitive} {
		expect(letters[i].compressed, fmt.Sprintf("message %d is not compressed", i))
	}
	expect(letters[repetitive].size < 100<<10, "1 MiB of the same lines has hardly become smaller")
	if t.alone {
		expect(letters[again].size == letters[once].size, "a message refers to the one before it")
	} else {
		expect(letters[again].size < letters[once].size/4, "a message does not refer to the one before it")
	}
	if t.small {
		expect(letters[twice].size > 3300, "a message refers to bytes that are out of the window")
	} else {
		expect(letters[twice].size < 2500, "a message does not refer to bytes that are in the window")
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the %s: %s; it has sent %+v", sender, strings.Join(wrong, ", "), letters)
	}
	return nil
}
