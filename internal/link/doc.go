// Package link holds the links of an exec chain. Each link has a file. A link reads its own
// words from the command line, changes one aspect of the process, and makes the rest of the
// command line the next program.
//
// Everything here is bare code: it runs before the Go runtime and keeps the rules of
// package bare. The links behave as daemontools 0.76 does, to the byte. What 0.76 does not
// have is marked "ours".
package link
