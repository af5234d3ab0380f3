package python

import (
	"errors"
	"strings"
)

// What shlex finds wrong.
var (
	errNoQuote  = errors.New("No closing quotation")
	errNoEscape = errors.New("No escaped character")
)

const blanks = " \t\r\n"

// Words splits a command as shlex.split does: quotes and backslashes as in a shell, but a
// backslash before a newline means the newline.
func Words(s string) (words []string, err error) {
	var word strings.Builder
	open := false // there is a word, which may be empty
	quote := rune(0)
	escaped := false
	for _, c := range s {
		switch {
		case escaped:
			if quote != 0 && c != '\\' && c != quote { // only these two are escaped in quotes
				word.WriteByte('\\')
			}
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quote != '\'':
			escaped, open = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, open = c, true
		case strings.ContainsRune(blanks, c):
			if open {
				words = append(words, word.String())
				word.Reset()
			}
			open = false
		default:
			word.WriteRune(c)
			open = true
		}
	}
	switch {
	case escaped:
		return nil, errNoEscape
	case quote != 0:
		return nil, errNoQuote
	case open:
		words = append(words, word.String())
	}
	return words, nil
}

// A Pair is a key and its value.
type Pair struct{ Key, Value string }

// Pairs reads KEY=value,KEY="value" as Supervisor does, which takes three tokens of an old-style
// shlex at a time and drops the fourth, whatever that is. The later one of two equal keys counts.
func Pairs(s string) (pairs []Pair, err error) {
	tokens, err := tokens(s)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(tokens); i += 4 {
		if i+3 > len(tokens) || tokens[i+1] != "=" {
			return nil, errors.New("Unexpected end of key/value pairs in value '" + s + "'")
		}
		pairs = set(pairs, Pair{tokens[i], strings.Trim(tokens[i+2], `'"`)})
	}
	return pairs, nil
}

// set adds a pair, in the place of one with the same key.
func set(pairs []Pair, pair Pair) []Pair {
	for i := range pairs {
		if pairs[i].Key == pair.Key {
			pairs[i] = pair
			return pairs
		}
	}
	return append(pairs, pair)
}

// Update adds pairs to others, as dict.update does.
func Update(pairs, others []Pair) []Pair {
	pairs = append([]Pair{}, pairs...)
	for _, pair := range others {
		pairs = set(pairs, pair)
	}
	return pairs
}

// tokens splits a text as shlex does that is not told to be like a shell: quotes stay in the
// token and end it if they began it, a character that belongs to no word is a token, and # begins a comment.
func tokens(s string) (list []string, err error) {
	const wordSigns = "_/.+-():"
	text := []rune(s)
	for at := 0; at < len(text); {
		c := text[at]
		from := at
		switch {
		case strings.ContainsRune(blanks, c):
			at++
			continue
		case c == '#':
			at = endOfLine(text, at)
			continue
		case c == '\'' || c == '"':
			for at++; at < len(text) && text[at] != c; at++ {
			}
			if at == len(text) {
				return nil, errNoQuote
			}
			at++
		case !isWord(c, wordSigns):
			at++
		default:
			var word strings.Builder
			for at < len(text) && (isWord(text[at], wordSigns) || text[at] == '\'' || text[at] == '"' || text[at] == '#') {
				if text[at] == '#' { // what follows the comment goes on with the word
					at = endOfLine(text, at)
					continue
				}
				word.WriteRune(text[at])
				at++
			}
			list = append(list, word.String())
			continue
		}
		list = append(list, string(text[from:at]))
	}
	return list, nil
}

// endOfLine is the index behind the end of the line.
func endOfLine(text []rune, at int) int {
	for at < len(text) && text[at] != '\n' {
		at++
	}
	return min(at+1, len(text))
}

func isWord(c rune, signs string) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(signs, c)
}
