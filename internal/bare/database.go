package bare

import "golang.org/x/sys/unix"

// database is the file or pipe in the format of passwd(5) or group(5) that is
// being read. It is read a byte at a time out of a fixed buffer, so that neither
// the file nor a line of it has a size limit.
var database struct {
	fd       int
	at, have int // in bytes
	err      Errno
	bytes    [4096]byte
}

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

// nextByte is the next byte of the database; at its end, or if it cannot be
// read, it is a newline and more is false.
func nextByte() (c byte, more bool) {
	if database.at == database.have {
		database.at = 0
		database.have, database.err = Read(database.fd, database.bytes[:])
		if database.err != 0 || database.have == 0 {
			database.have = 0
			return '\n', false
		}
	}
	database.at++
	return database.bytes[database.at-1], true
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

// field reads up to a colon, a comma if there may be several parts, or the end of
// the line, which it returns. A field that is too long, or that there is no
// memory for, ends in 0.
func field(into *Buffer, parts bool) (end byte) {
	into.Cut(0)
	for {
		c, _ := nextByte()
		if c == ':' || c == '\n' || c == ',' && parts {
			return c
		}
		if into.n == fieldMax || !into.reserve(1) {
			return 0
		}
		bytesAt(into.at+uintptr(into.n), 1)[0] = c
		into.n++
	}
}

// id reads a field that is a number and is followed by more.
func id(room *Buffer, last bool) (n uint32, end byte, ok bool) {
	end = field(room, false)
	value, _ := Number(room.String())
	ok = AllDigits(room.String()) && value <= noID && (end == ':' || last && end == '\n')
	return uint32(value), end, ok
}

// readPasswd looks for an account in the format of passwd(5),
// name:password:uid:gid:gecos:home:shell. The C library's rules hold: the first
// good line of the name counts, what is missing behind the gid is empty, and a
// malformed line is passed over.
func readPasswd(want string, byID bool, wantID uint32) (a Account, found bool, err Errno) {
	var name, room, home, shell Buffer
	for lineStart() {
		end := field(&name, false)
		if end != ':' || name.n == 0 || !byID && name.String() != want {
			skipLine(end)
			continue
		}
		if end = field(&room, false); end != ':' {
			skipLine(end)
			continue
		}
		uid, end, ok := id(&room, false)
		if !ok || byID && uid != wantID {
			skipLine(end)
			continue
		}
		gid, end, ok := id(&room, true)
		if !ok {
			skipLine(end)
			continue
		}
		if end == ':' {
			end = skipField()
		}
		if end == ':' {
			end = field(&home, false)
		}
		if end == ':' {
			end = field(&shell, false)
		}
		skipLine(end)
		if !name.Finish() || !home.Finish() || !shell.Finish() {
			return a, false, unix.ENOMEM
		}
		return Account{UID: uid, GID: gid, Name: name.String(), Home: home.String(), Shell: shell.String()}, true, 0
	}
	return a, false, database.err
}

func skipField() (end byte) {
	for {
		if c, _ := nextByte(); c == ':' || c == '\n' {
			return c
		}
	}
}

// readGroup looks for a group in the format of group(5),
// name:password:gid:member,member. A malformed line is passed over.
func readGroup(want string) (gid uint32, found bool, err Errno) {
	var name, room Buffer
	for lineStart() {
		gid, end, ok := groupHead(&name, &room)
		if ok && name.String() == want {
			return gid, true, 0
		}
		skipLine(end)
	}
	return 0, false, database.err
}

// readMemberships adds the gids of the groups that have user as a member.
func readMemberships(list *Buffer, user string) Errno {
	var name, room Buffer
	for lineStart() {
		gid, end, ok := groupHead(&name, &room)
		for more := ok && end == ':'; more; more = end == ',' {
			end = field(&room, true)
			if end != 0 && room.String() == user && !addGroup(list, gid) {
				return unix.ENOMEM
			}
		}
		skipLine(end)
	}
	return database.err
}

func groupHead(name, room *Buffer) (gid uint32, end byte, ok bool) {
	if end = field(name, false); end != ':' || name.n == 0 {
		return 0, end, false
	}
	if end = field(room, false); end != ':' {
		return 0, end, false
	}
	return id(room, true)
}

// readInitgroups adds the gids that getent initgroups prints behind the name.
func readInitgroups(list *Buffer) Errno {
	c, more := byte(0), true
	for more && c != '\n' {
		n, digits := uint64(0), 0
		for c, more = nextByte(); '0' <= c && c <= '9' && n <= noID; c, more = nextByte() {
			n, digits = n*10+uint64(c-'0'), digits+1
		}
		// A name may hold digits: only a whole word of them is a gid.
		word := c != ' ' && c != '\t' && c != '\n'
		for word && c != ' ' && c != '\t' && c != '\n' {
			c, more = nextByte()
		}
		if digits > 0 && !word && n < noID && !addGroup(list, uint32(n)) {
			return unix.ENOMEM
		}
	}
	return database.err
}
