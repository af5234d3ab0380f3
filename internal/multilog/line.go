package multilog

import "catena/internal/bare"

// What the actions of the script do with a line.

// lookedAt is the beginning of the line that actions look at. What the last line has not
// filled is newlines, as soon as there was a line.
type lookedAt struct {
	text [lineMax + 1]byte
	n    int // how many bytes the last line has filled; 0 if there was none
}

// set makes a line the one that actions look at, and returns it.
func (l *lookedAt) set(label, text []byte) []byte {
	n := copy(l.text[:], label)
	n += copy(l.text[n:], text)
	for i := n; i < len(l.text) && (i < l.n || l.n == 0); i++ {
		l.text[i] = '\n'
	}
	l.n = n
	return l.text[:n]
}

// emit writes a line, or a piece of a line whose rest is still to be read.
func emit(p *bare.Process, at, end int, ends bool) {
	cut, read := at, input.text()
	if script.strips {
		end = at + bare.WithoutANSI(read[at:end])
	}
	if !input.inside {
		s := &input.stamp
		if at < input.oldEnd {
			s = &input.older
		}
		cut = min(end, at+lineMax-s.n)
		label, text := s.text[:s.n], read[at:cut]
		settleBefore(p, cut, cut == at+lineMax-s.n)
		if script.plain {
			for i := range script.logs.Len() {
				l := script.logs.At(i)
				l.selected = true
				l.putLine(p, label, text)
			}
		} else {
			doActions(p, label, text)
		}
	}
	for cut < end { // the rest of a long line, which 0.76 takes byte by byte
		settleBefore(p, cut, false)
		next := min(end, input.block)
		putAll(p, read[cut:next])
		cut = next
	}
	if ends {
		settleBefore(p, end, false)
		putAll(p, bare.BytesOf("\n"))
	}
	input.inside = !ends
}

// putAll puts the rest of a line, or a part of it, into the output of the logs that get the
// line.
func putAll(p *bare.Process, b []byte) {
	for i := range script.logs.Len() {
		if l := script.logs.At(i); l.selected {
			l.putBytes(p, b)
		}
	}
}

// doActions does the actions of the script for the beginning of a line.
func doActions(p *bare.Process, label, text []byte) {
	line := input.line.set(label, text)
	selected := true
	for i := range script.actions.Len() {
		switch a := script.actions.At(i); a.kind {
		case actSelect, actDeselect:
			if selected != (a.kind == actSelect) && a.matches(line) {
				selected = !selected
			}
		case actAlert:
			if selected {
				alert(line)
			}
		case actStatus:
			if selected {
				a.replace(p)
			}
		case actSyslog:
			if selected {
				a.send(p, text)
			}
		case actLog:
			l := script.logs.At(a.log)
			if l.selected = selected; selected {
				l.putLine(p, line[:len(label)], line[len(label):])
			}
		}
	}
}

func (a *action) matches(line []byte) bool {
	if a.glob {
		return globs(a.text.String(), line)
	}
	return matches(a.text.String(), line)
}
