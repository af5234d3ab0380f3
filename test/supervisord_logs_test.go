package test

// The files of programs are rotated as the configuration says, and no line is lost, whatever is
// killed.
//
// Not tested in this file: where a file ends and which names there are (logscan_test.go).

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLogsOfSupervisordAreRotated(t *testing.T) {
	h := newHouse(t, ourSupervisord(), `[program:many]
command=sh -c 'seq -w 1000; exec sleep 1000'
stdout_logfile=%(here)s/many
stdout_logfile_maxbytes=500
stdout_logfile_backups=2
[program:emptied]
command=sh -c 'seq -w 1001 >&2; exec sleep 1000'
stderr_logfile=%(here)s/emptied
stderr_logfile_maxbytes=500
stderr_logfile_backups=0
[program:never]
command=sh -c 'seq -w 1000; exec sleep 1000'
stdout_logfile=%(here)s/never
stdout_logfile_maxbytes=0
`)
	h.begin(t)
	h.holds(t, map[string]string{"many": "", "many.1": numbered(901, 1000), "many.2": numbered(801, 900), "emptied": "1001\n", "never": numbered(1, 1000)})
	// A configuration that has changed makes no program another one.
	pid := h.of("many")
	other := strings.Replace(textOf(h.file("c")), "/many\nstdout_logfile_maxbytes=500", "/other\nstdout_logfile_maxbytes=5KB", 1)
	must(os.WriteFile(h.file("c"), []byte(other), 0o600))
	must(h.cmd.Process.Kill())
	endingInTime(h.cmd)
	h.begin(t)
	eventually(t, "the other file", func() bool { return exists(h.file("other")) })
	if h.of("many") != pid {
		t.Error("the program was started again")
	}
	if files, _ := filepath.Glob(h.file("*.[123]")); len(files) != 2 {
		t.Errorf("%q", files)
	}
}

// numbered are the lines from one number to another, as seq -w 1000 prints them.
func numbered(from, to int) (text string) {
	for n := from; n <= to; n++ {
		text += fmt.Sprintf("%04d\n", n)
	}
	return text
}

// holds waits until files have these texts.
func (h *house) holds(t testing.TB, want map[string]string) {
	t.Helper()
	for file, text := range want {
		eventually(t, file+" has its lines", func() bool { return exists(h.file(file)) && textOf(h.file(file)) == text },
			func() string { return fmt.Sprintf("%.100q\n%s", textOf(h.file(file)), textOf(h.file("said"))) })
	}
}

// Two programs print as much as they can while the logger and svscan are killed, and a third one
// ends again and again.
func TestNoLineIsLostWhateverIsKilled(t *testing.T) {
	const rotation = "stdout_logfile_maxbytes=300KB\nstdout_logfile_backups=9999\n"
	h := newHouse(t, ourSupervisord(), `[program:one]
command=sh -c 'while [ ! -e over ]; do i=$((i+1)); echo line $i; done; echo last; exec sleep 1000'
directory=%(here)s
stdout_logfile=%(here)s/one
`+rotation+`[program:two]
command=sh -c 'while [ ! -e over ]; do i=$((i+1)); echo line $i >&2; done; echo last >&2; exec sleep 1000'
directory=%(here)s
redirect_stderr=true
stdout_logfile=%(here)s/two
`+rotation+`[program:short]
command=sh -c 'read n <counted; n=$((n+1)); echo $n >counted.new; mv counted.new counted; echo line $n; [ -e over ] && { echo last; exec sleep 1000; }'
directory=%(here)s
autorestart=true
startsecs=0
stdout_logfile=%(here)s/short
`+rotation)
	must(os.WriteFile(h.file("counted"), []byte("0\n"), 0o600))
	h.begin(t)
	restarted := func(service string) {
		t.Helper()
		was := h.of(service)
		unix.Kill(was, unix.SIGKILL)
		eventually(t, service+" is back", func() bool { return h.of(service) != was && h.of(service) != 0 })
	}
	for round := range 4 {
		eventually(t, "there is more", func() bool {
			return exists(fmt.Sprint(h.file("one"), ".", round+1)) && exists(fmt.Sprint(h.file("two"), ".", round+1))
		},
			func() string { return textOf(h.file("said")) })
		restarted(":log")
		if round%2 == 1 {
			one, two := h.of("one"), h.of("two")
			must(h.cmd.Process.Kill())
			endingInTime(h.cmd)
			h.begin(t)
			if h.of("one") != one || h.of("two") != two {
				t.Error("a program was started again")
			}
		}
	}
	must(os.WriteFile(h.file("over"), nil, 0o600))
	for _, file := range []string{"one", "two", "short"} {
		eventually(t, file+" is over", func() bool { return strings.HasSuffix(textOf(h.file(file)), "last\n") })
		n := 0
		for line := range strings.Lines(string(wholeFile(h.file(file)))) {
			if n++; line != fmt.Sprintf("line %d\n", n) && line != "last\n" {
				t.Errorf("%s: line %d is %q", file, n, line)
				break
			}
		}
		if n < 3 {
			t.Errorf("%s has %d lines", file, n)
		}
	}
}
