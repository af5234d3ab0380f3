package test

// What stands in the files of a service directory may be anything. Each case is made at
// random; -seed and -cases say which and how many.
//
// Not tested in this file: forgeries that are right in every respect. A record that names
// a process, its start and the boot is that process, and so is the status of a service
// that was started within two seconds of it where there is no record.

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var rubbishCases = flag.Int("cases", 150, "how many directories with rubbish to try of each kind")

// superviseAsSomebody starts a supervisor of that uid.
func (h *home) superviseAsSomebody(t testing.TB) *supervisor {
	t.Helper()
	return h.start(t, probe, "start", sys(unix.SYS_SETGROUPS, 0, 0), sys(unix.SYS_SETGID, somebody), sys(unix.SYS_SETUID, somebody),
		sys(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL)), "--", supervise(), "supervise", "s")
}

// rubbish is bytes of a size at random, mostly small.
func rubbish(random *rand.Rand, most int) []byte {
	b := make([]byte, random.IntN(1+random.IntN(1+random.IntN(most))))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// Files of options.

// A spoiling is a way to make a file that says nothing, and how that is reported: with
// "read" or "no", or not at all.
type spoiling struct {
	name   string
	how    func(file string, random *rand.Rand)
	report string
}

func containing(text string) func(string, *rand.Rand) {
	return func(file string, _ *rand.Rand) { must(os.WriteFile(file, []byte(text), 0o644)) }
}

var spoilings = []spoiling{
	{"nothing", func(string, *rand.Rand) {}, ""},
	{"a dangling link", func(file string, _ *rand.Rand) { must(os.Symlink("nowhere", file)) }, ""}, // is no file
	{"a loop of links", func(file string, _ *rand.Rand) { must(os.Symlink(filepath.Base(file), file)) }, "read"},
	{"a directory", func(file string, _ *rand.Rand) { must(os.Mkdir(file, 0o755)) }, "read"},
	{"mode 000", func(file string, _ *rand.Rand) { must(os.WriteFile(file, []byte("7\n"), 0o000)) }, "read"},
	{"a FIFO", func(file string, _ *rand.Rand) { must(unix.Mkfifo(file, 0o644)) }, "no"},
	{"empty", containing(""), "no"},
	{"an empty line", containing("\n15\n"), "no"},
	{"a blank in front", containing(" 15\n"), "no"},
	{"a sign", containing("-1\n"), "no"},
	{"a sign too many", containing("+1\n"), "no"},
	{"a unit", containing("15s\n"), "no"},
	{"hexadecimal", containing("0xf\n"), "no"},
	{"a fraction", containing("1.5\n"), "no"},
	{"an unknown name", containing("SIGSIGTERM\n"), "no"},
	{"lower case", containing("term\n"), "no"},
	{"a carriage return", containing("15\r\n"), "no"},
	{"a zero byte", containing("15\x00\n"), "no"},
	{"65 blanks", containing(strings.Repeat(" ", 65) + "15\n"), "no"},
	{"a megabyte of zeros", func(file string, _ *rand.Rand) { must(os.WriteFile(file, make([]byte, 1<<20), 0o644)) }, "no"},
	{"bytes", func(file string, random *rand.Rand) {
		must(os.WriteFile(file, append([]byte{'?' + byte(random.IntN(100))}, rubbish(random, 1<<20)...), 0o644))
	}, "no"},
	{"bytes after a number", func(file string, random *rand.Rand) {
		must(os.WriteFile(file, append([]byte{'1', 0x80 | byte(random.IntN(128))}, rubbish(random, 1<<10)...), 0o644))
	}, "no"},
}

var optionFiles = []string{"notification-fd", "down-signal", "timeout-kill", "max-restart-delay", "timeout-finish", "min-uptime", "restart-delay"}

// Each file that makes no sense is said in one line, and what holds without it holds.
func TestOptionsThatAreRubbish(t *testing.T) {
	t.Parallel()
	needRoot(t)
	seed := seedOf(t)
	crowd := newCrowd()
	defer crowd.Wait()
	for i := range *rubbishCases {
		crowd.run(t, fmt.Sprint(i), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			h := newHome(t, "")
			h.finish("exit 0")
			wants, made := map[string]string{}, ""
			for _, file := range optionFiles {
				// Each of them for each file in the first cases.
				s := spoilings[random.IntN(len(spoilings))]
				if i < len(spoilings) {
					s = spoilings[i]
				}
				s.how(h.file(file), random)
				made += fmt.Sprintf("%s: %s\n", file, s.name)
				switch {
				case s.report == "read":
					wants[file] = "supervise: warning: unable to read s/" + file + ": "
				case s.report == "no" && file == "down-signal":
					wants[file] = "supervise: warning: no signal in s/" + file + ": "
				case s.report == "no":
					wants[file] = "supervise: warning: no number in s/" + file + ": "
				}
			}
			begun := time.Now()
			s := h.superviseAsSomebody(t)
			h.up(t, 1)
			h.svc(t, fused, "d")
			h.down(t)
			const second = time.Second // a run that lived that long is not delayed
			long := time.Since(begun) >= second
			if got := h.state(); got.signals != " 15" && got.signals != " 18 15" || got.overlaps != 0 || got.starts != 1 {
				t.Errorf("%s\n%s", made, h.explain())
			}
			h.svc(t, fused, "x")
			if got := s.exit(t); got != "exit 0" {
				t.Error(got)
			}
			said := strings.SplitAfter(s.said(), "\n")
			for file, want := range wants {
				i := slices.IndexFunc(said, func(line string) bool { return strings.HasPrefix(line, want) })
				if i < 0 && long && file == "max-restart-delay" {
					continue
				}
				if i < 0 {
					t.Errorf("not said of %s: %q", file, want)
					continue
				}
				said = slices.Delete(said, i, i+1)
			}
			if len(said) != 1 || said[0] != "" || t.Failed() {
				t.Errorf("%sleft over of what it said: %q", made, said)
			}
		})
	}
}

// Numbers that are too large for what they say.
func TestOptionsThatAreTooLarge(t *testing.T) {
	t.Parallel()
	crowd := newCrowd()
	defer crowd.Wait()
	for _, number := range []string{"99999999999999999999999", "18446744073709551615", "9223372036854775808", "4294967296", "2147483648", "0", strings.Repeat("9", 100)} {
		for _, file := range []string{"timeout-kill", "max-restart-delay", "timeout-finish"} {
			crowd.run(t, file+" "+number, func(t *testing.T) {
				h := newHome(t, "")
				h.option(file, number)
				h.finish("exit 0")
				s := h.supervise(t, fused)
				h.up(t, 1)
				h.svc(t, fused, "t")
				h.up(t, 2)
				h.svc(t, fused, "dx")
				if got := s.exit(t); got != "exit 0" || s.said() != "" {
					t.Error(got, s.said())
				}
			})
		}
	}
	for file, numbers := range map[string][]string{
		"notification-fd": {"18446744073709551615", "9223372036854775808", "4294967296", "2147483648", "2147483647", "1000000000"},
		"down-signal":     {"0", "65", "4294967311", "18446744073709551615"},
	} {
		for _, number := range numbers {
			crowd.run(t, file+" "+number, func(t *testing.T) {
				h := newHome(t, "")
				h.option(file, number)
				s := h.supervise(t, fused)
				h.up(t, 1)
				h.svc(t, fused, "d")
				h.down(t)
				want := "supervise: warning: too large a number in s/notification-fd: " + number + "\n"
				if file == "down-signal" {
					want = "supervise: warning: no signal in s/down-signal: " + number + "\n"
				}
				if got := s.said(); got != want {
					t.Errorf("it said %q, want %q", got, want)
				}
			})
		}
	}
}

// The status and the lock.

// A stranger is a process that is no service, with the time of its start.
type stranger struct {
	pid     int
	started int64 // since boot in ns, in whole ticks
}

func newStranger(pid int) stranger {
	text := textOf(fmt.Sprintf("/proc/%d/stat", pid))
	ticks, _ := strconv.ParseInt(strings.Fields(text[strings.LastIndexByte(text, ')')+1:])[19], 10, 64)
	return stranger{pid, ticks * 1e7}
}

// mutant is a record with some fields that a supervisor has not written, but none that
// all together describe a stranger.
func mutant(random *rand.Rand, record []byte, strangers []stranger) []byte {
	r := slices.Clone(record)
	numbers := []uint64{0, 1, 1 << 31, 1<<32 - 1, 1 << 62, 1 << 63, 1<<64 - 1, random.Uint64(), uint64(sinceBoot())}
	for range 1 + random.IntN(3) {
		n := numbers[random.IntN(len(numbers))]
		switch random.IntN(7) {
		case 0:
			binary.LittleEndian.PutUint32(r[recordPID:], uint32(strangers[random.IntN(len(strangers))].pid))
		case 1:
			binary.LittleEndian.PutUint32(r[recordPID:], uint32(n))
		case 2:
			binary.LittleEndian.PutUint64(r[recordTime:], n)
		case 3:
			copy(r[recordBoot:recordFinish], rubbish(random, 24))
		case 4:
			r[recordFinish] = byte(n)
		case 5:
			r[random.IntN(recordStart)] ^= 1 << random.IntN(8)
		case 6:
			r[recordStart+random.IntN(recordEnd-recordStart)] ^= 1 << random.IntN(8)
		}
	}
	started := int64(0)
	for i := range recordEnd - recordStart {
		started |= int64(r[recordStart+i]) << (8 * i)
	}
	pid := int(binary.LittleEndian.Uint32(r[recordPID:]))
	if inState(pid, "RSDTtI") && (started == 0 || newStranger(pid).started == started*1e7) {
		return mutant(random, record, strangers)
	}
	return r
}

// anyLock is what a lock file may hold. The kind says what it is.
func anyLock(random *rand.Rand, valid []byte, strangers []stranger) (kind string, text []byte) {
	switch random.IntN(6) {
	case 0:
		return "no lock", nil
	case 1:
		return "a lock of bytes", rubbish(random, 1<<20)
	case 2:
		return "a lock that is cut off", valid[:random.IntN(len(valid))]
	case 3:
		return "a lock that is too long", append(mutant(random, valid, strangers), rubbish(random, 1<<20)...)
	case 4:
		return "a lock with a magic number and bytes", append([]byte("catena 1"), rubbish(random, 256)...)
	}
	return "a mutant", mutant(random, valid, strangers)
}

// anyStatusOf is a status that may name a stranger, but not with the time of its start.
func anyStatusOf(random *rand.Rand, strangers []stranger) []byte {
	sizes := []int{0, 17, 18, 18, 18, 18, 18, 19, 35, 36, 4096, random.IntN(64)}
	b := slices.Concat(anyStatus(random), make([]byte, 4096))
	pids := []uint32{0, 1, uint32(os.Getpid()), 1<<32 - 1, 1 << 31, 4194305, random.Uint32(), uint32(strangers[random.IntN(len(strangers))].pid)}
	binary.LittleEndian.PutUint32(b[12:], pids[random.IntN(len(pids))])
	pid := int(binary.LittleEndian.Uint32(b[12:]))
	if inState(pid, "RSDTtI") {
		since := time.Unix(int64(binary.BigEndian.Uint64(b)-(1<<62+10)), 0)
		started := time.Now().Add(time.Duration(newStranger(pid).started - sinceBoot()))
		if d := since.Sub(started); -5*time.Second < d && d < 5*time.Second {
			return anyStatusOf(random, strangers)
		}
	}
	return b[:sizes[random.IntN(len(sizes))]]
}

// Whatever there is, the service is started once as soon as it is asked for, what is
// started is what is supervised, and strangers are left alone.
func TestStatusAndLockThatAreRubbish(t *testing.T) {
	t.Parallel()
	needRoot(t)
	seed := seedOf(t)
	innocent, process := newInnocent(t)
	strangers := []stranger{newStranger(1), newStranger(os.Getpid()), newStranger(process.Process.Pid)}

	// A record as it is when a supervisor and its service were killed.
	dead := newHome(t, "")
	var valid []byte
	dead.leaves(t, true, func(record []byte) { valid = slices.Clone(record) })

	crowd := newCrowd()
	for i := range *rubbishCases {
		crowd.run(t, fmt.Sprint(i), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			h := newHome(t, "")
			must(os.Mkdir(h.file("supervise"), 0o755))
			kind, lock := anyLock(random, valid, strangers)
			status := anyStatusOf(random, strangers)
			if lock != nil {
				must(os.WriteFile(h.file("supervise/lock"), lock, 0o600))
				must(os.Chown(h.file("supervise/lock"), somebody, somebody))
			}
			must(os.WriteFile(h.file("supervise/status"), status, 0o644))
			must(os.Chown(h.file("supervise"), somebody, somebody))
			s := h.superviseAsSomebody(t)
			defer func() {
				if t.Failed() {
					t.Errorf("%s: % x\nstatus % x\nsupervise said %q", kind, lock[:min(len(lock), 152)], status[:min(len(status), 35)], s.said())
				}
			}()
			eventually(t, "svok", func() bool { return h.tool(t, fused, "svok", "s") == "exit 0" || !s.running() })
			h.svc(t, fused, "u") // what was wanted may have been something else
			h.up(t, 1)
			h.runsOnce(t)
			if !slices.Equal(h.processes(), h.starts()) || len(h.starts()) != 1 {
				t.Errorf("%v run and %v were started", h.processes(), h.starts())
			}
			if pid, _, finish := h.record(); pid != h.pid() || finish {
				t.Errorf("a record of %d, finish %v", pid, finish)
			}
			h.obeys(t, s)
			if s.said() != "" {
				t.Errorf("it said %q", s.said())
			}
		})
	}
	crowd.Wait()
	if !process.running() || innocent.state().signals != "" {
		t.Errorf("the innocent got%s, runs %v", innocent.state().signals, process.running())
	}
}

// A lock that is no file is said in a line.
func TestLockThatIsNoFile(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	needRoot(t)
	for name, spoil := range map[string]func(file string){
		"a directory":                  func(file string) { must(os.Mkdir(file, 0o755)) },
		"a FIFO":                       func(file string) { must(unix.Mkfifo(file, 0o666)) },
		"a loop of links":              func(file string) { must(os.Symlink("lock", file)) },
		"a link to nowhere":            func(file string) { must(os.Symlink("nowhere/lock", file)) },
		"a link to a device":           func(file string) { must(os.Symlink("/dev/null", file)) },
		"mode 000":                     func(file string) { must(os.WriteFile(file, nil, 0o000)) },
		"a file that can be only read": func(file string) { must(os.WriteFile(file, nil, 0o444)) },
		"a socket":                     func(file string) { must(bindSocket(file)) },
		"a sparse file of a terabyte": func(file string) {
			must(os.WriteFile(file, nil, 0o666))
			must(os.Truncate(file, 1<<40))
			must(os.Chown(file, somebody, somebody))
		},
		"a link to a file of the owner": func(file string) { must(os.Symlink("../other", file)) },
		"a second name for another file": func(file string) {
			other := filepath.Join(filepath.Dir(file), "..", "twice")
			must(os.WriteFile(other, nil, 0o666))
			must(os.Chmod(other, 0o666))
			must(os.Link(other, file))
		},
	} {
		crowd.run(t, name, func(t *testing.T) {
			h := newHome(t, "")
			must(os.Mkdir(h.file("supervise"), 0o755))
			spoil(h.file("supervise/lock"))
			must(os.Chown(h.file("supervise"), somebody, somebody))
			s := h.superviseAsSomebody(t)
			eventually(t, "a decision", func() bool { return !s.running() || h.tool(t, fused, "svok", "s") == "exit 0" })
			if s.running() {
				h.up(t, 1)
				h.obeys(t, s)
				return
			}
			oneLine(t, s)
			if !strings.Contains(s.said(), " s/supervise/lock: ") || h.exists("log") {
				t.Errorf("it said %q, log %q", s.said(), h.bytes("log"))
			}
		})
	}
}
