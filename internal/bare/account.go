package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Account is who a program is to run as.
type Account struct {
	UID, GID uint32

	// Of the account in the password file; empty for a bare number without one.
	Name, Home, Shell string

	foreign bool // known to the name service, not to /etc/passwd
}

// The files are read here and not through the C library, which needs a heap. An
// account that they do not have is asked of getent(1), so that LDAP, systemd and
// every other name service works.
const (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
)

// noID is the id that setresuid and chown take for "leave as it is".
const noID = 1<<32 - 1

// FindAccount looks up "user", as daemontools does, or "user:group", where each
// side is a name or, because there is a colon, a decimal number. Anything but
// Continue means that there is no such account, which has been said.
func FindAccount(p *Process, form string) (account Account, exit Exit) {
	colon := Index(form, ':')
	user := form[:colon]
	if colon == len(form) {
		return find(p, accounts, user)
	}
	group := form[colon+1:]
	if user == "" || group == "" {
		return Account{}, p.Fatal("unknown account ", form)
	}
	if AllDigits(user) {
		account, exit = findUID(p, user, form)
	} else {
		account, exit = find(p, accounts, user)
	}
	if exit != Continue {
		return account, exit
	}
	if AllDigits(group) {
		account.GID, exit = parseID(p, group, form)
		return account, exit
	}
	found, exit := find(p, groups, group)
	account.GID = found.GID
	return account, exit
}

// SupplementaryGroups lists the account's groups, its own gid first, as
// initgroups(3) would set them. Anything but Continue is a failure, which has
// been said.
func (a Account) SupplementaryGroups(p *Process) (gids []uint32, exit Exit) {
	var list Buffer
	if !addGroup(&list, a.GID) {
		return nil, p.NoMemory()
	}
	var err Errno
	switch {
	case a.Name == "":
	case a.foreign:
		if exit := askGetent(p, "initgroups\x00", a.Name); exit != Continue {
			return nil, exit
		}
		err = readInitgroups(&list, a.Name)
		if finishGetent() {
			return nil, p.Fatal("unable to look up the groups of ", a.Name, ": getent failed")
		}
	default:
		if err = openDatabase(groupFile); err == 0 {
			err = readMemberships(&list, a.Name)
			Close(database.fd)
		} else if err == unix.ENOENT {
			err = 0
		}
	}
	if err != 0 {
		return nil, p.FatalErrno(err, "unable to read the groups of ", a.Name)
	}
	return unsafe.Slice((*uint32)(pointer(list.at)), list.n/4), Continue
}

// What find can look up.
const (
	accounts = iota
	groups
)

// find looks a name up, in the file first, and if it is not there in the name
// service.
func find(p *Process, what int, name string) (Account, Exit) {
	file, kind, key := passwdFile, "account ", "passwd\x00"
	if what == groups {
		file, kind, key = groupFile, "group ", "group\x00"
	}
	err := openDatabase(file)
	if err == 0 {
		var account Account
		var found bool
		account, found, err = readEntry(what, wanted{by: byName, name: name})
		Close(database.fd)
		if found {
			return account, Continue
		}
	}
	if err != 0 && err != unix.ENOENT && err != unix.EACCES {
		return Account{}, p.FatalErrno(err, "unable to read ", file)
	}
	if !isAskable(name) {
		return Account{}, p.Fatal("unknown ", kind, name)
	}
	if exit := askGetent(p, key, name); exit != Continue {
		return Account{}, exit
	}
	// The name service may know the name in another spelling.
	account, found, err := readEntry(what, wanted{by: byFirst})
	account.foreign = true
	switch {
	case finishGetent() || err != 0:
		return Account{}, p.Fatal("unable to look up ", kind, name, ": getent failed")
	case !found:
		return Account{}, p.Fatal("unknown ", kind, name)
	}
	return account, Continue
}

func readEntry(what int, want wanted) (Account, bool, Errno) {
	if what == groups {
		return readGroup(want)
	}
	return readPasswd(want)
}

// findUID looks an account up by its uid, in the file. It need not have one.
func findUID(p *Process, digits, form string) (Account, Exit) {
	uid, exit := parseID(p, digits, form)
	if exit != Continue {
		return Account{}, exit
	}
	err := openDatabase(passwdFile)
	if err == 0 {
		var account Account
		var found bool
		account, found, err = readPasswd(wanted{by: byUID, uid: uid})
		Close(database.fd)
		if found {
			return account, Continue
		}
	}
	if err != 0 && err != unix.ENOENT && err != unix.EACCES {
		return Account{}, p.FatalErrno(err, "unable to read ", passwdFile)
	}
	return Account{UID: uid}, Continue
}

func parseID(p *Process, digits, form string) (uint32, Exit) {
	n, _ := Number(digits)
	if n >= noID {
		return 0, p.Fatal("uid or gid out of range: ", form)
	}
	return uint32(n), Continue
}

// isAskable tells whether getent would take a name for a name, and not for a
// number, as strtoul(3) reads them, an option or nothing.
func isAskable(name string) bool {
	number := skipBlanks(name)
	if number != "" && (number[0] == '+' || number[0] == '-') {
		number = number[1:]
	}
	return name != "" && name[0] != '-' && !AllDigits(number) && Index(name, '\n') == len(name)
}

// addGroup adds a gid to a list of them, once.
func addGroup(list *Buffer, gid uint32) bool {
	for i := 0; i < list.n; i += 4 {
		if *(*uint32)(pointer(list.at + uintptr(i))) == gid {
			return true
		}
	}
	if !list.reserve(4) {
		return false
	}
	*(*uint32)(pointer(list.at + uintptr(list.n))) = gid
	list.n += 4
	return true
}
