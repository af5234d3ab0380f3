package python

// What this package makes of a text is what Python makes of it.
//
// Not tested in this file: what the configuration file means to Supervisor; that is tested in
// the folder config.

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// An oracle is a Python that answers.
type oracle struct {
	in  io.WriteCloser
	out *bufio.Scanner
	cmd *exec.Cmd
}

// An answer is what Python makes of a text, or what it says is wrong.
type answer struct {
	Is    json.RawMessage
	Error string
	Kind  string
}

const python3 = "/usr/bin/python3" // the one that Debian's Supervisor runs in

func newOracle(t testing.TB) *oracle {
	t.Helper()
	if _, err := exec.LookPath(python3); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("python3 is not installed, and CI skips nothing")
		}
		t.Skip("python3 is not installed")
	}
	cmd := exec.Command(python3, "testdata/oracle.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o := &oracle{in, bufio.NewScanner(out), cmd}
	o.out.Buffer(nil, 1<<24)
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return o
}

func (o *oracle) ask(t testing.TB, question ...any) (a answer) {
	t.Helper()
	line, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	if !o.out.Scan() {
		t.Fatalf("no answer to %s: %v", line, o.out.Err())
	}
	if err := json.Unmarshal(o.out.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// parsed is what a Config has of some files, in the form that the oracle uses.
func parsed(texts ...string) any {
	var c Config
	bad := []any{}
	for _, text := range texts {
		for _, line := range c.Read("f", text) {
			if line.Kind == NoHeading {
				return map[string]any{"bad": append(bad, []any{"none", line.At.Line})}
			}
			bad = append(bad, []any{"line", line.At.Line})
		}
	}
	if len(bad) > 0 {
		return map[string]any{"bad": bad}
	}
	sections := []any{}
	for _, s := range c.Sections() {
		options := []any{}
		for _, key := range c.Keys(s) {
			o, _ := c.Get(s, key)
			options = append(options, []any{key, o.Text})
		}
		sections = append(sections, []any{s.Name, options})
	}
	return map[string]any{"sections": sections}
}

// same compares what Go has with what Python has.
func same(t testing.TB, what string, a answer, is any, err error) {
	t.Helper()
	switch {
	case (a.Error != "") != (err != nil):
		t.Errorf("%s: Go has %v, %v; Python has %s, %s", what, is, err, a.Is, a.Error)
	case err != nil:
		if err.Error() != a.Error {
			t.Errorf("%s: Go says %q, Python %q", what, err, a.Error)
		}
	default:
		var want, got any
		text, _ := json.Marshal(is)
		if json.Unmarshal(a.Is, &want) != nil || json.Unmarshal(text, &got) != nil || !reflect.DeepEqual(want, got) {
			t.Errorf("%s: Go has %s; Python has %s", what, text, a.Is)
		}
	}
}

// random makes a text of some pieces.
func random(r *rand.Rand, pieces []string) string {
	var b strings.Builder
	for range r.IntN(14) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

var ofFiles = []string{"[a]", "[b]", "[DEFAULT]", "[", "]", "key", "Key2", "other", "=", ":", " = ", "value", "\n", "\n", "\n",
	"\n ", "\n  ", "\n\t", " ", "\t", ";", "#", " ;", " #", "\t;", "\r\n", "\r", "\x0b", "\x1c", "\u00a0", "\u2003", "é", "%", "'", "\x85"}

func TestFilesAreReadAsRawConfigParserReadsThem(t *testing.T) {
	o := newOracle(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		texts := []string{"[s]\n" + random(r, ofFiles)}
		for range r.IntN(3) {
			texts = append(texts, random(r, ofFiles))
		}
		question := []any{"config"}
		for _, text := range texts {
			question = append(question, text)
		}
		same(t, fmt.Sprintf("%q", texts), o.ask(t, question...), parsed(texts...), nil)
	}
}

func FuzzFilesAreReadAsRawConfigParserReadsThem(f *testing.F) {
	o := newOracle(f)
	f.Add("[a]\nkey=value ; comment\n  more\n\n[b]\n k : v\n")
	f.Fuzz(func(t *testing.T, text string) {
		if text != strings.ToValidUTF8(text, "") || strings.ContainsAny(text, "\u0130\u03a3") {
			t.Skip("Python reads UTF-8 only, and lowers these two letters in a way of its own")
		}
		same(t, fmt.Sprintf("%q", text), o.ask(t, "config", text), parsed(text), nil)
	})
}

var ofFormats = []string{"%", "%%", "%(", "(", ")", ")s", ")d", ")02d", "%(a)s", "%(n)d", "%(n)5d", "%(n)-5d|", "%(n)+.3d", "%(n)#x",
	"%(n)#06x", "%(n)o", "%(n)X", "% ", "s", "d", "a", "n", "-", "#", "0", "5", ".", ".2", "*", "l", "y", "é", "%(missing)s", "%(a)d", "%(a)r", "%(a).2s", "%(a)5s|", "%(a)-5s|", "%(n)r", "%(b)r", "%(n)05.2d", "%(n)i", "%(n)u", "%(m)05d", "%(m)x", "%(n) d"}

func TestNamesAreFilledInAsPythonFillsThemIn(t *testing.T) {
	o := newOracle(t)
	r := rand.New(rand.NewPCG(3, 4))
	names := Names{"a": "text", "b": "it's \"\n", "n": 7, "m": -12}
	compared := 0
	for range 3000 {
		text := random(r, ofFormats)
		a := o.ask(t, "expand", text, names)
		is, err := format(text, names)
		switch {
		case a.Error == "" && strings.Contains(string(a.Is), "'a': 'text'"):
			// A percent sign without a name stands for all names. That is a mistake.
			if err == nil {
				t.Errorf("%q: Go has %q", text, is)
			}
			continue
		case err != nil && strings.HasSuffix(err.Error(), "is not supported here"):
			continue
		case err != nil && strings.HasPrefix(err.Error(), "a name in parentheses is missing"):
			continue // Python went on, and found something else
		case err != nil && err.Error() == "* wants int" && a.Error != "":
			continue // Python may have found something else first
		}
		compared++
		same(t, fmt.Sprintf("%q", text), a, is, err)
	}
	if compared < 1200 {
		t.Errorf("%d were compared", compared)
	}
}

var ofCommands = []string{"a", "b/c", " ", "  ", "\t", "\n", "'", "\"", "\\", "#", "é", "=", ",", "'x y'", "\"x y\"", "\\\\", "\r", ";", "''"}

func TestCommandsAreSplitAsShlexSplitsThem(t *testing.T) {
	o := newOracle(t)
	r := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		text := random(r, ofCommands)
		is, err := Words(text)
		if is == nil {
			is = []string{}
		}
		same(t, fmt.Sprintf("%q", text), o.ask(t, "words", text), is, err)
	}
}

var ofPairs = []string{"A", "b1", "=", "=", ",", ",", "\"v w\"", "'x,y'", "'", "\"", "#", " ", "\n", "/.+-():", "%", "é", "\\", "_"}

func TestPairsAreReadAsSupervisorReadsThem(t *testing.T) {
	o := newOracle(t)
	r := rand.New(rand.NewPCG(7, 8))
	for range 1500 {
		text := random(r, ofPairs)
		pairs, err := Pairs(text)
		is := [][]string{}
		for _, pair := range pairs {
			is = append(is, []string{pair.Key, pair.Value})
		}
		same(t, fmt.Sprintf("%q", text), o.ask(t, "pairs", text), is, err)
	}
}

func TestNumbersAreThoseOfInt(t *testing.T) {
	o := newOracle(t)
	r := rand.New(rand.NewPCG(9, 10))
	for range 1500 {
		text := random(r, []string{"0", "1", "7", "9", "_", "-", "+", " ", "0o", "0O", "x", "\n"})
		for _, base := range []int{8, 10} {
			is, err := Int(text, base)
			same(t, fmt.Sprintf("%q in base %d", text, base), o.ask(t, "int", text, base), is, err)
		}
	}
}

func TestTextsAreShownAsByRepr(t *testing.T) {
	o := newOracle(t)
	for _, text := range []string{"", "a b", "'", "\"", "'\"", "\\", "\n\r\t\x00\x7f", "é\u00a0\u00ad\u2003\u200b\ufeff", "\U0001f600\U000e0001", "日本"} {
		same(t, fmt.Sprintf("%q", text), o.ask(t, "repr", text), Repr(text), nil)
	}
}

func TestNamesOfFilesAreMatchedAsByFnmatch(t *testing.T) {
	o := newOracle(t)
	r := rand.New(rand.NewPCG(11, 12))
	names := []string{"a", "b", "ab", "a.conf", "b.conf", "abc.conf", "[", "]", "!", "^", "-", "a]", "\\", "é"}
	for range 1500 {
		pattern := random(r, []string{"a", "b", "*", "?", "[", "]", "!", "^", "-", "c", ".conf", "\\", "é"})
		is := []string{}
		match := fnmatch(pattern)
		for _, name := range names {
			if match.MatchString(name) {
				is = append(is, name)
			}
		}
		same(t, fmt.Sprintf("%q", pattern), o.ask(t, "match", pattern, names), is, nil)
	}
}

func TestGlobFindsFilesInOrderAndNoHiddenOnes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b/2.conf", "b/1.conf", "a/3.conf", "a/.4.conf", "a/5.ini"} {
		file := filepath.Join(dir, name)
		if os.MkdirAll(filepath.Dir(file), 0o755) != nil || os.WriteFile(file, nil, 0o644) != nil {
			t.Fatal("a file cannot be made")
		}
	}
	for pattern, want := range map[string]string{
		"b/*.conf":   "b/1.conf b/2.conf",
		"*/*.conf":   "a/3.conf b/1.conf b/2.conf",
		"a/.*":       "a/.4.conf",
		"a/5.ini":    "a/5.ini",
		"*/1.conf":   "b/1.conf",
		"c/*":        "",
		"a/no.conf":  "",
		"[!b]/*conf": "a/3.conf",
	} {
		found := strings.ReplaceAll(strings.Join(Glob(filepath.Join(dir, pattern)), " "), dir+"/", "")
		if found != want {
			t.Errorf("%s finds %q, want %q", pattern, found, want)
		}
	}
}
