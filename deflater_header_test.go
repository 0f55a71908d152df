package websocket

import "testing"

// headerScratch has the codes of symbols that are equally frequent, gap apart.
// Nothing makes the header cheaper.
func headerScratch(symbols, gap, distances int) *deflateScratch {
	s := new(deflateScratch)
	s.litLen.reset(litLenSymbols)
	s.dist.reset(distSymbols)
	for i := range symbols {
		s.litLen.freq[gap+i*(gap+1)] = 10
	}
	for i := range distances {
		s.dist.freq[i] = 10
	}
	s.litLen.gather()
	s.dist.gather()
	return s
}

func TestDeflaterHeaderBoundIsReachedAndNotExceeded(t *testing.T) {
	reached, sentReached := 0, 0
	for symbols := 2; symbols < 140; symbols += 1 + symbols/20 {
		for gap := 0; gap+(symbols-1)*(gap+1) < litLenSymbols; gap++ {
			bits, sent := headerMargins(t, symbols, gap)
			reached += bits
			sentReached += sent
		}
	}
	if reached < 20 || sentReached < 20 {
		t.Errorf("reached %d and %d times", reached, sentReached)
	}
}

// headerMargins checks the bounds for several numbers of distances and returns
// how often they are reached: that of runs nearly, after a long gap, and that
// of sent lengths.
func headerMargins(t *testing.T, symbols, gap int) (reached, sentReached int) {
	t.Helper()
	for _, distances := range []int{0, 1, 2, 3, 7, 8, 19} {
		s := headerScratch(symbols, gap, distances)
		sentBound := max(s.litLen.sentBound(), s.dist.sentBound())
		bound, total := s.litLen.headerBound()+s.dist.headerBound(), s.dynamicBound()
		s.makeCodes()
		sent, length := s.sentLengths(), s.dynamicLength()
		actual := length - headerCounts - 3*sent - s.litLen.length() - s.dist.length()
		if bound > actual || sentBound > sent || total > length {
			t.Fatalf("%d symbols, gap %d, %d distances: bounds %d, %d, %d for %d, %d, %d", symbols, gap, distances, bound, sentBound, total, actual, sent, length)
		}
		if sentBound == sent {
			sentReached++
		}
		if bound+distances >= actual && gap > 13 {
			reached++
		}
	}
	return reached, sentReached
}
