package test

// Each system call of svscan, supervise and multilog is refused, as the profile of a
// container or the kernel of a sandbox does it: at the start, at work, when what a killed
// one has left is taken over, and at the stop. The program works all the same, or says what
// it cannot do. It is never silent about that, and never busy.
//
// Not tested in this file: execve and arch_prctl, without which nothing runs at all; two calls that
// are refused; the calls of what a service runs, and of a processor.

import (
	"bufio"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var (
	everyRefusal = flag.Bool("refused", false, "refuse each system call by EPERM and by ENOSYS")
	oneRefusal   = flag.String("refuse", "", "refuse this system call only")
)

var refuse = sync.OnceValue(func() string { return helper("refuse", true) })

// refusable are the system calls of the three programs, but for execve and arch_prctl, and
// those that they make where another one is refused.
var refusable = map[string]int{
	"chdir": unix.SYS_CHDIR, "clock_gettime": unix.SYS_CLOCK_GETTIME, "clone": unix.SYS_CLONE, "close": unix.SYS_CLOSE,
	"close_range": unix.SYS_CLOSE_RANGE, "dup": unix.SYS_DUP, "dup3": unix.SYS_DUP3, "epoll_create1": unix.SYS_EPOLL_CREATE1,
	"epoll_ctl": unix.SYS_EPOLL_CTL, "epoll_pwait": unix.SYS_EPOLL_PWAIT, "exit_group": unix.SYS_EXIT_GROUP,
	"fchdir": unix.SYS_FCHDIR, "fchmod": unix.SYS_FCHMOD, "fchmodat": unix.SYS_FCHMODAT, "fcntl": unix.SYS_FCNTL,
	"flock": unix.SYS_FLOCK, "fstatfs": unix.SYS_FSTATFS, "fsync": unix.SYS_FSYNC, "ftruncate": unix.SYS_FTRUNCATE, "faccessat2": unix.SYS_FACCESSAT2,
	"getcwd": unix.SYS_GETCWD, "getdents64": unix.SYS_GETDENTS64, "getpid": unix.SYS_GETPID, "inotify_add_watch": unix.SYS_INOTIFY_ADD_WATCH,
	"inotify_init1": unix.SYS_INOTIFY_INIT1, "ioctl": unix.SYS_IOCTL, "kill": unix.SYS_KILL, "linkat": unix.SYS_LINKAT,
	"madvise": unix.SYS_MADVISE, "mkdirat": unix.SYS_MKDIRAT, "mknodat": unix.SYS_MKNODAT, "mmap": unix.SYS_MMAP,
	"nanosleep": unix.SYS_NANOSLEEP, "openat": unix.SYS_OPENAT, "pidfd_open": unix.SYS_PIDFD_OPEN,
	"pidfd_send_signal": unix.SYS_PIDFD_SEND_SIGNAL, "pipe2": unix.SYS_PIPE2, "ppoll": unix.SYS_PPOLL, "pread64": unix.SYS_PREAD64,
	"prlimit64": unix.SYS_PRLIMIT64, "pwrite64": unix.SYS_PWRITE64, "pwritev2": unix.SYS_PWRITEV2, "read": unix.SYS_READ,
	"readlinkat": unix.SYS_READLINKAT, "readv": unix.SYS_READV, "renameat2": unix.SYS_RENAMEAT2,
	"rt_sigaction": unix.SYS_RT_SIGACTION, "rt_sigprocmask": unix.SYS_RT_SIGPROCMASK, "sched_yield": unix.SYS_SCHED_YIELD,
	"setsid": unix.SYS_SETSID, "signalfd4": unix.SYS_SIGNALFD4, "statfs": unix.SYS_STATFS, "statx": unix.SYS_STATX, "sync_file_range": unix.SYS_SYNC_FILE_RANGE, "tee": unix.SYS_TEE,
	"umask": unix.SYS_UMASK, "utimensat": unix.SYS_UTIMENSAT, "unlinkat": unix.SYS_UNLINKAT, "unshare": unix.SYS_UNSHARE, "wait4": unix.SYS_WAIT4,
	"write": unix.SYS_WRITE,
}

// A cell is a directory in which programs run for which a system call is refused.
type cell struct {
	t      testing.TB
	top    string
	before []string // words in front of each program
	said   *os.File
	runs   *exec.Cmd
	ended  chan struct{}
}

// start starts a program.
func (c *cell) start(stdin *os.File, words ...string) {
	c.t.Helper()
	words = append(slices.Clone(c.before), words...)
	c.runs = exec.Command(words[0], words[1:]...)
	c.runs.Dir, c.runs.Env, c.runs.Stderr = c.top, []string{"PATH=" + fused.dir + ":" + systemTools}, c.said
	if stdin != nil {
		c.runs.Stdin = stdin
	}
	c.ended = make(chan struct{})
	must(c.runs.Start())
	go func(cmd *exec.Cmd, ended chan struct{}) { cmd.Wait(); close(ended) }(c.runs, c.ended)
}

// main is the program, which strace may have started.
func (c *cell) main() int {
	pid := c.runs.Process.Pid
	if c.before[0] == "strace" {
		children := strings.Fields(textOf(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid)))
		if len(children) > 0 {
			pid, _ = strconv.Atoi(children[0])
		}
	}
	return pid
}

func (c *cell) kill() {
	unix.Kill(c.main(), unix.SIGKILL)
	c.runs.Process.Kill() // strace waits for the service as well
	<-c.ended
}

func (c *cell) gone() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// reaches waits for a condition, as long as a program has that works. If it does not come
// there must be a message; false means that it has not.
func (c *cell) reaches(what string, holds func() bool) bool {
	c.t.Helper()
	for begun := time.Now(); time.Since(begun) < *allowance; time.Sleep(10 * time.Millisecond) {
		if holds() {
			return true
		}
		const enough = 3 * time.Second // if it says something
		if time.Since(begun) > enough && textOf(c.said.Name()) != "" {
			break
		}
		if c.gone() {
			break
		}
	}
	if holds() {
		return true
	}
	c.busy()
	text := textOf(c.said.Name())
	if c.before[0] == "strace" {
		c.t.Errorf("no %s:\n%s", what, text)
	} else if !regexp.MustCompile(`(?m)^(svscan|supervise|multilog): (fatal|warning): .+$`).MatchString(text) {
		c.t.Errorf("no %s, and not a word about it: %q", what, text)
	}
	return false
}

var allowance = flag.Duration("allowance", patience, "how long a program has whose system calls are refused")

// busy wants the programs to have hardly used the processor.
func (c *cell) busy() {
	c.t.Helper()
	const most = 30 // ticks of 10 ms
	for _, pid := range c.inside() {
		stat := textOf(fmt.Sprintf("/proc/%d/stat", pid))
		f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
		if len(f) < 15 || strings.Contains(stat, "(refuse)") {
			continue
		}
		user, _ := strconv.Atoi(f[11])
		system, _ := strconv.Atoi(f[12])
		if user+system > most {
			c.t.Errorf("busy for %d ticks: %s", user+system, stat)
		}
	}
}

// inside are the processes whose directory is in the cell.
func (c *cell) inside() (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, d := range dirs {
		if to, err := os.Readlink(d); err == nil && strings.HasPrefix(to, c.top) {
			pid, _ := strconv.Atoi(strings.Split(d, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

// clear ends all of them.
func (c *cell) clear() {
	for range 500 {
		pids := c.inside()
		if pids == nil {
			return
		}
		for _, pid := range pids {
			unix.Kill(pid, unix.SIGKILL)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// pid is the process of the service s, if it runs.
func (c *cell) pid(service string) int {
	b := []byte(textOf(filepath.Join(c.top, service, "supervise/status")))
	if len(b) != 18 {
		return 0
	}
	pid := int(b[12]) | int(b[13])<<8 | int(b[14])<<16
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); pid == 0 || err != nil || exe != refuse() {
		return 0
	}
	return pid
}

func (c *cell) tool(name string, args ...string) bool {
	cmd := exec.Command(filepath.Join(fused.dir, name), args...)
	cmd.Dir = c.top
	return cmd.Run() == nil
}

// A service that is killed is there again.
func (c *cell) restarts(service string) bool {
	c.t.Helper()
	before := c.pid(service)
	return c.reaches("command", func() bool { return c.tool("svc", "-k", service) }) &&
		c.reaches("restart", func() bool { pid := c.pid(service); return pid != 0 && pid != before })
}

// lives are what the programs are put through.
var lives = []struct {
	name string
	run  func(c *cell)
}{
	{"supervise", func(c *cell) { c.supervised("s", "supervise", "s") }},
	{"svscan", func(c *cell) { c.supervised("scan/s", "svscan", "scan") }},
	{"svscan -1", func(c *cell) { c.supervised("scan/s", "svscan", "-1", "scan") }},
	{"multilog", (*cell).logs},
}

func (c *cell) supervised(service string, words ...string) {
	dir := filepath.Join(c.top, service)
	must(os.MkdirAll(dir, 0o755))
	must(os.Symlink(refuse(), dir+"/run"))
	logged := strings.Contains(service, "/")
	if logged {
		must(os.Mkdir(dir+"/log", 0o755))
		script(dir+"/log/run", "#!"+refuse()+" log\n")
	}
	words[0] = filepath.Join(fused.dir, words[0])
	up := func() bool { return c.pid(service) != 0 && (!logged || c.pid(service+"/log") != 0) }
	c.start(nil, words...)
	if !c.reaches("start", up) || !c.restarts(service) {
		return
	}
	before := c.pid(service)
	c.kill()
	for _, pid := range c.inside() {
		if strings.Contains(textOf(fmt.Sprintf("/proc/%d/stat", pid)), "(supervise)") {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
	c.start(nil, words...)
	if !c.reaches("adoption", func() bool { return c.tool("svok", service) }) {
		return
	}
	if now := c.pid(service); now != 0 && now != before {
		c.t.Errorf("%d became %d when it was taken over", before, now)
	}
	if !c.restarts(service) {
		return
	}
	unix.Kill(c.main(), unix.SIGTERM)
	c.reaches("stop", func() bool { return c.gone() && c.inside() == nil })
	c.busy()
}

func (c *cell) logs() {
	must(unix.Mkfifo(filepath.Join(c.top, "fifo"), 0o600))
	pipe, err := os.OpenFile(filepath.Join(c.top, "fifo"), os.O_RDWR, 0)
	must(err)
	defer pipe.Close()
	lines, wants := 0, ""
	has := func() bool {
		text := ""
		files, _ := filepath.Glob(filepath.Join(c.top, "main/@*"))
		for _, f := range append(files, filepath.Join(c.top, "main/current")) {
			text += textOf(f)
		}
		return text == wants
	}
	logs := func() bool {
		lines++
		fmt.Fprintf(pipe, "%d\n", lines)
		wants += fmt.Sprintf("%d\n", lines)
		return c.reaches(fmt.Sprint("line ", lines), has)
	}
	for range 2 {
		c.start(pipe, filepath.Join(fused.dir, "multilog"), "./main")
		if !logs() || !logs() {
			return
		}
		unix.Kill(c.main(), unix.SIGALRM)
		if !logs() {
			return
		}
		c.kill()
	}
	c.start(pipe, filepath.Join(fused.dir, "multilog"), "./main")
	if !logs() {
		return
	}
	unix.Kill(c.main(), unix.SIGTERM)
	c.reaches("stop", c.gone)
	c.busy()
}

func newCell(t testing.TB, before ...string) *cell {
	c := &cell{t: t, top: t.TempDir(), before: before}
	var err error
	c.said, err = os.OpenFile(filepath.Join(c.top, "said"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	must(err)
	t.Cleanup(func() { c.clear(); c.said.Close() })
	return c
}

func TestEachSystemCallIsRefused(t *testing.T) {
	t.Parallel()
	crowd := newCrowd()
	defer crowd.Wait()
	n := 0
	for _, name := range slices.Sorted(maps.Keys(refusable)) {
		for _, life := range lives {
			for i, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS} {
				if n%2 != i && !*everyRefusal || *oneRefusal != "" && name != *oneRefusal {
					continue
				}
				crowd.run(t, fmt.Sprint(name, " ", life.name, " ", unix.ErrnoName(errno)), func(t *testing.T) {
					life.run(newCell(t, refuse(), strconv.Itoa(refusable[name]), strconv.Itoa(int(errno))))
				})
			}
			n++
		}
	}
}

// The list of system calls is complete.
func TestWhichSystemCallsThereAre(t *testing.T) {
	t.Parallel()
	need(t, "strace")
	for _, life := range lives {
		t.Run(life.name, func(t *testing.T) {
			t.Parallel()
			trace := filepath.Join(t.TempDir(), "trace")
			c := newCell(t, "strace", "-f", "-qq", "-A", "-o", trace)
			life.run(c)
			for call := range callsIn(trace) {
				if _, known := refusable[call]; !known && call != "execve" && call != "arch_prctl" {
					t.Errorf("%s is not on the list", call)
				}
			}
		})
	}
}

// callsIn are the calls in a trace of processes up to where they have become a service.
func callsIn(trace string) map[string]bool {
	f, err := os.Open(trace)
	must(err)
	defer f.Close()
	calls, services := map[string]bool{}, map[string]bool{}
	line := regexp.MustCompile(`^(\d+) +(?:<\.\.\. )?([a-z0-9_]+)(?:\(| resumed)(.*)`)
	for s := bufio.NewScanner(f); s.Scan(); {
		m := line.FindStringSubmatch(s.Text())
		if m == nil || services[m[1]] {
			continue
		}
		if calls[m[2]] = true; m[2] == "execve" && strings.HasPrefix(m[3], `"./run"`) {
			services[m[1]] = true
		}
	}
	return calls
}
