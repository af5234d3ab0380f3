package bare

import "unsafe"

// Command lines.

// Words is C strings and a vector of their addresses that ends with a null, as the kernel
// hands over a command line. Words holds no Go pointer, so it may be kept anywhere.
type Words struct {
	at uintptr // address of the vector
	n  int
}

// Len is the number of words.
func (w Words) Len() int { return w.n }

// At is the word at i; empty beyond the end.
func (w Words) At(i int) string {
	if i < 0 || i >= w.n {
		return ""
	}
	return textAt(word(w.at + uintptr(i)*wordSize))
}

// From is the words from i on. There are none if i is beyond the end.
func (w Words) From(i int) Words {
	if i > w.n {
		i = w.n
	}
	return Words{w.at + uintptr(i)*wordSize, w.n - i}
}

// OneWord is a command line of a single word, which must be a constant that ends with a NUL.
// It is valid until the next call.
func OneWord(word string) Words {
	common.oneWord[0] = address(word)
	return Words{uintptr(unsafe.Pointer(&common.oneWord)), 1}
}

// RoomForWords is an empty command line with room for n words. False means that there is no
// memory.
func RoomForWords(n int) (w Words, ok bool) {
	vector, ok := allocate((n + 1) * int(wordSize))
	if ok {
		setWord(vector, 0)
	}
	return Words{vector, 0}, ok
}

// Append adds a word to a command line with room for it. The word ends with its NUL, and
// stays where it is.
func (w *Words) Append(text []byte) { w.put(address(TextOf(text))) }

// AppendAll adds all words of another command line, which stay where they are.
func (w *Words) AppendAll(more Words) {
	for i := range more.n {
		w.put(word(more.at + uintptr(i)*wordSize))
	}
}

func (w *Words) put(addr uintptr) {
	setWord(w.at+uintptr(w.n)*wordSize, addr)
	w.n++
	setWord(w.at+uintptr(w.n)*wordSize, 0)
}

// NewWords makes a command line of words. False means that there is no memory.
func NewWords(words ...string) (w Words, ok bool) { return w.Behind(words...) }

// Behind makes a command line of other words, with these behind them. False means that there
// is no memory.
func (w Words) Behind(words ...string) (all Words, ok bool) {
	n := len(words)
	vector, ok := allocate((n + w.n + 1) * int(wordSize))
	if !ok {
		return all, false
	}
	for i, word := range words {
		var b Buffer
		if !b.Append(word) || !b.Finish() {
			return all, false
		}
		setWord(vector+uintptr(i)*wordSize, b.at)
	}
	for i := range w.n {
		setWord(vector+uintptr(n+i)*wordSize, word(w.at+uintptr(i)*wordSize))
	}
	setWord(vector+uintptr(n+w.n)*wordSize, 0)
	return Words{vector, n + w.n}, true
}
