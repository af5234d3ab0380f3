package test

// A directory of five services, none of which has a shell in it: they are started in order,
// killed at random, and stopped in reverse.
//
// Not tested in this file: what each part does in odd cases (chainfile_test.go,
// supervise_policy_test.go, svscan_order_test.go).

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// standIn stands for the programs of these services. Its words are a file for the order, its
// name, and what it does.
const standIn = `
$| = 1;
my ($file, $name, $does) = @ARGV;
sub note { open my $f, '>>', $file; syswrite $f, "$name $_[0]\n"; close $f }
$SIG{TERM} = sub { note('over'); exit 0 };
note('up');
print "$name is up\n";
print STDERR "$name complains\n";
exit 0 if $does eq 'once';
exit 1 if $does eq 'fail';
if ($does eq 'ready') {
	select undef, undef, undef, 0.3;
	note('ready');
	open my $ready, '>&=', 3;
	syswrite $ready, "\n";
	close $ready;
}
sleep 1 while 1;
`

// stack adds the five services and returns the directories that are to be up in the end.
func (y *yard) stack() (stay []string) {
	y.t.Helper()
	program := filepath.Join(y.top, "stand-in")
	must(os.WriteFile(program, []byte(standIn), 0o644))
	order := filepath.Join(y.top, "order")
	made, err := os.MkdirTemp(y.top, "made-")
	must(err)
	for _, s := range []struct {
		name, does string
		needs      []string
		options    map[string]string
		chain      []string
	}{
		{"setup", "once", nil, map[string]string{"restart": "never"}, []string{"umask", "027"}},
		{"db", "ready", []string{"setup"}, map[string]string{"notification-fd": "3"}, []string{"envfile", "env"}},
		{"server", "serve", []string{"db"}, map[string]string{"min-uptime": "500"}, []string{"softlimit", "-d", "100000000"}},
		{"mirror", "serve", []string{"server"}, nil, []string{"nice", "-n", "1"}},
		{"worker", "fail", nil, map[string]string{"min-uptime": "60000", "max-failed-starts": "4", "restart-delay": "20"}, []string{"pgrphack"}},
	} {
		dir := filepath.Join(made, s.name)
		chained(dir, "run", append(s.chain, "perl", program, order, s.name, s.does)...)
		must(os.WriteFile(dir+"/env", []byte("# of the database\nDB=/var/db\n"), 0o644))
		chained(dir+"/log", "run", "multilog", "t", "./main")
		chained(dir+"/errlog", "run", "multilog", "t", "./main")
		for _, n := range s.needs {
			must(os.MkdirAll(dir+"/needs", 0o755))
			must(os.WriteFile(filepath.Join(dir, "needs", n), nil, 0o644))
		}
		for name, value := range s.options {
			must(os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o644))
		}
		at := filepath.Join(y.scan, s.name)
		if s.does != "once" && s.does != "fail" {
			stay = append(stay, at)
		}
		stay = append(stay, at+"/log", at+"/errlog")
	}
	for _, name := range []string{"server", "mirror", "db", "worker", "setup"} { // the worst order
		must(os.Rename(filepath.Join(made, name), filepath.Join(y.scan, name)))
	}
	return stay
}

func TestAStackOfServicesWithoutAShell(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		need(t, "perl")
		seed := seedOf(t)
		random := rand.New(rand.NewPCG(seed, uint64(len(m.name))))
		y := emptyYard(t, m)
		stay := y.stack()
		y.begin(`sleep infinity; :`)
		svscan := y.svscan()
		up := y.up(stay...)
		y.state("worker", "gave up after 4 starts")
		y.state("setup", "ended well")
		y.await("the last one", func() bool { return slices.Contains(y.lines(), "mirror-up") })
		begun := y.lines()
		of := func(name string) int { return slices.Index(begun, name) }
		if of("setup-up") < 0 || of("setup-up") > of("db-up") || of("db-ready") > of("server-up") || of("server-up") > of("mirror-up") ||
			strings.Count(strings.Join(begun, " "), "worker-up") != 4 {
			t.Errorf("begun in the order %q", begun)
		}
		for range 15 {
			all := y.tenants()
			victim := all[random.IntN(len(all))]
			if victim.name == "nsenter" {
				continue
			}
			if victim.name == "sh" || victim.name == "dash" {
				t.Errorf("there is a shell: %v", victim)
			}
			y.end(victim, unix.SIGKILL)
			if victim.name == "svscan" {
				endingInTime(svscan)
				svscan = y.svscan()
			}
			time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		}
		up = y.up(stay...)
		for _, dir := range []string{"worker", "setup"} {
			if others := up[filepath.Join(y.scan, dir)].others; others != nil {
				t.Errorf("%s runs: %v", dir, others)
			}
		}
		y.state("worker", "gave up after 4 starts")
		y.state("setup", "ended well")
		if all := strings.Join(y.lines(), " "); strings.Count(all, "worker-up") != 4 || strings.Count(all, "setup-up") != 1 {
			t.Errorf("started once more: %s", all)
		}
		for _, name := range []string{"db", "server", "mirror"} { // whoever was killed last knows of TERM
			y.await(name, func() bool {
				n := strings.Count(textOf(filepath.Join(y.top, "order")), name+" up\n")
				return strings.Count(y.logged(name, "log"), " "+name+" is up\n") == n &&
					strings.Count(y.logged(name, "errlog"), " "+name+" complains\n") == n
			})
		}
		y.await("the database", func() bool {
			all := strings.Join(y.lines(), " ")
			return strings.LastIndex(all, "db-ready") > strings.LastIndex(all, "db-up")
		})
		before := len(y.lines())
		y.stop(svscan)
		want := []string{"mirror-over", "server-over", "db-over"}
		if got := y.lines()[before:]; !slices.Equal(got, want) {
			t.Errorf("stopped in the order %q, not %q", got, want)
		}
		if left := y.tenants(); left != nil {
			t.Errorf("left running:\n%s", y.list())
		}
	})
}

// logged is all that a log of a service has.
func (y *yard) logged(name, log string) (text string) {
	files, err := filepath.Glob(filepath.Join(y.scan, name, log, "main", "[@c]*"))
	must(err)
	for _, f := range files {
		text += textOf(f)
	}
	return text
}
