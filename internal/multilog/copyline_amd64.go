package multilog

// copyLine copies a line with its newline, which is somewhere in the next most bytes, and
// returns how long it is; 0 if there is none. It may write to all of these.
//
//go:noescape
func copyLine(to, from uintptr, most int) (n int)
