// Package python does what Python does with the text of a supervisord.conf: it reads the file
// as RawConfigParser does, fills in %(name)s, splits commands as shlex does, finds files as
// glob does, and has Python's words for what is wrong. Supervisor is written in Python, so a
// configuration means what Python makes of it.
//
// What only a mistake would use is left out: digits that are not ASCII, and conversions of
// numbers to floats.
package python
