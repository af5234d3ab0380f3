package bare

// Environment is the environment that the next program gets: a vector of the addresses of
// NAME=value strings, in their order, duplicates included. At first it is the kernel's own
// vector, which is edited in place as long as its room suffices.
type Environment struct {
	at     uintptr // address of the vector, which has room for cap addresses and a null
	n, cap int
	added  int // bytes of all entries that were added
}

// Get is the value of the first entry called name, and whether there is one.
func (e *Environment) Get(name string) (value string, ok bool) {
	for i := range e.n {
		if addr := e.entry(i); isNamed(addr, name) {
			return textAt(addr + uintptr(len(name)) + 1), true
		}
	}
	return "", false
}

// Clear empties the environment.
func (e *Environment) Clear() { e.n = 0 }

// Remove removes every entry called name.
func (e *Environment) Remove(name string) {
	kept := 0
	for i := range e.n {
		if entry := e.entry(i); !isNamed(entry, name) {
			setWord(e.at+uintptr(kept)*wordSize, entry)
			kept++
		}
	}
	e.n = kept
}

// Set gives name a value, as Put does; false means that there is no memory.
func (e *Environment) Set(name, value string) bool {
	var b Buffer
	return b.Append(name) && b.Append("=") && b.Append(value) && e.Put(&b)
}

// SetNumber gives name a number for its value; false means that there is no
// memory.
func (e *Environment) SetNumber(name string, n uint64) bool {
	var b Buffer
	return b.Append(name) && b.Append("=") && b.AppendNumber(n) && e.Put(&b)
}

// Put finishes a buffer that holds NAME=value, and makes it an entry. If the buffer holds
// no "=", Put removes the entry of that name. It edits as pathexec of daemontools does. The
// last entry takes the place of the first entry of that name, and the new entry goes to the
// end. Further entries of that name stay. False means that there is no memory.
func (e *Environment) Put(entry *Buffer) bool {
	if !entry.Finish() {
		return false
	}
	text := entry.String()
	split := Index(text, '=')
	for i := range e.n {
		if isNamed(e.entry(i), text[:split]) {
			e.n--
			setWord(e.at+uintptr(i)*wordSize, e.entry(e.n))
			break
		}
	}
	if split == len(text) {
		return true
	}
	if e.n == e.cap && !e.grow() {
		return false
	}
	setWord(e.at+uintptr(e.n)*wordSize, entry.at)
	e.n++
	e.added += len(text) + 1
	return true
}

// Len is the number of entries.
func (e *Environment) Len() int { return e.n }

// At is the entry at i.
func (e *Environment) At(i int) string { return textAt(e.entry(i)) }

// Vector ends the vector with a null and returns its address, for execve.
func (e *Environment) Vector() uintptr {
	setWord(e.at+uintptr(e.n)*wordSize, 0)
	return e.at
}

func (e *Environment) entry(i int) uintptr { return word(e.at + uintptr(i)*wordSize) }

// grow moves the vector to one with twice the room.
func (e *Environment) grow() bool {
	room := max(2*e.cap, 64)
	at, ok := allocate((room + 1) * int(wordSize))
	if !ok {
		return false
	}
	for i := range e.n {
		setWord(at+uintptr(i)*wordSize, e.entry(i))
	}
	e.at, e.cap = at, room
	return true
}

// isNamed reports whether the C string at addr is the name and then "=".
func isNamed(addr uintptr, name string) bool {
	for i := range len(name) {
		if c := *(*byte)(pointer(addr + uintptr(i))); c != name[i] || c == 0 {
			return false
		}
	}
	return *(*byte)(pointer(addr + uintptr(len(name)))) == '='
}
