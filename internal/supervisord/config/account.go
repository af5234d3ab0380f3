package config

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"catena/internal/supervisord/python"
)

// An account is an entry of the password file or of another name service.
type account struct {
	name, home string
	uid, gid   int64
}

// accountOf looks an account up by its name, or by a uid in decimal.
func accountOf(nameOrID string) (account, bool) {
	lookup := user.Lookup
	if _, err := strconv.Atoi(nameOrID); err == nil {
		lookup = user.LookupId
	}
	if u, err := lookup(nameOrID); err == nil {
		return accountFrom(u.Username, u.Uid, u.Gid, u.HomeDir)
	}
	fields := getent("passwd", nameOrID)
	if len(fields) < 7 {
		return account{}, false
	}
	return accountFrom(fields[0], fields[2], fields[3], fields[5])
}

func accountFrom(name, uid, gid, home string) (account, bool) {
	u, badUID := strconv.ParseInt(uid, 10, 64)
	g, badGID := strconv.ParseInt(gid, 10, 64)
	return account{name, home, u, g}, badUID == nil && badGID == nil
}

// getent asks the name service for an entry, which the files do not have.
func getent(database, key string) []string {
	if key == "" || key[0] == '-' {
		return nil
	}
	out, err := exec.Command("getent", database, key).Output()
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), ":")
}

// userID converts a user name or a uid.
func userID(s string) (account, error) {
	uid, err := python.Int(s, 10)
	if err != nil {
		if a, is := accountOf(s); is && s != "" {
			return a, nil
		}
		return account{}, errors.New("Invalid user name " + s)
	}
	if a, is := accountOf(strconv.FormatInt(uid, 10)); is && uid >= 0 {
		return a, nil
	}
	return account{}, errors.New("Invalid user id " + s)
}

// UserIDs returns the ids of a user, by name or uid.
func UserIDs(s string) (uid, gid int64, err error) {
	a, err := userID(s)
	return a.uid, a.gid, err
}

// GroupsOf returns the groups that list a user as a member.
func GroupsOf(s string) (gids []int, err error) {
	a, err := userID(s)
	if err != nil {
		return nil, err
	}
	u := user.User{Username: a.name, Uid: strconv.FormatInt(a.uid, 10), Gid: strconv.FormatInt(a.gid, 10)}
	list, err := u.GroupIds()
	for _, gid := range list {
		n, err := strconv.Atoi(gid)
		if err != nil {
			return nil, err
		}
		gids = append(gids, n)
	}
	return gids, err
}

// groupID converts the name of a group or a gid.
func groupID(s string) (gid int64, err error) {
	gid, err = python.Int(s, 10)
	lookup, key := user.LookupGroupId, strconv.FormatInt(gid, 10)
	if err != nil {
		lookup, key = user.LookupGroup, s
	}
	found := ""
	if g, failed := lookup(key); failed == nil {
		found = g.Gid
	} else if fields := getent("group", key); len(fields) > 2 {
		found = fields[2]
	}
	return strconv.ParseInt(found, 10, 64)
}

// owner converts user or user:group.
func owner(s string) (*IDs, error) {
	name, group, both := strings.Cut(s, ":")
	u, err := userID(name)
	if err != nil {
		return nil, err
	}
	ids := &IDs{u.uid, -1}
	if both {
		ids.GID, err = groupID(group)
	}
	return ids, err
}

// homeOf is the directory at home of a user, or of who runs this if the name is empty. It is
// empty if nobody knows.
func homeOf(name string) string {
	if name != "" {
		a, _ := accountOf(name)
		return a.home
	}
	if home, is := os.LookupEnv("HOME"); is {
		return home
	}
	a, _ := accountOf(strconv.Itoa(os.Getuid()))
	return a.home
}

func writable(dir string) bool { return isDirectory(dir) && unix.Access(dir, unix.W_OK) == nil }
