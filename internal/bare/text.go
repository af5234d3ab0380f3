package bare

import "unsafe"

// Text is a string held by its address, for what may not hold a Go pointer. Only
// text that stays where it is may be kept so: constants, arguments, the arena.
type Text struct {
	at uintptr
	n  int
}

// Keep holds a string as a Text.
func Keep(s string) Text { return Text{address(s), len(s)} }

func (t Text) String() string { return unsafe.String((*byte)(pointer(t.at)), t.n) }

// Index is where the first c stands in s, or len(s) if there is none.
func Index(s string, c byte) int {
	// Eight bytes at a time, up to those of which one may be c: subtracting a one borrows
	// from the top bit of a byte that was zero, and perhaps of others above it.
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i := 0
	for at := unsafe.Pointer(unsafe.StringData(s)); i+8 <= len(s); i += 8 {
		x := *(*uint64)(unsafe.Add(at, i)) ^ ones*uint64(c)
		if (x-ones)&^x&tops != 0 {
			break
		}
	}
	for ; i < len(s); i++ {
		if s[i] == c {
			return i
		}
	}
	return len(s)
}

// Base is what follows the last slash of a name.
func Base(name string) string {
	for i := len(name); i > 0; i-- {
		if name[i-1] == '/' {
			return name[i:]
		}
	}
	return name
}

// Number reads the decimal digits that s begins with: their value, which stops
// at the largest uint64 instead of wrapping, and how many there are.
func Number(s string) (n uint64, digits int) {
	for digits < len(s) && '0' <= s[digits] && s[digits] <= '9' {
		d := uint64(s[digits] - '0')
		if n > (^uint64(0)-d)/10 {
			n = ^uint64(0)
		} else {
			n = n*10 + d
		}
		digits++
	}
	return n, digits
}

// PutNumber writes n in decimal into b, which must have room for its digits, at most
// 20, and returns how many there are.
func PutNumber(b []byte, n uint64) (digits int) {
	for rest := n; digits == 0 || rest > 0; rest /= 10 {
		digits++
	}
	for i := digits; i > 0; i-- {
		b[i-1] = byte('0' + n%10)
		n /= 10
	}
	return digits
}

// AllDigits tells whether s is a decimal number and nothing else.
func AllDigits(s string) bool {
	_, digits := Number(s)
	return len(s) > 0 && digits == len(s)
}

// TextOf is bytes as a string, without a copy: it changes with them.
func TextOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// BytesOf is a string as bytes that are only read.
func BytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// PutLittle writes a number as little-endian bytes, as many as there are.
func PutLittle(b []byte, n uint64) {
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
}

// Little is the number that PutLittle has written.
func Little(b []byte) (n uint64) {
	for i := range b {
		n |= uint64(b[i]) << (8 * i)
	}
	return n
}
