package explain

import "path/filepath"

// ours are the tools of catena that exec the rest of their command line.
var ours = []string{
	"argv0", "cd", "chpst", "env", "envdir", "envfile", "envuidgid", "fdclose", "fdmove", "fghack", "gosu", "nice",
	"nohup", "pgrphack", "pidfile", "redirfd", "setlock", "setuidgid", "setuser", "softlimit", "su-exec",
	"takesocket", "tosyslog", "umask",
}

// others are programs of other projects that do so too. What such a program does besides is
// small and its own: explain runs it.
var others = []string{
	"setsid", "stdbuf", "taskset", "ionice", "chrt", "prlimit", "setpriv", "setarch", "choom",
	"chroot", "unshare", "nsenter", "runuser", "timeout", "flock", "sudo", "doas",
	"numactl", "exec", "emptyenv", "export", "unexport", "fdblock", "fdswap", "s6-applyuidgid",
	"s6-envdir", "s6-envuidgid", "s6-fghack", "s6-ioconnect", "s6-setlock", "s6-setsid",
	"s6-setuidgid", "s6-softlimit",
}

// names is a set of names of programs.
type names map[string]bool

// linkNames is the set of all programs that are links, with those that the user has named.
func linkNames(named []string) names {
	set := names{}
	for _, list := range [][]string{ours, others, named} {
		for _, name := range list {
			set[name] = true
		}
	}
	return set
}

// isLink reports whether a program that was just executed goes on with the rest of its
// command line. Any other program is the one at the end of the chain, which must not run.
func (n names) isLink(s *state) bool {
	if s.begins() {
		return true
	}
	if !s.isCatena() || len(s.Argv) == 0 {
		return n[filepath.Base(s.File)]
	}
	// It goes by the name that it is called as.
	name := filepath.Base(s.Argv[0])
	if name == "catena" && len(s.Argv) > 1 {
		name = s.Argv[1]
	}
	return n[name]
}

func (s *state) isCatena() bool { return filepath.Base(s.Executable) == "catena" }

// readsFile reports whether the program is catena, called by a name for which it becomes the chain
// in a file.
func (s *state) readsFile() bool {
	return s.isCatena() && len(s.Argv) > 0 && beginnings[filepath.Base(s.Argv[0])]
}

// beginnings are what begins the chain of a service: catena itself, or a script of a shell, which
// makes a few settings. What such a script starts in a child is not run.
var (
	beginnings = names{"run": true, "finish": true}
	shells     = names{"ash": true, "bash": true, "busybox": true, "dash": true, "ksh": true, "mksh": true, "sh": true}
)

func (s *state) begins() bool {
	return s.readsFile() || beginnings[filepath.Base(s.File)] && shells[filepath.Base(s.Executable)]
}
