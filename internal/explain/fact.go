package explain

import (
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// A fact is one thing that a state says, as people read it. What and name together are its key:
// "limit" and "nofile". Facts that there is one of have no name.
type fact struct{ what, name, value string }

// facts lists what a state says, in the order of the report. The command line is no fact: each
// link takes words from it.
func (s *state) facts() []fact {
	list := []fact{
		{"user", "", idsOf(s.UID, userName)},
		{"group", "", idsOf(s.GID, groupName)},
		{"groups", "", groupsOf(s.Groups)},
		{"capabilities", "", capabilityList(s.Capabilities)},
		{"bounding set", "", capabilityList(s.Bounding)},
		{"new privileges", "", map[bool]string{false: "possible", true: "never"}[s.NoNewPrivs]},
		{"directory", "", s.Directory},
		{"root", "", s.Root},
		{"umask", "", s.Umask},
		{"session", "", s.Session},
		{"process group", "", s.Group},
		{"nice value", "", strconv.Itoa(s.Nice)},
		{"scheduling", "", s.Policy},
		{"processors", "", s.CPUs},
		{"oom_score_adj", "", s.OOMScore},
		{"ignores", "", orNone(s.Ignored)},
		{"blocks", "", orNone(s.Blocked)},
	}
	for _, namespace := range s.Namespaces {
		kind, number, _ := strings.Cut(namespace, ":")
		list = append(list, fact{"namespace", kind, number})
	}
	for _, l := range s.Limits {
		value := l.Soft
		if l.Hard != l.Soft {
			value += ", hard " + l.Hard
		}
		list = append(list, fact{"limit", l.Name, value})
	}
	for _, d := range s.Descriptors {
		list = append(list, fact{"descriptor", strconv.Itoa(d.Number), d.File + " (" + d.Mode + ")"})
	}
	return append(list, environmentFacts(s.Environment)...)
}

// environmentFacts has a fact for each variable. The second one of a name is another variable:
// which of them counts is for the program to say.
func environmentFacts(entries []string) (list []fact) {
	times := map[string]int{}
	for _, entry := range entries {
		name, value, _ := strings.Cut(entry, "=")
		key := name
		if times[name]++; times[name] > 1 {
			key += fmt.Sprintf(" (%d)", times[name])
		}
		list = append(list, fact{"variable", key, value})
	}
	return list
}

func idsOf(id ids, name func(int) string) string {
	if id.Real == id.Effective && id.Real == id.Saved {
		return name(id.Real)
	}
	return fmt.Sprintf("%s, effective %s, saved %s", name(id.Real), name(id.Effective), name(id.Saved))
}

func userName(id int) string {
	if account, err := user.LookupId(strconv.Itoa(id)); err == nil {
		return fmt.Sprintf("%s (%d)", account.Username, id)
	}
	return strconv.Itoa(id)
}

func groupName(id int) string {
	if group, err := user.LookupGroupId(strconv.Itoa(id)); err == nil {
		return fmt.Sprintf("%s (%d)", group.Name, id)
	}
	return strconv.Itoa(id)
}

func groupsOf(groups []int) string {
	names := []string{}
	for _, id := range groups {
		names = append(names, groupName(id))
	}
	return orNone(names)
}

// capabilityList is short for those who have nearly all.
func capabilityList(names []string) string {
	var missing []string
	for _, name := range capabilityNames {
		if !slices.Contains(names, name) {
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) == 0:
		return "all"
	case len(missing) < len(names):
		return "all but " + strings.Join(missing, " ")
	}
	return orNone(names)
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, " ")
}

// A change is a fact that is another one than before. Was or Is is nil where there was or is none.
type change struct {
	What string  `json:"what"`
	Name string  `json:"name,omitempty"`
	Was  *string `json:"was"`
	Is   *string `json:"is"`
}

// changes lists what has changed between two states.
func changes(before, after *state) []change {
	type key struct{ what, name string }
	was := map[key]string{}
	for _, f := range before.facts() {
		was[key{f.what, f.name}] = f.value
	}
	list := []change{}
	for _, f := range after.facts() {
		old, there := was[key{f.what, f.name}]
		delete(was, key{f.what, f.name})
		switch {
		case !there:
			list = append(list, change{f.what, f.name, nil, &f.value})
		case old != f.value:
			list = append(list, change{f.what, f.name, &old, &f.value})
		}
	}
	for _, f := range before.facts() {
		if old, gone := was[key{f.what, f.name}]; gone {
			list = append(list, change{f.what, f.name, &old, nil})
		}
	}
	return list
}
