package websocket

import (
	"slices"
	"testing"
)

// lzTokens returns the matches that are found in the last piece, after a
// history.
func lzTokens(effort int, history, p string) []lzToken {
	old := &deflateHistory{size: 1 << 15}
	old.forget()
	old.add([]byte(history))
	table := newDeflateTable(tableWords(old.size))
	table.begin(old, effort == effortBest)
	m := lzMatcher{p: []byte(p), old: old, table: table, good: lzGood(uint8(effort))}
	return m.parse(nil, 0, len(p))
}

func TestDeflaterMatcherPrefersALongerMatchAByteLater(t *testing.T) {
	for effort, want := range map[int]lzToken{
		effortFast:   newLZToken(0, lzMatch{5, 24}),
		effortNormal: newLZToken(1, lzMatch{12, 18}),
		effortBest:   newLZToken(1, lzMatch{12, 18}),
	} {
		got := lzTokens(effort, "_xabcd__abcdefghijkl____", "-xabcdefghijkl+++++++++")
		// The - is a literal before either.
		if want += newLZToken(1, lzMatch{3, 1}); got[0] != want {
			t.Errorf("effort %d: %d literals, length %d, distance %d", effort, got[0].run(), got[0].length()+3, got[0].distance()+1)
		}
	}
}

func TestDeflaterMatcherCutsLongRunsOfLiterals(t *testing.T) {
	for run := range 4 * lzNoMatch {
		m := lzMatcher{}
		m.emit(run, lzMatch{7, 9})
		last := m.tokens[len(m.tokens)-1]
		sum := last.run()
		for _, token := range m.tokens[:len(m.tokens)-1] {
			if token.run() != lzNoMatch {
				t.Errorf("%d literals: a run of %d in the middle", run, token.run())
			}
			sum += lzNoMatch
		}
		if sum != run || last.run() == lzNoMatch || last.length() != 7-3 || last.distance() != 9-1 || m.literal != run+7 {
			t.Errorf("%d literals: %d in %d tokens", run, sum, len(m.tokens))
		}
	}
}

// Nothing but effortBest looks at more than four places; effortNormal finds
// the rest of the word a byte later.
func TestDeflaterMatcherLooksAtEightPlacesAtBest(t *testing.T) {
	history := "wxyz0123"
	for i := range 7 {
		history += "wxyz" + string(rune('a'+i)) + "__"
	}
	for effort, want := range map[int]int{effortFast: 4, effortNormal: 7, effortBest: 8} {
		got := lzTokens(effort, history, "wxyz0123????????")
		if length := int(got[0].length() + 3); length != want {
			t.Errorf("effort %d: length %d", effort, length)
		}
	}
}

func TestDeflaterMatcherCrossesTheEndOfTheHistory(t *testing.T) {
	for effort := effortFast; effort <= effortBest; effort++ {
		for period := 4; period < 20; period++ {
			p := slices.Repeat([]byte("0123456789abcdefghij")[:period], 60)
			got := lzTokens(effort, string(p[:period]), string(p[:200]))
			if got[0].run() != 0 || got[0].length() != 200-3 || int(got[0].distance()) != period-1 {
				t.Errorf("effort %d, period %d: run %d, length %d, distance %d", effort, period, got[0].run(), got[0].length()+3, got[0].distance()+1)
			}
		}
	}
}

func TestDeflaterMatcherStopsAtTheEndOfABlock(t *testing.T) {
	p := jsonCorpus(3000)
	for effort := effortFast; effort <= effortBest; effort++ {
		for to := 1500; to < 1900; to++ {
			old := &deflateHistory{size: 1 << 15}
			old.forget()
			table := newDeflateTable(tableWords(old.size))
			table.begin(old, effort == effortBest)
			m := lzMatcher{p: p, old: old, table: table, good: lzGood(uint8(effort))}
			m.parse(nil, 0, to)
			if m.literal > to {
				t.Errorf("effort %d: the last match ends at %d, the block at %d", effort, m.literal, to)
			}
		}
	}
}

func TestDeflaterMatcherTableRemembersEightPlaces(t *testing.T) {
	table := newDeflateTable(16)
	table.begin(&deflateHistory{size: 32}, true)
	for pos := uint16(1); pos <= 8; pos++ {
		table.look(7, pos)
	}
	if latest, older := table.look(7, 9); latest != 0x0005_0006_0007_0008 || older != 0x0001_0002_0003_0004 {
		t.Errorf("%#x and %#x", latest, older)
	}
}

// Whose positions they were must not make a difference: verified, they would be
// matches, and the result would depend on a stranger's messages.
func TestDeflaterMatcherTableForgetsWhoHadItBefore(t *testing.T) {
	table := newDeflateTable(16)
	for _, deep := range []bool{true, false, true} {
		table.begin(&deflateHistory{size: 32}, deep)
		for v := range uint32(1000) {
			if latest, older := table.look(v, 0); latest != 0 || older != 0 {
				t.Fatalf("%#x and %#x", latest, older)
			}
		}
		table.enter(jsonCorpus(1000), 0, 900, 1)
	}
}
