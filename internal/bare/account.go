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
func FindAccount(p *Process, form string) (Account, Exit) {
	colon := Index(form, ':')
	user := form[:colon]
	if colon == len(form) {
		return findUser(p, form, user, false, 0)
	}
	group := form[colon+1:]
	if user == "" || group == "" {
		return Account{}, p.Fatal("unknown account ", form)
	}

	var account Account
	if AllDigits(user) {
		uid, exit := parseID(p, user, form)
		if exit != Continue {
			return Account{}, exit
		}
		account, exit = findUser(p, form, "", true, uid)
		if exit != Continue {
			return Account{}, exit
		}
	} else {
		var exit Exit
		if account, exit = findUser(p, user, user, false, 0); exit != Continue {
			return Account{}, exit
		}
	}
	gid, exit := findGroup(p, group, form)
	account.GID = gid
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
		exit := askGetent(p, "initgroups\x00", a.Name)
		if exit != Continue {
			return nil, exit
		}
		err = readInitgroups(&list)
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

func parseID(p *Process, digits, form string) (uint32, Exit) {
	n, _ := Number(digits)
	if n >= noID {
		return 0, p.Fatal("uid or gid out of range: ", form)
	}
	return uint32(n), Continue
}

// findUser looks an account up by name or by uid. A uid may have no account.
func findUser(p *Process, form, name string, byID bool, uid uint32) (Account, Exit) {
	err := openDatabase(passwdFile)
	if err == 0 {
		var account Account
		var found bool
		account, found, err = readPasswd(name, byID, uid)
		Close(database.fd)
		if found {
			return account, Continue
		}
	}
	if err != 0 && err != unix.ENOENT && err != unix.EACCES {
		return Account{}, p.FatalErrno(err, "unable to read ", passwdFile)
	}
	if byID {
		return Account{UID: uid}, Continue
	}
	if !askable(name) {
		return Account{}, p.Fatal("unknown account ", form)
	}
	if exit := askGetent(p, "passwd\x00", name); exit != Continue {
		return Account{}, exit
	}
	account, found, err := readPasswd(name, false, 0)
	account.foreign = true
	switch {
	case finishGetent() || err != 0:
		return Account{}, p.Fatal("unable to look up account ", name, ": getent failed")
	case !found:
		return Account{}, p.Fatal("unknown account ", form)
	}
	return account, Continue
}

func findGroup(p *Process, group, form string) (gid uint32, exit Exit) {
	if AllDigits(group) {
		return parseID(p, group, form)
	}
	err := openDatabase(groupFile)
	if err == 0 {
		var found bool
		gid, found, err = readGroup(group)
		Close(database.fd)
		if found {
			return gid, Continue
		}
	}
	if err != 0 && err != unix.ENOENT && err != unix.EACCES {
		return 0, p.FatalErrno(err, "unable to read ", groupFile)
	}
	if !askable(group) {
		return 0, p.Fatal("unknown group ", group)
	}
	if exit := askGetent(p, "group\x00", group); exit != Continue {
		return 0, exit
	}
	gid, found, err := readGroup(group)
	switch {
	case finishGetent() || err != 0:
		return 0, p.Fatal("unable to look up group ", group, ": getent failed")
	case !found:
		return 0, p.Fatal("unknown group ", group)
	}
	return gid, Continue
}

// askable tells whether getent would take a name for a name, and not for a
// number, an option or nothing.
func askable(name string) bool {
	return name != "" && name[0] != '-' && !AllDigits(name) && Index(name, '\n') == len(name)
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
