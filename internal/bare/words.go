package bare

import "unsafe"

// Words is a run of C strings behind a vector of their addresses that ends with
// a null, as the kernel hands over a command line. It holds no Go pointer, so
// it may be kept anywhere.
type Words struct {
	at uintptr // of the vector
	n  int
}

// Len is the number of words.
func (w Words) Len() int { return w.n }

// At is the word at i, or the empty string beyond the end.
func (w Words) At(i int) string {
	if i < 0 || i >= w.n {
		return ""
	}
	return textAt(word(w.at + uintptr(i)*wordSize))
}

// From is the words from i on; none when there are fewer.
func (w Words) From(i int) Words {
	if i > w.n {
		i = w.n
	}
	return Words{w.at + uintptr(i)*wordSize, w.n - i}
}

// one is the vector that One returns.
var one [2]uintptr

// One is a command line of a single word, valid until the next call. The word must
// be a constant that ends with a NUL.
func One(word string) Words {
	one[0] = address(word)
	return Words{uintptr(unsafe.Pointer(&one)), 1}
}

// NewWords makes a command line; false means that there is no memory.
func NewWords(words ...string) (w Words, ok bool) {
	vector, ok := allocate((len(words) + 1) * int(wordSize))
	if !ok {
		return w, false
	}
	for i, word := range words {
		var b Buffer
		if !b.Append(word) || !b.Finish() {
			return w, false
		}
		setWord(vector+uintptr(i)*wordSize, b.at)
	}
	setWord(vector+uintptr(len(words))*wordSize, 0)
	return Words{vector, len(words)}, true
}
