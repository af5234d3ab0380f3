// Package compile makes service directories of a configuration. Whatever supervises the
// programs then, and however often Supervisor's part is killed, is svscan and needs nothing
// else. So every setting becomes a file that supervise(8) or svscan(8) knows, or a link of the
// chain that run is.
package compile

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"catena/internal/service"
	"catena/internal/supervisord/config"
)

// What kind of file a File is.
const (
	Plain = iota
	Link  // a symbolic link, and the text is where it leads
	FIFO
)

// A File is a file of a service directory.
type File struct {
	Name string // it may be in a folder
	Kind int
	Text string
	Mode uint32
}

// A Service is a service directory: its name, and the files that it has of us.
type Service struct {
	Name  string
	Files []File // sorted by name
}

// Surroundings are what the services find when they are started.
type Surroundings struct {
	Catena      string   // the multi-call binary
	Tools       []string // the names of its tools
	Supervisord string   // the program of the server
	Run         string   // the run directory
	Directory   string   // the working directory of the server, which relative paths count from
	UID         int      // whom svscan runs as
	ServerURL   string   // where the server listens, or empty
	Path        string   // PATH of svscan
}

// Compile makes the service directories of a configuration, sorted by name. What cannot be a
// service is a problem, and so is what is not there yet.
func Compile(c *config.Config, around Surroundings) (services []Service, problems []config.Problem) {
	priority := priorities(c)
	for _, g := range c.Groups {
		if g.Kind == config.OfListeners && len(g.Programs) > 0 {
			problems = append(problems, config.Problem{At: g.At, Text: "[" + g.Kind + ":" + g.Name + "] cannot be run yet"})
			continue
		}
		finish := func(b *builder, name string, at config.Place) {
			for _, text := range b.problems {
				problems = append(problems, config.Problem{At: at, Text: strings.TrimPrefix(name, holders) + ": " + text})
			}
			slices.SortFunc(b.files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
			services = append(services, Service{name, b.files})
		}
		for _, p := range g.Programs {
			b := builder{group: g, program: p, around: around, strips: c.Server.StripANSI}
			b.service(c, priority(g, p))
			finish(&b, config.FullName(g.Name, p.Name), p.At)
		}
		if name := HolderOf(g); name != "" {
			b := builder{group: g, around: around}
			b.holder()
			finish(&b, name, g.At)
		}
	}
	own, err := ownService(around)
	if err != nil {
		problems = append(problems, config.Problem{Text: err.Error()})
	}
	services = append(services, own)
	if slices.ContainsFunc(services, func(s Service) bool { return s.has(service.Needs + "/" + Logger) }) {
		services = append(services, logger(around))
	}
	slices.SortFunc(services, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	return services, problems
}

// A builder makes one service directory.
type builder struct {
	group    config.Group
	program  config.Program
	around   Surroundings
	strips   bool // ANSI sequences are taken out of the files
	files    []File
	problems []string
}

func (b *builder) problem(text string) { b.problems = append(b.problems, text) }

func (b *builder) add(name, text string) {
	b.files = append(b.files, File{Name: name, Text: text, Mode: 0o644})
}

// line adds a file of one line.
func (b *builder) line(name, text string) { b.add(name, text+"\n") }

func (b *builder) number(name string, n int64) { b.line(name, strconv.FormatInt(n, 10)) }

// The files that are not supervise's options.
const (
	run   = "run"
	chain = "chain"
	env   = "env"   // the variables, for envfile
	stdin = "stdin" // a FIFO, which is standard input
	down  = "down"
)

// managed are the files that a service directory may have of us. All others are left alone.
var managed = []string{run, chain, env, stdin, down, service.Needs, service.Priority,
	service.Streams[0].FIFO, service.Streams[0].Settings, service.Streams[1].FIFO, service.Streams[1].Settings,
	service.TimeoutKill, service.DownSignal, service.TimeoutKillPG, service.DownKillPG,
	service.Restart, service.SuccessExit, service.FailedStartExit, service.MaxDeathTally, service.MinUptime, service.MaxFailedStarts,
	service.RestartDelay, service.RestartGrowth, service.MaxRestartDelay}

func (b *builder) service(c *config.Config, priority int64) {
	b.files = append(b.files, File{Name: run, Kind: Link, Text: b.around.Catena})
	if b.group.Kind == config.OfFastCGI {
		b.add(service.Needs+"/"+holders+b.group.Name, "")
	} else {
		b.files = append(b.files, File{Name: stdin, Kind: FIFO, Mode: 0o600})
	}
	b.chain()
	b.environment()
	b.policy()
	b.stop()
	if !b.program.AutoStart {
		b.add(down, "")
	}
	if priority != usual {
		b.number(service.Priority, priority)
	}
	for _, needed := range b.program.DependsOn {
		for _, name := range c.Named(needed) {
			if name == config.FullName(b.group.Name, b.program.Name) {
				b.problem("it depends on itself")
				continue
			}
			b.add(service.Needs+"/"+name, "")
		}
	}
	slices.SortFunc(b.files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	b.files = slices.CompactFunc(b.files, func(a, b File) bool { return a.Name == b.Name })
}

const (
	deaths      = 100 // that the server finds when it has been away
	notExecuted = 111 // the exit code of a chain whose last program cannot be executed
)

// policy says when the service is started again. A failed start is tried again after a second,
// then after two, and so on.
func (b *builder) policy() {
	p := &b.program
	switch {
	case p.AutoRestart == config.Never:
		b.line(service.Restart, "never")
		b.successExit()
	case p.AutoRestart == config.Unexpected && len(p.ExitCodes) > 0: // else no exit code is expected
		b.line(service.Restart, "on-failure")
		b.successExit()
	}
	b.number(service.MaxDeathTally, deaths)
	starts := min(max(p.StartRetries, 0), longest/1000-1) + 1
	b.number(service.MaxFailedStarts, starts)
	if p.StartSecs <= 0 { // no start fails, but for one that does not get to the command
		b.number(service.FailedStartExit, notExecuted)
		return
	}
	b.number(service.MinUptime, milliseconds(p.StartSecs))
	b.number(service.RestartDelay, 1000)
	b.line(service.RestartGrowth, "add")
	b.number(service.MaxRestartDelay, milliseconds(starts))
}

// successExit says which exit codes are expected.
func (b *builder) successExit() {
	codes := slices.Compact(slices.Sorted(slices.Values(b.program.ExitCodes)))
	if slices.Equal(codes, []int64{0}) || len(codes) == 0 {
		return // as it is without the file
	}
	text := ""
	for _, code := range codes {
		text += " " + strconv.FormatInt(code, 10)
	}
	if len(text) > service.OptionMax-1 {
		b.problem("too many exitcodes")
	}
	b.line(service.SuccessExit, text[1:])
}

// stop says how the service is stopped.
func (b *builder) stop() {
	p := &b.program
	if p.StopSignal != 15 {
		b.line(service.DownSignal, cmp.Or(config.SignalName(p.StopSignal), strconv.Itoa(p.StopSignal)))
	}
	b.number(service.TimeoutKill, max(1, milliseconds(p.StopWaitSecs))) // 0 would be never
	if p.StopAsGroup {
		b.add(service.DownKillPG, "")
	}
	if p.KillAsGroup {
		b.add(service.TimeoutKillPG, "")
	}
}

// longest is as long as supervise waits, in milliseconds: 12 days.
const longest = 1 << 30

func milliseconds(seconds int64) int64 { return min(max(seconds, 0), longest/1000) * 1000 }

// usual is the priority of a service that has no such file.
const usual = 999

// priorities returns a function that has the priority of each service. Supervisor goes by the
// priority of the group first, and by that of the process in its group. A service has one number:
// that of the group, as long as no group has processes of different priorities. Otherwise it is
// a place in the order of both.
func priorities(c *config.Config) func(config.Group, config.Program) int64 {
	type both struct{ group, process int64 }
	var order []both
	differ := false
	for _, g := range c.Groups {
		for _, p := range g.Programs {
			order = append(order, both{g.Priority, p.Priority})
			differ = differ || p.Priority != g.Programs[0].Priority
		}
	}
	slices.SortFunc(order, func(a, b both) int { return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.process, b.process)) })
	order = slices.Compact(order)
	return func(g config.Group, p config.Program) int64 {
		if !differ {
			const most = 1<<30 - 1 // for svscan
			return min(max(g.Priority, -most), most)
		}
		return int64(slices.Index(order, both{g.Priority, p.Priority})) + 1
	}
}
