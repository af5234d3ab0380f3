package test

// gosu makes the command who gosu of Debian's package makes it: in the checks of gosu's own
// project, and in random command lines.
//
// Not tested in this file: refusals and entries that are odd (the scripts gosu_*_as_gosu); the
// answers that differ on purpose, which are listed at the generator and have a script; arm64.

import (
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The checks of gosu's project, in its order. The caller is nobody, who is in all groups.
var (
	checkedIDs = []struct{ spec, ids, names string }{
		{"0", "0:0:0", "root:root:root"},
		{"0:0", "0:0:0", "root:root:root"},
		{"root", "0:0:0", "root:root:root"},
		{"0:root", "0:0:0", "root:root:root"},
		{"root:0", "0:0:0", "root:root:root"},
		{"root:root", "0:0:0", "root:root:root"},
		{"1000", "1000:65534:65534", "1000:nogroup:nogroup"},
		{"0:1000", "0:1000:1000", "root:1000:1000"},
		{"1000:1000", "1000:1000:1000", "1000:1000:1000"},
		{"root:1000", "0:1000:1000", "root:1000:1000"},
		{"1000:root", "1000:0:0", "1000:root:root"},
		{"1000:daemon", "1000:1:1", "1000:daemon:daemon"},
		{"games", "5:60:60 100", "games:games:games users"},
		{"games:daemon", "5:1:1", "games:daemon:daemon"},
		{"0:", "0:0:0", "root:root:root"},
		{"", "65534:65534:65534 0 1 60 100", "nobody:nogroup:nogroup root daemon games users"},
		{":0", "65534:0:0", "nobody:root:root"},
	}
	checkedHomes = []struct{ spec, home string }{
		{"0", "/root"}, {"0:0", "/root"}, {"root", "/root"}, {"0:root", "/root"}, {"root:0", "/root"},
		{"root:root", "/root"}, {"0:1000", "/root"}, {"root:1000", "/root"}, {"1000", "/"}, {"1000:0", "/"},
		{"1000:root", "/"}, {"games", "/usr/games"}, {"games:daemon", "/usr/games"},
	}
	checkedRefusals = []string{"bogus", "0day", "0:bogus", "0:0day"}
)

const (
	passwdOfChecks = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
games:x:5:60:games:/usr/games:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`
	groupOfChecks = `root:x:0:nobody
daemon:x:1:nobody
games:x:60:nobody
users:x:100:nobody,games
nogroup:x:65534:nobody
`
	// scriptOfChecks tells who each of the user-specs is.
	scriptOfChecks = `
tool=$1 && shift
for spec; do
	"$tool" "$spec" sh -c 'echo "$1|$(id -u):$(id -g):$(id -G)|$(id -un):$(id -gn):$(id -Gn)|$HOME"' sh "$spec" || echo "$spec|refused $?"
done`
)

func TestGosusOwnChecks(t *testing.T) {
	needRoot(t)
	need(t, "setpriv", "unshare", filepath.Join(gosuDir, "gosu"))
	dir := filepath.Join(work, "gosu")
	must(os.MkdirAll(dir, 0o755))
	passwd, group := filepath.Join(dir, "passwd"), filepath.Join(dir, "group")
	must(os.WriteFile(passwd, []byte(passwdOfChecks), 0o644))
	must(os.WriteFile(group, []byte(groupOfChecks), 0o644))

	var specs []string
	for _, c := range checkedIDs {
		specs = append(specs, c.spec)
	}
	for _, c := range checkedHomes {
		if !slices.Contains(specs, c.spec) {
			specs = append(specs, c.spec)
		}
	}
	specs = append(specs, checkedRefusals...)
	run := func(p path, tool string) string {
		words := slices.Concat([]string{"--mount", "sh", "-c", overlay, "sh", passwd, "/etc/passwd", group, "/etc/group", "--",
			"setpriv", "--reuid=65534", "--regid=65534", "--groups=0,1,60,100,65534",
			"--inh-caps=+setuid,+setgid", "--ambient-caps=+setuid,+setgid",
			"sh", "-c", scriptOfChecks, "sh", filepath.Join(p.dir, tool)}, specs)
		cmd := exec.Command("unshare", words...)
		cmd.Dir = "/"
		cmd.Env = []string{"PATH=" + systemPath, "HOME=/omg/really/gosu/nowhere"}
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", p.name, tool, err, text)
		}
		return string(text)
	}

	want := run(tianon(t), "gosu")
	passed := 0
	for _, c := range checkedIDs {
		passed += strings.Count("\n"+want, "\n"+c.spec+"|"+c.ids+"|"+c.names+"|")
	}
	for _, c := range checkedHomes {
		for line := range strings.Lines(want) {
			if strings.HasPrefix(line, c.spec+"|") && strings.HasSuffix(line, "|"+c.home+"\n") {
				passed++
			}
		}
	}
	for _, spec := range checkedRefusals {
		passed += strings.Count(want, "\n"+spec+"|refused 1\n")
	}
	if passed != 34 {
		t.Errorf("gosu of Debian passes %d of 34 checks\n%s", passed, want)
	}
	for _, p := range []path{fused, separate, plain} {
		for _, tool := range []string{"gosu", "su-exec"} {
			if got := run(p, tool); got != want {
				t.Errorf("%s %s says\n%s\nand gosu of Debian\n%s", p.name, tool, got, want)
			}
		}
	}
}

var gosuCount = flag.Int64("gosus", 300, "how many random command lines of gosu to compare with Debian's")

func TestRandomGosusAnswerAsDebians(t *testing.T) {
	needRoot(t)
	compareRandomChains(t, tianon(t), *gosuCount, generateGosu)
}

var gosuUsage = regexp.MustCompile(`(?s)^Usage: .*`)

// generateGosu makes a command line of gosu. It never asks for an answer that catena means to
// differ from:
//
//   - a number with a sign, or above 2^63; a third field; a name that gosu would quote
//   - a PATH with a folder that is the working directory, or none
//   - a file without permission, to be executed
//   - a variable that is there twice, but for HOME
//   - what the Go runtime of Debian's gosu changes: the limit on open files, closed descriptors,
//     signals
//   - the usage, of which gosu's has more lines: blur takes these away
func generateGosu(seed int64) *randomChain {
	g := &randomChain{Rand: rand.New(rand.NewPCG(uint64(seed), 2)), seed: seed}
	g.in = state{name: "random", env: []string{"PATH=@/bin:" + work}, words: []string{"limit=7:300:300"}}
	for _, word := range []string{"env=HOME=/root", "env=A=1", "env=HOME=", "env=B=2", "env=HOME=/x", "env=USER=root"} {
		if g.percent(40) {
			g.in.words = append(g.in.words, word)
		}
	}
	if g.percent(10) {
		g.in.words = append(g.in.words, dropped()...)
	}
	spec := g.one("root", "nobody", "daemon", "www-data", "games", "man", "0", "1", "33", "65534", "1000", "77777", "2147483647", "007", "")
	if g.percent(15) {
		spec = g.one("nosuch", "ROOT", "root ", " root", "0x1", "1x", "2147483648", "4294967295", "4294967296", "9000000000000000000", "-x", "--", "naïve", "a/b")
	}
	if g.percent(60) {
		spec += ":" + g.one("", "root", "nogroup", "adm", "daemon", "0", "5", "1000", "2147483647")
		if g.percent(15) {
			spec += g.one("x", " ", "000")
		}
	}
	program := g.one("probe", "probe", "probe", "@/../../probe", "../../../probe", "prog", "./missing", "missing", "./text", "./interpreter", "./a-script", "nowhere/x")
	g.words = []string{g.one("gosu", "gosu", "../bin/gosu"), spec, program}
	for g.percent(40) {
		g.words = append(g.words, g.one("a", "", "-x", "--", "a b", "exit=1", "signal=15"))
	}
	if g.percent(5) {
		g.words = g.words[:1+g.IntN(2)]
	}
	g.blur = func(text string) string { return gosuUsage.ReplaceAllString(text, "USAGE") }
	return g
}
