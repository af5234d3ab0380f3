package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Softlimit sets resource limits.
var Softlimit = execchain.Tool{
	Name:    "softlimit",
	Does:    "sets resource limits",
	Usage:   "softlimit: usage: softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes] [-l lockbytes] [-m membytes] [-o openfiles] [-p processes] [-r residentbytes] [-s stackbytes] [-t cpusecs] child",
	Misused: bare.Misused,
	Help: `usage: softlimit [-H] [-a bytes] [-c bytes] [-d bytes] [-f bytes] [-l bytes] [-m bytes] [-o n] [-p n] [-r bytes] [-s bytes] [-t seconds] [-R name=soft[:hard]] child
  -a bytes    address space
  -c bytes    core file
  -d bytes    data segment
  -f bytes    file size
  -l bytes    locked memory
  -m bytes    the same as -d, -s, -l and -a; limits threads too, see softlimit(8)
  -o n        open files
  -p n        processes of the user
  -r bytes    resident memory
  -s bytes    stack
  -t seconds  processor time
  -H          the options that follow set the hard limit, too
  -R name=soft[:hard]
              any limit, by name, or name=soft: or name=:hard alone: as core cpu data fsize locks memlock msgqueue
              nice nofile nproc rss rtprio rttime sigpending stack
A limit is a number, with K, M or G for 2^10, 2^20 or 2^30, = for the hard limit,
or - for no limit.
`,
	Run: softlimit,
}

// limitNames are the names of the sixteen limits of Linux, as prlimit(1) has them.
var limitNames = [...]string{
	unix.RLIMIT_AS:         "as",
	unix.RLIMIT_CORE:       "core",
	unix.RLIMIT_CPU:        "cpu",
	unix.RLIMIT_DATA:       "data",
	unix.RLIMIT_FSIZE:      "fsize",
	unix.RLIMIT_LOCKS:      "locks",
	unix.RLIMIT_MEMLOCK:    "memlock",
	unix.RLIMIT_MSGQUEUE:   "msgqueue",
	unix.RLIMIT_NICE:       "nice",
	unix.RLIMIT_NOFILE:     "nofile",
	unix.RLIMIT_NPROC:      "nproc",
	unix.RLIMIT_RSS:        "rss",
	unix.RLIMIT_RTPRIO:     "rtprio",
	unix.RLIMIT_RTTIME:     "rttime",
	unix.RLIMIT_SIGPENDING: "sigpending",
	unix.RLIMIT_STACK:      "stack",
}

func softlimit(p *bare.Process) bare.Exit {
	hard := false
	options := p.Options("a:c:d:f:l:m:o:p:r:s:t:HR:")
	for options.Next() {
		exit, value := bare.Continue, options.Value()
		switch options.Letter {
		case 'H':
			hard = true
		case 'R':
			exit = limitByName(p, value, hard)
		case 'm':
			for _, resource := range [...]int{unix.RLIMIT_DATA, unix.RLIMIT_STACK, unix.RLIMIT_MEMLOCK, unix.RLIMIT_AS} {
				if exit = limit(p, resource, value, hard); exit != bare.Continue {
					break
				}
			}
		default:
			resource := resourceOf(options.Letter)
			if resource < 0 {
				return options.Refuse(p)
			}
			exit = limit(p, resource, value, hard)
		}
		if exit != bare.Continue {
			return exit
		}
	}
	program := options.Rest()
	if program.Len() == 0 {
		return p.Usage()
	}
	return p.Run(program)
}

func resourceOf(letter byte) int {
	switch letter {
	case 'a':
		return unix.RLIMIT_AS
	case 'c':
		return unix.RLIMIT_CORE
	case 'd':
		return unix.RLIMIT_DATA
	case 'f':
		return unix.RLIMIT_FSIZE
	case 'l':
		return unix.RLIMIT_MEMLOCK
	case 'o':
		return unix.RLIMIT_NOFILE
	case 'p':
		return unix.RLIMIT_NPROC
	case 'r':
		return unix.RLIMIT_RSS
	case 's':
		return unix.RLIMIT_STACK
	case 't':
		return unix.RLIMIT_CPU
	}
	return -1
}

// limit sets a soft limit, which is at most the hard limit. If hard is true, it sets both
// limits to the value.
func limit(p *bare.Process, resource int, value string, hard bool) bare.Exit {
	r, err := bare.Getrlimit(resource)
	if err != 0 {
		return p.FatalErrno(err, "getrlimit failed")
	}
	n, ok := amount(value, r.Max)
	if !ok {
		return p.Usage()
	}
	if hard {
		r.Max = n
	}
	r.Cur = min(n, r.Max)
	return setLimit(p, resource, r)
}

// limitByName sets a limit by its name. It takes name=soft as limit does. With
// name=soft:hard, name=soft: and name=:hard it sets exactly these limits, as prlimit(1)
// does.
func limitByName(p *bare.Process, text string, hard bool) bare.Exit {
	equals := bare.Index(text, '=')
	if equals == len(text) {
		return p.Usage()
	}
	name, value := text[:equals], text[equals+1:]
	resource := len(limitNames) - 1
	for resource >= 0 && !bare.Equal(limitNames[resource], name) {
		resource--
	}
	if resource < 0 {
		return p.Usage()
	}
	colon := bare.Index(value, ':')
	if value == "" || value == ":" {
		return p.Usage()
	}
	if colon == len(value) {
		return limit(p, resource, value, hard)
	}
	r, err := bare.Getrlimit(resource)
	if err != 0 {
		return p.FatalErrno(err, "getrlimit failed")
	}
	soft, hardest, was := value[:colon], value[colon+1:], r.Max
	ok := true
	if soft != "" {
		r.Cur, ok = amount(soft, was)
	}
	if ok && hardest != "" {
		r.Max, ok = amount(hardest, was)
	}
	if !ok {
		return p.Usage()
	}
	if r.Cur > r.Max {
		return p.Fatal("the soft limit of ", name, " would be above the hard one")
	}
	return setLimit(p, resource, r)
}

func setLimit(p *bare.Process, resource int, r unix.Rlimit) bare.Exit {
	if err := bare.Setrlimit(resource, r); err != 0 {
		return p.FatalErrno(err, "setrlimit failed")
	}
	return bare.Continue
}

// amount reads the value of a limit. An empty value is 0, as in 0.76. Suffixes and "-" are
// ours. Ours as well: a number that is too large means no limit, where 0.76 wraps around.
func amount(value string, hard uint64) (n uint64, ok bool) {
	switch value {
	case "=":
		return hard, true
	case "-":
		return unix.RLIM_INFINITY, true
	}
	n, digits := bare.Number(value)
	unit := bare.SizeUnit(value[digits:])
	if unit == 0 || digits == 0 && value != "" {
		return 0, false
	}
	if n > unix.RLIM_INFINITY/unit {
		return unix.RLIM_INFINITY, true
	}
	return n * unit, true
}
