// Command probe is the last program of the chains under test. It prints what it
// inherited, a fact per line, and exits:
//
//	probe [arg ...] [exit=CODE | signal=NUMBER]
//
// It looks at its process before any runtime or C library has touched it, needs
// no descriptor, hardly any memory and no privilege. The report goes to standard
// output, or to the end of the file that PROBE_OUT names, which is opened after
// the descriptors have been looked at.
//
// It also makes the states that chains start in; see start.go.
//
// Nothing here may allocate; see internal/boot.
package main

import (
	"os"
	"unsafe"

	"catena/internal/boot"

	"golang.org/x/sys/unix"
)

func main() {
	os.Stderr.WriteString("probe: built without the entry flag\n")
	os.Exit(1)
}

// A word is a C string of the arguments or the environment.
type word *byte

var argv, envp []word

func bare(stack boot.Stack) {
	words := *(*unsafe.Pointer)(unsafe.Pointer(&stack))
	argc := *(*int)(words)
	argv = unsafe.Slice((*word)(unsafe.Add(words, 8)), argc)
	rest := unsafe.Add(words, 8*(argc+2))
	envc := 0
	for *(*word)(unsafe.Add(rest, 8*envc)) != nil {
		envc++
	}
	envp = unsafe.Slice((*word)(rest), envc)

	if argc > 1 && text(argv[1]) == "start" {
		start(argv[2:])
	}
	descriptors()
	locks()
	process()
	signals()
	limits()
	ids()
	capabilities()
	prctls()
	scheduling()
	places()
	arguments(unsafe.Add(rest, 8*(envc+1)))
	flush()
	finish()
}

// finish ends as the last argument says.
func finish() {
	last := ""
	if len(argv) > 0 {
		last = text(argv[len(argv)-1])
	}
	if v, ok := after(last, "signal="); ok {
		call(unix.SYS_KILL, ask(unix.SYS_GETPID), number(&v), 0, 0)
	}
	code := uintptr(0)
	if v, ok := after(last, "exit="); ok {
		code = number(&v)
	}
	exit(code)
}

// What system calls read and write. Static, because an address that is hidden in
// a number keeps nothing on the stack alive.
var (
	st      unix.Stat_t
	set     uint64
	action  handling
	rlimit  unix.Rlimit
	groups  [256]uint32
	id      [3]uint32
	header  = unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	caps    [2]unix.CapUserData
	answer  int32
	cpus    [16]uint64
	timer   unix.Itimerval
	line    [64]byte
	link    [32]byte
	where   [4096]byte
	entries [4096]word
)

// A file is what fstat says of one of the descriptors under inspection.
type file struct {
	open     bool
	dev, ino uint64
}

// No chain of the tests leaves a descriptor above these.
var files [192]file

func descriptors() {
	for fd := range files {
		flags, err := call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0, 0)
		if err != 0 {
			continue
		}
		status, _ := call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFL, 0, 0)
		print("descriptor ")
		decimal(uint64(fd))
		print(": cloexec ")
		decimal(uint64(flags))
		print(" status 0")
		digits(uint64(status), 8)
		print(" ")
		kind(fd)
		print("\n")
	}
}

// kind says what a descriptor is open on, in words that are the same in another
// process: pipes and sockets are named after the first descriptor of the same.
func kind(fd int) {
	if _, err := call(unix.SYS_FSTAT, uintptr(fd), address(unsafe.Pointer(&st)), 0, 0); err != 0 {
		print("without fstat")
		return
	}
	files[fd] = file{true, uint64(st.Dev), st.Ino}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		print("file ")
		target(descriptorLink(fd))
		offset, _ := call(unix.SYS_LSEEK, uintptr(fd), 0, unix.SEEK_CUR, 0)
		print(" offset ")
		decimal(uint64(offset))
	case unix.S_IFDIR:
		print("directory ")
		target(descriptorLink(fd))
	case unix.S_IFCHR:
		print("device ")
		target(descriptorLink(fd))
	case unix.S_IFIFO:
		print("pipe of ")
		decimal(uint64(first(fd)))
	case unix.S_IFSOCK:
		print("socket of ")
		decimal(uint64(first(fd)))
	default:
		print("type 0")
		digits(uint64(st.Mode), 8)
	}
}

// first is the lowest descriptor of the same file.
func first(fd int) int {
	for other := range fd {
		if files[other] == files[fd] {
			return other
		}
	}
	return fd
}

// locks finds out by trying, with an open file of its own, which inherited files
// are locked.
func locks() {
	for fd := range files {
		if !files[fd].open {
			continue
		}
		call(unix.SYS_FSTAT, uintptr(fd), address(unsafe.Pointer(&st)), 0, 0)
		if st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		print("lock on ")
		decimal(uint64(fd))
		print(": ")
		own, err := open(unsafe.StringData(descriptorLink(fd)), unix.O_RDONLY)
		if err != 0 {
			print("no way to tell\n")
			continue
		}
		print(lockOf(own))
		call(unix.SYS_CLOSE, own, 0, 0, 0)
	}
}

func lockOf(own uintptr) string {
	if _, err := call(unix.SYS_FLOCK, own, unix.LOCK_SH|unix.LOCK_NB, 0, 0); err != 0 {
		return "exclusive\n"
	}
	if _, err := call(unix.SYS_FLOCK, own, unix.LOCK_EX|unix.LOCK_NB, 0, 0); err != 0 {
		return "shared\n"
	}
	return "none\n"
}

// process prints absolute numbers; who reads them knows what to compare with.
func process() {
	fact("pid", uint64(ask(unix.SYS_GETPID)))
	fact("parent", uint64(ask(unix.SYS_GETPPID)))
	fact("session", uint64(ask(unix.SYS_GETSID)))
	fact("group", uint64(ask(unix.SYS_GETPGID)))
}

// A handling is the kernel's struct sigaction, which x/sys does not have.
type handling struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

const ignored = 1 // SIG_IGN

func signals() {
	call(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, 0, address(unsafe.Pointer(&set)), 8)
	signalSet("blocked", set)
	call(unix.SYS_RT_SIGPENDING, address(unsafe.Pointer(&set)), 8, 0, 0)
	signalSet("pending", set)
	set = 0
	for sig := uintptr(1); sig <= 64; sig++ {
		call(unix.SYS_RT_SIGACTION, sig, 0, address(unsafe.Pointer(&action)), 8)
		if action.handler == ignored {
			set |= 1 << (sig - 1)
		}
	}
	signalSet("ignored", set)
}

// In the order of the kernel's numbers.
var resources = [16]string{"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile",
	"memlock", "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"}

func limits() {
	for r, name := range resources {
		call(unix.SYS_PRLIMIT64, 0, uintptr(r), 0, address(unsafe.Pointer(&rlimit)))
		print("limit ")
		print(name)
		print(": ")
		limit(rlimit.Cur)
		print(" ")
		limit(rlimit.Max)
		print("\n")
	}
}

func ids() {
	three("uid", unix.SYS_GETRESUID)
	three("gid", unix.SYS_GETRESGID)
	n, err := call(unix.SYS_GETGROUPS, uintptr(len(groups)), address(unsafe.Pointer(&groups)), 0, 0)
	print("groups:")
	if err != 0 {
		print(" too many")
	}
	for _, g := range groups[:n] {
		print(" ")
		decimal(uint64(g))
	}
	print("\n")
}

// three prints the real, effective and saved id.
func three(name string, nr uintptr) {
	call(nr, address(unsafe.Pointer(&id[0])), address(unsafe.Pointer(&id[1])), address(unsafe.Pointer(&id[2])), 0)
	print(name)
	print(":")
	for _, i := range id {
		print(" ")
		decimal(uint64(i))
	}
	print("\n")
}

func capabilities() {
	call(unix.SYS_CAPGET, address(unsafe.Pointer(&header)), address(unsafe.Pointer(&caps)), 0, 0)
	bits("effective", uint64(caps[1].Effective)<<32|uint64(caps[0].Effective))
	bits("permitted", uint64(caps[1].Permitted)<<32|uint64(caps[0].Permitted))
	bits("inheritable", uint64(caps[1].Inheritable)<<32|uint64(caps[0].Inheritable))
	var bounding, ambient uint64
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		b, _ := call(unix.SYS_PRCTL, unix.PR_CAPBSET_READ, c, 0, 0)
		a, _ := call(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_IS_SET, c, 0)
		bounding |= uint64(b) << c
		ambient |= uint64(a) << c
	}
	bits("bounding", bounding)
	bits("ambient", ambient)
}

func prctls() {
	returned("no_new_privs", unix.PR_GET_NO_NEW_PRIVS)
	returned("dumpable", unix.PR_GET_DUMPABLE)
	returned("keepcaps", unix.PR_GET_KEEPCAPS)
	returned("securebits", unix.PR_GET_SECUREBITS)
	returned("timerslack", unix.PR_GET_TIMERSLACK)
	returned("thp_disable", unix.PR_GET_THP_DISABLE)
	returned("seccomp", unix.PR_GET_SECCOMP)
	written("pdeathsig", unix.PR_GET_PDEATHSIG)
	written("subreaper", unix.PR_GET_CHILD_SUBREAPER)
	asks := uintptr(0xffffffff)
	personality, _ := call(unix.SYS_PERSONALITY, asks, 0, 0, 0)
	bits("personality", uint64(personality))
}

// Some prctls return their answer, some write it through a pointer to an int.
func returned(name string, what uintptr) {
	n, _ := call(unix.SYS_PRCTL, what, 0, 0, 0)
	fact(name, uint64(n))
}

func written(name string, what uintptr) {
	call(unix.SYS_PRCTL, what, address(unsafe.Pointer(&answer)), 0, 0)
	fact(name, uint64(answer))
}

func scheduling() {
	fact("policy", uint64(ask(unix.SYS_SCHED_GETSCHEDULER)))
	fact("priority", uint64(ask(unix.SYS_GETPRIORITY))) // 20 minus the nice value
	io, _ := call(unix.SYS_IOPRIO_GET, 1, 0, 0, 0)
	bits("ioprio", uint64(io))
	call(unix.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(cpus), address(unsafe.Pointer(&cpus)), 0)
	bits("affinity", cpus[0])
	call(unix.SYS_GETITIMER, uintptr(unix.ITIMER_REAL), address(unsafe.Pointer(&timer)), 0, 0)
	print("alarm:")
	if timer.Value.Sec != 0 || timer.Value.Usec != 0 {
		print(" set")
	}
	print("\n")
	contents("oom_score_adj", "/proc/self/oom_score_adj\x00")
	contents("coredump_filter", "/proc/self/coredump_filter\x00")
}

// contents prints a small file of one line, whose path ends with a zero byte.
func contents(name, path string) {
	print(name)
	print(": ")
	fd, err := open(unsafe.StringData(path), unix.O_RDONLY)
	if err != 0 {
		print("no way to tell\n")
		return
	}
	n, _ := call(unix.SYS_READ, fd, address(unsafe.Pointer(&line)), uintptr(len(line)), 0)
	call(unix.SYS_CLOSE, fd, 0, 0, 0)
	print(unsafe.String(&line[0], int(n)))
}

func places() {
	mask, _ := call(unix.SYS_UMASK, 0o777, 0, 0, 0)
	call(unix.SYS_UMASK, mask, 0, 0, 0)
	print("umask: 0")
	digits(uint64(mask), 8)
	print("\ndirectory: ")
	target("/proc/self/cwd\x00")
	print("\nroot: ")
	target("/proc/self/root\x00")
	print("\n")
}

// arguments prints argv and the environment in order, and the path that was
// executed, which the auxiliary vector keeps.
func arguments(auxv unsafe.Pointer) {
	const end, executed = 0, 31 // AT_NULL, AT_EXECFN
	for ; *(*uint64)(auxv) != end; auxv = unsafe.Add(auxv, 16) {
		if *(*uint64)(auxv) == executed {
			quoted("executed ", text(*(*word)(unsafe.Add(auxv, 8))))
		}
	}
	for _, w := range argv {
		quoted("argument ", text(w))
	}
	for _, w := range envp {
		quoted("variable ", text(w))
	}
}
