//go:build linux && (amd64 || arm64)

package logging

// Measured: the programs in this file, with the options in this file: a log of files
// of a million bytes, of which ten are kept, and patterns that are tried on each line
// and match none.
//
// Not measured: what each of them can be tuned to; processors; more than one log.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"catena/bench/stage"
)

const (
	moreutils = "moreutils ts"
	svlogd    = "runit svlogd"
)

// A job is what a logger has to do.
type job struct {
	size     int  // of a line, in bytes
	stamped  bool // with TAI64N labels
	patterns int
	place    string // the file system of the log
}

// The places.
const (
	inMemory = "tmpfs"
	onDisk   = "disk"
)

// jobs are all that are measured.
func jobs() []job {
	var all []job
	for _, size := range []int{80, 1000} {
		for _, stamped := range []bool{true, false} {
			for _, patterns := range []int{0, 1, 4} {
				for _, place := range []string{inMemory, onDisk} {
					all = append(all, job{size, stamped, patterns, place})
				}
			}
		}
	}
	return all
}

// The one whose losses and memory are looked at.
var usual = job{80, true, 0, inMemory}

func (j job) String() string {
	stamp, patterns := "no t", fmt.Sprintf("%d patterns", j.patterns)
	if j.stamped {
		stamp = "t"
	}
	if j.patterns == 1 {
		patterns = "1 pattern"
	}
	return fmt.Sprintf("%d-byte lines, %s, %s, %s", j.size, stamp, patterns, j.place)
}

// levels are in the patterns: no line has them where the patterns have them.
var levels = strings.Fields("debug trace verbose error")

// A logger is a maker's program that appends lines to ./main in its working directory.
type logger struct {
	maker string
	argv  func(j job, keep int) []string // keep is how many files there may be
	files func(j job, keep int) string   // what it reads from main/config, if it does
}

// loggers are all makers', the first catena's.
func (s *bench) loggers() []logger {
	return []logger{
		{maker: stage.Catena, argv: multilogWords(s.Bin + "/multilog")},
		{maker: stage.Daemontools, argv: multilogWords(stage.CommandLine("multilog")[0])},
		{maker: stage.S6, argv: s6Words},
		{maker: svlogd, argv: svlogdWords, files: svlogdConfig},
	}
}

// options are the patterns of a job, each with something around its level, and the
// same of the size and the number of files.
func (j job) options(before, after string, keep int) []string {
	var all []string
	for _, level := range levels[:j.patterns] {
		all = append(all, before+level+after)
	}
	return append(all, "s1000000", fmt.Sprintf("n%d", keep))
}

func multilogWords(program string) func(job, int) []string {
	return func(j job, keep int) []string {
		argv := []string{program}
		if j.stamped {
			argv = append(argv, "t")
		}
		return append(append(argv, j.options("-*: ", ": *", keep)...), "./main")
	}
}

// Its patterns are regular expressions, and faster when they are not tied to the
// beginning, as *: level: * is elsewhere.
func s6Words(j job, keep int) []string {
	argv := append(stage.CommandLine("s6-log -b --"), j.options("-: ", ": ", keep)...)
	if j.stamped {
		argv = append(argv, "t")
	}
	return append(argv, "./main")
}

// Its manual advises a larger buffer for a lot of data.
func svlogdWords(j job, _ int) []string {
	argv := stage.CommandLine("svlogd -b 65536")
	if j.stamped {
		argv = append(argv, "-t")
	}
	return append(argv, "./main")
}

func svlogdConfig(j job, keep int) string {
	return strings.Join(j.options("-*: ", ": *", keep), "\n") + "\n"
}

// flood are numbered lines, so many bytes of them. Every byte of a line follows from
// its number.
func flood(bytes, size int) []byte {
	text := make([]byte, 0, bytes)
	for n := 0; len(text)+size <= bytes; n++ {
		begun := len(text)
		text = fmt.Appendf(text, "%08d service: info: request ", n)
		for len(text) < begun+size-1 {
			text = append(text, 'a'+byte((n+len(text))%26))
		}
		text = append(text, '\n')
	}
	return text
}

// makeLog makes an empty place with a log directory.
func (l *logger) makeLog(place string, j job, keep int) error {
	if err := os.RemoveAll(place); err != nil {
		return err
	}
	if err := os.MkdirAll(place+"/main", 0o755); err != nil || l.files == nil {
		return err
	}
	return os.WriteFile(place+"/main/config", []byte(l.files(j, keep)), 0o644)
}

// missing tells whether a program was not found where distributions put them.
func missing(argv []string) bool { return !filepath.IsAbs(argv[0]) }
