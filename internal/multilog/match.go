package multilog

import "catena/internal/bare"

// The two kinds of patterns that select lines.

// matches reports whether a pattern of multilog(8) matches a line. A star at the end
// matches any string. Any other star matches any string without the character that follows
// the star.
func matches(pattern string, line []byte) bool {
	text := bare.TextOf(line)
	at := 0
	for i := range len(pattern) {
		switch c := pattern[i]; {
		case c == '*' && i+1 == len(pattern):
			return true
		case c == '*':
			if at += bare.Index(text[at:], pattern[i+1]); at == len(text) {
				return false
			}
		case at == len(text) || text[at] != c:
			return false
		default:
			at++
		}
	}
	return at == len(text)
}

// globs reports whether a pattern of fnmatch(3), without flags and in the C locale, matches
// a line. When the pattern fails, globs tries again from the last star only. So no pattern
// takes more steps than the product of the two lengths.
func globs(pattern string, line []byte) bool {
	star, mark := -1, 0
	i, k := 0, 0
	for k < len(line) {
		if i < len(pattern) && pattern[i] == '*' {
			star, mark = i, k
			i++
			continue
		}
		if i < len(pattern) {
			if next, ok := globOne(pattern, i, line[k]); ok {
				i, k = next, k+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark++
		i, k = star+1, mark
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}

// globOne matches one character, and returns where the pattern goes on.
func globOne(pattern string, i int, c byte) (next int, ok bool) {
	switch pattern[i] {
	case '?':
		return i + 1, true
	case '[':
		if next, ok, bracket := globBracket(pattern, i+1, c); bracket {
			return next, ok
		}
	case '\\':
		if i++; i == len(pattern) {
			return i, false
		}
	}
	return i + 1, pattern[i] == c
}

// globBracket matches a character with a bracket expression, whose inside begins at i. If
// the expression does not end, bracket is false: the bracket is an ordinary character then.
func globBracket(pattern string, i int, c byte) (next int, ok, bracket bool) {
	not := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if not {
		i++
	}
	for start := true; i < len(pattern); start = false {
		if pattern[i] == ']' && !start {
			return i + 1, ok != not, true
		}
		if in, end := globClass(pattern, i, c); end > 0 {
			ok = ok || in
			i = end
			continue
		}
		low := pattern[i]
		if low == '\\' && i+1 < len(pattern) {
			i++
			low = pattern[i]
		}
		high := low
		if i+2 < len(pattern) && pattern[i+1] == '-' && pattern[i+2] != ']' {
			i += 2
			high = pattern[i]
			if high == '\\' && i+1 < len(pattern) {
				i++
				high = pattern[i]
			}
		}
		ok = ok || low <= c && c <= high
		i++
	}
	return 0, false, false
}

// globClass matches a character with a class such as [:digit:] at i. End is 0 if there is
// no class at i.
func globClass(pattern string, i int, c byte) (in bool, end int) {
	rest := pattern[i:]
	if len(rest) < 2 || rest[:2] != "[:" {
		return false, 0
	}
	lower, upper, digit := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9'
	for _, class := range [...]struct {
		name string
		in   bool
	}{
		{"[:alnum:]", lower || upper || digit}, {"[:alpha:]", lower || upper},
		{"[:blank:]", c == ' ' || c == '\t'}, {"[:cntrl:]", c < ' ' || c == 0x7f},
		{"[:digit:]", digit}, {"[:graph:]", ' ' < c && c < 0x7f},
		{"[:lower:]", lower}, {"[:print:]", ' ' <= c && c < 0x7f},
		{"[:punct:]", ' ' < c && c < 0x7f && !lower && !upper && !digit},
		{"[:space:]", c == ' ' || '\t' <= c && c <= '\r'}, {"[:upper:]", upper},
		{"[:xdigit:]", digit || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'},
	} {
		if len(rest) >= len(class.name) && bare.Equal(rest[:len(class.name)], class.name) {
			return class.in, i + len(class.name)
		}
	}
	return false, 0
}
