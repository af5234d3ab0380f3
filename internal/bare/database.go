package bare

import "golang.org/x/sys/unix"

// The formats of passwd(5) and group(5), and of what getent(1) answers.

// The longest name or path that is looked at. A line with a longer field is malformed.
const fieldMax = unix.PathMax

// lineByte is next within a line, where a NUL is the end of the text. The C library
// reads lines so. lineByte skips what follows the NUL in the line.
func (r *reader) lineByte() byte {
	c, _ := r.next()
	if c == 0 {
		r.skipLine(c)
		return '\n'
	}
	return c
}

// lineStart skips blanks, empty lines and comments, and stops before the first byte of an
// entry. False means that the file has ended.
func (r *reader) lineStart() bool {
	for {
		c, more := r.next()
		switch {
		case !more:
			return false
		case isBlank(c):
		case c == '#' || c == 0:
			r.skipLine(c)
		default:
			r.at--
			return true
		}
	}
}

// skipLine reads to the end of the line. C is the last byte that was read: if that is a
// newline, the line has ended already.
func (r *reader) skipLine(c byte) {
	for c != '\n' {
		c, _ = r.next()
	}
}

// field reads up to a separator or the end of the line, and returns which of these came. It
// returns 0 if the field is too long, or if there is no memory for it.
func (r *reader) field(into *Buffer, separator byte) (end byte) {
	into.Cut(0)
	for {
		c := r.lineByte()
		if c == separator || c == '\n' {
			return c
		}
		if into.n == fieldMax || !into.reserve(1) {
			return 0
		}
		bytesAt(into.at+uintptr(into.n), 1)[0] = c
		into.n++
	}
}

// id reads a field that is a number. Blanks and a plus sign may stand before it.
func (r *reader) id(room *Buffer) (n uint32, end byte, ok bool) {
	end = r.field(room, ':')
	text := skipBlanks(room.String())
	if len(text) > 0 && text[0] == '+' {
		text = text[1:]
	}
	value, _ := Number(text)
	return uint32(value), end, AllDigits(text) && value <= noID
}

// isBlank is isspace(3), which includes the newline.
func isBlank(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func skipBlanks(s string) string {
	for len(s) > 0 && isBlank(s[0]) {
		s = s[1:]
	}
	return s
}

// isName reports whether an entry with that name is an account or a group. Nobody's name
// begins with a plus or minus sign: that is how the file says to ask NIS.
func isName(s string) bool { return len(s) > 0 && s[0] != '+' && s[0] != '-' }

// wanted is what somebody looks for in a database.
type wanted struct {
	by   int
	name string // byName
	uid  uint32 // byUID
}

const (
	byName = iota
	byUID
	byFirst // the first entry, whatever it is: the answer of getent
)

func (w wanted) is(name string, uid uint32) bool {
	return w.by == byFirst || w.by == byUID && uid == w.uid || w.by == byName && Equal(name, w.name)
}

// readPasswd looks for an account in the format of passwd(5),
// name:password:uid:gid:gecos:home:shell. It follows the C library: the first good line
// counts, fields that are missing behind the gid are empty, and a malformed line is passed
// over.
func (r *reader) readPasswd(want wanted) (a Account, found bool, err Errno) {
	var name, room, home, shell Buffer
	for r.lineStart() {
		a, end, ok := r.passwdHead(&name, &room)
		if !ok || !want.is(name.String(), a.UID) {
			r.skipLine(end)
			continue
		}
		if end == ':' {
			end = r.skipField()
		}
		if end == ':' {
			end = r.field(&home, ':')
		}
		if end == ':' {
			end = r.field(&shell, '\n')
		}
		r.skipLine(end)
		if !name.Finish() || !home.Finish() || !shell.Finish() {
			return a, false, unix.ENOMEM
		}
		a.Name, a.Home, a.Shell = name.String(), home.String(), shell.String()
		return a, r.err == 0, r.err
	}
	return a, false, r.err
}

func (r *reader) passwdHead(name, room *Buffer) (a Account, end byte, ok bool) {
	if end = r.field(name, ':'); end != ':' || !isName(name.String()) {
		return a, end, false
	}
	if end = r.skipField(); end != ':' {
		return a, end, false
	}
	if a.UID, end, ok = r.id(room); !ok || end != ':' {
		return a, end, false
	}
	a.GID, end, ok = r.id(room)
	return a, end, ok
}

func (r *reader) skipField() (end byte) {
	for {
		if c := r.lineByte(); c == ':' || c == '\n' {
			return c
		}
	}
}

// readGroup looks for a group in the format of group(5), name:password:gid:member,member. A
// malformed line is passed over. Only the GID of the result is set.
func (r *reader) readGroup(want wanted) (a Account, found bool, err Errno) {
	var name, room Buffer
	for r.lineStart() {
		gid, end, ok := r.groupHead(&name, &room)
		r.skipLine(end)
		if ok && want.is(name.String(), noID) {
			return Account{GID: gid}, r.err == 0, r.err
		}
	}
	return a, false, r.err
}

// readMemberships adds the gids of the groups that have user as a member, except one.
func (r *reader) readMemberships(list *Buffer, user string, except uint32) Errno {
	var name, room Buffer
	for r.lineStart() {
		gid, end, ok := r.groupHead(&name, &room)
		for more := ok && end == ':'; more; more = end == ',' {
			end = r.field(&room, ',')
			if end != 0 && Equal(skipBlanks(room.String()), user) {
				if gid != except && !putGroup(list, gid) {
					return unix.ENOMEM
				}
				break
			}
		}
		r.skipLine(end)
	}
	return r.err
}

func (r *reader) groupHead(name, room *Buffer) (gid uint32, end byte, ok bool) {
	if end = r.field(name, ':'); end != ':' || !isName(name.String()) {
		return 0, end, false
	}
	if end = r.skipField(); end != ':' {
		return 0, end, false
	}
	return r.id(room)
}

// readInitgroups adds the gids that getent initgroups prints behind the name, except one. It
// compares the name byte by byte, because a name may look like a gid.
func (r *reader) readInitgroups(list *Buffer, name string, except uint32) Errno {
	for i := range len(name) {
		if c, _ := r.next(); c != name[i] {
			return unix.EPROTO
		}
	}
	c, more := r.next()
	if c != ' ' && c != '\t' && c != '\n' {
		return unix.EPROTO
	}
	for more && c != '\n' {
		if c == ' ' || c == '\t' {
			c, more = r.next()
			continue
		}
		n, good := uint64(0), true
		for ; more && c != ' ' && c != '\t' && c != '\n'; c, more = r.next() {
			good = good && '0' <= c && c <= '9' && n < noID
			n = n*10 + uint64(c-'0')
		}
		if !good || n >= noID {
			return unix.EPROTO
		}
		if r.err == 0 && uint32(n) != except && !putGroup(list, uint32(n)) {
			return unix.ENOMEM
		}
	}
	return r.err
}
