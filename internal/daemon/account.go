package daemon

import (
	"bytes"
	"fmt"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// An account is whom --user names: the zero account is root, who needs no change.
type account struct {
	Name   string
	Home   string
	UID    int
	GID    int
	Groups []int // all groups of the process besides gid
}

// findAccount finds out what USER, USER: and USER:GROUP are. A dot does for the colon. Without
// a group the process gets all groups that the user is in, and otherwise that one only.
func findAccount(spec string) (a account, err error) {
	at := strings.IndexByte(spec, ':')
	if at < 0 {
		at = strings.IndexByte(spec, '.')
	}
	group := ""
	if a.Name = spec; at >= 0 {
		a.Name, group = spec[:at], spec[at+1:]
		if a.Name == "" {
			return a, misused("Invalid --user argument: '%s' (No user name)", spec)
		}
	}
	found, err := user.Lookup(a.Name)
	if err != nil {
		found, err = ask("passwd", a.Name)
	}
	if err != nil || found.Username != a.Name { // getent takes numbers as well
		return a, misused("Invalid --user argument: '%s' (Unknown user %s)", spec, a.Name)
	}
	a.Home = found.HomeDir
	a.UID, _ = strconv.Atoi(found.Uid)
	a.GID, _ = strconv.Atoi(found.Gid)
	member := groupsOf(found)
	if group == "" {
		a.Groups = member
		return a, nil
	}
	gid, ok := groupID(group)
	switch {
	case !ok:
		return a, misused("Invalid --user argument: '%s' (Unknown group %s)", spec, group)
	case gid != a.GID && !slices.Contains(member, gid):
		return a, misused("Invalid --user argument: '%s' (User %s is not in group %s)", spec, a.Name, group)
	}
	a.GID, a.Groups = gid, nil
	return a, nil
}

// ask asks the name service, which a program without a C library does not know, for an account
// that is not in /etc/passwd.
func ask(database, key string) (*user.User, error) {
	line, err := exec.Command("getent", database, key).Output()
	fields := strings.Split(strings.TrimSpace(string(line)), ":")
	if err != nil || len(fields) < 6 {
		return nil, user.UnknownUserError(key)
	}
	return &user.User{Username: fields[0], Uid: fields[2], Gid: fields[3], HomeDir: fields[5]}, nil
}

// lookupID finds the account of a uid.
func lookupID(uid int) (*user.User, error) {
	found, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		found, err = ask("passwd", strconv.Itoa(uid))
	}
	return found, err
}

// groupsOf lists the groups of a user, as initgroups(3) does.
func groupsOf(u *user.User) (groups []int) {
	line, err := exec.Command("getent", "initgroups", u.Username).Output()
	if fields := bytes.Fields(line); err == nil && len(fields) > 0 {
		for _, field := range fields[1:] {
			if gid, err := strconv.Atoi(string(field)); err == nil {
				groups = append(groups, gid)
			}
		}
	} else if ids, err := u.GroupIds(); err == nil {
		for _, id := range ids {
			if gid, err := strconv.Atoi(id); err == nil {
				groups = append(groups, gid)
			}
		}
	}
	if gid, err := strconv.Atoi(u.Gid); err == nil && !slices.Contains(groups, gid) {
		groups = append([]int{gid}, groups...)
	}
	return groups
}

func groupID(name string) (gid int, ok bool) {
	text := ""
	if found, err := user.LookupGroup(name); err == nil {
		text = found.Gid
	} else if line, err := exec.Command("getent", "group", name).Output(); err == nil {
		if fields := strings.Split(string(line), ":"); len(fields) > 2 {
			text = fields[2]
		}
	}
	gid, err := strconv.Atoi(text)
	return gid, err == nil
}

// chainWord is the account as chpst takes it: numbers, with the group before the others.
func (a account) chainWord() string {
	word := fmt.Sprintf(":%d:%d", a.UID, a.GID)
	for _, gid := range a.Groups {
		if gid != a.GID {
			word += fmt.Sprintf(":%d", gid)
		}
	}
	return word
}
