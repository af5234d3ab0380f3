package test

// What libslack's daemon refuses, ours refuses in the same words, with the same exit code; and
// what it takes, ours takes: abbreviations, options behind the command, the last of several.
//
// Not tested in this file: what upstream's scripts refuse (daemon_upstream_test.go); the usage
// message, which is ours (see the page).

import (
	"fmt"
	"strings"
	"testing"
)

// refused are command lines that start nothing. The shell reads them.
var refused = []string{
	// options that are none
	"--bogus", "--bogus=1", "-Z", "-Zq", "--", "",
	"--runn", "--pid", "--pid=/x", "--re", "--st", "--no", "--s", "--l", "--running=1", "--respawn=x", "--noconfig=",
	// arguments that are missing
	"-n", "--name", "-C", "-X", "-P", "-F", "-u", "-R", "-D", "-m", "-e", "-a", "-A", "-L", "-M", "-l", "-b", "-o", "-O", "-E", "--signal", "--config",
	// numbers
	"-r -a", "-r -a x true", "-r -a 9 true", "-r -a '' true", "-r -a 10x true", "-r -a -5 true", "-r -a 99999999999999999999 true",
	"-r -A x true", "-r -A -1 true", "-r -A 101 true", "-r -L 9 true", "-f -r -L 0x20 -M 1 -A 1 false", "-r -M -1 true", "-r -M x true",
	"-r -a 5 --idiot true", "-r --acceptable=09 true",
	"-a 20 true", "-A 6 true", "-L 20 true", "-M 1 true",
	// umasks
	"-m 8 true", "-m 1000 true", "-m -1 true", "-m '' true", "-m 0x12 true", "-m 22x true",
	// names
	"-n 'a b' true", "-n a/b true", "-n ../a true", "-n 'a;b' true", "-n 'é' true", `-n 'a\b' true`, "-n /a --running", "-n 'a$b' --stop",
	// pidfiles
	"-n a -P relative true", "-n a -P /nowhere true", "-n a -P '/srv/he re' true", "-n a -P /etc/passwd true", "-n a -P '' true",
	"-n a -F relative true", "-n a -F /srv true", "-n a -F /nowhere/a true", "-n a -F '' true", "-n a -F /srv/ true", "-F '/srv/a b' true",
	// users
	"-u nosuch true", "-u nosuch:crew true", "-u app:nosuch true", "-u app:rest true", "-u :crew true", "-u '' true", "-u 4001 true", "-u : true",
	"-u app.rest true", "-u app:crew: true",
	// directories and roots
	"-f -D /nowhere true", "-f -R /nowhere true", "-R /nowhere true", "-R /etc/passwd true",
	// programs
	"-f nosuch", "-f /srv/nosuch", "-f /srv", "-f /etc/passwd", "-n a nosuch", "-n a /srv/nosuch/x", "-f ./nosuch", "-f ''", "-f -X '' ", "-X nosuch",
	"-f -S /srv/here/open/program", "-f /srv/here/open/program", "-f /srv/here/writable", "-f /srv/here/toopen",
	// terminals
	"-p true", "-pnoecho true", "--pty=echo -f true", "-fpx true", "--pty= -f true",
	// what does not go together
	"-S -U true", "--safe --unsafe true", "-C /etc/passwd -N true", "--list -n a", "--list --running -n a", "--list --stop", "--stop --list -n a",
	"--signal hup", "--stop", "--restart", "--running", "--signal hup --stop -n a", "--signal hup --restart -n a", "--signal hup --running -n a",
	"--signal hup --list", "--running --stop -n a", "--running --restart -n a", "--restart --stop -n a", "--restart --list -n a",
	// signals
	"--signal '' -n a", "--signal 0 -n a", "--signal -1 -n a", "--signal 65 -n a", "--signal 64 -n a", "--signal 66 -n a", "--signal bogus -n a", "--signal sigsighup -n a",
	"--signal sig -n a", "--signal ' 1' -n a", "--signal +1 -n a", "--signal 1x -n a", "--signal rtmin -n a", "--signal SIGterm -n a", "--signal cld -n a", "--signal info -n a",
	// configuration
	"-C /nowhere -f true", "-C /srv -f true", "-C /srv/here/bad1 -f true", "-C /srv/here/bad2 -f true", "-C /srv/here/bad3 -f true", "-C /srv/here/bad4 -f true",
	"-C /srv/here/bad5 -f true", "-C /srv/here/bad6 -f true", "-C '' -f true", "-C relative -f true",
	// a daemon that does not run
	"-n a --running", "-n a --running -v", "-n a --running --verbose=2", "-n a --stop", "-n a --restart", "-n a --signal term", "-n a --stop -v",
	"-n a -P /tmp --stop", "-n a -F /tmp/b.pid --stop", "-n a -F /tmp/b.pid --restart", "-n a -F /tmp/b.pid --signal 1", "--list", "--list -v", "--list -v -P /srv/here", "--list -P /nowhere",
	"--list -v -P /srv/here/pids", "--list -P /srv/here/pids",
	"-F /tmp/b.pid --running", "-F /tmp/b.pid --stop -n x",
	// what is taken
	"-f true", "-f false", "-f -- true --bogus", "-f true -n", "-f echo -n x y", "-f echo a -- -b", "-f -X 'echo a  b' c", "-f -X echo -n a -X 'echo b'",
	"--foreground --name=x --nam=y -- echo a", "-fnx echo a", "-fn x echo a", "-f -v echo a", "-f -v2 echo a", "-f --verb=3 echo a", "-d0 -f echo a", "-f --debug=0 echo a",
	"--foregr --umas=027 -- sh -c umask", "-fUic -e A=b -- sh -c 'echo $A'", "-f -e 'A=b c' -e B= -- sh -c 'echo \"$A.$B.\"'",
	"-f --attempts=5 --acceptable=300 --delay=300 --limit=0 true", "-f -D / -- pwd", "-f -D . -- pwd", "-f -R / -D srv -- pwd",
	"-f --ignore-eof --read-eof echo a", "-f --core --nocore -- sh -c 'ulimit -c'", "-V -f true", "--version", "-f -N echo a", "-f -l /srv/here/err -b /srv/here/dbg echo a ; cat err dbg",
	"-f -o /srv/here/out echo a ; cat out; rm out", "-f -O /srv/here/out -o /srv/here/both -- echo a ; ls out; cat both; rm both",
	"-f -o /srv/here/both -E /srv/here/err2 -- sh -c 'echo a; sleep 0.1; echo b >&2' ; cat both err2; rm both err2",
	"-f -u app -- id", "-f -u app: -- id", "-f -u app:crew -- id", "-f -u app.crew -- id", "-f -u app:app -- id",
}

// An answer is what comes of a line in a way of ours, and why.
type answer struct{ why, ours string }

const (
	ambiguous = "what begins several options is none of them"
	notRun    = "the caller hears why a program cannot be run"
)

// answeredOtherwise are the lines, and the configurations, that ours answers in another way.
var answeredOtherwise = map[string]answer{
	"--pid":     {ambiguous, "daemon: option '--pid' is ambiguous; possibilities: '--pidfiles' '--pidfile'\nUSAGE\n= 1\n"},
	"--pid=/x":  {ambiguous, "daemon: option '--pid=/x' is ambiguous; possibilities: '--pidfiles' '--pidfile'\nUSAGE\n= 1\n"},
	"--re":      {ambiguous, "daemon: option '--re' is ambiguous; possibilities: '--respawn' '--read-eof' '--restart'\nUSAGE\n= 1\n"},
	"--no":      {ambiguous, "daemon: option '--no' is ambiguous; possibilities: '--noconfig' '--nocore'\nUSAGE\n= 1\n"},
	"* e=A=1\n": {ambiguous, "daemon: option '--e=A=1' is ambiguous; possibilities: '--env' '--errlog'\nUSAGE\n"},

	"-f /srv":        {notRun, "daemon: fatal: failed to start: /srv: Is a directory\n= 1\n"},
	"-f /etc/passwd": {notRun, "daemon: fatal: failed to start: /etc/passwd: Permission denied\n= 1\n"},
	"-f ''":          {notRun, "daemon: fatal: failed to tell if  is safe: No such file or directory\n= 1\n"},
	"-f false":       {"in the foreground, the exit code is the client's", "= 1\n"},

	"-C /srv -f true": {"a configuration that cannot be read is named", "daemon: ignoring the rest of /srv: Is a directory\n= 0\n"},
	"* env=A=1 \\\n":  {unended, "daemon: ignoring the end of /srv/here/15: a line without an end\n0022\n/srv/here\n"},
	"* env=A=1 \\":    {unended, "daemon: ignoring the end of /srv/here/16: a line without an end\n0022\n/srv/here\n"},
}

const unended = "a line that is left out is named"

// compareAnswers compares what came of lines.
func compareAnswers(t *testing.T, lines, want, got []string) {
	t.Helper()
	for i, line := range lines {
		otherwise, ok := answeredOtherwise[line]
		switch {
		case ok && want[i] == got[i]:
			t.Errorf("%.200s\ndoes not differ any more: %s", line, otherwise.why)
		case ok && got[i] != otherwise.ours:
			t.Errorf("%.200s\nshould be, because %s:\n%sand is\n%s", line, otherwise.why, otherwise.ours, got[i])
		case !ok && want[i] != got[i]:
			t.Errorf("%.200s\nlibslack's:\n%sours:\n%s", line, want[i], got[i])
		}
	}
}

// setting is what the lines find.
const refusedSetting = `
mkdir -m 777 open
cp /bin/true open/program
cp /bin/true writable
chmod 666 writable
cp /bin/true toopen
chmod 777 toopen
mkdir pids
echo 1 >pids/one.pid
echo 99999 >pids/gone.pid
: >pids/empty.pid
: >pids/other
echo 'onlyaname' >bad1
echo '=x' >bad2
echo '1A=x' >bad3
echo '* bogus' >bad4
echo '* umask=9,output=x' >bad5
echo 'x' >bad6
chmod 666 bad6
`

func TestDaemonRefusesAndTakesWhatLibslacksDoes(t *testing.T) {
	t.Parallel()
	theirs, ours := libslack(t), ourDaemon()
	var script strings.Builder
	script.WriteString(refusedSetting)
	for _, line := range refused {
		fmt.Fprintf(&script, "printf '\\001'; daemon %s\necho \"= $?\"\n", strings.Replace(line, " ; ", "; echo \"= $?\"; ", 1))
	}
	script.WriteString("await alone\n")
	answers := func(s side) []string {
		c := newBox(t, s)
		return strings.Split(daemonComparable(c.run(script.String())), "\x01")[1:]
	}
	want, got := answers(theirs), answers(ours)
	compareAnswers(t, refused, want, got)
}
