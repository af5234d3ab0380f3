package python

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// IsSpace reports whether str.strip removes a character.
func IsSpace(r rune) bool { return unicode.IsSpace(r) || '\x1c' <= r && r <= '\x1f' }

// Strip removes blanks at both ends, as str.strip does.
func Strip(s string) string { return strings.TrimFunc(s, IsSpace) }

// Repr is how repr shows a string.
func Repr(s string) string {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteRune(quote)
	return b.String()
}

// BytesRepr is how repr shows bytes.
func BytesRepr(text []byte) string {
	quote := byte('\'')
	if bytes.IndexByte(text, '\'') >= 0 && bytes.IndexByte(text, '"') < 0 {
		quote = '"'
	}
	shown := []byte{'b', quote}
	for _, c := range text {
		switch {
		case c == quote || c == '\\':
			shown = append(shown, '\\', c)
		case c == '\n':
			shown = append(shown, `\n`...)
		case c == '\r':
			shown = append(shown, `\r`...)
		case c == '\t':
			shown = append(shown, `\t`...)
		case c < ' ' || c > '~':
			shown = fmt.Appendf(shown, `\x%02x`, c)
		default:
			shown = append(shown, c)
		}
	}
	return string(append(shown, quote))
}

// Int converts a text as int does, in base 8 or 10. What is too large for 64 bits becomes the
// largest number, or the smallest.
func Int(s string, base int) (int64, error) {
	digits := Strip(s)
	sign := ""
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		sign, digits = digits[:1], digits[1:]
	}
	underscore := false // one may stand here
	if base == 8 && (strings.HasPrefix(digits, "0o") || strings.HasPrefix(digits, "0O")) {
		digits, underscore = digits[2:], true
	}
	var plain strings.Builder
	plain.WriteString(sign)
	for _, c := range []byte(digits) {
		switch {
		case '0' <= c && c < '0'+byte(base):
			plain.WriteByte(c)
			underscore = true
		case c == '_' && underscore:
			underscore = false
		default:
			return 0, notInt(s, base)
		}
	}
	if plain.Len() == len(sign) || !underscore {
		return 0, notInt(s, base)
	}
	n, err := strconv.ParseInt(plain.String(), base, 64)
	if err != nil && sign == "-" {
		return math.MinInt64, nil
	} else if err != nil {
		return math.MaxInt64, nil
	}
	return n, nil
}

func notInt(s string, base int) error {
	return fmt.Errorf("invalid literal for int() with base %d: %s", base, Repr(s))
}
