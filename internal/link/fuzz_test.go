// Not tested here: that any of this works before the runtime. The tests of the
// built binaries do that; here the parsers meet every input, beside a second
// implementation that is written for clarity and uses the whole library.
package link

import (
	"bytes"
	"math/big"
	"os"
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
