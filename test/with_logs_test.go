package test

// Directories in which multilogs run, and what is in their logs.
//
// Not tested in this file: anything.

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A logs is a directory in which multilogs run.
type logs struct{ dir string }

// newLogs makes one, on a tmpfs if there is one: every rotation waits for the disk.
func newLogs(t testing.TB) *logs {
	t.Helper()
	top := memory
	if unix.Access(top, unix.W_OK) != nil {
		top = work
	}
	dir, err := os.MkdirTemp(top, filepath.Base(work)+"-")
	must(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &logs{dir}
}

func (l *logs) file(name string) string { return filepath.Join(l.dir, name) }

// command is a multilog that dies with the test, and after a while by itself.
func (l *logs) command(p path, words ...string) *exec.Cmd {
	file := filepath.Join(p.dir, "multilog")
	if p.name == arm64.name {
		words = slices.Concat([]string{"-0", "multilog", file}, words)
		file = "/usr/bin/" + qemu
	}
	cmd := exec.Command(file, words...)
	cmd.Dir, cmd.Env = l.dir, []string{"PATH=" + systemPath}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return cmd
}

// run feeds an input to a multilog and returns what it says and how it ends. What it
// leaves running may hold its standard error.
func (l *logs) run(t testing.TB, p path, stdin *os.File, words ...string) string {
	t.Helper()
	said, err := os.CreateTemp(l.dir, ".stderr-")
	must(err)
	defer said.Close()
	must(os.Remove(said.Name()))
	cmd := l.command(p, words...)
	cmd.Stderr = said
	if stdin != nil {
		cmd.Stdin = stdin
	}
	must(cmd.Start())
	end := endingInTime(cmd)
	text, err := io.ReadAll(io.NewSectionReader(said, 0, 1<<30))
	must(err)
	return string(text) + end
}

// regular is an open regular file with that content.
func (l *logs) regular(content []byte) *os.File {
	f, err := os.CreateTemp(l.dir, ".input-")
	must(err)
	must(os.Remove(f.Name()))
	_, err = f.Write(content)
	must(err)
	_, err = f.Seek(0, io.SeekStart)
	must(err)
	return f
}

func (l *logs) runWith(t testing.TB, p path, input []byte, words []string) string {
	f := l.regular(input)
	defer f.Close()
	return likeOption.ReplaceAllString(l.run(t, p, f, words...), "")
}

// likeOption is what ours says beyond 0.76.
var likeOption = regexp.MustCompile(`(?m)^multilog: warning: \S+ is no option: .*\n`)

// piped is the end of a pipe through which the content comes in random pieces.
func piped(content []byte, random *rand.Rand) *os.File {
	r, w, err := os.Pipe()
	must(err)
	go func() {
		defer w.Close()
		for len(content) > 0 {
			n := min(len(content), 1+random.IntN([]int{3, 100, 5000, 200000}[random.IntN(4)]))
			if _, err := w.Write(content[:n]); err != nil {
				return
			}
			content = content[n:]
		}
	}()
	return r
}

// names lists the files of a log, the old ones first and in their order.
func (l *logs) names(log string) (names []string) {
	entries, err := os.ReadDir(l.file(log))
	must(err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// whole is all the lines of a log, in their order. It starts over if a file is renamed
// meanwhile.
func (l *logs) whole(log string) (text []byte) {
	if is, err := os.Stat(l.file(log)); err == nil && is.Mode().IsRegular() {
		return wholeFile(l.file(log))
	}
	for _, name := range l.names(log) {
		if name[0] == '@' || name == "current" {
			b, err := os.ReadFile(filepath.Join(l.dir, log, name))
			if errors.Is(err, fs.ErrNotExist) {
				return l.whole(log)
			}
			must(err)
			text = append(text, b...)
		}
	}
	return text
}

// wholeFile is all that is in a file and its old files, FILE.1 and so on, the oldest first. A
// number may be free. It starts over if a file is renamed meanwhile.
func wholeFile(file string) (text []byte) {
	old, err := filepath.Glob(file + ".[1-9]*")
	must(err)
	slices.SortFunc(old, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(b, a)) })
	for _, name := range append(old, file) {
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) && name != file {
			return wholeFile(file)
		}
		text = append(text, b...)
	}
	return text
}

// masked is a text with nothing but the @ of every label at the beginning of a line, in
// capitals as well, which a processor may have made of it.
func masked(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for at, begins := 0, true; at < len(text); {
		if begins && isLabel(text[at:]) {
			out = append(out, '@')
			at += 25
		}
		end := at + 1 + bytes.IndexByte(text[at:], '\n')
		if begins = end > at; !begins {
			end = len(text)
		}
		out = append(out, text[at:end]...)
		at = end
	}
	return out
}

func isLabel(text []byte) bool {
	if len(text) < 25 || text[0] != '@' {
		return false
	}
	for _, c := range text[1:25] {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// A shown is a file as it is compared: labels are masked in its name and its content.
type shown struct {
	name string
	text []byte
}

// shows is all that is in the directory.
func (l *logs) shows() (all []shown) {
	filepath.WalkDir(l.dir, func(name string, entry os.DirEntry, err error) error {
		must(err)
		info, err := entry.Info()
		must(err)
		short := strings.TrimPrefix(name, l.dir)
		if at := strings.LastIndex(short, "/@"); at >= 0 && len(short) > at+26 {
			short = short[:at+2] + short[at+26:]
		}
		file := shown{name: short + " " + info.Mode().String()}
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(name)
			must(err)
			file.text = masked(b)
		}
		all = append(all, file)
		return nil
	})
	return all
}

// showsDifference describes the first one.
func showsDifference(got, want []shown) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return "missing " + want[i].name
		case i >= len(want):
			return "too much: " + got[i].name
		case got[i].name != want[i].name:
			return fmt.Sprintf("got %s, want %s", got[i].name, want[i].name)
		}
		if text := textDifference(got[i].text, want[i].text); text != "" {
			return got[i].name + text
		}
	}
	return ""
}

// textDifference shortens two texts to what is of interest.
func textDifference(got, want []byte) string {
	if bytes.Equal(got, want) {
		return ""
	}
	same := 0
	for same < min(len(got), len(want)) && got[same] == want[same] {
		same++
	}
	part := func(b []byte) []byte { return b[max(0, same-30):min(len(b), same+50)] }
	return fmt.Sprintf(": %d bytes, want %d; at %d\n got %q\nwant %q", len(got), len(want), same, part(got), part(want))
}

// alphabet are what most of a line is.
var alphabet = func() (text []byte) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		text = append(text, byte('a'+random.IntN(20)))
	}
	return text
}()

// label is the text of a label.
func label(second int64, nano uint32) string { return fmt.Sprintf("@%016x%08x", 1<<62+10+second, nano) }
