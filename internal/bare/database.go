package bare

import "golang.org/x/sys/unix"

// database is the file or pipe in the format of passwd(5) or group(5) that is
// being read. It is read a byte at a time out of a fixed buffer, so that neither
// the file nor a line of it has a size limit.
var database struct {
	fd       int
	buffer   uintptr // allocated once
	at, have int     // in it, in bytes
	err      Errno
}

const databaseRoom = 1024

// The longest name or path that is looked at. A field beyond it makes its line
// malformed.
const fieldMax = unix.PathMax

func openDatabase(path string) Errno {
	fd, err := Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	readDatabase(fd)
	return err
}

func readDatabase(fd int) {
	database.fd, database.at, database.have, database.err = fd, 0, 0, 0
}

// nextByte is the next byte of the database; at its end it is a newline and more
// is false, and so it is from the first error on: whoever finds something must look
// at database.err before it counts.
func nextByte() (c byte, more bool) {
	if database.at == database.have && !fillDatabase() {
		return '\n', false
	}
	c = *(*byte)(pointer(database.buffer + uintptr(database.at)))
	database.at++
	return c, true
}

func fillDatabase() bool {
	if database.err != 0 {
		return false
	}
	if database.buffer == 0 {
		var ok bool
		if database.buffer, ok = allocate(databaseRoom); !ok {
			database.err = unix.ENOMEM
			return false
		}
	}
	database.at, database.have = 0, 0
	n, err := Read(database.fd, bytesAt(database.buffer, databaseRoom))
	if database.err = err; err != 0 || n == 0 {
		return false
	}
	database.have = n
	return true
}

// lineStart skips blanks, empty lines and comments, and steps to the first byte
// of an entry. False is the end of the database.
func lineStart() bool {
	for {
		c, more := nextByte()
		switch {
		case !more:
			return false
		case c == ' ' || c == '\t' || c == '\n':
		case c == '#':
			skipLine(c)
		default:
			database.at--
			return true
		}
	}
}

// skipLine reads to the end of the line, unless c, the byte before, was that.
func skipLine(c byte) {
	for c != '\n' {
		c, _ = nextByte()
	}
}

// field reads up to a separator or the end of the line, and returns which it was.
// A field that is too long, or that there is no memory for, ends in 0.
func field(into *Buffer, separator byte) (end byte) {
	into.Cut(0)
	for {
		c, _ := nextByte()
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

// id reads a field that is a number, after blanks and a plus sign perhaps.
func id(room *Buffer) (n uint32, end byte, ok bool) {
	end = field(room, ':')
	text := skipBlanks(room.String())
	if len(text) > 0 && text[0] == '+' {
		text = text[1:]
	}
	value, _ := Number(text)
	return uint32(value), end, AllDigits(text) && value <= noID
}

func skipBlanks(s string) string {
	for len(s) > 0 && (s[0] == ' ' || '\t' <= s[0] && s[0] <= '\r') {
		s = s[1:]
	}
	return s
}

// isName tells whether an entry of that name is one: a plus or minus sign is how
// NIS is asked, and nobody's name.
func isName(s string) bool { return len(s) > 0 && s[0] != '+' && s[0] != '-' }

// wanted is what is looked for in a database.
type wanted struct {
	by   int
	name string // byName
	uid  uint32 // byUID
}

const (
	byName = iota
	byUID
	byFirst // whatever entry there is: it is an answer
)

func (w wanted) is(name string, uid uint32) bool {
	return w.by == byFirst || w.by == byUID && uid == w.uid || w.by == byName && name == w.name
}

// readPasswd looks for an account in the format of passwd(5),
// name:password:uid:gid:gecos:home:shell. The C library's rules hold: the first
// good line counts, what is missing behind the gid is empty, and a malformed line is
// passed over.
func readPasswd(want wanted) (a Account, found bool, err Errno) {
	var name, home, shell Buffer
	for lineStart() {
		a, end, ok := passwdHead(&name)
		if !ok || !want.is(name.String(), a.UID) {
			skipLine(end)
			continue
		}
		if end == ':' {
			end = skipField()
		}
		if end == ':' {
			end = field(&home, ':')
		}
		if end == ':' {
			end = field(&shell, '\n')
		}
		skipLine(end)
		if !name.Finish() || !home.Finish() || !shell.Finish() {
			return a, false, unix.ENOMEM
		}
		a.Name, a.Home, a.Shell = name.String(), home.String(), shell.String()
		return a, database.err == 0, database.err
	}
	return a, false, database.err
}

func passwdHead(name *Buffer) (a Account, end byte, ok bool) {
	var room Buffer
	if end = field(name, ':'); end != ':' || !isName(name.String()) {
		return a, end, false
	}
	if end = skipField(); end != ':' {
		return a, end, false
	}
	if a.UID, end, ok = id(&room); !ok || end != ':' {
		return a, end, false
	}
	a.GID, end, ok = id(&room)
	return a, end, ok
}

func skipField() (end byte) {
	for {
		if c, _ := nextByte(); c == ':' || c == '\n' {
			return c
		}
	}
}

// readGroup looks for a group in the format of group(5),
// name:password:gid:member,member. A malformed line is passed over. What it finds is
// a gid.
func readGroup(want wanted) (a Account, found bool, err Errno) {
	var name, room Buffer
	for lineStart() {
		gid, end, ok := groupHead(&name, &room)
		skipLine(end)
		if ok && want.is(name.String(), noID) {
			return Account{GID: gid}, database.err == 0, database.err
		}
	}
	return a, false, database.err
}

// readMemberships adds the gids of the groups that have user as a member.
func readMemberships(list *Buffer, user string) Errno {
	var name, room Buffer
	for lineStart() {
		gid, end, ok := groupHead(&name, &room)
		for more := ok && end == ':'; more; more = end == ',' {
			end = field(&room, ',')
			if end != 0 && skipBlanks(room.String()) == user && !addGroup(list, gid) {
				return unix.ENOMEM
			}
		}
		skipLine(end)
	}
	return database.err
}

func groupHead(name, room *Buffer) (gid uint32, end byte, ok bool) {
	if end = field(name, ':'); end != ':' || !isName(name.String()) {
		return 0, end, false
	}
	if end = skipField(); end != ':' {
		return 0, end, false
	}
	return id(room)
}

// readInitgroups adds the gids that getent initgroups prints behind the name, which
// may look like gids itself.
func readInitgroups(list *Buffer, name string) Errno {
	for i := range len(name) {
		if c, _ := nextByte(); c != name[i] {
			return unix.EPROTO
		}
	}
	c, more := nextByte()
	if c != ' ' && c != '\t' && c != '\n' {
		return unix.EPROTO
	}
	for more && c != '\n' {
		if c == ' ' || c == '\t' {
			c, more = nextByte()
			continue
		}
		n, good := uint64(0), true
		for ; more && c != ' ' && c != '\t' && c != '\n'; c, more = nextByte() {
			good = good && '0' <= c && c <= '9' && n < noID
			n = n*10 + uint64(c-'0')
		}
		if !good || n >= noID {
			return unix.EPROTO
		}
		if database.err == 0 && !addGroup(list, uint32(n)) {
			return unix.ENOMEM
		}
	}
	return database.err
}
