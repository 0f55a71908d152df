package main

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

var (
	codeSpan   = regexp.MustCompile("`+[^`]*`+")
	inlineLink = regexp.MustCompile(`\]\(\s*<?([^)<>\s]+)>?(?:\s+"[^"]*")?\s*\)`)
	definition = regexp.MustCompile(`^ {0,3}\[[^\]]+\]:\s*<?([^<>\s]+)>?`)
	attribute  = regexp.MustCompile(`(?:src|href)="([^"]+)"`)
	anchor     = regexp.MustCompile(`(?:id|name)="([^"]+)"`)
	heading    = regexp.MustCompile(`^ {0,3}#{1,6}\s+(.*?)\s*#*$`)
	scheme     = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*:|//)`)
	linkText   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// A link is a relative link, without its percent encoding.
type link struct {
	line   int
	target string
}

// A document is what matters of a Markdown file: its relative links, and the fragments that links to it may use.
type document struct {
	links     []link
	fragments []string
}

// parseDocument reads lines, not blocks: enough for links and headings in the way that this repository writes them.
func parseDocument(content string) document {
	var d document
	fence := ""
	number := 0
	for line := range strings.Lines(content) {
		number++
		line = strings.TrimRight(line, "\r\n")
		mark := fenceMark(line)
		switch {
		case fence != "":
			if strings.HasPrefix(mark, fence) {
				fence = ""
			}
		case mark != "":
			fence = mark
		default:
			d.parseLine(number, line)
		}
	}
	return d
}

// fenceMark returns the run of backquotes or tildes that opens or closes a code block on this line.
func fenceMark(line string) string {
	line = strings.TrimLeft(line, " >")
	for _, mark := range []string{"`", "~"} {
		if rest := strings.TrimLeft(line, mark); len(line)-len(rest) >= 3 {
			return line[:len(line)-len(rest)]
		}
	}
	return ""
}

func (d *document) parseLine(number int, line string) {
	if m := heading.FindStringSubmatch(line); m != nil {
		d.fragments = append(d.fragments, d.unique(slug(m[1])))
	}
	line = codeSpan.ReplaceAllString(line, "")
	for _, m := range anchor.FindAllStringSubmatch(line, -1) {
		d.fragments = append(d.fragments, m[1])
	}
	for _, pattern := range []*regexp.Regexp{inlineLink, definition, attribute} {
		for _, m := range pattern.FindAllStringSubmatch(line, -1) {
			if scheme.MatchString(m[1]) {
				continue
			}
			target, err := url.PathUnescape(m[1])
			if err != nil {
				target = m[1]
			}
			d.links = append(d.links, link{number, target})
		}
	}
}

// slug turns a heading into its fragment, as the common hosts do: lower case, dashes for spaces, no punctuation.
func slug(title string) string {
	title = linkText.ReplaceAllString(title, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// unique numbers a heading that stands in the document already.
func (d *document) unique(fragment string) string {
	name := fragment
	for i := 1; slices.Contains(d.fragments, name); i++ {
		name = fmt.Sprintf("%s-%d", fragment, i)
	}
	return name
}
