package test

// tai64n and tai64nlocal: fuzzing, how they buffer, slow readers, zones with leap seconds
// and zones that are changed.
//
// Not tested in this file: speed.

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// FuzzLabelsAreReadAsDaemontoolsReadThem compares any text; where daemontools crash the
// text comes out with nothing but labels changed.
func FuzzLabelsAreReadAsDaemontoolsReadThem(f *testing.F) {
	needOld(f)
	for _, line := range oddLabels {
		f.Add([]byte(line+" text\n"), byte(0))
		f.Add([]byte(line+"\n"+line+" text"), byte(1))
	}
	f.Add(randomLabels(rand.New(rand.NewPCG(3, 1)), 40), byte(2))
	f.Add([]byte("@"+strings.Repeat("0", 70000)+"\n"), byte(3))
	zones := []string{"UTC0", "Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3", "America/St_Johns"}
	f.Fuzz(func(t *testing.T, text []byte, zone byte) {
		env := []string{"TZ=" + zones[int(zone)%len(zones)]}
		want, end := filtered(t, old, env, bytes.NewReader(text), "tai64nlocal")
		got, ends := filtered(t, fused, env, bytes.NewReader(text), "tai64nlocal")
		if ends != "exit 0" {
			t.Fatalf("%q: %s", text, ends)
		}
		lastLabel := regexp.MustCompile(`(\A|\n)@[0-9a-f]*\z`) // daemontools lose it
		// A label may not be as long as what is read at once.
		if end == "exit 0" && !lastLabel.Match(text) && len(text) < 60000 {
			if diff := textDifference(got, want); diff != "" {
				t.Errorf("%s%s", env, diff)
			}
			return
		}
		// Whatever it is, what is no label stays.
		rest := regexp.MustCompile(`(?m)^(-?\d+-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9,10}|@[0-9a-f]+)`)
		if diff := textDifference(rest.ReplaceAll(got, nil), rest.ReplaceAll(text, nil)); diff != "" {
			t.Errorf("daemontools: %s; %q became %q%s", end, text, got, diff)
		}
	})
}

// Of input that is there, much is written at once: a filter makes no more calls than it
// must.
func TestFiltersWriteBlocks(t *testing.T) {
	need(t, "strace")
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	must(os.WriteFile(in, bytes.Repeat([]byte(label(1e9, 5)+" text\n"), 1<<20/32), 0o600))
	for _, tool := range []string{"tai64n", "tai64nlocal"} {
		trace := filepath.Join(dir, tool)
		cmd := exec.Command("strace", "-qq", "-o", trace, "-e", "trace=read,write,writev", filepath.Join(fused.dir, tool))
		stdin, err := os.Open(in)
		must(err)
		cmd.Stdin = stdin
		out, err := cmd.Output()
		stdin.Close()
		must(err)
		const most = 60 // of a megabyte
		if n := strings.Count(textOf(trace), "write("); n > most || n == 0 {
			t.Errorf("%s: %d writes for %d bytes", tool, n, len(out))
		}
	}
}

// Who reads slowly gets everything.
func TestFiltersWriteForASlowReader(t *testing.T) {
	text := randomLabels(rand.New(rand.NewPCG(uint64(firstSeed(t)), 20)), 30000)
	want, _ := filtered(t, fused, nil, bytes.NewReader(text), "tai64nlocal")
	for _, tool := range []string{"tai64n", "tai64nlocal"} {
		for _, p := range filterPaths {
			cmd := filter(*p, nil, tool)
			cmd.Stdin = bytes.NewReader(text)
			out, err := cmd.StdoutPipe()
			must(err)
			must(cmd.Start())
			late := time.AfterFunc(patience, func() { cmd.Process.Kill() })
			var got bytes.Buffer
			for {
				if _, err := io.CopyN(&got, out, 30000); err != nil {
					break
				}
				time.Sleep(time.Millisecond)
			}
			cmd.Wait()
			late.Stop()
			if end := ending(cmd.ProcessState); end != "exit 0" {
				t.Errorf("%s %s: %s", p.name, tool, end)
			}
			if tool == "tai64nlocal" {
				if diff := textDifference(got.Bytes(), want); diff != "" {
					t.Errorf("%s %s%s", p.name, tool, diff)
				}
			} else if diff := textDifference(unlabelled(t, got.Bytes()), text); diff != "" {
				t.Errorf("%s %s%s", p.name, tool, diff)
			}
		}
	}
}

// A zone with leap seconds: tai64nlocal(8) of daemontools advises one.
func TestZonesWithLeapSecondsAreThoseOfTheCLibrary(t *testing.T) {
	need(t, filepath.Join(debian, "tai64nlocal"))
	for _, zone := range []string{"right/UTC", "right/Europe/Berlin", "right/America/Los_Angeles"} {
		if !exists("/usr/share/zoneinfo/" + zone) {
			skipHere(t, "no time zones with leap seconds are installed")
		}
		agreeOn(t, fused, zone, labelsOver(0, 1.9e9, 1e7, rand.New(rand.NewPCG(1, 21))))
	}
}

// ISO 8601 has four digits for a year.
func TestYearsOfISO8601(t *testing.T) {
	for _, c := range []struct {
		second int64
		want   string
	}{
		{-62135596800, "0001-01-01T00:00:00.000000000+00:00"},
		{-30610224000, "1000-01-01T00:00:00.000000000+00:00"},
		{-30610224001, "0999-12-31T23:59:59.000000000+00:00"},
		{253402300799, "9999-12-31T23:59:59.000000000+00:00"},
	} {
		got, end := filtered(t, fused, nil, strings.NewReader(label(c.second, 0)+" x\n"), "tai64nlocal", "-iu")
		if string(got) != c.want+" x\n" || end != "exit 0" {
			t.Errorf("%d: %q, want %s; %s", c.second, got, c.want, end)
		}
	}
}

// The local time is that of now, if it is changed while tai64nlocal runs, as daemontools
// have it.
func TestLocalTimeIsChanged(t *testing.T) {
	needRoot(t)
	need(t, filepath.Join(debian, "tai64nlocal"))
	need(t, "unshare")
	dir := t.TempDir()
	line := `cp /usr/share/zoneinfo/Asia/Tokyo one; cp /usr/share/zoneinfo/America/New_York two
mount --bind . /etc || exit 99
ln -sf one /etc/localtime
mkfifo in
%s <in >out & f=$!
exec 3>in
echo "$1 a" >&3
until grep -qs a out; do sleep 0.02; done
ln -sf two /etc/localtime
echo "$1 b" >&3
exec 3>&-
wait $f
cat out`
	var all []string
	for i, p := range []path{old, fused} {
		place := filepath.Join(dir, fmt.Sprint(i))
		must(os.Mkdir(place, 0o755))
		cmd := exec.Command("unshare", "--mount", "sh", "-c", fmt.Sprintf(line, filepath.Join(p.dir, "tai64nlocal")), "sh", label(1e9, 5))
		cmd.Dir = place
		out, end := runInTime(cmd)
		if end != "exit 0" {
			t.Fatalf("%s %s", end, out)
		}
		all = append(all, out)
	}
	if all[0] != all[1] {
		t.Errorf("%q, want %q", all[1], all[0])
	}
}
