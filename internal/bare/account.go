package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Which account a name such as user or user:group means, and which groups the account has.

// Account is who a program is to run as.
type Account struct {
	UID, GID uint32

	// These come from the account's entry. They are empty for a number that has no entry.
	Name, Home, Shell string

	foreign bool // the name service knows the account, and /etc/passwd does not
}

// This package reads the files itself, because the C library needs a heap. If they do not
// have an account, it asks getent(1). So LDAP, systemd and every other name service works.
const (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
)

// noID is the id that setresuid and chown take for "leave as it is".
const noID = 1<<32 - 1

// FindAccount looks up "user", as daemontools does, or "user:group". Because of the colon,
// each side of the second form may be a decimal number instead of a name. Any result but
// Continue means that there is no such account, which has been reported.
func FindAccount(p *Process, form string) (account Account, exit Exit) {
	colon := Index(form, ':')
	user := form[:colon]
	if colon == len(form) {
		return find(p, Accounts, user)
	}
	group := form[colon+1:]
	if user == "" || group == "" {
		return Account{}, p.Fatal("unknown account ", form)
	}
	if AllDigits(user) {
		account.UID, exit = parseID(p, user, form)
		if exit == Continue {
			account, _, exit = FindUID(p, account.UID)
		}
	} else {
		account, exit = find(p, Accounts, user)
	}
	if exit != Continue {
		return account, exit
	}
	if AllDigits(group) {
		account.GID, exit = parseID(p, group, form)
		return account, exit
	}
	found, exit := find(p, Groups, group)
	account.GID = found.GID
	return account, exit
}

// FindNumber looks up an account that has these digits for a name, or else for a uid. A uid
// without an entry is none, because nobody knows its group.
func FindNumber(p *Process, digits string) (account Account, exit Exit) {
	account, found, _, exit := LookUp(p, Accounts, digits)
	if found || exit != Continue {
		return account, exit
	}
	uid, exit := parseID(p, digits, digits)
	if exit != Continue {
		return account, exit
	}
	account, found, exit = FindUID(p, uid)
	if !found && exit == Continue {
		exit = p.Fatal("no group for ", digits, ", which is no account: write uid:gid")
	}
	return account, exit
}

// Owner is the account as programs want to see it. A number that has no entry gets itself
// for a name, / for a home and /bin/sh for a shell. False means that there is no memory.
func (a Account) Owner() (Account, bool) {
	if a.Name != "" {
		return a, true
	}
	var name Buffer
	if !name.AppendNumber(uint64(a.UID)) || !name.Finish() {
		return a, false
	}
	a.Name, a.Home, a.Shell = name.String(), "/", "/bin/sh"
	return a, true
}

// SupplementaryGroups lists the groups that have the account as a member. With own, the gid of
// the account comes first, and only there: so initgroups(3) would set them. Any result but
// Continue is a failure, which has been reported.
func (a Account) SupplementaryGroups(p *Process, own bool) (gids []uint32, exit Exit) {
	var list Buffer
	except := uint32(noID)
	if own {
		except = a.GID
		if !putGroup(&list, a.GID) {
			return nil, p.NoMemory()
		}
	}
	var err Errno
	switch {
	case a.Name == "":
	case a.foreign:
		answer, exit := askGetent(p, "initgroups\x00", a.Name)
		if exit != Continue {
			return nil, exit
		}
		err = answer.readInitgroups(&list, a.Name, except)
		if finishGetent(&answer) {
			return nil, p.Fatal("unable to look up the groups of ", a.Name, ": getent failed")
		}
	default:
		var file reader
		if file, err = openReader(groupFile); err == 0 {
			err = file.readMemberships(&list, a.Name, except)
			file.close()
		} else if err == unix.ENOENT {
			err = 0
		}
	}
	if err != 0 {
		return nil, p.FatalErrno(err, "unable to read the groups of ", a.Name)
	}
	return gidsOf(&list), Continue
}

// What LookUp can look up.
const (
	Accounts = iota
	Groups
)

// find is LookUp for those to whom an unknown name is a failure.
func find(p *Process, what int, name string) (Account, Exit) {
	account, found, _, exit := LookUp(p, what, name)
	switch {
	case exit != Continue || found:
		return account, exit
	case what == Groups:
		return account, p.Fatal("unknown group ", name)
	}
	return account, p.Fatal("unknown account ", name)
}

// LookUp looks a name up in the file, and asks the name service if the file does not have it.
// If neither knows the name, why says what kept the file from being read, or is 0. Any result
// but Continue is a failure, which has been reported.
func LookUp(p *Process, what int, name string) (account Account, found bool, why Errno, exit Exit) {
	path, kind, key := passwdFile, "account ", "passwd\x00"
	if what == Groups {
		path, kind, key = groupFile, "group ", "group\x00"
	}
	file, err := openReader(path)
	if err == 0 {
		account, found, err = file.readEntry(what, wanted{by: byName, name: name})
		file.close()
		if found {
			return account, true, 0, Continue
		}
	}
	if err != 0 && err != unix.ENOENT && err != unix.EACCES {
		return Account{}, false, err, p.FatalErrno(err, "unable to read ", path)
	}
	if !isAskable(name) {
		return Account{}, false, err, Continue
	}
	answer, exit := askGetent(p, key, name)
	if exit != Continue {
		return Account{}, false, err, exit
	}
	// The name service may know the name in another spelling.
	account, found, failed := answer.readEntry(what, wanted{by: byFirst})
	account.foreign = true
	if finishGetent(&answer) || failed != 0 {
		return Account{}, false, failed, p.Fatal("unable to look up ", kind, name, ": getent failed")
	}
	return account, found, err, Continue
}

func (r *reader) readEntry(what int, want wanted) (Account, bool, Errno) {
	if what == Groups {
		return r.readGroup(want)
	}
	return r.readPasswd(want)
}

// FindUID looks an account up by its uid, in the file. A uid without an entry is an account,
// too, which has nothing but the uid.
func FindUID(p *Process, uid uint32) (account Account, found bool, exit Exit) {
	file, err := openReader(passwdFile)
	if err == 0 {
		account, found, err = file.readPasswd(wanted{by: byUID, uid: uid})
		file.close()
		if found {
			return account, true, Continue
		}
	}
	if err != 0 && err != unix.ENOENT && err != unix.EACCES {
		return Account{}, false, p.FatalErrno(err, "unable to read ", passwdFile)
	}
	return Account{UID: uid}, false, Continue
}

func parseID(p *Process, digits, form string) (uint32, Exit) {
	n, _ := Number(digits)
	if n >= noID {
		return 0, p.Fatal("uid or gid out of range: ", form)
	}
	return uint32(n), Continue
}

// isAskable reports whether getent would take the text for a name. It must not be empty, an
// option, or what strtoul(3) takes for a number.
func isAskable(name string) bool {
	number := skipBlanks(name)
	if number != "" && (number[0] == '+' || number[0] == '-') {
		number = number[1:]
	}
	return name != "" && name[0] != '-' && !AllDigits(number) && Index(name, '\n') == len(name)
}

// putGroup puts a gid at the end of a list. False means that there is no memory.
func putGroup(list *Buffer, gid uint32) bool {
	if !list.reserve(4) {
		return false
	}
	*(*uint32)(pointer(list.at + uintptr(list.n))) = gid
	list.n += 4
	return true
}

// gidsOf is the gids of a list.
func gidsOf(list *Buffer) []uint32 { return unsafe.Slice((*uint32)(pointer(list.at)), list.n/4) }
