package test

// tai64n and tai64nlocal do what daemontools' do, in every time zone.
//
// Not tested in this file: local time between two transitions, which
// internal/localtime/zone_test.go compares with Go's; labels so far away that daemontools
// crash; speed.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// filterPaths are the paths that a filter must work along.
var filterPaths = []*path{&fused, &separate, &plain, &arm64}

// filter is a command of a path's tool.
func filter(p path, env []string, words ...string) *exec.Cmd {
	file, args := filepath.Join(p.dir, words[0]), words[1:]
	if p.name == arm64.name {
		args = slices.Concat([]string{"-0", words[0], file}, args)
		file = "/usr/bin/" + qemu
	}
	cmd := exec.Command(file, args...)
	cmd.Env = append([]string{"PATH=" + systemPath}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return cmd
}

// filtered is what a filter makes of an input, and how it ends.
func filtered(t testing.TB, p path, env []string, input io.Reader, words ...string) (output []byte, end string) {
	t.Helper()
	cmd := filter(p, env, words...)
	cmd.Stdin = input
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	must(cmd.Start())
	end = endingInTime(cmd)
	return out.Bytes(), said.String() + end
}

// filtersAgree wants the same of all paths as of daemontools.
func filtersAgree(t *testing.T, env []string, input []byte, words ...string) {
	t.Helper()
	needOld(t)
	want, end := filtered(t, old, env, bytes.NewReader(input), words...)
	for _, p := range filterPaths {
		got, ends := filtered(t, *p, env, bytes.NewReader(input), words...)
		if text := textDifference(got, want); text != "" || ends != end {
			t.Errorf("%s %v %q%s\n%s, want %s", p.name, env, words, text, ends, end)
		}
	}
}

// Labels, and what may be taken for one. None is at the end of the input without a
// newline, which daemontools lose, and none is of a year that does not exist, at which
// they crash.
var oddLabels = []string{
	"@4000000037c219bf2ef02e94", "@4000000037c219bf2ef02e94@4000000037c219bf2ef02e94", " @4000000037c219bf2ef02e94", "a@4000000037c219bf2ef02e94",
	"@4000000037c219bf2ef02e94:", "@4000000037c219bf2ef02e94\x00", "@4000000037c219bf2ef02e94G", "@4000000037c219bf2ef02e94A", "@4000000037c219bf2ef02e94\xff",
	"@4000000037c219bfffffffff", "@4000000037c219bf3b9aca00 ", "@4000000037c219bf3b9ac9ff", "@4000000037c219bf00000000g", "@400000000000000000000000",
	"@000000000000000000004000000037c219bf2ef02e94", "@ffffffff4000000037c219bf2ef02e94", "@4000000037c219bf2ef02e94\r", "@4000000037c219bf2ef02e94\t", "@3fffffffffffffff00000001", "@40000000000000090000000a",
}

func TestLabelsAreReadAsDaemontoolsReadThem(t *testing.T) {
	need(t, filepath.Join(debian, "tai64nlocal"))
	need(t, qemu)
	for _, last := range []string{"\n", " text\n", " text", "\n\n\n"} {
		filtersAgree(t, nil, []byte(strings.Join(oddLabels, " text\n")+last), "tai64nlocal")
		filtersAgree(t, nil, []byte(strings.Join(oddLabels, "\n")+last), "tai64nlocal")
	}
	filtersAgree(t, nil, nil, "tai64nlocal")
	filtersAgree(t, nil, []byte("\n"), "tai64nlocal")
	filtersAgree(t, nil, nil, "tai64n")
	filtersAgree(t, nil, []byte("@"+strings.Repeat("0", 60000)+"4000000037c219bf2ef02e94 text\n"), "tai64nlocal")
	filtersAgree(t, nil, []byte(strings.Repeat(label(1e9, 5)+" "+strings.Repeat("x", 100000)+"\n", 5)), "tai64nlocal")
}

// daemontools read any number of digits. More than what is read at once would have to be
// kept, since they may turn out to be no label: with 64 KiB they are none.
func TestLabelHasAnEnd(t *testing.T) {
	for _, zeros := range []int{65535 - 24 - 1, 65535 - 24, 65536, 200000} {
		long := "@" + strings.Repeat("0", zeros) + "4000000037c219bf2ef02e94"
		text := "a\n" + long + " text\n@4000000037c219bf2ef02e94 b\n"
		want := "a\n" + long + " text\n1999-08-24 04:04:05.787492500 b\n"
		if zeros+24+2 <= 1<<16 {
			want = strings.Replace(want, long, "1999-08-24 04:04:05.787492500", 1)
		}
		for _, p := range filterPaths {
			if got, end := filtered(t, *p, nil, strings.NewReader(text), "tai64nlocal", "-u"); string(got) != want || end != "exit 0" {
				t.Errorf("%s, %d digits: %.100q, %s", p.name, zeros+24, got, end)
			}
		}
	}
}

// What begins no label stays as it is; daemontools crash.
func TestWhatIsNoLabelStays(t *testing.T) {
	for _, text := range []string{"@", "@\n", "@ a\n", "@x\n", "@\n@\n", "@G\n", "@\xff\n",
		"@4000000037C219BF2EF02E94 a\n", "@4000000037c219bF2ef02e94 a\n", "@4000000037c219bf2ef02e9 a\n", "@4000000037c219bf2ef02e940 a\n", "@40000000 a\n", "@4\n",
		"@ffffffffffffffff00000000 a\n", "@7fffffffffffffff00000000\n", "@0000000000000000000000000\n"} {
		for _, p := range filterPaths {
			if got, end := filtered(t, *p, nil, strings.NewReader(text), "tai64nlocal"); string(got) != text || end != "exit 0" {
				t.Errorf("%s: %q became %q, %s", p.name, text, got, end)
			}
		}
	}
}

// A last line that is nothing but a label is not lost, as daemontools lose it.
func TestLabelAtTheEndIsConverted(t *testing.T) {
	for _, p := range filterPaths {
		got, end := filtered(t, *p, nil, strings.NewReader("a\n@4000000037c219bf2ef02e94"), "tai64nlocal", "-u")
		if end != "exit 0" || !strings.HasPrefix(string(got), "a\n1999-08-24 04:04:05.787492500") && string(got) != "a\n@4000000037c219bf2ef02e94" {
			t.Errorf("%s: %q, %s", p.name, got, end)
		}
	}
}

// randomLabels is lines, most with labels from near and far.
func randomLabels(random *rand.Rand, n int) (text []byte) {
	for range n {
		second := random.Int64N(1 << 33)
		switch random.IntN(8) {
		case 0:
			second = random.Int64N(1<<36) - 1<<35 // of the years 880 to 3058
		case 1:
			second = random.Int64N(1<<47) - 1<<46 // two million years; in sixty the C library's days overflow
		case 2:
			second = random.Int64N(1<<33) - 1<<32
		case 3:
			second = time.Date(1900+random.IntN(300), time.Month(1+random.IntN(12)), random.IntN(32), random.IntN(24), 0, -random.IntN(2), 0, time.UTC).Unix()
		}
		line := label(second, random.Uint32N(1e9))
		switch random.IntN(20) { // spoilt ones would make daemontools crash
		case 0:
			line = line[:1] + strings.Repeat("0", random.IntN(30)) + line[1:]
		case 1:
			line = label(second, random.Uint32())
		case 2:
			line = "x" + line
		case 3:
			line = ""
		}
		text = append(text, line...)
		text = append(text, []string{" text\n", "\n", " \x00\xff\n", " " + strings.Repeat("long ", random.IntN(40)) + "\n"}[random.IntN(4)]...)
	}
	return text
}

// Time zones: files, rules, and what is neither. Rules have more tests of their own.
var zones = []string{
	"UTC", "Europe/Berlin", ":Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago",
	"Europe/Dublin", "Africa/Casablanca", "Pacific/Apia", "Antarctica/Troll", "America/St_Johns", "/usr/share/zoneinfo/Asia/Tokyo",
	":/usr/share/zoneinfo/Asia/Tokyo", "Etc/GMT-14", "EST5EDT", "CET", "MST7MDT", "EST", "posixrules", "../zoneinfo/Europe/Berlin",
	"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT4,M3.2.0/2,M11.1.0/2", "NZST-12NZDT,M9.5.0,M4.1.0/3", "<+03>-3", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
	"AAA-5:30", "AAA-5:30:15", "AAA+5", "XXX3YYY2,J60,J300", "XXX3YYY2,59,299", "XXX-3YYY,J60/0,J300/23:59:59", "IST-1GMT0,M10.5.0,M3.5.0/1",
	"LMT-0:53:28", "AAA24", "AAA-24", "XXX3YYY,M2.5.6/167,M8.1.3/-167",
	"", ":", "garbage", "nowhere/at/all", ":nowhere", "AA1", "A", "1", "-", "+1", ",", "<>", "<", "/", "..", "/etc/passwd", "/usr/share/zoneinfo", "Europe",
	"AAAA", "\xff\xff\xff5", strings.Repeat("x", 5000), "Europe/Berlin ",
}

// agreeOn compares a zone.
func agreeOn(t *testing.T, p path, zone string, text []byte) {
	t.Helper()
	needOld(t)
	env := []string{"TZ=" + zone}
	if zone == "unset" {
		env = nil
	}
	want, end := filtered(t, old, env, bytes.NewReader(text), "tai64nlocal")
	got, ends := filtered(t, p, env, bytes.NewReader(text), "tai64nlocal")
	if diff := textDifference(got, want); diff != "" || end != ends {
		t.Errorf("TZ=%.60q %s%s\n%s, want %s", zone, p.name, diff, ends, end)
	}
}

func TestTimeZonesAreThoseOfTheCLibrary(t *testing.T) {
	need(t, filepath.Join(debian, "tai64nlocal"))
	need(t, qemu)
	random := rand.New(rand.NewPCG(uint64(firstSeed(t)), 6))
	text := randomLabels(random, 300)
	for i, zone := range append(zones, "unset") {
		agreeOn(t, []path{fused, separate}[i%2], zone, text)
	}
	for _, p := range []path{plain, arm64} {
		agreeOn(t, p, "Europe/Berlin", text)
		agreeOn(t, p, "CET-1CEST,M3.5.0,M10.5.0/3", text)
	}
}

// zoneFile is a file of a time zone, of version 2: types of six bytes, transitions with
// the type of each, and the rule for the time after them.
func zoneFile(types string, times []int64, kinds, rule string) []byte {
	names := "AAA\x00BBB\x00"
	part := func(size int) (text []byte) {
		text = append([]byte("TZif2"), make([]byte, 27)...)
		for _, n := range []int{len(times), len(types) / 6, len(names)} {
			text = binary.BigEndian.AppendUint32(text, uint32(n))
		}
		for _, second := range times {
			text = append(text, binary.BigEndian.AppendUint64(nil, uint64(second))[8-size:]...)
		}
		return append(text, kinds+types+names...)
	}
	return append(part(4), append(part(8), "\n"+rule+"\n"...)...)
}

func TestTimeBeforeTheFirstTransitionIsStandardTime(t *testing.T) {
	need(t, filepath.Join(debian, "tai64nlocal"))
	const summerFirst = "\x00\x00\x0e\x10\x01\x00" + "\x00\x00\x1c\x20\x00\x04"
	const summerOnly = "\x00\x00\x0e\x10\x01\x00" + "\x00\x00\x1c\x20\x01\x04"
	random := rand.New(rand.NewPCG(uint64(firstSeed(t)), 13))
	text := ruleYears(random)
	for _, file := range [][]byte{
		zoneFile(summerFirst, nil, "", ""),
		zoneFile(summerFirst, []int64{1e9}, "\x00", ""),
		zoneFile(summerOnly, []int64{1e9}, "\x01", ""),
		zoneFile(summerFirst, []int64{1e9}, "\x01", "garbage"),
		zoneFile(summerFirst, []int64{-1e9}, "\x01", "XXX3YYY2,0/0,J365/25"),
		zoneFile(summerFirst, []int64{-1e9, 1e9}, "\x01\x00", "NZST-12NZDT,M9.5.0,M4.1.0/3"),
	} {
		name := filepath.Join(t.TempDir(), "zone")
		must(os.WriteFile(name, file, 0o600))
		agreeOn(t, fused, name, text)
	}
}

func TestTZDIRIsWhereZonesAre(t *testing.T) {
	need(t, filepath.Join(debian, "tai64nlocal"))
	dir := t.TempDir()
	must(os.Mkdir(filepath.Join(dir, "a"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "a", "zone"), zoneFile("\x00\x00\x0e\x10\x00\x00", nil, "", ""), 0o600))
	text := []byte(label(1e9, 0) + "\n")
	for _, folder := range []string{dir, dir + "/", dir + "/a", "", "/nonexistent", strings.Repeat("x", 5000)} {
		for _, zone := range []string{"a/zone", "zone", ":a/zone", "Europe/Berlin", dir + "/a/zone"} {
			filtersAgree(t, []string{"TZDIR=" + folder, "TZ=" + zone}, text, "tai64nlocal")
		}
	}
}

// labelsOver is labels from one second to another, a bit more than so far apart.
func labelsOver(from, to, step int64, random *rand.Rand) (text []byte) {
	for ; from < to; from += step + random.Int64N(step) {
		text = append(text, label(from, 0)+"\n"...)
	}
	return text
}

// ruleYears are labels before 1970, around the ends of years, and later.
func ruleYears(random *rand.Rand) []byte {
	text := append(labelsOver(-2e9, 1e8, 2e7, random), labelsOver(1e8, 6e9, 3e7, random)...)
	for _, year := range []int{1969, 1970, 1999, 2000, 2001, 2100} {
		ends := time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		text = append(text, labelsOver(ends-2*86400, ends+2*86400, 1800, random)...)
	}
	return text
}

// A rule that does not say when summer time is gets that of the United States. The C
// library looks into a file of the Eastern time for it, which had other ones before 2007
// and ends in 2037.
func TestRuleWithoutDaysIsThatOfTheUnitedStates(t *testing.T) {
	need(t, filepath.Join(debian, "tai64nlocal"))
	random := rand.New(rand.NewPCG(uint64(firstSeed(t)), 9))
	for _, zone := range []string{"AAA5BBB", "AAA5BBB,", "AAA5BBB4"} {
		agreeOn(t, fused, zone, labelsOver(1.2e9, 2.1e9, 1e6, random))
	}
	agreeOn(t, fused, "AAA8BBB7,M3.2.0/2,M11.1.0/2", labelsOver(1.2e9, 2.1e9, 1e6, random))
	for _, second := range []int64{1e9, 1.15e9, 2.3e9, 4e9} {
		text := []byte(label(second, 0) + "\n")
		got, _ := filtered(t, fused, []string{"TZ=AAA8BBB"}, bytes.NewReader(text), "tai64nlocal")
		want, _ := filtered(t, fused, []string{"TZ=AAA8BBB,M3.2.0,M11.1.0"}, bytes.NewReader(text), "tai64nlocal")
		if string(got) != string(want) {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// The C library counts no days before 1970: there a rule has no summer time, or nothing
// else.
func TestRulesBefore1970AreThoseOfTheCLibrary(t *testing.T) {
	need(t, filepath.Join(debian, "tai64nlocal"))
	random := rand.New(rand.NewPCG(uint64(firstSeed(t)), 10))
	for _, zone := range []string{"CET-1CEST,M3.5.0,M10.5.0/3", "NZST-12NZDT,M9.5.0,M4.1.0/3", "XXX3YYY2,J60,J300"} {
		agreeOn(t, fused, zone, labelsOver(-2e9, 1e8, 5e6, random))
	}
}

// Summer time that begins in the second in which it ends lasts all year, says RFC 9636.
// The C library lets the days be those of a year in UTC.
func TestSummerMayLastAllYear(t *testing.T) {
	need(t, filepath.Join(debian, "tai64nlocal"))
	random := rand.New(rand.NewPCG(uint64(firstSeed(t)), 11))
	text := ruleYears(random)
	for _, zone := range []string{"XXX3YYY2,0/0,J365/25", "EST5EDT,0/0,J365/25", "XXX-3YYY,0/0,J365/23", "XXX3YYY2,J1/0,J365/25"} {
		agreeOn(t, fused, zone, text)
	}
}

// The C library makes the best of a rule that is none.
func TestMalformedRulesAreThoseOfTheCLibrary(t *testing.T) {
	need(t, filepath.Join(debian, "tai64nlocal"))
	random := rand.New(rand.NewPCG(uint64(firstSeed(t)), 12))
	text := ruleYears(random)
	for _, zone := range []string{"AAA5BBB,M13.1.0,M1.1.0", "AAA5BBB,M3.2.0", "AAA5garbage!", "AAA5:99", "AAA25",
		"AAA5BBB,J0,J1", "AAA5BBB,J366,J1", "AAA5BBB,366,1", "AAA5BBB,M3.0.0,M4.1.1", "AAA5BBB4BBB", "AAA5BBB,M3.2.0,M11.1.0,",
		"AAA5BBB,M3.2.0/,M11.1.0", "AAA999999999999999999999", "AAA5:0:0:0", "AAA5 ", "AAA5BBB,M3.2.0/", "AAA5BBB,M3.2.0/+4,M11.1.0/--4", "AAA- 5",
		"AAA5BBB-,M3.2.0,M11.1.0", "AAA5BBB 4,M3.2.0,M11.1.0", "<A+1>-1<A-2>,M3.2.0,M11.1.0", "<A:1>-1", "<AAA-1", "AAA5BBB,M3.2.0/99999,M11.1.0/0:70000",
		"AAA5BBB,M3.9.9,M11.1.0", "AAA5BBB,M3.2.0M11.1.0", "AAA5BBBM3.2.0,M11.1.0", "AAA5BBB,J60J70", "AAA5BBB4:30:15,,M3.2.0", ":AAA5BBB,M3.2.0,M11.1.0", ":AAA5", "::AAA5"} {
		agreeOn(t, fused, zone, text)
	}
	for range 150 {
		agreeOn(t, fused, randomRule(random), text)
	}
}

// randomRule is a rule that says when summer time is, with mistakes. Months are such
// that the C library does not look behind its table of them.
func randomRule(random *rand.Rand) string {
	pick := func(from string) string {
		all := strings.Fields(from)
		return strings.ReplaceAll(all[random.IntN(len(all))], "_", "")
	}
	offset := func() string {
		return pick("_ _ + -") + pick("0 1 5 11 24 25 99 65536 70000 _") + pick("_ _ _ :30 :0 :99 :+9 :") + pick("_ _ _ :15 :75 :x")
	}
	day := func() string {
		text := pick(", , , , , _ ,,") + pick("J0 J1 J59 J60 J300 J365 J366 0 1 59 60 300 365 366 M1.1.0 M3.5.0 M2.5.6 M4.1.3 M10.5.0 M12.5.6 M3.0.0 M3.6.0 M3.1.7 M3.1 M3. x M3.+1.2")
		if random.IntN(2) == 0 {
			text += "/" + offset()
		}
		return text
	}
	rule := pick("AAA AAA AAA <+03> <-0130> <A> AA") + "5" + pick("_ _ :30 :99 :1:1") + pick("BBB BBB BBB <+04> <+> B") + pick("_ _ _ 4 -4 :") + day() + day() + pick("_ _ _ _ , x")
	if comma := strings.IndexByte(rule, ','); comma < 0 || comma == len(rule)-1 {
		return randomRule(random)
	}
	return rule
}

// -u is what TZ=UTC0 is, and -i only changes how it is written.
func TestOptionsOfTai64nlocal(t *testing.T) {
	text := randomLabels(rand.New(rand.NewPCG(1, 7)), 300)
	form := regexp.MustCompile(`(?m)^0{0,3}([0-9]+-\d\d-\d\d)T(\d\d:\d\d:\d\d\.\d{9,10})([+-]\d\d:\d\d)`)
	for _, p := range filterPaths {
		utc, end := filtered(t, *p, []string{"TZ=UTC0"}, bytes.NewReader(text), "tai64nlocal")
		u, ends := filtered(t, *p, []string{"TZ=America/New_York"}, bytes.NewReader(text), "tai64nlocal", "-u")
		if diff := textDifference(u, utc); diff != "" || ends != end {
			t.Errorf("%s -u%s\n%s, want %s", p.name, diff, ends, end)
		}
		for _, zone := range []string{"UTC0", "Asia/Kolkata", "America/St_Johns", "LMT-0:53:28"} {
			want, _ := filtered(t, *p, []string{"TZ=" + zone}, bytes.NewReader(text), "tai64nlocal")
			got, ends := filtered(t, *p, []string{"TZ=" + zone}, bytes.NewReader(text), "tai64nlocal", "-i")
			if diff := textDifference(form.ReplaceAll(got, []byte("$1 $2")), want); diff != "" || ends != "exit 0" {
				t.Errorf("%s -i, %s%s\n%s", p.name, zone, diff, ends)
			}
		}
		got, ends := filtered(t, *p, []string{"TZ=America/St_Johns"}, strings.NewReader(label(1e9, 1)+" x\n"), "tai64nlocal", "-i")
		if string(got) != "2001-09-08T23:16:40.000000001-02:30 x\n" || ends != "exit 0" {
			t.Errorf("%s: %q %s", p.name, got, ends)
		}
		got, ends = filtered(t, *p, []string{"TZ=Asia/Kolkata"}, strings.NewReader(label(1e9, 1)+" x\n"), "tai64nlocal", "-iu")
		if string(got) != "2001-09-09T01:46:40.000000001+00:00 x\n" || ends != "exit 0" {
			t.Errorf("%s: %q %s", p.name, got, ends)
		}
	}
}

// What a filter does is the same however its input comes.
func TestInputInPieces(t *testing.T) {
	needOld(t)
	random := rand.New(rand.NewPCG(uint64(firstSeed(t)), 8))
	for round := range 20 {
		text := randomLabels(random, 200+random.IntN(2000))
		want, _ := filtered(t, old, nil, bytes.NewReader(text), "tai64nlocal")
		r := piped(text, random)
		got, end := filtered(t, []path{fused, separate, plain}[round%3], nil, r, "tai64nlocal")
		r.Close()
		if diff := textDifference(got, want); diff != "" || end != "exit 0" {
			t.Errorf("round %d%s\n%s", round, diff, end)
		}
		r = piped(text, random)
		got, end = filtered(t, []path{fused, separate, plain}[round%3], nil, r, "tai64n")
		r.Close()
		if diff := textDifference(unlabelled(t, got), text); diff != "" || end != "exit 0" {
			t.Errorf("tai64n, round %d%s\n%s", round, diff, end)
		}
	}
}

// unlabelled takes the label off each line, which must have one, not before the last.
func unlabelled(t testing.TB, text []byte) (rest []byte) {
	last := ""
	for line := range bytes.Lines(text) {
		if !isLabel(line) || line[25] != ' ' || string(line[:25]) < last {
			t.Fatalf("%.60q, after %s", line, last)
		}
		last = string(line[:25])
		rest = append(rest, line[26:]...)
	}
	return rest
}

func TestTai64nTellsTheTime(t *testing.T) {
	needOld(t)
	for _, input := range []string{"", "a", "a\n", "\n\n", "a\nb", "\x00\n\xff", "@4000000037c219bf2ef02e94 a\n", strings.Repeat("x", 300000) + "\ny\n", strings.Repeat("\n", 70000)} {
		for _, p := range append(slices.Clone(filterPaths), &old) {
			before := label(time.Now().Unix(), 0)
			got, end := filtered(t, *p, nil, strings.NewReader(input), "tai64n")
			after := label(time.Now().Unix()+1, 0)
			if rest := unlabelled(t, got); string(rest) != input || end != "exit 0" {
				t.Errorf("%s: %.60q became %.60q, %s", p.name, input, got, end)
			} else if len(got) > 0 && (string(got[:25]) < before || string(got[:25]) > after) {
				t.Errorf("%s: %s is not between %s and %s", p.name, got[:25], before, after)
			}
		}
	}
}

// A line that has come is written before the next one comes, and the rest of a line too.
func TestFiltersHoldNoLineBack(t *testing.T) {
	for _, tool := range []string{"tai64n", "tai64nlocal"} {
		for _, p := range filterPaths {
			cmd := filter(*p, nil, tool)
			stdin, err := cmd.StdinPipe()
			must(err)
			stdout, err := cmd.StdoutPipe()
			must(err)
			must(cmd.Start())
			late := time.AfterFunc(patience, func() { cmd.Process.Kill() })
			for _, text := range []string{"a\n", "@4000000037c219bf2ef02e94 b\n", "half", " and half\n", "c\n"} {
				stdin.Write([]byte(text))
				text = text[strings.LastIndexByte(text[:len(text)-1], ' ')+1:]
				if text == "half\n" {
					text = " and half\n"
				}
				var got []byte
				for b := make([]byte, 1); !bytes.HasSuffix(got, []byte(text)); got = append(got, b[0]) {
					if _, err := stdout.Read(b); err != nil {
						t.Fatalf("%s %s: %q is held back: %v after %q", p.name, tool, text, err, got)
					}
				}
			}
			stdin.Close()
			cmd.Wait()
			late.Stop()
			if got := ending(cmd.ProcessState); got != "exit 0" {
				t.Errorf("%s %s: %s", p.name, tool, got)
			}
		}
	}
}

// What cannot be read or written is said, in one line.
func TestFiltersSayWhatIsWrong(t *testing.T) {
	need(t, "sh")
	for _, tool := range []string{"tai64n", "tai64nlocal"} {
		for _, p := range []path{fused, separate, plain} {
			for _, c := range []struct{ how, says string }{
				{"%s < in > /dev/full", "unable to write output: out of disk space"},
				{"%s < in >&-", "unable to write output: "},
				{"trap '' PIPE; { %s < many; echo $? > code; } | :; sleep 0; exit $(cat code)", "unable to write output: broken pipe"},
				{"%s < .", "unable to read input: is a directory"},
				{"%s <&-", "unable to read input: "},
			} {
				dir := t.TempDir()
				must(os.WriteFile(filepath.Join(dir, "in"), []byte("a\n"), 0o600))
				must(os.WriteFile(filepath.Join(dir, "many"), bytes.Repeat([]byte("many lines\n"), 100000), 0o600))
				line := fmt.Sprintf(c.how, filepath.Join(p.dir, tool))
				cmd := exec.Command("sh", "-c", line)
				cmd.Dir = dir
				got, end := runInTime(cmd)
				if p.name == plain.name && strings.Contains(c.how, "&-") {
					continue // the runtime opens /dev/null
				}
				if end != "exit 111" || !strings.HasPrefix(got, tool+": fatal: "+c.says) || strings.Index(got, "\n") != len(got)-1 {
					t.Errorf("%s: %s, %q", line, end, got)
				}
			}
		}
	}
}

// A neighbour on a pipe may have made it non-blocking, for everybody: the filters, and
// multilog's alerts, wait where there is nothing to read or no room, and lose nothing.
func TestPipesThatDoNotBlock(t *testing.T) {
	const lines = 20000
	var text strings.Builder
	for i := range lines {
		fmt.Fprintln(&text, "line", i)
	}
	for _, p := range []path{fused, plain} {
		for _, words := range [][]string{{"tai64n"}, {"tai64nlocal"}, {"multilog", "e"}} {
			if p.name == plain.name && words[0] == "multilog" {
				continue
			}
			t.Run(p.name+" "+words[0], func(t *testing.T) {
				t.Parallel()
				var in, out [2]int
				must(unix.Pipe2(in[:], unix.O_NONBLOCK|unix.O_CLOEXEC))
				must(unix.Pipe2(out[:], unix.O_NONBLOCK|unix.O_CLOEXEC))
				cmd := exec.Command(filepath.Join(p.dir, words[0]), words[1:]...)
				// Not as an os.File, of which exec.Cmd would make one that blocks.
				files := []uintptr{uintptr(in[0]), uintptr(out[1]), uintptr(out[1])}
				pid, err := syscall.ForkExec(cmd.Path, cmd.Args, &syscall.ProcAttr{Files: files, Env: []string{"PATH=" + systemPath}, Sys: &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}})
				must(err)
				unix.Close(in[0])
				unix.Close(out[1])
				go func() {
					w := os.NewFile(uintptr(in[1]), "w")
					rest := []byte(text.String())
					for len(rest) > 0 { // in pieces, between which there is nothing to read
						n := min(len(rest), 40000)
						if _, err := w.Write(rest[:n]); err != nil {
							break
						}
						rest = rest[n:]
						time.Sleep(5 * time.Millisecond)
					}
					w.Close()
				}()
				r := os.NewFile(uintptr(out[0]), "r")
				defer r.Close()
				eventually(t, "a full pipe", func() bool {
					n, err := unix.IoctlGetInt(out[0], unix.TIOCINQ)
					must(err)
					return n > 60000 && stateOf(pid) == "S"
				})
				late := time.AfterFunc(patience, func() { syscall.Kill(pid, syscall.SIGKILL) })
				defer late.Stop()
				got, err := io.ReadAll(r)
				must(err)
				var status syscall.WaitStatus
				_, err = syscall.Wait4(pid, &status, 0, nil)
				must(err)
				if n := bytes.Count(got, []byte("\n")); n != lines || status != 0 || !bytes.HasSuffix(got, []byte(fmt.Sprintf("line %d\n", lines-1))) {
					t.Errorf("%d of %d lines, status %d, the end %q", n, lines, status, got[max(0, len(got)-80):])
				}
			})
		}
	}
}
