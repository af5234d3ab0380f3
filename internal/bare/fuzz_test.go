// Not tested here: that any of this works before the runtime. The tests of the
// built binaries do that; here the parsers meet every input, beside a second
// implementation that is written for clarity and uses the whole library.
package bare

import (
	"fmt"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

func FuzzNumberStopsAtTheLargest(f *testing.F) {
	for _, s := range []string{"", "0", "007", "10x", "-5", "+1", " 1", "18446744073709551615", "18446744073709551616", strings.Repeat("9", 40)} {
		f.Add(s)
	}
	largest := new(big.Int).SetUint64(^uint64(0))
	f.Fuzz(func(t *testing.T, s string) {
		n, digits := Number(s)
		rest := strings.TrimLeft(s, "0123456789")
		if s[digits:] != rest {
			t.Fatalf("%q: %d digits", s, digits)
		}
		want, ok := new(big.Int).SetString("0"+s[:digits], 10)
		if !ok {
			t.Fatalf("%q", s)
		}
		if want.Cmp(largest) > 0 {
			want = largest
		}
		if new(big.Int).SetUint64(n).Cmp(want) != 0 {
			t.Fatalf("%q: %d, want %s", s, n, want)
		}
	})
}

// parsed is what Options must find in a command line: "c" or "c=value" for each option,
// "?c" if its value is missing, "!c" for an unknown option; and the rest.
func parsed(args []string, letters string) (found, rest []string) {
	takes := func(c byte) (known, value bool) {
		i := strings.IndexByte(letters, c)
		return i >= 0 && c != ':', i >= 0 && strings.HasPrefix(letters[i+1:], ":")
	}
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0][1:]
		args = args[1:]
		if word[0] == '-' {
			break
		}
		for word != "" {
			c := word[0]
			word = word[1:]
			known, value := takes(c)
			switch {
			case !known:
				return append(found, "!"+string(rune(c))), nil
			case !value:
				found = append(found, string(rune(c)))
			case word != "":
				found, word = append(found, string(rune(c))+"="+word), ""
			case len(args) > 0:
				found, args = append(found, string(rune(c))+"="+args[0]), args[1:]
			default:
				return append(found, "?"+string(rune(c))), nil
			}
		}
	}
	return found, args
}

func FuzzOptionsAreReadAsSubgetoptDoes(f *testing.F) {
	for _, s := range []string{"-n f", "-nN -x", "-t5 -t 6 f", "-t", "-- -n", "--help f", "- f", "-n- f", "-: f", "-t -- f", "-t \x00 f"} {
		f.Add(s, "nNxt:")
	}
	f.Fuzz(func(t *testing.T, line, letters string) {
		if strings.HasPrefix(letters, ":") || strings.Contains(letters, "::") || strings.ContainsAny(letters, "-?!\x00") {
			return
		}
		for i := range len(letters) {
			if c := letters[i]; c != ':' && strings.Count(letters, string(rune(c))) > 1 || c >= utf8.RuneSelf {
				return
			}
		}
		args := strings.Split(line, " ")
		for i, arg := range args {
			args[i], _, _ = strings.Cut(arg, "\x00")
		}
		wantFound, wantRest := parsed(args, letters)

		p := processOf(t, append([]string{"tool"}, args...), nil)
		var found []string
		options := p.Options(letters)
		refused := false
		for !refused && options.Next() {
			c := string(rune(options.Letter))
			switch {
			case options.missing != 0:
				found, refused = append(found, "?"+string(rune(options.missing))), true
			case !strings.Contains(strings.ReplaceAll(letters, ":", ""), c):
				found, refused = append(found, "!"+c), true
			case options.takesValue():
				found = append(found, c+"="+options.Value())
			default:
				found = append(found, c)
			}
		}
		if !slices.Equal(found, wantFound) {
			t.Fatalf("%q of %q: %q, want %q", letters, args, found, wantFound)
		}
		if rest := texts(options.Rest()); !refused && !slices.Equal(rest, wantRest) {
			t.Fatalf("%q of %q: rest %q, want %q", letters, args, rest, wantRest)
		}
	})
}

func FuzzTheEnvironmentIsEditedAsPathexecDoes(f *testing.F) {
	f.Add("A=1\x00A=2\x00A=3\x00B=4", "A=new\x00B\x00C=\x00=x\x00D")
	f.Fuzz(func(t *testing.T, start, edits string) {
		env := strings.Split(start, "\x00")
		p := processOf(t, []string{"tool"}, env)
		for _, edit := range strings.Split(edits, "\x00") {
			name, _, set := strings.Cut(edit, "=")
			if i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") }); i >= 0 {
				env[i] = env[len(env)-1]
				env = env[:len(env)-1]
			}
			if set {
				env = append(env, edit)
			}
			var b Buffer
			if !b.Append(edit) || !p.Env.Put(&b) {
				t.Fatal("no memory")
			}
		}
		if got := texts(&p.Env); !slices.Equal(got, env) {
			t.Fatalf("%q, want %q", got, env)
		}
		if word(p.Env.Vector()+uintptr(p.Env.n)*wordSize) != 0 {
			t.Fatal("the vector has no end")
		}
	})
}

func FuzzPasswdLinesThatAreMalformedArePassedOver(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/sh\n# www:x:1:1\n\n  www:x:33:34::/var/www\nwww:x:5:5", "www")
	f.Add("www:x:1\nwww:x:-1:1\nwww:x:4294967296:1\nwww:x:4294967295:1:::", "www")
	f.Add("www", "www")
	f.Add("\vwww\x00:x:1:1\n\x00\n\v\fwww:x:2:2\x00:::\nwww:x:3:3", "www")
	f.Fuzz(func(t *testing.T, text, name string) {
		want, wantFound := Account{}, false
		for line := range strings.SplitSeq(text, "\n") {
			line = strings.TrimLeft(cstring(line), " \t\v\f\r")
			fields := strings.Split(line, ":")
			if strings.ContainsAny(line[:min(1, len(line))], "#+-") || fields[0] == "" || fields[0] != name || len(fields) < 4 ||
				slices.ContainsFunc(fields, func(s string) bool { return len(s) >= fieldMax }) {
				continue
			}
			uid, ok1 := reference(fields[2])
			gid, ok2 := reference(fields[3])
			if !ok1 || !ok2 {
				continue
			}
			fields = append(fields, "", "", "")
			home, shell := fields[5], strings.Join(fields[6:max(7, len(fields)-3)], ":")
			want, wantFound = Account{UID: uid, GID: gid, Name: name, Home: cstring(home), Shell: cstring(shell)}, true
			break
		}
		if strings.Contains(name, "\x00") || name == "" {
			return
		}
		r := readerOf(t, text)
		got, found, err := r.readPasswd(wanted{by: byName, name: name})
		if err != 0 || found != wantFound || found && clean(got) != want {
			t.Fatalf("%q in %q: %+v %v %v, want %+v %v", name, text, got, found, err, want, wantFound)
		}
	})
}

func FuzzGroupsAndTheirMembers(f *testing.F) {
	f.Add("adm:x:4:www,daemon\nempty:x:5:\n#no:x:6:www\nwww:x:33\nbad:x:y:www\nlast:x:7:daemon,www", "www")
	f.Add("\vadm:x:4:www\nnul:x:5:x,www\x00,y\nnul:x:6:\x00www", "www")
	f.Fuzz(func(t *testing.T, text, user string) {
		if strings.ContainsAny(user, ",\n\x00") || strings.TrimLeft(user, " \t\v\f\r") != user || len(text) >= fieldMax {
			return
		}
		var want []uint32
		for line := range strings.SplitSeq(text, "\n") {
			line = strings.TrimLeft(cstring(line), " \t\v\f\r")
			fields := strings.SplitN(line, ":", 4)
			if strings.ContainsAny(line[:min(1, len(line))], "#+-") || fields[0] == "" || len(fields) < 4 {
				continue
			}
			gid, ok := reference(fields[2])
			members := strings.Split(fields[3], ",")
			for i, member := range members {
				members[i] = strings.TrimLeft(member, " \t\v\f\r")
			}
			if ok && slices.Contains(members, user) {
				want = append(want, gid)
			}
		}
		for _, except := range []uint32{noID, 4} {
			r := readerOf(t, text)
			var list Buffer
			if err := r.readMemberships(&list, user, except); err != 0 {
				t.Fatal(err)
			}
			want = slices.DeleteFunc(want, func(gid uint32) bool { return gid == except })
			if got := gidsOf(&list); !slices.Equal(got, want) {
				t.Fatalf("%q in %q without %d: %d, want %d", user, text, except, got, want)
			}
		}
	})
}

func FuzzInitgroupsTakesWholeNumbers(f *testing.F) {
	f.Add("www                   4 33 1000\n", "www")
	f.Add("w 3 4 5", "w 3")
	f.Add("w3c 4 5x x6 99999999999 4 7", "w3c")
	f.Fuzz(func(t *testing.T, text, name string) {
		line, _, _ := strings.Cut(text, "\n")
		line, ok := strings.CutPrefix(line, name)
		if strings.Contains(name, "\n") {
			return
		}
		ok = ok && (line == "" || line[0] == ' ' || line[0] == '\t')
		var want []uint32
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' }) {
			gid, number := reference(word)
			ok = ok && number && strings.Trim(word, "0123456789") == "" && gid != noID
			if ok && gid != 4 {
				want = append(want, gid)
			}
		}
		r := readerOf(t, text)
		var list Buffer
		if err := r.readInitgroups(&list, name, 4); (err == 0) != ok {
			t.Fatalf("%q for %q: %v", text, name, err)
		} else if !ok {
			return
		}
		if got := gidsOf(&list); !slices.Equal(got, want) {
			t.Fatalf("%q: %d, want %d", text, got, want)
		}
	})
}

func FuzzAMessageIsOneLineThatHarmsNoTerminal(f *testing.F) {
	for _, s := range []string{"plain", "täglich 日本", "a\nb\tc\x1b[2J\x7f", "\xff\xc0\x80", "\u0085\u009b", "\u00a0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 500 {
			return
		}
		line.n = 0
		put(s)
		got := string(line.text[:line.n])
		line.n = 0
		for _, r := range got {
			if unicode.IsControl(r) || r == utf8.RuneError && !strings.ContainsRune(s, utf8.RuneError) {
				t.Fatalf("%q is printed as %q", s, got)
			}
		}
		if utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) && got != s {
			t.Fatalf("%q is printed as %q", s, got)
		}
	})
}

// reference reads an id as passwd(5) and group(5) have it.
func reference(s string) (uint32, bool) {
	s = strings.TrimPrefix(strings.TrimLeft(s, " \t\v\f\r"), "+")
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil
}

// cstring is a text up to its first NUL.
func cstring(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

func clean(a Account) Account {
	a.Home, a.Shell = cstring(a.Home), cstring(a.Shell)
	return a
}

// readerOf is a reader of a text.
func readerOf(t *testing.T, text string) reader {
	t.Helper()
	fd, err := unix.MemfdCreate("database", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "database")
	t.Cleanup(func() { file.Close() })
	if _, err := file.WriteAt([]byte(text), 0); err != nil {
		t.Fatal(err)
	}
	return reader{fd: fd}
}

func processOf(t *testing.T, args, env []string) *Process {
	t.Helper()
	common.arena.next, common.arena.end, common.lines, common.entries = 0, 0, 0, 0 // start afresh: nothing is ever freed
	var p Process
	if !p.AdoptStrings(args, env) {
		t.Fatal("no memory")
	}
	return &p
}

func texts(vector interface {
	Len() int
	At(int) string
}) []string {
	var list []string
	for i := range vector.Len() {
		list = append(list, fmt.Sprint(vector.At(i)))
	}
	return list
}
