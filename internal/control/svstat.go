package control

import (
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
	"catena/internal/service"
	"catena/internal/tai64"
)

// Svstat prints the status of services, a line each.
var Svstat = execchain.Tool{
	Name:    "svstat",
	Usage:   "svstat: usage: svstat service ...",
	Misused: bare.Misused,
	Help: `usage: svstat [-lj] service ...
  -l  also whether it is ready, how often it has been started, and how it ended
  -j  all of that as a JSON object on each line
`,
	Run: svstat,
}

// How much svstat prints.
const (
	brief = iota
	long
	json
)

func svstat(p *bare.Process) bare.Exit {
	words, form := p.Args.From(1), brief
	switch words.At(0) { // ours: 0.76 takes them for services
	case "-l":
		words, form = words.From(1), long
	case "-j", "-lj", "-jl":
		words, form = words.From(1), json
	}
	origin, err := bare.Open(".", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != 0 {
		return p.FatalErrno(err, "unable to open current directory")
	}
	for i := range words.Len() {
		if exit := show(p, words.At(i), form); exit != 0 {
			return exit
		}
		if err := bare.Fchdir(origin); err != 0 {
			return p.FatalErrno(err, "unable to set directory")
		}
	}
	return 0
}

// show prints the line of a service. What is wrong with the service is the line;
// the exit code tells only whether it could be printed.
func show(p *bare.Process, dir string, form int) bare.Exit {
	s, trouble, why := read(dir)
	var b bare.Buffer
	switch {
	case form == json:
		b.Append(`{"service":`)
		appendQuoted(&b, dir)
		if trouble != "" {
			b.Append(`,"error":"`)
			b.Append(trouble)
			if why != 0 {
				b.Append(": ")
				b.Append(bare.Reason(why))
			}
			b.Append(`"`)
		} else {
			describeJSON(&b, s)
		}
		b.Append("}")
	case trouble != "":
		b.Append(dir)
		b.Append(": ")
		b.Append(trouble)
		if why != 0 {
			b.Append(": ")
			b.Append(bare.Reason(why))
		}
	default:
		b.Append(dir)
		describe(&b, s, form == long)
	}
	if !b.Append("\n") {
		return p.NoMemory()
	}
	return p.Print(b.String())
}

// condition is what can be known of a service from outside.
type condition struct {
	service.Status
	service.State
	normallyUp bool
	state      bool // there is one: the supervisor is catena's
}

// read reads the condition of a service, and becomes its directory. Trouble says
// what is wrong, in daemontools' words, and why, if there is an error number.
func read(dir string) (c condition, trouble string, why bare.Errno) {
	if err := bare.Chdir(dir); err != 0 {
		return c, "unable to chdir", err
	}
	switch err := bare.Exists(bare.Cwd, service.Down); err {
	case 0:
	case unix.ENOENT:
		c.normallyUp = true
	default:
		return c, "unable to stat down", err
	}
	ok, err := bare.Open(service.OK, unix.O_WRONLY|unix.O_NONBLOCK, 0)
	if err == unix.ENXIO {
		return c, "supervise not running", 0
	}
	if err != 0 {
		return c, "unable to open supervise/ok", err
	}
	bare.Close(ok)

	fd, err := bare.Open(service.StatusNow, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != 0 {
		return c, "unable to open supervise/status", err
	}
	var packed [service.StatusSize]byte
	n, err := bare.Read(fd, packed[:])
	bare.Close(fd)
	if err != 0 {
		return c, "unable to read supervise/status", err
	}
	if n < service.StatusSize {
		return c, "unable to read supervise/status: bad format", 0
	}
	c.Status = service.UnpackStatus(packed)
	if lock, err := bare.Open(service.Lock, unix.O_RDONLY|unix.O_NONBLOCK, 0); err == 0 {
		c.State, c.state = service.ReadState(lock)
		bare.Close(lock)
	}
	return c, "", 0
}

func (c condition) seconds() uint64 {
	return c.Since.Since(tai64.FromUnix(bare.Clock(unix.CLOCK_REALTIME)))
}

func describe(b *bare.Buffer, c condition, long bool) {
	up := c.PID != 0
	if up {
		b.Append(": up (pid ")
		b.AppendNumber(uint64(c.PID))
		b.Append(") ")
	} else {
		b.Append(": down ")
	}
	b.AppendNumber(c.seconds())
	b.Append(" seconds")
	for _, remark := range [...]struct {
		holds bool
		text  string
	}{
		{up && !c.normallyUp, ", normally down"},
		{!up && c.normallyUp, ", normally up"},
		{up && c.Paused, ", paused"},
		{!up && c.Want == service.WantUp, ", want up"},
		{up && c.Want == service.WantDown, ", want down"},
		{long && up && c.Ready, ", ready"},
		{long && up && c.Want == service.WantOnce, ", once"},
	} {
		if remark.holds {
			b.Append(remark.text)
		}
	}
	if !long || !c.state {
		return
	}
	b.Append(", starts ")
	b.AppendNumber(uint64(c.Starts))
	switch {
	case !c.Known:
	case c.Ended.Signaled():
		b.Append(", last killed by signal ")
		b.AppendNumber(uint64(c.Ended.Signal()))
	default:
		b.Append(", last exited ")
		b.AppendNumber(uint64(c.Ended.ExitStatus()))
	}
}

func describeJSON(b *bare.Buffer, c condition) {
	want := `"once"`
	switch c.Want {
	case service.WantUp:
		want = `"up"`
	case service.WantDown:
		want = `"down"`
	}
	b.Append(`,"up":`)
	appendBool(b, c.PID != 0)
	b.Append(`,"pid":`)
	b.AppendNumber(uint64(c.PID))
	b.Append(`,"seconds":`)
	b.AppendNumber(c.seconds())
	b.Append(`,"normally_up":`)
	appendBool(b, c.normallyUp)
	b.Append(`,"want":`)
	b.Append(want)
	b.Append(`,"paused":`)
	appendBool(b, c.PID != 0 && c.Paused)
	if !c.state {
		return
	}
	b.Append(`,"ready":`)
	appendBool(b, c.PID != 0 && c.Ready)
	b.Append(`,"starts":`)
	b.AppendNumber(uint64(c.Starts))
	switch {
	case !c.Known:
	case c.Ended.Signaled():
		b.Append(`,"last_signal":`)
		b.AppendNumber(uint64(c.Ended.Signal()))
	default:
		b.Append(`,"last_exit":`)
		b.AppendNumber(uint64(c.Ended.ExitStatus()))
	}
}

func appendBool(b *bare.Buffer, is bool) {
	if is {
		b.Append("true")
	} else {
		b.Append("false")
	}
}

// appendQuoted adds a text as a JSON string (RFC 8259). What is not UTF-8 becomes
// U+FFFD, because JSON has no way to say it.
func appendQuoted(b *bare.Buffer, text string) {
	const hex = "0123456789abcdef"
	b.Append(`"`)
	for i := 0; i < len(text); {
		c := text[i]
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case c == '"' || c == '\\':
			b.Append(`\`)
			b.Append(text[i : i+1])
		case c < ' ':
			b.Append(`\u00`)
			b.Append(hex[c>>4 : c>>4+1])
			b.Append(hex[c&15 : c&15+1])
		case r == utf8.RuneError && size == 1:
			b.Append("\ufffd")
		default:
			b.Append(text[i : i+size])
		}
		i += size
	}
	b.Append(`"`)
}
