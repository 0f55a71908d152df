// This file says what rooms and the people in them may be called: something that
// others can see, and that leaves alone what stands around it. It has no tables of
// its own, and does not normalize: é is not e with an accent behind it.

package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// chatBlanks are graphic characters that show nothing: of Braille, of musical
// symbols and of hieroglyphs.
const chatBlanks = "\u2800\U0001d159\U00013441\U00013442"

// isChatName applies the rule: a name consists of visible characters and spaces,
// does not begin with a combining mark, and has joiners and variation selectors only
// directly behind a visible character that is not ASCII (a selector also behind a
// digit, # or *, a joiner also behind a selector).
//
// So all scripts are possible, and emoji of several characters. Controls, format
// characters such as those for bidirectional text, private and unassigned
// characters are not visible.
func isChatName(name string) bool {
	before := ' '
	for i, r := range name {
		switch {
		case isChatModifier(r):
			if !carriesModifier(before, r) {
				return false
			}
		case !isVisible(r) || i == 0 && unicode.Is(unicode.M, r):
			return false
		}
		before = r
	}
	return name != "" && utf8.ValidString(name)
}

// isVisible holds for spaces too: those that stand between others are seen.
func isVisible(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) &&
		!strings.ContainsRune(chatBlanks, r)
}

// isChatModifier reports whether a character changes others without being seen
// itself: it joins or parts them, or selects one of their forms.
func isChatModifier(r rune) bool {
	return unicode.In(r, unicode.Join_Control, unicode.Variation_Selector)
}

// carriesModifier says what such a character may stand behind.
func carriesModifier(before, modifier rune) bool {
	isJoiner := unicode.Is(unicode.Join_Control, modifier)
	switch {
	case isChatModifier(before):
		return isJoiner && !unicode.Is(unicode.Join_Control, before) // as in a heart on fire
	case before <= unicode.MaxASCII:
		return !isJoiner && strings.ContainsRune("0123456789#*", before) // of keycaps
	}
	return !unicode.IsSpace(before)
}

// chatLook is the same for names that differ only in what is not seen: modifiers,
// and how many spaces there are and of which kind.
func chatLook(name string) string {
	seen := strings.Map(func(r rune) rune {
		if isChatModifier(r) {
			return -1
		}
		return r
	}, name)
	return strings.Join(strings.Fields(seen), " ")
}
