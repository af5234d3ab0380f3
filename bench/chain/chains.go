//go:build linux && (amd64 || arm64)

package chain

// Measured: the chains in this file, each with a static no-op at its end.
//
// Not measured: chains in which a peer has no program for the job, such as
// fghack by chpst; an account that /etc/passwd does not hold; a chain under
// memory or cache pressure.

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"catena/bench/stage"
)

const (
	account = "nobody"
	memory  = "500000000"
)

// A chain is one command line. Its first word is executed by its absolute path;
// every further link is looked up by name in PATH, as a run script would have
// it done.
type chain struct {
	group string // the table that it appears in
	maker string // whose programs do the work
	path  string // PATH
	argv  []string
	needs []string // programs without which the row is left out

	dynamic int // starts of dynamically linked programs, where needs does not tell
}

func (c *chain) title() string { return c.group + ": " + c.maker }

// The makers that only chains have.
const (
	separate  = "catena, a file per tool"
	chpst     = "runit chpst"
	utilLinux = "util-linux"
	inC       = "static C, one process"
	static    = "gosu"
	coreutils = "daemontools and coreutils"
	noNohup   = "catena, without nohup"
)

const (
	floorGroup = "floor"
	nohupLink  = "nohup among 3 links: envdir nohup setuidgid softlimit"
	threeLinks = "3 links: envdir setuidgid softlimit"
	chpstLink  = "chpst -e -u -m"
	fiveLinks  = "5 links: pgrphack setlock envdir setuidgid softlimit"
)

// peer is a chain of the system's programs. Every word that is in peers is one
// of the chain's programs, which the machine must have.
func (s *bench) peer(group, maker, line string) chain {
	return chain{group: group, maker: maker, path: stage.SystemPath,
		argv: append(strings.Fields(line), s.Noop()), needs: programs(line)}
}

// ours is a chain of catena's, with its tools in the folder dir.
func (s *bench) ours(group, maker, dir, line string) chain {
	argv := append(strings.Fields(line), s.Noop())
	argv[0] = dir + "/" + argv[0]
	return chain{group: group, maker: maker, path: dir + ":" + stage.SystemPath, argv: argv}
}

func (s *bench) chains() []chain {
	all := []chain{{group: floorGroup, maker: "the no-op alone", path: stage.SystemPath, argv: []string{s.Noop()}}}
	all = append(all, s.singles()...)
	all = append(all, s.three()...)
	all = append(all, s.chpst()...)
	all = append(all, s.nohup()...)
	all = append(all, s.five()...)
	all = append(all, s.runScripts()...)
	all = append(all, s.growing(cheapGroup, repeat("softlimit -c 0", growth))...)
	return append(all, s.growing(mixedGroup, mixed)...)
}

// singles are chains of one link: what it does and how each peer says it.
func (s *bench) singles() []chain {
	const limit = "softlimit -m " + memory
	var all []chain
	for _, one := range []struct{ link, runit, s6, other string }{
		{"envdir ./env", "chpst -e ./env", "s6-envdir ./env", "env " + envWords()},
		{"envuidgid " + account, "chpst -U " + account, "s6-envuidgid " + account, ""},
		{"setuidgid " + account, "chpst -u " + account, "s6-setuidgid " + account, setpriv},
		{limit, "chpst -m " + memory, "s6-" + limit, prlimit()},
		{"setlock ./lock", "chpst -l ./lock", "s6-setlock ./lock", "flock --no-fork ./lock"},
		{"pgrphack", "chpst -P", "s6-setsid", "setsid"},
		{"fghack", "", "s6-fghack", ""},
	} {
		group := "1 link: " + strings.Fields(one.link)[0]
		all = append(all,
			s.ours(group, stage.Catena, s.Bin, one.link),
			s.ours(group, separate, s.single, one.link),
			s.peer(group, stage.Daemontools, one.link))
		for _, p := range []struct{ maker, line string }{
			{chpst, one.runit}, {stage.S6, one.s6}, {utilLinux, one.other},
		} {
			if p.line != "" {
				all = append(all, s.peer(group, p.maker, p.line))
			}
		}
		if strings.HasPrefix(one.link, "setuidgid") {
			all = append(all, s.peer(group, static, "gosu "+account))
		}
	}
	return all
}

const setpriv = "setpriv --reuid " + account + " --regid nogroup --clear-groups"

// prlimit says what softlimit -m does. softlimit clamps to the hard limit,
// prlimit fails above it, so the clamping is done here.
func prlimit() string {
	line := "prlimit"
	for _, l := range []struct {
		name string
		id   int
	}{
		{"data", unix.RLIMIT_DATA}, {"stack", unix.RLIMIT_STACK},
		{"memlock", unix.RLIMIT_MEMLOCK}, {"as", unix.RLIMIT_AS},
	} {
		var now unix.Rlimit
		if unix.Getrlimit(l.id, &now) != nil {
			continue
		}
		line += fmt.Sprintf(" --%s=%d:", l.name, min(500000000, now.Max))
	}
	return line
}

func (s *bench) three() []chain {
	const line = "envdir ./env setuidgid " + account + " softlimit -m " + memory
	all := []chain{
		s.ours(threeLinks, stage.Catena, s.Bin, line),
		s.ours(threeLinks, separate, s.single, line),
		s.peer(threeLinks, stage.Daemontools, line),
		s.peer(threeLinks, chpst, "chpst -e ./env -u "+account+" -m "+memory),
		s.peer(threeLinks, stage.S6, "s6-envdir ./env s6-setuidgid "+account+" s6-softlimit -m "+memory),
		s.peer(threeLinks, utilLinux, "env "+envWords()+" "+setpriv+" "+prlimit()),
	}
	if s.inC != "" {
		c := s.ours(threeLinks, inC, s.Bin, "chain ./env "+account+" "+memory)
		c.argv[0] = s.inC
		all = append(all, c)
	}
	return all
}

// chpst is what three links do, as one, in runit's words.
func (s *bench) chpst() []chain {
	const line = "chpst -e ./env -u " + account + " -m " + memory
	return []chain{
		s.ours(chpstLink, stage.Catena, s.Bin, line),
		s.ours(chpstLink, separate, s.single, line),
		s.peer(chpstLink, chpst, line),
	}
}

// nohup is the three links with nohup among them, and without it. No file of catena has that
// name.
func (s *bench) nohup() []chain {
	const first, rest = "envdir ./env ", "setuidgid " + account + " softlimit -m " + memory
	return []chain{
		s.ours(nohupLink, stage.Catena, s.Bin, first+"catena nohup "+rest),
		s.ours(nohupLink, noNohup, s.Bin, first+rest),
		s.peer(nohupLink, coreutils, first+"nohup "+rest),
	}
}

func (s *bench) five() []chain {
	const line = "pgrphack setlock ./lock envdir ./env setuidgid " + account + " softlimit -m " + memory
	return []chain{
		s.ours(fiveLinks, stage.Catena, s.Bin, line),
		s.ours(fiveLinks, separate, s.single, line),
		s.peer(fiveLinks, stage.Daemontools, line),
		s.peer(fiveLinks, chpst, "chpst -P -l ./lock -e ./env -u "+account+" -m "+memory),
		s.peer(fiveLinks, stage.S6, "s6-setsid s6-setlock ./lock s6-envdir ./env s6-setuidgid "+
			account+" s6-softlimit -m "+memory),
		s.peer(fiveLinks, utilLinux, "setsid flock --no-fork ./lock env "+envWords()+" "+setpriv+" "+prlimit()),
	}
}

// Chains that grow by one link at a time show what each further link costs.
const (
	cheapGroup = "growing, cheap: softlimit -c 0, repeated"
	mixedGroup = "growing, mixed"
	growth     = 8
)

// mixed holds each tool once, fghack apart, which forks; the order is one in
// which all of them can still do their work.
var mixed = []string{
	"pgrphack", "setlock ./lock", "envdir ./env", "envuidgid " + account,
	"softlimit -m " + memory, "softlimit -o 100", "setuidgid " + account, "softlimit -c 0",
}

func repeat(link string, n int) []string {
	links := make([]string, n)
	for i := range links {
		links[i] = link
	}
	return links
}

func (s *bench) growing(group string, links []string) []chain {
	var all []chain
	for n := 1; n <= len(links); n++ {
		maker := fmt.Sprintf("%d, ending in %s", n, links[n-1])
		all = append(all, s.ours(group, maker, s.Bin, strings.Join(links[:n], " ")))
	}
	return all
}
