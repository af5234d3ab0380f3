package test

// A configuration means to our daemon what it means to libslack's, line by line.
//
// Not tested in this file: who may write it, and which file counts (daemon_trouble_test.go).

import (
	"fmt"
	"strings"
	"testing"
)

// configurations are texts, which daemon -f -n web reads. The client says what it got.
var configurations = []string{
	"",
	"\n\n   \n\t\n",
	"# nothing\n  # nothing\n",
	"* env=A=1,env=B=2\n",
	"*\tenv=A=1\t,\tenv=B=2\t\n",
	"   *   env=A=1   ,   env=B=2   \n",
	"web env=A=1",
	"web env=A=1\nweb env=B=2\n",
	"web env=A=1\n* env=B=2\n",
	"other env=A=1\nwe env=B=2\nwebb env=C=3\n",
	"* env=A=1 # why\n",
	"* env=A=1# why\n",
	"* env=A=#1\n",
	"* env=A=1,\\\nenv=B=2\n",
	"* env=A=1, \\\n   env=B=2, \\\n\tenv=C=3\n",
	"* env=A=1 \\\n",
	"* env=A=1 \\",
	"* env=A=one two\n",
	"* env=A=one\\ two\n",
	"* env=A=a\\\\b\n",
	"* env=A='a b'\n",
	"* env=A=\"a b\"\n",
	"* env=A=a=b=c\n",
	"* env\n",
	"* env=\n",
	"* env=A=1,,env=B=2\n",
	"* ,env=A=1\n",
	"* env=A=1,\n",
	"* --env=A=1\n",
	"* e=A=1\n",
	"* env A=1\n",
	"* umask=027,env=A=1\n",
	"* umas=027\n",
	"* chdir=/tmp\n",
	"* chdir=tmp\n",
	"* chdir=/nowhere\n",
	"* inherit,env=A=1\n",
	"* core,nocore\n",
	"* foreground\n",
	"* verbose=9\n",
	"* command=/bin/echo from a file\n",
	"* command=/bin/echo,core\n",
	"* respawn=1\n",
	"* version\n",
	"* nosuch\n",
	"* nosuch=1\n",
	"* config=/nowhere\n",
	"* noconfig\n",
	"* name=x\n",
	"* user=nobody\n",
	"* chroot=/\n",
	"* running\n",
	"* stop\n",
	"* list\n",
	"* pidfile=/tmp/x.pid\n",
	"* pidfiles=/tmp\n",
	"* safe,unsafe\n",
	"* unsafe\n",
	"A=1\n* env=C=3,inherit\n",
	"A=1\nB=$A\n* inherit,env=C=3\n",
	"A=~\nB=~app/x\nC=x:~\n* inherit,env=D=~\n",
	"A = 1\n",
	"A=\n* inherit,env=C=3\n",
	" A=1\n* inherit,env=C=3\n",
	"A_1=1 2  3\n* inherit,env=C=3\n",
	"1A=1\n",
	"A-B=1\n",
	"=1\n",
	"web\n",
	"web \n",
	"w\\eb env=A=1\n",
	"* env=A=1\r\n",
	"\\* env=A=1\n",
	"* delay=10,respawn,limit=1,attempts=1,acceptable=300,command=/bin/false\n",
	"* delay=9,respawn\n",
	"* acceptable=x,respawn\n",
	"web env=A=1\nweb nosuch\n",
	"other nosuch\n* env=A=1\n",
	"* env=A=" + strings.Repeat("x", 3000) + "\n",
	"* " + strings.Repeat("env=A=1,", 400) + "env=B=2\n",
	strings.Repeat("n", 600) + " env=A=1\n",
	"* env=A=1\nweb output=/srv/here/out\n* env=B=2",
}

func TestDaemonReadsAConfigurationAsLibslacksDoes(t *testing.T) {
	t.Parallel()
	theirs, ours := libslack(t), ourDaemon()
	answers := func(s side) (all []string) {
		c := newBox(t, s)
		c.write("client", `#!/bin/sh
env | grep -e '^[A-D]=' -e '^A_1=' | sort -u | cut -c1-100
umask
pwd
`)
		var script strings.Builder
		script.WriteString("chmod 755 client\n")
		for i, text := range configurations {
			c.write(fmt.Sprint(i), text)
			fmt.Fprintf(&script, "printf '\\001'; timeout 10 daemon -C /srv/here/%d -f -n web /srv/here/client | cut -c1-200; cat out 2>/dev/null; rm -f out\n", i)
		}
		return strings.Split(daemonComparable(c.run(script.String())), "\x01")[1:]
	}
	need(t, "timeout")
	want, got := answers(theirs), answers(ours)
	compareAnswers(t, configurations, want, got)
}
