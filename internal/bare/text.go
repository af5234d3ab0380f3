package bare

import "unsafe"

// Strings and numbers as text.

// Text is a string held by its address, for structures that must not hold a Go pointer. The
// text must stay where it is, as constants, arguments and memory of the arena do.
type Text struct {
	at uintptr
	n  int
}

// Keep holds a string as a Text.
func Keep(s string) Text { return Text{address(s), len(s)} }

// Len is the length of the text in bytes.
func (t Text) Len() int { return t.n }

// Given reports whether there is a text at all. That text may be empty.
func (t Text) Given() bool { return t.at != 0 }

// String is the text as a string. A Text has the layout of a string, and is taken for one:
// unsafe.String would check address and length wherever String is inlined.
func (t Text) String() string { return *(*string)(unsafe.Pointer(&t)) }

// Index is the index of the first c in s, or len(s) if there is none.
func Index(s string, c byte) int {
	// Look at eight bytes at a time, as long as none of them is c. x has a zero byte where
	// s has c. To subtract 1 from a zero byte borrows, which sets the top bit of that byte.
	// The borrow may reach bytes above it as well, so the loop below finds out which byte
	// it is.
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

// Equal reports whether two strings are the same. Compiled code compares strings by a function
// of the runtime, for which rawSyscall says why bare code does without it.
//
//go:noinline
func Equal(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Offset is where in a text a part of that text begins, or -1 if it is no part of it. What
// counts is where the two are in memory, not what is in them.
func Offset(text, part string) int {
	offset := address(part) - address(text)
	if offset >= uintptr(len(text)) {
		return -1
	}
	return int(offset)
}

// Base is the part of a name behind its last slash.
func Base(name string) string {
	for i := len(name); i > 0; i-- {
		if name[i-1] == '/' {
			return name[i:]
		}
	}
	return name
}

// Number reads the decimal digits at the beginning of s. It returns their value, at most
// the largest uint64, and how many they are.
//
//go:noinline
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

// PutNumber writes n in decimal into b, and returns how many digits that are. b must have
// room for them; the largest number has 20.
func PutNumber(b []byte, n uint64) (digits int) {
	for rest := n; digits == 0 || rest > 0; rest /= 10 {
		digits++
	}
	return PutDigits(b, n, digits)
}

// PutDigits writes the last digits of n in decimal into b, with zeros in front, and returns
// how many digits these are. b must have room for them.
func PutDigits(b []byte, n uint64, digits int) int {
	for i := digits; i > 0; i-- {
		b[i-1] = byte('0' + n%10)
		n /= 10
	}
	return digits
}

// HashStart is the hash of nothing.
const HashStart = 14695981039346656037

// Hash goes on with a hash: it adds the bytes of s. This is FNV-1a with 64 bits.
func Hash(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// AllDigits reports whether s is a decimal number and nothing else.
func AllDigits(s string) bool {
	_, digits := Number(s)
	return len(s) > 0 && digits == len(s)
}

// TextOf is bytes as a string, without a copy: when the bytes change, the string changes.
func TextOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// BytesOf is a string as bytes, without a copy. Nobody may write to them.
func BytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// PutLittle writes a number as little-endian bytes, and fills b.
//
//go:noinline
func PutLittle(b []byte, n uint64) {
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
}

// Little is the number that PutLittle has written to b.
//
//go:noinline
func Little(b []byte) (n uint64) {
	for i := range b {
		n |= uint64(b[i]) << (8 * i)
	}
	return n
}
