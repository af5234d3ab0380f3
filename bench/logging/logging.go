//go:build linux && (amd64 || arm64)

// Package logging measures loggers and filters beside those of the peers.
package logging

// Measured: programs that append lines to logs, and those that put time stamps in
// front of lines and make them readable, each alone with all the lines that it can
// take.
//
// Not measured: lines that come slowly; many loggers at once; what reads the logs.

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"catena/bench/figures"
	"catena/bench/machine"
	"catena/bench/stage"
)

const (
	blockSize = 1_000_000
	blocks    = 32         // for a logger
	moreOf    = 2          // as many for a filter
	floodSize = 16_000_000 // for a logger that gets a signal in it
	signals   = 20         // rounds with signals for each other round
)

// A bench is the stage of the loggers and filters.
type bench struct{ *stage.Stage }

// Run measures logging. It returns the summary and the raw results.
func Run(root string, rounds int) (summary, raw string, err error) {
	folder, err := stage.New()
	if err != nil {
		return "", "", err
	}
	defer folder.Remove(root)
	s := &bench{folder}
	err = s.Prepare(
		func() error {
			return s.CopyTools(filepath.Join(root, "bin"), strings.Fields("multilog tai64n tai64nlocal"))
		},
		func() error { return os.Mkdir(s.Tmpfs(), 0o755) },
		func() error { return os.Mkdir(s.disk(), 0o755) })
	if err != nil {
		return "", "", err
	}
	l := &logging{bench: s, Results: figures.Results{}}
	done := make(chan error)
	// The tmpfs is in a namespace that goes with the thread.
	go func() {
		runtime.LockOSThread()
		done <- l.measure(rounds)
	}()
	if err := <-done; err != nil {
		return "", "", err
	}
	return l.summary(), l.raw(), nil
}

func (s *bench) disk() string { return s.Dir + "/" + onDisk }

// logging is the report, and what it is made with.
type logging struct {
	*bench
	facts   []figures.Fact
	present []logger
	figures.Results
}

// measure does everything.
func (l *logging) measure(rounds int) error {
	if err := l.mount(); err != nil {
		return err
	}
	signalled := flood(floodSize, usual.size)
	if err := l.findLoggers(signalled); err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"loggers", func() error { return l.writeLogs(rounds) }},
		{"filters", func() error { return l.filter(rounds) }},
		{"memory", func() error { return l.memory(rounds, signalled) }},
		{"signals", func() error { return l.signal(signals*rounds, signalled) }},
	} {
		begun := time.Now()
		if err := part.run(); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "bench: %s: %.0f s\n", part.name, time.Since(begun).Seconds())
	}
	l.facts = append(machine.Facts(strings.Fields("daemontools runit s6 moreutils")),
		figures.Fact{Name: "rounds", Value: fmt.Sprintf("%d, %d with signals", rounds, signals*rounds)},
		figures.Fact{Name: "disk", Value: fileSystem(l.disk())})
	return nil
}

// mount gives this thread a tmpfs.
func (l *logging) mount() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unable to leave the mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("unable to leave the mounts: %w", err)
	}
	if err := unix.Mount("tmpfs", l.Tmpfs(), "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("unable to mount a tmpfs: %w", err)
	}
	return nil
}

// fileSystem names the type of a file system.
func fileSystem(dir string) string {
	var info unix.Statfs_t
	if unix.Statfs(dir, &info) != nil {
		return "unknown"
	}
	switch info.Type {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	case unix.TMPFS_MAGIC:
		return "none: TMPDIR is on a tmpfs"
	}
	return fmt.Sprintf("file system %#x", info.Type)
}

// findLoggers finds out who can be measured: who is there, and has every line of a
// flood in its log with the words that it is given.
func (l *logging) findLoggers(text []byte) error {
	for _, by := range l.loggers() {
		why := l.trial(&by, text)
		if errors.Is(why, fs.ErrNotExist) && by.maker != stage.Catena {
			l.note("Left out: %s; not installed.", by.maker)
			continue
		}
		if why != nil {
			return why
		}
		l.present = append(l.present, by)
	}
	return nil
}

// note is a note, and said at once.
func (l *logging) note(form string, args ...any) {
	l.Notes = append(l.Notes, fmt.Sprintf(form, args...))
	fmt.Fprintln(os.Stderr, "bench:", l.Notes[len(l.Notes)-1])
}

// trial has a logger write lines with labels and all patterns.
func (l *logging) trial(by *logger, text []byte) error {
	j := usual
	j.patterns = len(levels)
	argv := by.argv(j, allFiles)
	if missing(argv) {
		return fs.ErrNotExist
	}
	place := l.place(j)
	if err := by.makeLog(place, j, allFiles); err != nil {
		return err
	}
	if _, err := throughput(argv, place, nil, text, 1); err != nil {
		return err
	}
	r := reckon(text, j.size)
	if err := r.logs(place + "/main"); err != nil {
		return err
	}
	if t := r.tally(); t != (tally{}) {
		return fmt.Errorf("%s does not do its work: %+v", by.maker, t)
	}
	return nil
}

// place is where the log of a job is.
func (l *logging) place(j job) string {
	if j.place == onDisk {
		return l.disk() + "/log"
	}
	return l.Tmpfs() + "/log"
}

// writeLogs does all jobs with all loggers.
func (l *logging) writeLogs(rounds int) error {
	text := map[int][]byte{}
	for _, j := range jobs() {
		if text[j.size] == nil {
			text[j.size] = flood(blockSize, j.size)
		}
	}
	for round := range rounds {
		for _, j := range jobs() {
			for _, i := range rand.Perm(len(l.present)) {
				if err := l.writeLog(&l.present[i], j, text[j.size]); err != nil {
					return err
				}
			}
		}
		fmt.Fprintf(os.Stderr, "bench: %d of %d rounds\n", round+1, rounds)
	}
	return nil
}

func (l *logging) writeLog(by *logger, j job, text []byte) error {
	const keep = 10
	place := l.place(j)
	if err := by.makeLog(place, j, keep); err != nil {
		return err
	}
	p, err := throughput(by.argv(j, keep), place, nil, text, blocks)
	if err != nil {
		return err
	}
	l.addPass(by.maker, j.String(), p, blocks*len(text))
	// What is not on the disk yet goes with the files, and is not the next one's work.
	return os.RemoveAll(place)
}

// addPass takes the samples of a pass.
func (l *logging) addPass(maker, what string, p pass, bytes int) {
	l.Add(maker, map[string][]float64{
		speed + what: {float64(bytes) / 1e6 / p.took.Seconds()},
		cost + what:  {p.cpu.Seconds() / float64(bytes) * 1e9},
	})
}

// signal counts what signals in a flood cost.
func (l *logging) signal(rounds int, text []byte) error {
	place := l.place(usual)
	for range rounds {
		for _, i := range rand.Perm(len(l.present)) {
			by := &l.present[i]
			onTerm, err := inFlood(by, place, text, unix.SIGTERM)
			if err != nil {
				return err
			}
			onKill, err := inFlood(by, place, text, unix.SIGKILL)
			if err != nil {
				return err
			}
			l.Add(by.maker, map[string][]float64{
				lostOnTerm: {float64(onTerm.lost)}, doubledOnTerm: {float64(onTerm.doubled)}, tornOnTerm: {float64(onTerm.torn)},
				lostOnKill: {float64(onKill.lost)}, doubledOnKill: {float64(onKill.doubled)}, tornOnKill: {float64(onKill.torn)},
			})
		}
	}
	return os.RemoveAll(place)
}

// memory looks at the loggers' memory while they wait for lines.
func (l *logging) memory(rounds int, text []byte) error {
	place := l.place(usual)
	for range rounds {
		for _, i := range rand.Perm(len(l.present)) {
			by := &l.present[i]
			if err := by.makeLog(place, usual, allFiles); err != nil {
				return err
			}
			samples, err := waiting(by.argv(usual, allFiles), place, text)
			if err != nil {
				return fmt.Errorf("%s: %w", by.maker, err)
			}
			l.Add(by.maker, samples)
		}
	}
	return os.RemoveAll(place)
}

// quiet is after what time a logger is idle.
const quiet = 2 * time.Second

// waiting is the memory of a logger before a flood, after it, and at most.
func waiting(argv []string, dir string, text []byte) (map[string][]float64, error) {
	s, err := newSource()
	if err != nil {
		return nil, err
	}
	cmd, err := s.spawn(argv, dir, nil)
	s.read.Close() // so that writing fails if the logger does
	if err != nil {
		unix.Close(s.write)
		return nil, err
	}
	pid := cmd.Process.Pid
	time.Sleep(quiet)
	before, err := dirty(pid, argv[0])
	if err == nil {
		err = writeAll(s.write, text)
	}
	time.Sleep(quiet)
	after, unread := dirty(pid, argv[0])
	status, unknown := machine.Fields(machine.ProcessFile(pid, "status"))
	unix.Close(s.write)
	err = errors.Join(err, unread, unknown, finish(cmd))
	return map[string][]float64{idleBefore: {before}, idleAfter: {after}, peak: {float64(status["VmHWM"])}}, err
}

// dirty is the private memory of a process, which must be that of a program.
func dirty(pid int, program string) (float64, error) {
	if !machine.Runs(pid, program) {
		return 0, fmt.Errorf("%s is not what runs", program)
	}
	rollup, err := machine.Fields(machine.ProcessFile(pid, "smaps_rollup"))
	return float64(rollup["Private_Dirty"]), err
}
