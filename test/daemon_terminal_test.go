package test

// In the foreground, on a terminal, the client of daemon has a terminal of its own, as with
// libslack's: size, input, signals by keys and the end of input reach it, and afterwards the
// terminal of the caller is as it was.
//
// Not tested in this file: the foreground without a terminal (daemon_upstream_test.go).

import (
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A person is at the terminal of a script in a box.
type person struct {
	t    testing.TB
	near *os.File // the person's end
	seen func() string
}

// sees waits until a text is on the terminal.
func (p person) sees(text string) {
	p.t.Helper()
	eventually(p.t, text, func() bool { return strings.Contains(p.seen(), text) }, p.seen)
}

func (p person) types(text string) {
	_, err := p.near.WriteString(text)
	must(err)
}

func (p person) resizes(rows, columns uint16) {
	must(unix.IoctlSetWinsize(int(p.near.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}))
}

// onTerminal runs a script on a terminal and returns what was seen there.
func (c *box) onTerminal(script string, act func(p person)) string {
	c.t.Helper()
	near, err := os.OpenFile(c.outside("/dev/pts/ptmx"), os.O_RDWR|unix.O_NOCTTY, 0)
	must(err)
	defer near.Close()
	must(unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0))
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, _, failed := unix.Syscall(unix.SYS_IOCTL, near.Fd(), unix.TIOCGPTPEER, flags)
	if failed != 0 {
		c.t.Fatal(failed)
	}
	far := os.NewFile(fd, "terminal")
	defer far.Close()

	var lock sync.Mutex
	var seen strings.Builder
	p := person{c.t, near, func() string {
		lock.Lock()
		defer lock.Unlock()
		return seen.String()
	}}
	p.resizes(33, 77)
	go func() {
		for piece := make([]byte, 4096); ; {
			n, err := near.Read(piece)
			if err != nil {
				return
			}
			lock.Lock()
			seen.Write(piece[:n])
			lock.Unlock()
		}
	}()
	cmd := c.command("exec 0<>/dev/tty\n" + script + "\necho the end")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	cmd.SysProcAttr.Setctty = true
	must(cmd.Start())
	act(p)
	end := endingInTime(cmd)
	p.sees("the end\r\n")
	return strings.ReplaceAll(p.seen(), "\r\n", "\n") + end + "\n"
}

// A sitting is a script on a terminal, and what a person does there.
type sitting struct {
	name   string
	script string
	act    func(p person)
}

var sittings = []sitting{
	{"12 a program that asks for its terminal", `
client window <<'.'
#!/bin/sh
test -t 0 && test -t 1 && test -t 2 && echo terminal
stty size
trap 'stty size; exit 0' WINCH
echo resize
while :; do sleep 0.05; done
.
tty >before
d -f -n test12 /srv/here/window`,
		func(p person) {
			p.sees("resize")
			p.resizes(44, 99)
		}},
	{"lines are read and echoed", `d -f -n web -- sh -c 'echo ask; read -r line; echo "it is $line"'`,
		func(p person) {
			p.sees("ask")
			p.types("blue\r")
			p.sees("it is blue")
		}},
	{"the end of input", `d -f -n web -- sh -c 'echo ask; cat; echo over'`,
		func(p person) {
			p.sees("ask")
			p.types("one\r\x04")
			p.sees("over")
		}},
	{"no echo", `d -f --pty=noecho -n web -- sh -c 'echo ask; read -r line; echo "it is $line"'`,
		func(p person) {
			p.sees("ask")
			p.types("blue\r")
			p.sees("it is blue")
		}},
	{"^C is for the client", `d -f -n web -- sh -c 'trap "echo interrupted; exit 0" INT; echo ask; while :; do sleep 0.05; done'`,
		func(p person) {
			p.sees("ask")
			p.types("\x03")
		}},
	{"output to a file as well", `d -f -n web -o /srv/here/out -- sh -c 'test -t 1 && echo terminal'; cat out`,
		func(p person) {}},
	{"the terminal is as it was", `
stty -a >before
d -f -n web -- sh -c 'stty raw -echo; echo changed; kill -9 $$' >/dev/null
stty -a | cmp - before && echo as it was`,
		func(p person) {}},
	{"the terminal is as it was after TERM to the daemon", `
stty -a >before
(await runs web; d --stop -n web) &
daemon -f -n web -- sh -c 'stty raw; exec sleep 1000'
stty -a | cmp - before && echo as it was`,
		func(p person) {}},
}

func TestDaemonsClientHasATerminalInTheForeground(t *testing.T) {
	t.Parallel()
	theirs, ours := libslack(t), ourDaemon()
	for _, s := range sittings {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			want := newBox(t, theirs).onTerminal(s.script, s.act)
			got := newBox(t, ours).onTerminal(s.script, s.act)
			if got != want {
				t.Errorf("ours:\n%s\nlibslack's:\n%s", got, want)
			}
			t.Log(want)
		})
	}
}
