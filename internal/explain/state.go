package explain

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A state is what a program that was just executed has been given.
type state struct {
	Argv       []string `json:"argv"`
	File       string   `json:"file"`       // as it was asked for; absolute
	Executable string   `json:"executable"` // what the kernel runs: the interpreter of a script

	Directory string `json:"cwd"`
	Root      string `json:"root"`
	Umask     string `json:"umask"` // octal

	UID          ids      `json:"uid"`
	GID          ids      `json:"gid"`
	Groups       []int    `json:"groups"`
	Capabilities []string `json:"capabilities"` // those that are permitted
	Bounding     []string `json:"bounding"`
	NoNewPrivs   bool     `json:"no_new_privs"`

	Nice     int      `json:"nice"`
	Policy   string   `json:"policy"` // of the scheduler
	CPUs     string   `json:"cpus"`
	OOMScore string   `json:"oom_score_adj"`
	Session  string   `json:"session"` // whose
	Group    string   `json:"group"`   // whose process group
	Ignored  []string `json:"ignored"`
	Blocked  []string `json:"blocked"`

	Namespaces  []string     `json:"namespaces"` // as mnt:[4026531841]
	Limits      []limit      `json:"limits"`
	Descriptors []descriptor `json:"descriptors"`
	Environment []string     `json:"environment"`

	asked   string  // the name by which the kernel was asked for the file
	askedAt uintptr // where in the memory of the process that name is
}

// ids are those of a user or a group. That of files is hardly ever another one than the
// effective one.
type ids struct {
	Real      int `json:"real"`
	Effective int `json:"effective"`
	Saved     int `json:"saved"`
}

// A limit is on a resource. Its values are numbers, or "unlimited".
type limit struct {
	Name string `json:"name"` // as softlimit -R has it
	Soft string `json:"soft"`
	Hard string `json:"hard"`
}

// A descriptor is one that is open.
type descriptor struct {
	Number int    `json:"number"`
	File   string `json:"file"`
	Mode   string `json:"mode"` // read, write, append
}

// A reader takes what it is asked for from the folder of a process in /proc, and keeps the
// first error.
type reader struct {
	pid int
	err error
}

// path is a file of the process in /proc.
func (r *reader) path(file string) string { return fmt.Sprintf("/proc/%d/%s", r.pid, file) }

func (r *reader) text(file string) string {
	text, err := os.ReadFile(r.path(file))
	r.keep(err)
	return string(text)
}

func (r *reader) target(link string) string {
	target, err := os.Readlink(r.path(link))
	r.keep(err)
	return target
}

func (r *reader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

// strings are those of a file that has a NUL behind each.
func (r *reader) strings(file string) []string {
	text := r.text(file)
	if text == "" {
		return []string{}
	}
	return strings.Split(strings.TrimSuffix(text, "\x00"), "\x00")
}

// readState looks at a process that is stopped because it has executed a program.
func readState(pid int) (*state, error) {
	r := &reader{pid: pid}
	s := &state{
		Argv:        r.strings("cmdline"),
		Executable:  r.target("exe"),
		Directory:   r.target("cwd"),
		Root:        r.target("root"),
		Environment: r.strings("environ"),
		OOMScore:    strings.TrimSpace(r.text("oom_score_adj")),
	}
	r.readFile(s)
	r.readStatus(s)
	r.readStat(s)
	r.readNamespaces(s)
	r.readLimits(s)
	r.readDescriptors(s)
	return s, r.err
}

// procSelf is how a link of catena executes its own file.
const procSelf = "/proc/self/exe"

// readFile finds out which file the kernel was asked for: AT_EXECFN of <linux/auxvec.h>.
func (r *reader) readFile(s *state) {
	const atExecfn = 31
	const word = int(unsafe.Sizeof(uintptr(0)))
	vector := []byte(r.text("auxv"))
	for ; len(vector) >= 2*word; vector = vector[2*word:] {
		if nativeWord(vector) == atExecfn {
			s.askedAt = nativeWord(vector[word:])
			s.asked = readString(r.pid, s.askedAt)
		}
	}
	switch s.File = s.asked; {
	case s.askedAt != 0 && s.asked == "":
		r.keep(fmt.Errorf("its memory cannot be read"))
	case s.asked == "" || s.asked == procSelf: // it is not known of a program for another architecture
		s.File = s.Executable
	case !filepath.IsAbs(s.asked):
		s.File = filepath.Join(s.Directory, s.asked)
	}
}

func nativeWord(b []byte) uintptr {
	if unsafe.Sizeof(uintptr(0)) == 4 {
		return uintptr(binary.NativeEndian.Uint32(b))
	}
	return uintptr(binary.NativeEndian.Uint64(b))
}

// readStatus takes what /proc/PID/status has.
func (r *reader) readStatus(s *state) {
	fields := map[string]string{}
	for line := range strings.Lines(r.text("status")) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	s.UID, s.GID = threeOf(fields["Uid"]), threeOf(fields["Gid"])
	s.Groups = []int{}
	for _, group := range strings.Fields(fields["Groups"]) {
		n, _ := strconv.Atoi(group)
		s.Groups = append(s.Groups, n)
	}
	s.Umask = fields["Umask"]
	s.CPUs = fields["Cpus_allowed_list"]
	s.NoNewPrivs = fields["NoNewPrivs"] == "1"
	s.Capabilities = capabilitiesOf(fields["CapPrm"])
	s.Bounding = capabilitiesOf(fields["CapBnd"])
	s.Ignored = signalsOf(fields["SigIgn"])
	s.Blocked = signalsOf(fields["SigBlk"])
}

func threeOf(text string) (of ids) {
	fmt.Sscan(text, &of.Real, &of.Effective, &of.Saved)
	return of
}

// bits lists the bits of a hexadecimal number, from 0 on.
func bits(hexadecimal string) (list []int) {
	set, _ := strconv.ParseUint(hexadecimal, 16, 64)
	for bit := range 64 {
		if set&(1<<bit) != 0 {
			list = append(list, bit)
		}
	}
	return list
}

func signalsOf(hexadecimal string) []string {
	list := []string{}
	for _, bit := range bits(hexadecimal) {
		name := unix.SignalName(unix.Signal(bit + 1))
		if name == "" { // one of real time, and those that the C library keeps for itself
			name = "SIG" + strconv.Itoa(bit+1)
		}
		list = append(list, strings.TrimPrefix(name, "SIG"))
	}
	return list
}

// readStat takes what /proc/PID/stat has. The name of the program, which may hold anything,
// ends with the last parenthesis.
func (r *reader) readStat(s *state) {
	text := r.text("stat")
	fields := strings.Fields(text[strings.LastIndex(text, ")")+1:])
	const group, session, terminal, nice, policy = 2, 3, 4, 16, 38 // from the third field on
	if len(fields) <= policy {
		r.keep(fmt.Errorf("/proc/%d/stat has %d fields", r.pid, len(fields)))
		return
	}
	whose := func(leader string) string {
		if leader == strconv.Itoa(r.pid) {
			return "its own"
		}
		return "inherited"
	}
	s.Group, s.Session = whose(fields[group]), whose(fields[session])
	if fields[terminal] == "0" {
		s.Session += ", no terminal"
	}
	s.Nice, _ = strconv.Atoi(fields[nice])
	policies := []string{"other", "fifo", "rr", "batch", "4", "idle", "deadline", "ext"}
	if n, err := strconv.Atoi(fields[policy]); err == nil && n < len(policies) {
		s.Policy = policies[n]
	}
}

func (r *reader) readNamespaces(s *state) {
	entries, _ := os.ReadDir(r.path("ns")) // a kernel may have none
	s.Namespaces = []string{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), "_for_children") {
			s.Namespaces = append(s.Namespaces, r.target("ns/"+entry.Name()))
		}
	}
}

// limitNames says what the lines of /proc/PID/limits begin with.
var limitNames = map[string]string{
	"Max address space": "as", "Max core file size": "core", "Max cpu time": "cpu", "Max data size": "data",
	"Max file size": "fsize", "Max file locks": "locks", "Max locked memory": "memlock",
	"Max msgqueue size": "msgqueue", "Max nice priority": "nice", "Max open files": "nofile",
	"Max processes": "nproc", "Max resident set": "rss", "Max realtime priority": "rtprio",
	"Max realtime timeout": "rttime", "Max pending signals": "sigpending", "Max stack size": "stack",
}

func (r *reader) readLimits(s *state) {
	const column = 26 // where the values begin
	for line := range strings.Lines(r.text("limits")) {
		if len(line) < column {
			continue
		}
		name, values := limitNames[strings.TrimSpace(line[:column])], strings.Fields(line[column:])
		if name != "" && len(values) >= 2 {
			s.Limits = append(s.Limits, limit{name, values[0], values[1]})
		}
	}
	slices.SortFunc(s.Limits, func(a, b limit) int { return strings.Compare(a.Name, b.Name) })
}

func (r *reader) readDescriptors(s *state) {
	entries, err := os.ReadDir(r.path("fd"))
	r.keep(err)
	s.Descriptors = []descriptor{}
	for _, entry := range entries {
		n, _ := strconv.Atoi(entry.Name())
		s.Descriptors = append(s.Descriptors, descriptor{n, r.target("fd/" + entry.Name()), r.mode(entry.Name())})
	}
	slices.SortFunc(s.Descriptors, func(a, b descriptor) int { return a.Number - b.Number })
}

// mode is what may be done with a descriptor.
func (r *reader) mode(fd string) string {
	flags := descriptorFlags(r.text("fdinfo/" + fd))
	mode := "read"
	switch {
	case flags&unix.O_PATH != 0:
		return "name alone"
	case flags&unix.O_ACCMODE == unix.O_WRONLY:
		mode = "write"
	case flags&unix.O_ACCMODE == unix.O_RDWR:
		mode = "read and write"
	}
	if flags&unix.O_APPEND != 0 {
		mode = strings.Replace(mode, "write", "append", 1)
	}
	if flags&unix.O_NONBLOCK != 0 {
		mode += ", non-blocking"
	}
	return mode
}

// descriptorFlags are the flags of open(2), out of a file of fdinfo.
func descriptorFlags(info string) int64 {
	flags, _ := strconv.ParseInt(field(info, "flags:"), 8, 64)
	return flags
}

// field is the word behind a name at the beginning of a line.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, is := strings.CutPrefix(line, name); is {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
