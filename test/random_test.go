package test

// Random chains in random states answer as daemontools do, to the byte.
//
// Not tested in this file: what daemontools do not have, that is every option
// which catena adds; the answers that differ on purpose, which are listed at
// the generator; arm64; limits under which only some of the programs in a chain
// can start.

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// hint is what catena says beyond 0.76 when a program that is there cannot be run.
var hint = regexp.MustCompile(` \((its interpreter /[^)]*|the variable .* has \d+ bytes)\)`)

var chainCount = flag.Int64("chains", 0, "how many random chains to compare with daemontools (default 400, in CI 3000)")

func TestRandomChainsAnswerAsDaemontools(t *testing.T) {
	needRoot(t)
	compareRandomChains(t, daemontools(t), chainsToTry(), generate)
}

// compareRandomChains runs so many chains under the peer and along the paths.
func compareRandomChains(t *testing.T, old path, count int64, generate func(seed int64) *randomChain) {
	programs, seed := randomPrograms(), firstSeed(t)
	var next, reached, failed atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < count && failed.Load() < 5; i = next.Add(1) - 1 {
				g := generate(seed + i)
				want, text := g.compare(t, old, programs)
				if want.reached() {
					reached.Add(1)
				}
				if text != "" {
					failed.Add(1)
					t.Errorf("%s\n%s", g, text)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d of %d chains reached their program; first seed %d", reached.Load(), count, seed)
	if count >= 100 && failed.Load() == 0 && (reached.Load() < count/4 || reached.Load() > count*3/4) {
		t.Error("nearly all chains work, or nearly none does: the generator is lopsided")
	}
}

func chainsToTry() int64 {
	switch {
	case *chainCount > 0:
		return *chainCount
	case inCI():
		return 3000
	}
	return 400
}

// A randomChain is made from its seed alone. It is valid or broken, but never
// asks for an answer of daemontools that catena means to differ from:
//
//   - an option that 0.76 does not have: the first word -s of setuidgid and
//     fghack; -i, -f, -p of envdir; -H and -R of softlimit; -r, -t and others of setlock;
//     the value - and the suffixes K, M, G of softlimit; --help and --version; an
//     account with a colon
//   - a symbolic link in an env directory that leads nowhere, for which 0.76
//     takes the contents of the file before it
//   - a number above 2^64-1 for softlimit, which 0.76 counts modulo 2^64
//   - a program whose interpreter is missing, or a variable that is too long, after which
//     catena names that (compare takes it away)
//   - control bytes and invalid UTF-8 in names, which catena's messages escape
//   - a lock on a directory, or on a file that the process may read and not write
//   - an unknown account where no process may start: catena says that it cannot
//     ask the name service, which it runs as a program
//
// Nor does it set a limit under which daemontools' programs, which load a C
// library, cannot start while catena's can, unless for the last program.
type randomChain struct {
	*rand.Rand
	seed    int64
	in      state
	words   []string
	files   []thing             // its own, in addition to the furniture
	locks   map[string]bool     // files that a link has locked already
	open    int                 // how many descriptors the links may have left open
	crowded bool                // no process may start, if it is not root's
	blur    func(string) string // takes from messages what may differ; or nil
	narrow  bool                // the Go runtime cannot start everywhere in it, or changes its state
}

func (g *randomChain) String() string {
	return fmt.Sprintf("CATENA_SEED=%d -chains=1: in %q %q\n  %q", g.seed, g.in.env, g.in.words, g.words)
}

// A thing is a file of some kind in the directory where a chain starts.
type thing struct {
	path    string
	mode    os.FileMode
	content string // of a file; of a link, where it leads; of a program, which one
}

const (
	link    = os.ModeSymlink
	program = os.ModeIrregular // a hard link: a file that was just written cannot be executed while another thread forks
)

// Only what a chain mentions is made.
var randomFurniture = []thing{
	{"empty", os.ModeDir | 0o755, ""},
	{"sub", os.ModeDir | 0o755, ""}, {"sub/dir", os.ModeDir | 0o755, ""},
	{"unreadable", os.ModeDir | 0o755, ""}, {"unreadable/A", 0o000, "secret"},
	{"withfifo", os.ModeDir | 0o755, ""}, {"withfifo/A", os.ModeNamedPipe | 0o644, ""},
	{"withlink", os.ModeDir | 0o755, ""}, {"withlink/A", link, "../plain"},
	{"withloop", os.ModeDir | 0o755, ""}, {"withloop/A", link, "A"},
	{"dark", os.ModeDir | 0o700, ""}, {"dark/A", 0o644, "secret"},
	{"plain", 0o644, "some text\n"},
	{"lock", 0o666, ""}, {"readonly", 0o444, ""}, {"locked", 0o666, "held by the test"},
	{"fifo", os.ModeNamedPipe | 0o666, ""}, {"socket", os.ModeSocket | 0o666, ""}, {"dir", os.ModeDir | 0o755, ""},
	{"loop", link, "loop"}, {"dangling", link, "made"}, {"alias", link, "lock"},
	{"a-script", program, "a-script"}, {"text", program, "text"}, {"interpreter", program, "interpreter"},
	{"noexec", 0o644, "#!/bin/sh\n"}, {"secret", program, "secret"},
	{"pathnoexec", os.ModeDir | 0o755, ""}, {"pathnoexec/prog", 0o644, ""}, {"pathnoexec/probe", 0o644, ""}, {"pathnoexec/setlock", 0o644, ""},
	{"pathdir", os.ModeDir | 0o755, ""}, {"pathdir/prog", os.ModeDir | 0o755, ""}, {"pathdir/envdir", os.ModeDir | 0o755, ""},
	{"pathtext", os.ModeDir | 0o755, ""}, {"pathtext/prog", program, "text"},
	{"pathprog", os.ModeDir | 0o755, ""}, {"pathprog/prog", program, "a-script"},
}

// randomPrograms makes the files that things of kind program are links to.
func randomPrograms() string {
	dir := filepath.Join(work, "programs")
	must(os.MkdirAll(dir, 0o755))
	for name, content := range map[string]string{
		"a-script":    "#!" + probe + " from-a-script\n",
		"text":        "neither a script nor a program\n",
		"interpreter": "#!/no/such/interpreter\n",
		"secret":      "#!" + probe + "\n",
		"passwd":      "games:x:1005:1060::/:\njailed:x:1006:1061::/:\n",
		"group":       "games:x:1062:\njailed:x:1063:\n",
	} {
		must(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755))
	}
	must(os.Chmod(filepath.Join(dir, "secret"), 0o700))
	if err := os.Link(probe, filepath.Join(dir, "probe")); !errors.Is(err, os.ErrExist) {
		must(err)
	}
	return dir
}

func (x thing) make(dir, programs string) {
	name := filepath.Join(dir, x.path)
	switch {
	case x.mode == link:
		must(os.Symlink(x.content, name))
		return
	case x.mode == program:
		must(os.Link(filepath.Join(programs, x.content), name))
		return
	case x.mode.IsDir():
		must(os.Mkdir(name, 0o700))
	case x.mode&os.ModeNamedPipe != 0:
		must(unix.Mkfifo(name, 0o600))
	case x.mode&os.ModeSocket != 0:
		must(unix.Mknod(name, unix.S_IFSOCK|0o600, 0))
	default:
		must(os.WriteFile(name, []byte(x.content), 0o600))
	}
	must(os.Chmod(name, x.mode.Perm()))
}

// compare runs the chain under daemontools and along the paths, and describes the
// first difference.
func (g *randomChain) compare(t *testing.T, old path, programs string) (want outcome, text string) {
	want = g.run(t, old, programs)
	if g.blur != nil {
		want.stderr = g.blur(want.stderr)
	}
	paths := []path{fused}
	if g.seed%3 == 0 {
		paths = append(paths, separate)
	}
	if g.seed%4 == 1 && !g.narrow {
		paths = append(paths, plain)
	}
	for _, p := range paths {
		got := g.run(t, p, programs)
		got.stderr = hint.ReplaceAllString(got.stderr, "")
		if g.blur != nil {
			got.stderr = g.blur(got.stderr)
		}
		if text := difference(want, got); text != "" {
			return want, p.name + " differs from " + old.name + "\n" + text
		}
	}
	return want, ""
}

func (g *randomChain) run(t *testing.T, p path, programs string) outcome {
	a := newArena(p)
	defer a.remove()
	mentioned := "plain " + strings.Join(slices.Concat(g.in.env, g.in.words, g.words), " ") // a link leads to plain
	for _, f := range g.files {
		mentioned += f.content // a PATH
	}
	for _, x := range slices.Concat(randomFurniture, g.files) {
		if top, _, _ := strings.Cut(x.path, "/"); strings.Contains(mentioned, top) {
			x.make(a.here, programs)
		}
	}
	if f, err := os.OpenFile(filepath.Join(a.here, "locked"), os.O_RDWR, 0); err == nil {
		defer f.Close()
		must(unix.Flock(int(f.Fd()), unix.LOCK_EX))
	}
	return a.run(t, g.in, native(p, g.words))
}

func generate(seed int64) *randomChain {
	g := &randomChain{Rand: rand.New(rand.NewPCG(uint64(seed), 0)), seed: seed, locks: map[string]bool{}, open: 16}
	g.startingState()
	links := 1 + g.IntN(5)
	for rest := links - 1; rest >= 0; rest-- {
		g.link(rest)
	}
	g.words = append(g.words, g.program()...)
	g.spoil()
	return g
}

func (g *randomChain) one(of ...string) string { return of[g.IntN(len(of))] }

func (g *randomChain) percent(n int) bool { return g.IntN(100) < n }

func (g *randomChain) startingState() {
	g.in = state{name: "random", env: []string{"PATH=@/bin:@/../.."}}
	if g.percent(20) {
		g.in.env = g.oddPath()
	}
	add := func(words ...string) { g.in.words = append(g.in.words, words...) }
	for g.percent(15) {
		add("env=" + g.one("A=1", "A=2", "B=3", "UID=4", "GID=5", "PATH=/nonexistent", "=", "A"))
	}
	if g.percent(20) {
		add(sys(unix.SYS_UMASK, uintptr(g.IntN(0o1000))))
	}
	if g.percent(10) {
		add(sys(unix.SYS_SETSID))
	}
	if g.percent(10) {
		add("limit=7:300:" + g.one("300", "1000"))
	}
	if g.percent(10) {
		add(ignoring(1+g.IntN(32), 1+g.IntN(64))...)
		g.narrow = true
	}
	if g.percent(5) {
		add("block=" + strconv.FormatUint(g.Uint64(), 10))
		g.narrow = true
	}
	if g.percent(8) {
		add(closing([][]uintptr{{0}, {1}, {2}, {0, 1}, {1, 2}, {0, 2}, {0, 1, 2}}[g.IntN(7)]...)...)
		g.in.closed, g.narrow = true, true
	}
	if g.percent(15) {
		add(dropped()...)
		if g.percent(10) {
			add("limit=6:0:0")
			g.narrow, g.crowded = true, true
		}
	}
}

func (g *randomChain) oddPath() []string {
	switch {
	case g.percent(10):
		return []string{} // none: /bin:/usr/bin, where a chain goes on with daemontools
	case g.percent(5):
		return []string{"PATH="}
	}
	return []string{"PATH=" + g.pathValue()}
}

func (g *randomChain) pathValue() string {
	var parts []string
	for range 1 + g.IntN(5) {
		parts = append(parts, g.one("@/bin", "@/bin", "../bin", "@/../..", "@/../..", "", ".", "nowhere", "@/here/plain",
			"pathnoexec", "pathdir", "@/here/pathtext", "pathprog", "pathprog", "loop", "dark", strings.Repeat("long", 80)))
	}
	return strings.Join(parts, ":")
}

// link adds a link that has rest more behind it.
func (g *randomChain) link(rest int) {
	tool := g.one(sevenTools...)
	g.words = append(g.words, g.one("", "", "", "../bin/", "@/bin/")+tool)
	add := func(words ...string) { g.words = append(g.words, words...) }
	switch tool {
	case "envdir":
		add(g.envDirectory())
	case "envuidgid":
		add(g.account())
	case "setuidgid":
		if g.crowded {
			// For anyone else it would count what runs outside of the test.
			add("root")
			return
		}
		add(g.account())
	case "fghack":
		g.open += 31
	case "setlock":
		g.open++
		add(g.lock()...)
	case "softlimit":
		for g.percent(70) {
			add(g.limit(rest)...)
		}
		if g.percent(10) {
			add("--")
		}
	}
}

func (g *randomChain) account() string {
	if g.crowded || g.percent(85) {
		return g.one("nobody", "daemon", "www-data", "root", "root", "man", "games")
	}
	return g.one("nosuch", "", "0", "33", "root ", " root", "ROOT", "-x", "--", "-", "x", "ro*t", "naïve", "a/b", strings.Repeat("long", 100))
}

func (g *randomChain) envDirectory() string {
	if g.percent(25) {
		return g.one("empty", "empty", "withfifo", "withlink", "sub", "unreadable", "withloop", "dark", "plain", "nowhere", "",
			"fifo", "loop", "plain/A", ".", "-x", "-", "--", "naïve", strings.Repeat("long", 80))
	}
	dir := fmt.Sprint("env", len(g.files))
	g.files = append(g.files, thing{dir, os.ModeDir | 0o755, ""})
	names := []string{"A", "B", "UID", "HOME", "PATH", "with space", "WITH=SIGN", "naïve", ".hidden", "-", "a.b"}
	g.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names[:g.IntN(6)] {
		g.files = append(g.files, thing{dir + "/" + name, 0o644, g.value(name)})
	}
	return g.one("", "", "", "./", "@/here/") + dir + g.one("", "", "", "/")
}

func (g *randomChain) value(name string) string {
	switch {
	case name == "PATH" && g.percent(80):
		// An arena's name cannot stand in a file, so the parts are relative.
		return "../bin:../../..:" + strings.ReplaceAll(g.pathValue(), "@", "..") + "\n"
	case g.percent(2):
		return strings.Repeat("too long for the kernel ", 6000)
	case g.percent(10):
		return ""
	}
	var value strings.Builder
	for range g.IntN(8) {
		value.WriteString(g.one("a", "value", " ", "\t", "\r", "\n", "\n", "\x00", "=", "ö", "\xff", "\v", strings.Repeat("x", 300)))
	}
	return value.String() + g.one("", "\n", "\n", " \t \n")
}

// lock returns setlock's options and file. A file that is locked already, here or
// by the test, is only asked for with -n: 0.76 would wait for itself.
func (g *randomChain) lock() (words []string) {
	waits := true
	for g.percent(40) {
		option := g.one("n", "N", "x", "X", "nx", "Nx", "nX", "xn", "nN", "z")
		if strings.HasSuffix(option, "z") && g.percent(80) {
			continue
		}
		for _, letter := range option {
			if letter == 'n' || letter == 'N' {
				waits = letter == 'N'
			}
		}
		words = append(words, "-"+option)
	}
	file := g.one("lock", "lock", "alias", "new", "new", "other", "dir/new", "made", "dangling")
	if g.percent(20) {
		file = g.one("fifo", "socket", "loop", "nowhere/new", "plain/new", "dark/new", "", "naïve", strings.Repeat("long", 80))
	}
	if !waits && g.percent(20) {
		file = "locked"
	}
	same := map[string]string{"alias": "lock", "dangling": "made"}
	target := file
	if same[file] != "" {
		target = same[file]
	}
	if g.locks[target] && target != "lock" {
		file, target = "lock", "lock" // the umask may have made another one readable only
	}
	if g.locks[target] && waits {
		words = append(words, "-n")
	}
	g.locks[target] = true
	if g.percent(10) {
		words = append(words, "--")
	}
	return append(words, file)
}

// limit returns an option of softlimit.
func (g *randomChain) limit(rest int) []string {
	letter := g.one(strings.Split("acdflmoprst", "")...)
	value := g.one("=", "", "0", "1", "4096", "100000", "18446744073709551615")
	switch letter {
	case "a", "d", "m":
		// A program that loads a C library needs 3 MB, the probe 2.
		value = g.one("=", "16000000", "0900000000", "18446744073709551615")
		if rest == 0 {
			value = g.one("=", "4000000", "900000000")
		}
		g.narrow = true
	case "s":
		value = g.one("=", "1000000", "9000000", "18446744073709551615")
		g.narrow = true
	case "f":
		if g.in.closed {
			value = "10000000" // the report goes to a file
		}
	case "o":
		value = g.one("=", "250", "1000", "18446744073709551615")
		if rest == 0 {
			value = g.one("0", "1", "3", "4", "", "10")
		} else if rest == 1 {
			value = strconv.Itoa(g.open) // enough to start, but not for fghack's copies
			g.narrow = true              // the runtime needs descriptors to start a child
		}
	case "p":
		value = g.one("=", "0", "100000", "18446744073709551615")
		g.narrow, g.crowded = true, g.crowded || value == "0"
	case "t":
		value = g.one("=", "100", "5000", "18446744073709551615")
	}
	if g.percent(4) {
		value = g.one("10x", "-5", "+5", " 5", "5 ", "0x10", "1e3", "x", "--", "5,", "5.0", "==")
	}
	if g.percent(2) {
		letter = g.one("z", "A", "?", ":", "5")
	}
	if g.percent(30) && value != "" {
		return []string{"-" + letter + value}
	}
	return []string{"-" + letter, value}
}

func (g *randomChain) program() []string {
	words := []string{g.one("probe", "probe", "@/../../probe", "../../../probe")}
	if g.percent(20) {
		words[0] = g.one("prog", "prog", "./a-script", "a-script", "./noexec", "./text", "./interpreter", "./secret", "dir", "./dir",
			"missing", "./missing", "", "nowhere/x", "plain/x", "./loop", "dark/A", "fifo", "./fifo", "./socket", "naïve", strings.Repeat("long", 80))
	}
	for g.percent(40) {
		words = append(words, g.one("a", "", "-x", "--", "a b", "=", "naïve", "\xff", "\n"))
	}
	if g.percent(30) {
		words = append(words, g.one("exit=1", "exit=99", "exit=100", "exit=111", "exit=255", "signal=1", "signal=9", "signal=14", "signal=15"))
	}
	return words
}

// spoil cuts the command line off, or puts a word into it that does not belong.
func (g *randomChain) spoil() {
	switch {
	case g.percent(5):
		g.words = g.words[:1+g.IntN(len(g.words)-1)]
	case g.percent(4) && !g.crowded: // it may become an account
		g.words = slices.Insert(g.words, 1+g.IntN(len(g.words)), g.one("--", "-z", "", "x"))
	}
}
