package main

import (
	"strings"
	"testing"
	"unicode"
)

func TestChatNamesAreSeen(t *testing.T) {
	good := map[string]string{
		"latin":            "Ann-Marie O’Neil 2",
		"one-letter":       "x",
		"symbols":          "#1 <b>&amp;</b> @home",
		"decomposed":       "Zoe\u0308",
		"chinese":          "猫",
		"selected-glyph":   "渡邉\U000e0102", // a form of this family name
		"arabic":           "مريم",
		"persian":          "می\u200cخواهم",   // the joiner parts two letters
		"hebrew-points":    "שָׂרָה",          // two marks on one letter
		"sinhala":          "ශ\u0dca\u200dරී", // the joiner is behind a mark
		"malayalam":        "അവന\u0d4d\u200d", // and here at the end
		"mongolian":        "ᠨ\u180bᠠ",        // with a selector of its own
		"emoji":            "😀",
		"family":           "👩\u200d👩\u200d👧",
		"skin":             "👋🏽",
		"selected-emoji":   "❤\ufe0f",
		"heart-on-fire":    "❤\ufe0f\u200d🔥",
		"flag":             "🇨🇭",
		"rainbow-flag":     "🏳\ufe0f\u200d🌈",
		"keycap":           "1\ufe0f\u20e3",
		"space-in-between": "a\u3000b",
		"replacement":      "\ufffd",
	}
	for why, name := range good {
		if !isChatName(name) {
			t.Errorf("%s: %+q is refused", why, name)
		}
	}
}

func TestChatNamesThatHideAreRefused(t *testing.T) {
	bad := map[string]string{
		"empty":                "",
		"no-utf8":              "a\xff",
		"control":              "a\nb",
		"delete":               "a\x7f",
		"c1":                   "a\u009b",
		"line-separator":       "a\u2028b",
		"soft-hyphen":          "a\u00adnn",
		"zero-width-space":     "a\u200bnn",
		"byte-order-mark":      "\ufeffann",
		"word-joiner":          "猫\u2060猫",
		"override":             "ann\u202e",
		"isolate":              "\u2067ann\u2069",
		"direction-mark":       "ann\u200e",
		"arabic-mark":          "\u061cمريم",
		"grapheme-joiner":      "猫\u034f",
		"hangul-filler":        "\u3164",
		"narrow-hangul-filler": "\uffa0",
		"hangul-jamo-filler":   "\u115f\u1160",
		"khmer-vowel":          "ក\u17b4",
		"braille-blank":        "\u2800",
		"braille-blank-inside": "a\u2800b",
		"null-notehead":        "\U0001d159",
		"tag":                  "🏴\U000e0067\U000e007f",
		"annotation":           "a\ufff9b",
		"private":              "\ue000",
		"unassigned":           "\U0003fffd",
		"mark-first":           "\u0301ann",
		"selector-first":       "\ufe0f猫",
		"joiner-first":         "\u200d猫",
		"joiner-alone":         "\u200d",
		"joiner-in-ascii":      "a\u200dnn",
		"non-joiner-in-ascii":  "an\u200cn",
		"joiner-behind-digit":  "1\u200d",
		"selector-in-ascii":    "ann\ufe0f",
		"other-selector":       "ann\ufe00",
		"two-joiners":          "猫\u200d\u200d",
		"two-selectors":        "猫\ufe0f\ufe0f",
		"selector-on-joiner":   "猫\u200d\ufe0f",
		"joiner-on-space":      "猫 \u200d猫",
		"joiner-on-wide-space": "猫\u3000\u200d猫",
	}
	for why, name := range bad {
		if isChatName(name) {
			t.Errorf("%s: %+q is accepted", why, name)
		}
	}
}

// No character that hides, or that changes its surroundings, gets through in any of
// the places in which characters stand.
func TestChatNamesHaveNothingHidden(t *testing.T) {
	hidden := []*unicode.RangeTable{unicode.Bidi_Control, unicode.Other_Default_Ignorable_Code_Point, unicode.Cc, unicode.Cf}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.In(r, hidden...) || unicode.Is(unicode.Join_Control, r) {
			continue
		}
		c := string(r)
		for _, name := range []string{c, c + "猫", "a" + c + "n", "猫" + c} {
			if isChatName(name) {
				t.Errorf("%+q is accepted", name)
			}
		}
	}
}

func TestChatNamesThatLookTheSameAreTaken(t *testing.T) {
	same := [][]string{
		{"猫 1", "猫\u200d 1", "猫\ufe0f\u00a01", "猫  1", "猫\U000e0100\u3000\u20091"},
		{"❤", "❤\ufe0f", "❤\ufe0e", "❤\ufe0f\u200c"},
	}
	seen := make(map[string]bool)
	for _, names := range same {
		look := chatLook(names[0])
		if seen[look] || look != names[0] {
			t.Errorf("%+q looks like %+q", names[0], look)
		}
		seen[look] = true
		for _, name := range names {
			if !isChatName(name) || chatLook(name) != look {
				t.Errorf("%+q looks like %+q, want %+q", name, chatLook(name), look)
			}
		}
	}
	p := start(t, "-quiet")
	p.join("r", "猫")
	for i, name := range []string{"猫\ufe0f", "猫\u200d", "\u2003猫\u3000"} {
		want := strings.Trim(name, "\u2003\u3000") + []string{" 2", " 3", " 4"}[i]
		if e := p.chat("r", name).event(); e["name"] != want {
			t.Errorf("%+q is called %+q, want %+q", name, e["name"], want)
		}
	}
}
