package test

// Whoever may write in a supervise folder, as the account of a service may to which it has
// been given, is not the equal of a supervisor that runs as root.
//
// Not tested in this file: what stands in files that are the supervisor's own
// (supervise_rubbish_test.go, adopt_records_test.go); who may write in the service
// directory itself, and with that says what root runs.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// outside is what lies outside of a service directory: files that nobody but root may
// touch, and what they were like.
type outside struct {
	t    testing.TB
	dir  string
	pipe int // both ends of the FIFO
	was  string
}

func newOutside(t testing.TB, h *home) *outside {
	o := &outside{t: t, dir: filepath.Join(h.top, "outside")}
	must(os.Mkdir(o.dir, 0o700))
	must(os.WriteFile(o.file("text"), []byte("root's\n"), 0o600))
	must(unix.Mkfifo(o.file("fifo"), 0o600))
	var err error
	o.pipe, err = unix.Open(o.file("fifo"), unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	must(err)
	t.Cleanup(func() { unix.Close(o.pipe) })
	_, err = unix.Write(o.pipe, []byte("txk"))
	must(err)
	o.was = o.is()
	return o
}

func (o *outside) file(name string) string { return filepath.Join(o.dir, name) }

// is describes all that there is, but how many names a file has.
func (o *outside) is() string {
	said := ""
	files, err := os.ReadDir(o.dir)
	must(err)
	for _, f := range files {
		var st unix.Stat_t
		must(unix.Lstat(o.file(f.Name()), &st))
		said += fmt.Sprintln(f.Name(), st.Mode, st.Uid, st.Size, st.Mtim)
		if st.Mode&unix.S_IFMT == unix.S_IFREG {
			said += textOf(o.file(f.Name()))
		}
	}
	return said
}

// untouched wants everything as it was, nothing taken from the FIFO, and nothing locked.
func (o *outside) untouched() {
	o.t.Helper()
	if is := o.is(); is != o.was {
		o.t.Errorf("outside there was\n%sand is\n%s", o.was, is)
	}
	got := make([]byte, 10)
	n, _ := unix.Read(o.pipe, got)
	if string(got[:max(n, 0)]) != "txk" {
		o.t.Errorf("in the FIFO outside there is %q", got[:max(n, 0)])
	}
	f, err := os.Open(o.file("text"))
	must(err)
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		o.t.Error("a file outside is locked")
	}
}

// What may stand in the place of a file of a supervise folder.
var inPlaceOfAFile = map[string]func(file string, o *outside){
	"a link to a file":             func(file string, o *outside) { must(os.Symlink(o.file("text"), file)) },
	"a link to what is not there":  func(file string, o *outside) { must(os.Symlink(o.file("new"), file)) },
	"a link to a FIFO":             func(file string, o *outside) { must(os.Symlink(o.file("fifo"), file)) },
	"a second name of a file":      func(file string, o *outside) { must(os.Link(o.file("text"), file)) },
	"a second name of a FIFO":      func(file string, o *outside) { must(os.Link(o.file("fifo"), file)) },
	"a directory":                  func(file string, o *outside) { must(os.Mkdir(file, 0o755)) },
	"a directory with something":   func(file string, o *outside) { must(os.MkdirAll(file+"/more", 0o755)) },
	"a socket":                     func(file string, o *outside) { must(bindSocket(file)) },
	"a device":                     func(file string, o *outside) { must(unix.Mknod(file, unix.S_IFCHR|0o666, 1<<8|3)) },
	"a FIFO":                       func(file string, o *outside) { must(unix.Mkfifo(file, 0o666)) },
	"a file":                       func(file string, o *outside) { must(os.WriteFile(file, []byte("u"), 0o666)) },
	"a file that nobody may write": func(file string, o *outside) { must(os.WriteFile(file, nil, 0o400)) },
}

// saysOneLineOf wants a warning or a failure that names a file, or nothing said and
// nothing wrong.
func saysOneLineOf(t testing.TB, s *supervisor, file string) {
	t.Helper()
	said := strings.Split(s.said(), "\n")
	for _, line := range said[:len(said)-1] {
		if line != said[0] || !strings.Contains(line, " s/supervise/"+file) && !strings.HasPrefix(line, "supervise: warning: unable to count the death of s: ") {
			t.Errorf("it said %q", said)
		}
	}
}

// Each file of the folder is replaced by each of these, in a folder that belongs to
// somebody. A supervisor of root has a life and a death with it, or says why not.
func TestRootTouchesNothingOutsideOfAFolderOfSomebody(t *testing.T) {
	needRoot(t)
	crowd := newCrowd()
	defer crowd.Wait()
	for _, file := range []string{"lock", "lock.new", "control", "ok", "status", "status.new", "death_tally", "death_tally.new", "pipe"} {
		for what, put := range inPlaceOfAFile {
			crowd.run(t, file+": "+what, func(t *testing.T) {
				h := newHome(t, "")
				o := newOutside(t, h)
				must(os.Mkdir(h.file("supervise"), 0o755))
				put(h.file("supervise/"+file), o)
				must(os.Lchown(h.file("supervise"), somebody, somebody))
				if !strings.Contains(what, "second") {
					must(os.Lchown(h.file("supervise/"+file), somebody, somebody))
				}
				h.option("max-death-tally", "10")
				program := []string{filepath.Join(fused.dir, "supervise"), "s"}
				if file == "pipe" {
					h.run("#!/bin/sh\nexec sleep 1000\n") // a tally has a file log
					must(os.Mkdir(h.file("log"), 0o755))
					script(h.file("log/run"), "#!/bin/sh\nexec cat >/dev/null\n")
					must(os.Mkdir(filepath.Join(h.top, "scan"), 0o755))
					must(os.Symlink("../s", filepath.Join(h.top, "scan/s")))
					program = []string{filepath.Join(fused.dir, "svscan"), "-1", "scan"}
				}
				s := h.start(t, program...)
				ended := func() bool { return !s.running() }
				eventually(t, "a decision", func() bool {
					return ended() || s.said() != "" && file == "pipe" || h.tool(t, fused, "svok", "s") == "exit 0"
				})
				if file == "pipe" && s.running() {
					must(s.Process.Signal(unix.SIGTERM))
					s.exit(t)
				}
				if ended() {
					saysOneLineOf(t, s, file)
					o.untouched()
					return
				}
				eventually(t, "the service", func() bool { return len(h.starts()) == 1 })
				h.svc(t, fused, "t")
				eventually(t, "its next life", func() bool { return len(h.starts()) == 2 }, s.said)
				h.tool(t, fused, "svstat", "-l", "s")
				must(s.Process.Signal(unix.SIGTERM))
				s.exit(t)
				saysOneLineOf(t, s, file)
				o.untouched()
			})
		}
	}
}

// svc, as root, writes to a FIFO and to nothing else.
func TestSvcWritesToFIFOsOnly(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for what, put := range inPlaceOfAFile {
		if what == "a FIFO" {
			continue // it is somebody's, and reads what svc writes
		}
		t.Run(what, func(t *testing.T) {
			h := newHome(t, "")
			o := newOutside(t, h)
			must(os.Mkdir(h.file("supervise"), 0o755))
			put(h.file("supervise/control"), o)
			before := o.is()
			got := h.tool(t, fused, "svc", "-t", "s")
			if !strings.HasPrefix(got, "svc: warning: unable to control s: ") {
				t.Errorf("svc: %q", got)
			}
			if o.is() != before {
				t.Error("svc has written")
			}
			o.untouched()
		})
	}
}

// Somebody has given away all files of a service that runs: there is no second copy, and the
// one line says what to do. When the process has ended, the lock is made anew.
func TestLockThatWasGivenAwayNamesTheServiceThatRuns(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := newHome(t, "")
	s := h.supervise(t, fused)
	h.up(t, 1)
	s.kill()
	must(os.Chown(h.file("supervise"), somebody, somebody))
	for _, name := range []string{"lock", "status", "control", "ok"} {
		must(os.Chown(h.file("supervise/"+name), somebody, somebody))
	}
	s = h.supervise(t, fused)
	got := s.exit(t) + ": " + s.said()
	want := fmt.Sprintf("exit 111: supervise: fatal: s/supervise/lock names process %d, which runs, and belongs to uid %d: give it back by chown, or end the process\n", h.starts()[0], somebody)
	if got != want {
		t.Errorf("%s\nand not\n%s", got, want)
	}
	unix.Kill(h.starts()[0], unix.SIGKILL)
	eventually(t, "its end", h.unlocked)
	s = h.supervise(t, fused)
	h.up(t, 2)
	if got := s.said(); got != "supervise: warning: unable to use s/supervise/lock, making a new one: belongs to another account\n" {
		t.Errorf("it said %q", got)
	}
	h.obeys(t, s)
}
