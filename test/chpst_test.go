package test

// Random command lines of chpst in random states answer as runit's chpst does, to the byte,
// and the program inherits the same.
//
// Not tested in this file: -C, which Debian's chpst does not have; the answers that differ on
// purpose, which are listed at the generator and have scripts; arm64; limits under which
// chpst of runit, which loads a C library, cannot go on.

import (
	"flag"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
)

var chpstCount = flag.Int64("chpsts", 300, "how many random command lines of chpst to compare with runit's")

func TestRandomChpstsAnswerAsRunits(t *testing.T) {
	needRoot(t)
	compareRandomChains(t, runit(t), *chpstCount, generateChpst)
}

// What is asked for is done in runit's order, by the same calls.
func TestChpstMakesTheCallsOfRunits(t *testing.T) {
	needRoot(t)
	need(t, "strace")
	old := runit(t)
	for _, words := range []string{
		"chpst -b x probe",
		"chpst -t 100 -m 900000000 -o 50 -0 -L @/here/new -u games:daemon:games -U nobody -n 3 -/ / -e env -P @/../../probe",
		"chpst -c 1 -f 5000 -r 7 -p 900 -d 800000000 -o 60 -l lock -u :5:6:7 -P probe",
		"chpst -v -2 -0 -n -1 -e env probe",
	} {
		c := chain{words: words}
		want, got := trace(t, old, c), trace(t, fused, c)
		compareCalls(t, c, "runit", want.withoutExecs(kept(chpstEffects)), "catena", got.withoutExecs(kept(chpstEffects)))
	}
}

var chpstEffects = append([]string{"chroot"}, effects...)

var (
	chpstVersion = regexp.MustCompile(`(?m)^(\$Id: \w+ \$|catena [0-9.]+)$`)
	chpstNotRun  = regexp.MustCompile(`(?m)^chpst: fatal: unable to run: .*: `)
)

// generateChpst makes a command line of chpst. Like those of generate it never asks for an
// answer that catena means to differ from. Beyond those of generate these are:
//
//   - a number that is not in -u :uid:gid, or is too large there; more than 60 groups
//   - a number above 2^63 for a limit, or above 2^31 for -n
//   - the version, and the name of a program that cannot be run if there is -b: blur takes
//     them away
func generateChpst(seed int64) *randomChain {
	g := &randomChain{Rand: rand.New(rand.NewPCG(uint64(seed), 1)), seed: seed, locks: map[string]bool{}, open: 16}
	g.startingState()
	c := chpstLine{randomChain: g, words: []string{g.one("chpst", "chpst", "../bin/chpst", "@/bin/chpst")}}
	for g.percent(75) {
		c.option()
	}
	if g.percent(10) {
		c.words = append(c.words, "--")
	}
	program := g.program()
	if c.jailed && g.percent(90) {
		program[0] = g.one("./probe", "/probe", "probe")
	}
	g.words = append(c.words, program...)
	g.spoil()
	g.blur = func(text string) string {
		text = chpstVersion.ReplaceAllString(text, "VERSION")
		if c.named {
			text = chpstNotRun.ReplaceAllString(text, "NOT RUN: ")
		}
		return text
	}
	return g
}

// A chpstLine is a command line that is being made.
type chpstLine struct {
	*randomChain
	words         []string
	jailed, named bool
}

func (c *chpstLine) option() {
	switch letter := c.one(strings.Split("uUuUbeem/nnlLdopfcrtPv012", "")...); letter {
	case "u", "U":
		c.add(letter, c.user())
	case "b":
		c.named = true
		c.add(letter, c.one("server", "", "a b", "-x", "naïve"))
	case "e":
		dir := c.envDirectory()
		if dir == "." { // where a lock may be a link that leads nowhere
			dir = "sub"
		}
		if c.percent(30) {
			if dir = "envsub"; !c.mentions(dir) {
				c.files = append(c.files, thing{dir, os.ModeDir | 0o755, ""}, thing{dir + "/A", 0o644, "1"}, thing{dir + "/SUB", os.ModeDir | 0o755, ""})
			}
		}
		c.add(letter, dir)
	case "/":
		c.root()
	case "n":
		c.add(letter, c.one("1", "+3", "-5", "", "0", "19", "-", "+", "40", "-40", "1x", "--1", "+-1", " 1", "100000"))
	case "l", "L":
		c.lock(letter)
	case "P", "v", "0", "1", "2":
		if letter == "1" {
			c.in.closed = true // the report goes to a file
		}
		if last := c.words[len(c.words)-1]; c.percent(30) && len(last) == 2 && last[0] == '-' && strings.Contains("Pv012", last[1:]) {
			c.words[len(c.words)-1] += letter
			return
		}
		c.words = append(c.words, "-"+letter)
	default:
		c.limit(letter)
	}
	if c.percent(2) {
		c.words = append(c.words, c.one("-V", "-z", "-A", "-s5", "-a", "-?", "-:"))
	}
}

func (c *chpstLine) mentions(dir string) bool {
	for _, f := range c.files {
		if f.path == dir {
			return true
		}
	}
	return false
}

func (c *chpstLine) add(letter, value string) {
	if value != "" && c.percent(30) {
		c.words = append(c.words, "-"+letter+value)
		return
	}
	c.words = append(c.words, "-"+letter, value)
}

// user is who to run as, mostly somebody who is known. Where no process may start, that is
// root: catena would ask the name service for another one.
func (c *chpstLine) user() string {
	if c.crowded {
		return c.one("root", "root:root", ":0:0")
	}
	names := []string{"root", "nobody", "daemon", "www-data", "games", "jailed"}
	switch {
	case c.percent(5):
		return c.account()
	case c.percent(40):
		return c.one(names...)
	case c.percent(30):
		return ":" + c.one("0", "5", "33", "1000", "65534", "x", "-1") + strings.Repeat(":"+c.one("0", "60", "33", "100000"), 1+c.IntN(5)) + c.one("", "", "", "", "x", ":y", " ")
	}
	user := c.one(names...)
	for range 1 + c.IntN(4) {
		user += ":" + c.one("root", "nogroup", "daemon", "www-data", "games", "games", "jailed", "adm", "tty")
	}
	return user + c.one("", "", "", "", "", "", ":", ":nosuch", ":33", ":games ")
}

func (c *chpstLine) root() {
	dir := c.one("/", "/", "jail", "jail", "@/here/jail", ".", "nowhere", "plain", "", "loop")
	if strings.HasSuffix(dir, "jail") {
		c.jailed = true
		if !c.mentions("jail") {
			c.files = append(c.files, thing{"jail", os.ModeDir | 0o777, ""}, thing{"jail/probe", program, "probe"})
			if c.percent(70) {
				c.files = append(c.files, thing{"jail/etc", os.ModeDir | 0o755, ""}, thing{"jail/etc/passwd", program, "passwd"}, thing{"jail/etc/group", program, "group"})
			}
		}
	}
	c.add("/", dir)
}

// lock adds a lock. In another root its name must not lead out of the arena.
func (c *chpstLine) lock(letter string) {
	file := c.one("lock", "lock", "alias", "new", "readonly", "fifo", "socket", "dir", "dangling", "loop", "nowhere/new", "dark/new", "")
	if letter == "L" && c.percent(20) {
		file = "locked"
	}
	c.add(letter, "@/here/"+file)
}

// limit adds a limit that chpst of runit survives.
func (c *chpstLine) limit(letter string) {
	value := c.one("", "0", "1", "4096", "100000", "18446744073709551615", "9000000000")
	switch letter {
	case "m", "d":
		value = c.one("8000000", "0900000000", "18446744073709551615")
		c.narrow = true
	case "f":
		if c.in.closed {
			value = "10000000" // the report goes to a file
		}
	case "o":
		value = c.one("0", "1", "3", "4", "10", "250", "1000", "18446744073709551615")
		c.narrow = true
	case "p":
		c.narrow = true
	case "t":
		value = c.one("100", "5000", "18446744073709551615")
	}
	if c.percent(4) {
		value = c.one("10x", "-5", "+5", " 5", "5 ", "0x10", "1e3", "x", "=", "--", "5,", "5.0", "K")
	}
	c.add(letter, value)
}
