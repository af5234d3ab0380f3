package multilog

import "catena/internal/bare"

// The words of the command line are actions. Together they are the script, which says what
// to do with each line, and which logs there are.

// The kinds of actions that are done for each line, with the fields that each kind uses.
const (
	actSelect   = '+' // text is a pattern
	actDeselect = '-'
	actAlert    = 'e'
	actStatus   = '=' // text is a file, fd the open one
	actLog      = '.' // log is an index of script.logs
	actSyslog   = 'y' // text is the tag of the messages, priority has their facility as well
)

// action is a word of the script that is done for each line.
type action struct {
	kind byte
	glob bool // text is a pattern of fnmatch(3)
	text bare.Text
	log  int
	fd   int

	priority int
	file     bare.Identity

	retry int64 // when to try again to open the file, since boot in ns; 0 if it is open
}

// script is what the command line asks for, and the logs. After parse the tables do not
// grow, so pointers to logs and actions stay valid.
var script struct {
	actions bare.Table[action]
	logs    bare.Table[log] // each has an action as well, in the same order
	stamp   byte            // 't' for a TAI64N label, 'T' for seconds and microseconds, 'i' for ISO 8601, or 0
	plain   bool            // all actions are logs, so no action looks into a line
	strips  bool            // ANSI sequences are taken out of lines
	opened  bool            // all logs are open: a failure does not end multilog any more
}

// parser is what the words before a word say of it.
type parser struct {
	next   log  // a log whose name would come next: its settings
	glob   bool // patterns are those of fnmatch(3)
	heard  bool // an alert or a status file gets lines
	warned bool // multilog has said that a word is no option
}

// parse reads the script, and touches no file. It warns of words that are no actions, and
// leaves them out as 0.76 does. Any result but Continue is a failure, which has been
// reported.
func parse(p *bare.Process, words bare.Words) bare.Exit {
	s := parser{next: log{size: byDefaultSize, num: byDefaultNum, code: bare.Keep("s"), selection: bare.HashStart, fd: -1, limit: byDefaultSize, keep: byDefaultNum}}
	script.plain = true
	for i := range words.Len() {
		word := words.At(i)
		if word == "" {
			continue
		}
		if exit := s.parseWord(p, i, word); exit != bare.Continue {
			return exit
		}
	}
	for i := range script.logs.Len() {
		if script.strips {
			script.logs.At(i).addSelection("x")
		}
	}
	if script.logs.Len() == 0 && !s.heard {
		p.Warn("no log: all lines are discarded; the name of a log begins with a dot or a slash")
	}
	return bare.Continue
}

// parseWord does what one word asks for.
func (s *parser) parseWord(p *bare.Process, i int, word string) bare.Exit {
	switch word[0] {
	case 't', 'T', 'i':
		if i > 0 {
			p.Warn("action is not the first and has no effect: ", word)
			return bare.Continue
		}
		script.stamp = word[0]
		s.next.addSelection(word)
	case 'F':
		s.glob = true
		s.next.addSelection(word)
	case '-', '+':
		if word[0] == '-' && likeOption(word) && !s.warned {
			s.warned = true
			p.Warn(word, " is no option: it deselects the lines that are ", word[1:])
		}
		s.next.addSelection(word)
		return s.addAction(p, word)
	case 'e', '=':
		s.heard = true
		return s.addAction(p, word)
	case '.', '/':
		return s.addLog(p, word, "")
	case 'f':
		return s.addFile(p, word)
	case 'y':
		s.heard = true
		return s.addSyslog(p, word)
	case 'x':
		if len(word) > 1 {
			return s.set(p, word)
		}
		script.strips, script.plain = true, false
	default:
		return s.set(p, word)
	}
	return bare.Continue
}

// addAction adds an action that looks into lines.
func (s *parser) addAction(p *bare.Process, word string) bare.Exit {
	script.plain = false
	if !addAction(action{kind: word[0], glob: s.glob, text: bare.Keep(word[1:])}) {
		return p.NoMemory()
	}
	return bare.Continue
}

// addSyslog adds the action that sends lines to syslog.
func (s *parser) addSyslog(p *bare.Process, word string) bare.Exit {
	script.plain = false
	where, tag := word[1:], "multilog"
	if colon := bare.Index(where, ':'); colon < len(where) {
		where, tag = where[:colon], where[colon+1:]
	}
	priority, ok := bare.SyslogPriority(where)
	if !ok {
		return p.Fatal("not a facility and a priority: ", word)
	}
	if !addAction(action{kind: actSyslog, text: bare.Keep(tag), priority: priority}) {
		return p.NoMemory()
	}
	return bare.Continue
}

// addFile adds a log that is a file.
func (s *parser) addFile(p *bare.Process, word string) bare.Exit {
	name := word[1:]
	base := bare.Base(name)
	if base == "" || base == "." || base == ".." {
		return p.Fatal("not the name of a file: ", word)
	}
	dir := name[:len(name)-len(base)]
	for len(dir) > 1 && dir[len(dir)-1] == '/' {
		dir = dir[:len(dir)-1]
	}
	if dir == "" {
		dir = "."
	}
	return s.addLog(p, dir, base)
}

// addLog adds a log, and the action that writes to it: a directory, or the file base in it.
func (s *parser) addLog(p *bare.Process, name, base string) bare.Exit {
	n := script.logs.Len()
	s.next.index = n
	if !script.logs.Grow(n+1) || !addAction(action{kind: actLog, log: n}) {
		return p.NoMemory()
	}
	l := script.logs.At(n)
	*l = s.next
	if base != "" && !l.setBase(base) || !l.setName(name) {
		return p.NoMemory()
	}
	return bare.Continue
}

func addAction(a action) bool {
	n := script.actions.Len()
	if !script.actions.Grow(n + 1) {
		return false
	}
	*script.actions.At(n) = a
	return true
}

// likeOption reports whether a word looks like an option of another program. Such an option
// is a letter, which may be repeated and may have a number behind it (as in s6-log and
// svlogd), or a long name after two dashes.
func likeOption(word string) bool {
	letter := func(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
	if len(word) > 2 && word[1] == '-' {
		return letter(word[2]) && bare.Index(word, '*') == len(word)
	}
	if len(word) < 2 || !letter(word[1]) {
		return false
	}
	i := 1
	for i < len(word) && word[i] == word[1] {
		i++
	}
	return i == len(word) || bare.AllDigits(word[i:])
}

// setName sets the name of a log, and the path that messages show. That path is absolute if
// possible, because ./main is the name of many logs.
func (l *log) setName(name string) bool {
	l.name, l.shown = bare.Keep(name), bare.Keep(name)
	var path, shown bare.Buffer
	if !path.Append(name) || !path.Append("/") || !path.Append(l.current()) || !path.Finish() {
		return false
	}
	l.path = bare.Keep(path.String())
	if name[0] == '/' {
		return true
	}
	at, ok := bare.WorkingDirectory()
	if !ok {
		return true
	}
	for len(name) > 1 && name[0] == '.' && name[1] == '/' {
		name = name[2:]
	}
	if name == "." {
		name = ""
	}
	if !shown.Append(at.String()) || name != "" && at.Len() > 1 && !shown.Append("/") || !shown.Append(name) || !shown.Finish() {
		return false
	}
	l.shown = bare.Keep(shown.String())
	return true
}

// addSelection adds a word to the hash of the words that decide which bytes the following
// logs get for a text. The next multilog skips bytes that are in old files already, and may
// do so only if the bytes are the same again.
//
//go:noinline
func (l *log) addSelection(word string) {
	l.selection = bare.Hash(bare.Hash(l.selection, word), "\x00")
}
