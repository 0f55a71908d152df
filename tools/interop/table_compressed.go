package main

import "fmt"

// compressed returns all checks with compression: those of the table with what both libraries do by themselves, and then
// the parameters, one set after the other.
func (p peer) compressed(ours side) []check {
	defaults := terms{us: &params{}, them: &params{Defaults: true}, agreed: &params{}}
	if ours == client {
		defaults.agreed = params{}.meet(p.serverDefaults)
	}
	all := append(table(), seriesCheck("series", *defaults.agreed))
	for i := range all {
		all[i].terms = defaults
		all[i].tapped = !all[i].secure
	}
	for _, set := range parameterSets {
		for _, c := range p.parameterChecks(set, ours) {
			c.tapped = true
			all = append(all, c)
		}
	}
	return all
}

var parameterSets = []params{
	{ServerAlone: true},
	{ClientAlone: true},
	{ServerAlone: true, ClientAlone: true},
	{ServerBits: 9, ClientBits: 15},
	{ServerBits: 15, ClientBits: 9},
	{ServerBits: 10, ClientBits: 12},
	{ServerBits: 8, ClientBits: 15},
	{ServerBits: 15, ClientBits: 8},
	{ServerAlone: true, ClientAlone: true, ServerBits: 9, ClientBits: 9},
}

// name says what is set.
func (p params) name() (s string) {
	if p.ServerAlone {
		s += "server-alone-"
	}
	if p.ClientAlone {
		s += "client-alone-"
	}
	if p.ServerBits != 0 {
		s += fmt.Sprintf("window-%d-%d-", p.ServerBits, p.ClientBits)
	}
	return s
}

// parameterChecks has either side ask for the parameters, while the other one has no wishes.
func (p peer) parameterChecks(set params, ours side) (all []check) {
	agreed := set.effective()
	asked := seriesCheck(set.name()+"ours", agreed)
	asked.terms = terms{&set, &params{}, &agreed}
	theirs, _ := agreed.of(ours.other())
	if theirs >= p.sends {
		asking := seriesCheck(set.name()+"theirs", agreed)
		asking.terms = terms{&params{}, &set, &agreed}
		return []check{asked, asking}
	}
	// It will not ask for what it cannot do. Asked for that, a server declines, but a client has nothing left to say.
	asked.agreed = nil
	if ours == server {
		asked.want = want{failure: fmt.Sprintf("unsupported extension: name = permessage-deflate, params = [('client_max_window_bits', '%d')]", theirs)}
	}
	return []check{asked}
}

// seriesCheck sends one message after the other, and what can be compressed in one only with the history of the one before,
// because it is the same again. How far back that is decides whether it can be found: see judgeTwins.
func seriesCheck(name string, agreed params) check {
	messages := []message{
		{"text", jsonText(70_000)}, // several frames, however it is sent
		{"text", jsonText(200)},
		{"binary", noise(30_000)},
		{"text", nil},
		{"text", nil},
	}
	for _, bits := range []int{agreed.ServerBits, agreed.ClientBits} {
		window := 1 << orMax(bits)
		for _, size := range []int{85, window / 3, window + 200} {
			m := message{"binary", noise(size)}
			messages = append(messages, m, m)
		}
	}
	c := check{path: "echo", want: want{received: messages}}
	c.Name = name
	for i, m := range messages {
		verb := "send"
		if i == 0 || i == 2 {
			verb = "send-fragments"
		}
		c.Steps = append(c.Steps, send(verb, m), step{Do: "receive"})
	}
	return polite(c)
}

// jsonText returns text of this size that looks like an answer of some service.
func jsonText(size int) []byte {
	words := []string{"open", "closed", "pending", "lost", "naïve", "世界"}
	var b []byte
	for i, n := 0, newNoise(1); len(b) < size; i++ {
		b = fmt.Appendf(b, `{"id":%d,"name":"user %d","state":%q,"score":%d.%02d,"tags":["a","b"]},`,
			i, n.next()%1000, words[n.next()%6], n.next()%100, n.next()%100)
	}
	for len(b) > size && b[size]&0xC0 == 0x80 {
		size-- // not inside a character
	}
	return b[:size]
}

// noise returns bytes that cannot be compressed; other ones for each size.
func noise(size int) []byte {
	b, n := make([]byte, size), newNoise(uint64(size))
	for i := range b {
		b[i] = byte(n.next())
	}
	return b
}

// A noiseSource is a generator of numbers that are the same in every run.
type noiseSource uint64

func newNoise(seed uint64) *noiseSource {
	n := noiseSource(seed*0x9E3779B97F4A7C15 + 1)
	return &n
}

// next is xorshift64*, of which the upper half is good.
func (n *noiseSource) next() int {
	x := uint64(*n)
	x ^= x >> 12
	x ^= x << 25
	x ^= x >> 27
	*n = noiseSource(x)
	return int(x * 0x2545F4914F6CDD1D >> 33)
}
