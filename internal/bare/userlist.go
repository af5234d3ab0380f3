package bare

// UserAndGroups looks up who a program is to run as: "user" with the user's own group,
// "user:group:group..." with the groups of the list alone, or ":uid:gid:gid..." with numbers.
// These are the forms of runit's chpst. Known is false if the form is malformed or a name of it
// is unknown, which has not been reported; why is what kept a file from being read then, or 0.
// Any result but Continue is a failure, which has been reported.
func UserAndGroups(p *Process, form string) (uid uint32, gids []uint32, known bool, why Errno, exit Exit) {
	if form != "" && form[0] == ':' {
		return numericUserAndGroups(p, form[1:])
	}
	var list Buffer
	colon := Index(form, ':')
	user, known, why, exit := LookUp(p, Accounts, form[:colon])
	if !known || exit != Continue {
		return 0, nil, false, why, exit
	}
	if colon == len(form) && !putGroup(&list, user.GID) {
		return 0, nil, false, 0, p.NoMemory()
	}
	for colon < len(form) {
		form = form[colon+1:]
		colon = Index(form, ':')
		group, known, why, exit := LookUp(p, Groups, form[:colon])
		switch {
		case !known || exit != Continue:
			return 0, nil, false, why, exit
		case !putGroup(&list, group.GID):
			return 0, nil, false, 0, p.NoMemory()
		}
	}
	return user.UID, gidsOf(&list), true, 0, Continue
}

// numericUserAndGroups is UserAndGroups for "uid:gid:gid...". Each must be a number that is an
// id: chpst takes nothing for 0, which is root, and a number that is too large for another one.
func numericUserAndGroups(p *Process, form string) (uid uint32, gids []uint32, known bool, why Errno, exit Exit) {
	var list Buffer
	for first, more := true, true; more; first = false {
		colon := Index(form, ':')
		n, _ := Number(form[:colon])
		switch {
		case !AllDigits(form[:colon]) || n > noID:
			return 0, nil, false, 0, Continue
		case first:
			uid = uint32(n)
		case !putGroup(&list, uint32(n)):
			return 0, nil, false, 0, p.NoMemory()
		}
		if more = colon < len(form); more {
			form = form[colon+1:]
		}
	}
	return uid, gidsOf(&list), list.n > 0, 0, Continue
}
