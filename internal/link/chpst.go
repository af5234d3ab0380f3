package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Chpst does the work of several links. It is from runit, with its messages and exit codes.
var Chpst = execchain.Tool{
	Name: "chpst",
	Does: "does the work of several links",
	Usage: "usage: chpst [-vVP012] [-u user[:group]] [-U user[:group]] [-b argv0] [-e dir] [-/ root] [-n nice]" +
		" [-l|-L lock] [-m n] [-d n] [-o n] [-p n] [-f n] [-c n] [-t n] prog\n", // chpst prints a second newline
	Misused: bare.Misused,
	Unable:  "unable to run: ",
	Help: `usage: chpst [-vVP012] [-u [:]user[:group ...]] [-U [:]user[:group ...]] [-b argv0] [-e dir] [-/ root] [-C dir] [-n inc] [-l lock] [-L lock] [-m bytes] [-d bytes] [-o n] [-p n] [-f bytes] [-c bytes] [-r bytes] [-t seconds] prog
  -u [:]user[:group ...]
             take on the ids of a user; behind a colon they are numbers
  -U [:]user[:group ...]
             put these ids into the environment, as UID and GID
  -b argv0   run the program under this name
  -e dir     set variables from files
  -/ root    change the root directory
  -C dir     change the working directory, after -/
  -n inc     add so much to the nice value
  -l lock    hold a lock on a file
  -L lock    the same, and give up if the lock is held
  -m bytes   the same as -d, and as much for stack, locked memory and address space
  -d bytes   data segment
  -o n       open files
  -p n       processes of the user
  -f bytes   file size
  -c bytes   core file
  -r bytes   resident memory
  -t seconds processor time
  -P         start a session
  -0         close standard input
  -1         close standard output
  -2         close standard error
  -v         say which directories -e has skipped
  -V         print the version, and the usage
`,
	Run: chpst,
}

// change is what a command line of chpst asks for.
type change struct {
	user, variables, name bare.Text // -u, -U, -b
	env, root, dir, lock  bare.Text // -e, -/, -C; -l or -L
	nice                  int
	session, warns, waits bool    // -P, -v; -l
	closed                [3]bool // -0, -1, -2
	limited               [len(limitLetters)]bool
	limits                [len(limitLetters)]uint64
}

// limitLetters are the letters of softlimit for the limits of chpst, in chpst's order.
const limitLetters = "dslaopfcrt"

func chpst(p *bare.Process) bare.Exit {
	var c change
	options := p.Options("u:U:b:e:m:d:o:p:f:c:r:t:/:C:n:l:L:vP012V")
	for options.Next() {
		known, ok := c.note(options.Letter, options.Value())
		switch {
		case options.Letter == 'V':
			bare.Say(execchain.Version[:len(execchain.Version)-1])
			return p.Usage()
		case !known:
			return options.Refuse(p)
		case !ok:
			return p.Usage()
		}
	}
	program := options.Rest()
	if program.Len() == 0 {
		return p.Usage()
	}
	if exit := c.enter(p); exit != bare.Continue {
		return exit
	}
	if exit := c.take(p); exit != bare.Continue {
		return exit
	}
	if exit := c.shut(p); exit != bare.Continue {
		return exit
	}
	if c.name.Given() {
		words, ok := program.From(1).Behind(c.name.String())
		if !ok {
			return p.NoMemory()
		}
		return p.RunAs(program.At(0), words)
	}
	return p.Run(program)
}

// note notes an option. Ok is false if the value cannot be one.
func (c *change) note(letter byte, value string) (known, ok bool) {
	text := bare.Keep(value)
	switch letter {
	case 'u':
		c.user = text
	case 'U':
		c.variables = text
	case 'b':
		c.name = text
	case 'e':
		c.env = text
	case '/':
		c.root = text
	case 'C':
		c.dir = text
	case 'l', 'L':
		if c.lock.Given() {
			return true, false
		}
		c.lock, c.waits = text, letter == 'l'
	case 'n':
		if value == "" || value == "-" || value == "+" { // as good as 0
			c.nice = 0
			break
		}
		c.nice, ok = signed(value)
		return true, ok
	case 'P':
		c.session = true
	case 'v':
		c.warns = true
	case '0', '1', '2':
		c.closed[letter-'0'] = true
	default:
		return c.noteLimit(letter, value)
	}
	return true, true
}

// noteLimit notes a limit. The last option for a limit counts.
func (c *change) noteLimit(letter byte, value string) (known, ok bool) {
	n, digits := bare.Number(value)
	for i := range len(limitLetters) {
		if letter != limitLetters[i] && (letter != 'm' || i >= len("dsla")) {
			continue
		}
		if letter == 's' || letter == 'l' || letter == 'a' { // chpst has no such limit
			return false, false
		}
		c.limited[i], c.limits[i], known = true, n, true
	}
	return known, digits == len(value)
}

// enter does what comes before the ids are looked up: in another root there may be other users.
func (c *change) enter(p *bare.Process) bare.Exit {
	if c.session {
		bare.Setsid() // fails if the process leads a group already, which will do
	}
	if c.env.Given() {
		says := envdirSays{
			origin: "unable to open current working directory",
			enter:  "unable to switch to directory: ",
			open:   "unable to open directory: ",
			list:   "unable to read directory: ",
		}
		if exit := setVariables(p, c.env.String(), envdirOptions{skips: true, warns: c.warns}, says); exit != bare.Continue {
			return exit
		}
	}
	if c.root.Given() {
		if err := bare.Chdir(c.root.String()); err != 0 {
			return p.FatalErrno(err, "unable to change directory: ", c.root.String())
		}
		if err := bare.Chroot("."); err != 0 {
			return p.FatalErrno(err, "unable to change root directory")
		}
	}
	if c.dir.Given() {
		if err := bare.Chdir(c.dir.String()); err != 0 {
			return p.FatalErrno(err, "unable to change directory: ", c.dir.String())
		}
	}
	if c.nice != 0 {
		if err := addNice(c.nice); err != 0 {
			return p.FatalErrno(err, "unable to set nice level")
		}
	}
	return bare.Continue
}

// take takes on the ids. From here on the process may have no privileges.
func (c *change) take(p *bare.Process) bare.Exit {
	if c.variables.Given() {
		uid, gids, exit := chpstIDs(p, c.variables.String())
		switch {
		case exit != bare.Continue:
			return exit
		case !setIDs(p, uid, gids[0]):
			return p.NoMemory()
		}
	}
	if c.user.Given() {
		uid, gids, exit := chpstIDs(p, c.user.String())
		if exit != bare.Continue {
			return exit
		}
		return takeIDs(p, uid, gids, "unable to setgroups")
	}
	return bare.Continue
}

// chpstIDs looks up a user with a list of groups, and says what is wrong with it.
func chpstIDs(p *bare.Process, form string) (uid uint32, gids []uint32, exit bare.Exit) {
	uid, gids, known, why, exit := bare.UserAndGroups(p, form)
	switch {
	case known || exit != bare.Continue:
		return uid, gids, exit
	case form != "" && form[0] == ':':
		exit = p.Fatal("invalid uid/gids: ", form[1:])
	case why != 0:
		exit = p.FatalErrno(why, "unable to get password/group file entry")
	default:
		exit = p.Fatal("unknown user/group: ", form)
	}
	return uid, gids, exit
}

// shut takes the lock, closes descriptors and sets limits.
func (c *change) shut(p *bare.Process) bare.Exit {
	if c.lock.Given() {
		fd, err := openLock(c.lock.String(), unix.O_WRONLY)
		if err != 0 {
			return p.FatalErrno(err, "unable to open lock: ", c.lock.String())
		}
		how := unix.LOCK_EX
		if !c.waits {
			how |= unix.LOCK_NB
		}
		if err := bare.Flock(fd, how); err != 0 {
			return p.FatalErrno(err, "unable to lock: ", c.lock.String())
		}
	}
	for fd, name := range [...]string{"stdin", "stdout", "stderr"} {
		if !c.closed[fd] {
			continue
		}
		if err := bare.CloseOpen(fd); err != 0 {
			return p.FatalErrno(err, "unable to close ", name)
		}
	}
	for i, limited := range c.limited {
		if !limited {
			continue
		}
		resource := resourceOf(limitLetters[i])
		r, err := bare.Getrlimit(resource)
		if err != 0 {
			return p.FatalErrno(err, "unable to getrlimit", "()")
		}
		r.Cur = min(c.limits[i], r.Max)
		if err := bare.Setrlimit(resource, r); err != 0 {
			return p.FatalErrno(err, "unable to setrlimit", "()")
		}
	}
	return bare.Continue
}
