package bare

// WithoutANSI takes ANSI sequences out of text, in place, and returns how long it is then. As in
// Supervisor a sequence begins with ESC and [, and ends with one of some letters. One that does not
// end goes up to the end of the text.
func WithoutANSI(text []byte) (n int) {
	const ends = "HfABCDRsuJKhlpm"
	for i := 0; i < len(text); i++ {
		if isANSI(text[i:]) {
			for i < len(text) && Index(ends, text[i]) == len(ends) {
				i++
			}
			continue
		}
		text[n] = text[i]
		n++
	}
	return n
}

// HasANSI reports whether there is such a sequence in text.
func HasANSI(text []byte) bool {
	for i := range text {
		if isANSI(text[i:]) {
			return true
		}
	}
	return false
}

func isANSI(text []byte) bool {
	const escape = 0x1b
	return text[0] == escape && len(text) > 1 && text[1] == '['
}
