package multilog

// copyLine copies the line at from, with its newline, to to, and returns the length of the
// line. If the newline is not among the next most bytes, it returns 0. In both cases it may
// write as many as most bytes.
//
//go:noescape
func copyLine(to, from uintptr, most int) (n int)
