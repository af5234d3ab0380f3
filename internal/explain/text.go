package explain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible is a text in which nothing moves the cursor: control characters, and bytes that are
// not UTF-8, are shown as \n, \t or \xNN.
func visible(text string) string {
	var b strings.Builder
	for i, size := 0, 0; i < len(text); i += size {
		var c rune
		c, size = utf8.DecodeRuneInString(text[i:])
		switch {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == utf8.RuneError && size == 1, !unicode.IsPrint(c):
			for _, octet := range []byte(text[i : i+size]) {
				fmt.Fprintf(&b, `\x%02x`, octet)
			}
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// shellWords is a command line as one would type it.
func shellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = visible(word)
		if word == "" || strings.ContainsFunc(word, needsQuotes) {
			quoted[i] = "'" + strings.ReplaceAll(quoted[i], "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

func needsQuotes(c rune) bool {
	return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_./:=,+@%^", c)
}
