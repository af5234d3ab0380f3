// Package link holds the links of an exec chain, a file each. A link reads its
// own words from the command line, changes one aspect of the process, and makes
// the rest of the command line the next program.
//
// Everything here is bare code: it runs before the Go runtime and keeps the rules
// of package bare. The behaviour is that of daemontools 0.76 to the byte; what
// goes beyond it is marked "ours".
package link
