package tai64

// Labels as text.

// TextSize is the length of a label in text: an @ and two digits for each byte.
const TextSize = 1 + 2*Size

// PutText writes a label into b, as tai64n(8) describes it. b must have room for TextSize
// bytes.
func (l Label) PutText(b []byte) {
	const hex = "0123456789abcdef"
	b[0] = '@'
	packed := l.Pack()
	for i, c := range packed {
		b[1+2*i] = hex[c>>4]
		b[2+2*i] = hex[c&15]
	}
}

// ReadText reads the label at the beginning of a text. Ok is false if there is no label.
func ReadText(text string) (l Label, ok bool) {
	if len(text) < TextSize || text[0] != '@' {
		return l, false
	}
	var packed [Size]byte
	for i := range packed {
		high, low := digit(text[1+2*i]), digit(text[2+2*i])
		if high > 15 || low > 15 {
			return l, false
		}
		packed[i] = high<<4 | low
	}
	return Unpack(packed), true
}

func digit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}
