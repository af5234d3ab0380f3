// Not tested here: that any of this works before the runtime. The tests of the
// built binaries do that; here the parsers meet every input, beside a second
// implementation that is written for clarity and uses the whole library.
package link

import (
	"bytes"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"catena/internal/bare"
)

func FuzzAnEnvFileIsReadAsEnvdirDoes(f *testing.F) {
	for _, s := range []string{"", "\n", " \t", "v", "v \t\nrest", "a\x00b\x00 \n", "a\r\n", strings.Repeat("x", 3000) + " \ny"} {
		for how := range byte(4) {
			f.Add([]byte(s), how&1 != 0, how&2 != 0)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte, whole, kept bool) {
		t.Chdir(t.TempDir())
		if err := os.WriteFile("NAME", content, 0o600); err != nil {
			t.Fatal(err)
		}
		var p bare.Process
		if !p.AdoptStrings([]string{"envdir"}, []string{"pNAME=old"}) {
			t.Fatal("no memory")
		}
		if err := setFromFile(&p, envdirOptions{prefix: "p", whole: whole, kept: kept}, "NAME"); err != 0 {
			t.Fatal(err)
		}
		value := content
		if !whole {
			value, _, _ = bytes.Cut(value, []byte("\n"))
		}
		switch {
		case kept:
		case whole:
			value = bytes.TrimSuffix(value, []byte("\n"))
		default:
			value = bytes.TrimRight(value, " \t")
		}
		want := string(bytes.ReplaceAll(value, []byte("\x00"), []byte("\n")))
		got, ok := p.Env.Get("pNAME")
		if got != want || ok != (len(content) > 0) {
			t.Fatalf("%q, whole %v, kept %v: %q %v, want %q", content, whole, kept, got, ok, want)
		}
	})
}

func FuzzALimitIsANumberWithAUnit(f *testing.F) {
	for _, s := range []string{"", "=", "-", "0", "10", "1K", "3M", "4G", "K", "10x", "-5", "1KK", "17179869184G", "99999999999999999999", "99999999999999999999K"} {
		f.Add(s, uint64(5))
	}
	units := map[string]int64{"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
	f.Fuzz(func(t *testing.T, value string, hard uint64) {
		want, ok := new(big.Int), true
		unlimited := new(big.Int).SetUint64(^uint64(0))
		switch value {
		case "=":
			want.SetUint64(hard)
		case "-":
			want = unlimited
		default:
			rest := strings.TrimLeft(value, "0123456789")
			digits := value[:len(value)-len(rest)]
			unit, known := units[rest]
			ok = known && (digits != "" || rest == "")
			want.SetString("0"+digits, 10)
			want.Mul(want, big.NewInt(unit))
		}
		if want.Cmp(unlimited) > 0 {
			want = unlimited
		}
		n, got := amount(value, hard)
		if got != ok || ok && new(big.Int).SetUint64(n).Cmp(want) != 0 {
			t.Fatalf("%q: %d %v, want %s %v", value, n, got, want, ok)
		}
	})
}

func FuzzLinesOfAnEnvFileSetVariables(f *testing.F) {
	for _, s := range []string{"", "A=1", "A=1\n", " A = b c \r\n", "# c\n;d\n\nA=", "A", "=b", "A b=c", "A=\"b\\\"\\\\\\$\\`\\\nc\n\" \n",
		"A='b\\\n\"c'", "A=\"b", "A='b", "A=\"b\" c", "A='b'c", "A=b\\ \\\\ \\\n c", "A=b\\c", "A=b\\", "A=b\"c", "A=it's", "A=b\rc",
		"A=\x00", "A=\\\r\n", "A= \\\n b", "A=b\nB=c\nA=d\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		defer bare.Mark().Release()
		e := envText{text: bare.Keep(text), line: 1}
		var got []string
		wrong := ""
		for {
			var entry bare.Buffer
			var line int
			if line, wrong = e.next(&entry); wrong != "" || entry.Len() == 0 {
				if most := 1 + strings.Count(text, "\n"); line < 1 || line > most {
					t.Fatalf("%q: line %d of %d", text, line, most)
				}
				break
			}
			got = append(got, entry.String())
		}
		want, ok := assignments(text)
		if ok != (wrong == "") || !slices.Equal(got, want) {
			t.Fatalf("%q: %q %q, want %q %v", text, got, wrong, want, ok)
		}
	})
}

var (
	skipped    = regexp.MustCompile(`^[ \t\r]*(?:[#;][^\n\x00]*)?(?:\n|$)`)
	assignment = regexp.MustCompile(`^[ \t\r]*([\w.-]+)[ \t\r]*=[ \t\r]*(?:` +
		`"((?:[^"\\\x00]|\\["\\$\x60\n])*)"[ \t\r]*|` +
		`'([^'\x00]*)'[ \t\r]*|` +
		`((?:[^"'\\\n\x00 \t\r]|\\[^A-Za-z0-9\r\x00])(?:[^"\\\n\x00]|\\[^A-Za-z0-9\r\x00])*)?)(?:\n|$)`)
	trailing = regexp.MustCompile(`^((?:[^\\]|\\(?s:.))*?)[ \t\r]*$`)
	escapes  = regexp.MustCompile(`\\(?s:(.))`)
)

// assignments reads an env file by expressions. Latin1 makes each byte a character of them.
func assignments(text string) (list []string, ok bool) {
	text = latin1(text)
	for text != "" {
		if s := skipped.FindString(text); s != "" {
			text = text[len(s):]
			continue
		}
		m := assignment.FindStringSubmatch(text)
		if m == nil {
			return list, false
		}
		text = text[len(m[0]):]
		if strings.Contains(trailing.FindStringSubmatch(m[4])[1], "\r") {
			return list, false
		}
		joined := escapes.ReplaceAllStringFunc(m[4], func(e string) string { return strings.TrimSuffix(e, "\\\n") })
		plain := trailing.FindStringSubmatch(joined)[1]
		value := unescaped(m[2]) + m[3] + unescaped(plain)
		list = append(list, bytesOf(m[1]+"="+value))
	}
	return list, true
}

func unescaped(s string) string {
	return escapes.ReplaceAllStringFunc(s, func(e string) string { return strings.TrimPrefix(e[1:], "\n") })
}

func latin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

func bytesOf(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}
