package compile

// What becomes of a configuration: files that say what the configuration says, written only
// where something is different, and each of them whole.
//
// Not tested in this file: that services of these files do what Supervisor's programs do; that
// is tested with the built programs.

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"catena/internal/supervisord/config"
)

var around = Surroundings{Catena: "/usr/bin/catena", Tools: []string{"chpst", "nice"}, Supervisord: "/usr/bin/supervisord", Run: "/run/x", Directory: "/srv", UID: 0, ServerURL: "unix:///run/s.sock", Path: "/usr/bin:/bin"}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// compiled compiles a configuration that is good.
func compiled(t *testing.T, text string) []Service {
	t.Helper()
	services, problems := tryCompile(t, text)
	for _, p := range problems {
		t.Error(p)
	}
	return services
}

func tryCompile(t *testing.T, text string) ([]Service, []config.Problem) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "supervisord.conf")
	must(t, os.WriteFile(file, []byte("[supervisord]\n"+text), 0o644))
	c, problems := config.Read(file, []string{"CR=a\r", "NUL=a\x00"})
	if len(problems) > 0 {
		return nil, problems
	}
	must(t, SetPaths(c, around.Directory, func(group, process, stream string) (string, error) {
		return "/tmp/" + group + "-" + process + "-" + stream + ".log", nil
	}))
	return Compile(c, around)
}

// fileOf is what a file of a service holds; "-" if it is not there.
func fileOf(services []Service, of, name string) string {
	for _, s := range services {
		for _, f := range s.Files {
			if s.Name == of && f.Name == name {
				return f.Text
			}
		}
	}
	return "-"
}

func TestEverySettingBecomesAFile(t *testing.T) {
	for _, c := range []struct {
		keys, file, want string
	}{
		{"", "run", "/usr/bin/catena"},
		{"", "restart", "on-failure\n"},
		{"", "success-exit", "-"},
		{"", "min-uptime", "1000\n"},
		{"", "max-failed-starts", "4\n"},
		{"", "restart-delay", "1000\n"},
		{"", "restart-growth", "add\n"},
		{"", "max-restart-delay", "4000\n"},
		{"", "timeout-kill", "10000\n"},
		{"", "down-signal", "-"},
		{"", "down", "-"},
		{"", "priority", "-"},
		{"", "flag-down-killpg", "-"},
		{"", "flag-timeout-killpg", "-"},
		{"autorestart=true", "restart", "-"},
		{"autorestart=false", "restart", "never\n"},
		{"exitcodes=2,0,2", "success-exit", "0 2\n"},
		{"exitcodes=", "restart", "-"},
		{"startsecs=0", "min-uptime", "-"},
		{"startsecs=0", "max-failed-starts", "4\n"},
		{"startsecs=0", "failed-start-exit", "111\n"},
		{"startsecs=1", "failed-start-exit", "-"},
		{"", "max-death-tally", "100\n"},
		{"startsecs=99999999999", "min-uptime", "1073741000\n"},
		{"startretries=0", "max-failed-starts", "1\n"},
		{"startretries=-3", "max-failed-starts", "1\n"},
		{"stopwaitsecs=0", "timeout-kill", "1\n"},
		{"stopsignal=QUIT", "down-signal", "QUIT\n"},
		{"stopsignal=64", "down-signal", "64\n"},
		{"stopasgroup=true", "flag-down-killpg", ""},
		{"stopasgroup=true", "flag-timeout-killpg", ""},
		{"killasgroup=true", "flag-down-killpg", "-"},
		{"killasgroup=true", "flag-timeout-killpg", ""},
		{"autostart=false", "down", ""},
		{"priority=-5", "priority", "-5\n"},
		{"priority=99999999999", "priority", "1073741823\n"},
	} {
		services := compiled(t, "[program:web]\ncommand=web\n"+c.keys+"\n")
		if got := fileOf(services, "web", c.file); got != c.want {
			t.Errorf("%s: %s holds %q, want %q", c.keys, c.file, got, c.want)
		}
	}
}

// chainOf is the chain of a program, its words separated by blanks.
func chainOf(t *testing.T, keys string) string {
	t.Helper()
	return strings.Join(strings.Fields(fileOf(compiled(t, "[program:web]\n"+keys+"\n"), "web", "chain")), " ")
}

func TestTheChainDoesWhatAChildOfSupervisorDoes(t *testing.T) {
	const begin, auto = "envfile env redirfd -u 0 stdin ", "redirfd -u 1 stdout redirfd -u 2 stderr "
	for keys, want := range map[string]string{
		"command=web -x":                                                      begin + auto + "cd /srv web -x",
		"command=web\ndirectory=/var":                                         begin + auto + "cd /var web",
		"command=web\ndirectory=x":                                            begin + auto + "cd /srv/x web",
		"command=web\numask=027":                                              begin + auto + "cd /srv umask 027 web",
		"command=web\numask=-1":                                               begin + auto + "cd /srv umask 777 web",
		"command=web\nuser=nobody":                                            begin + auto + "setuidgid -s nobody cd /srv web",
		"command=web\nuser=root":                                              begin + auto + "cd /srv web",
		"command=web\nredirect_stderr=true":                                   begin + "redirfd -u 1 stdout fdmove -c 2 1 cd /srv web",
		"command=web\nstdout_logfile=NONE":                                    begin + "redirfd -a 1 /dev/null redirfd -u 2 stderr cd /srv web",
		"command=web\nstdout_logfile=syslog":                                  begin + "redirfd -a 1 /dev/null redirfd -u 2 stderr tosyslog -t web -1 user.info cd /srv web",
		"command=web\nstderr_syslog=true":                                     begin + auto + "cd /srv web",
		"command=web\nstdout_logfile=x.log\nstdout_logfile_maxbytes=0":        begin + "redirfd -a 1 /srv/x.log redirfd -u 2 stderr cd /srv web",
		"command=web\nstdout_logfile=/dev/tty":                                begin + "redirfd -a 1 /dev/tty redirfd -u 2 stderr cd /srv web",
		"command=web\nstdout_logfile=x.log":                                   begin + "redirfd -u 1 stdout redirfd -u 2 stderr cd /srv web",
		"command=web\nstdout_logfile=/dev/stdout":                             begin + "redirfd -u 2 stderr cd /srv web",
		"command=web\nstdout_logfile=/dev/stderr":                             begin + "fdmove -c 1 2 redirfd -u 2 stderr cd /srv web",
		"command=web\nstderr_logfile=/dev/fd/1":                               begin + "fdmove -c 2 1 redirfd -u 1 stdout cd /srv web",
		"command=nice -n 5 web\nenvironment=PATH=/bin":                        begin + auto + "cd /srv argv0 /bin/nice nice -n 5 web",
		"command=chpst web\nenvironment=PATH=/no":                             begin + auto + "cd /srv argv0 /no/chpst chpst web",
		"command=web\nstdout_logfile=syslog\nredirect_stderr=true":            begin + "redirfd -a 1 /dev/null fdmove -c 2 1 tosyslog -t web -1 user.info -2 user.info cd /srv web",
		"command=web\nstdout_logfile=/dev/fd/1\nredirect_stderr=true":         begin + "fdmove -c 2 1 cd /srv web",
		"command=web\nstdout_logfile=/dev/stdout\nstderr_logfile=/dev/stderr": begin + "cd /srv web",
		"command=web\nstdout_logfile=/dev/stderr\nstderr_logfile=/dev/stdout": begin + "fdmove -c 3 1 fdmove -c 1 2 fdmove 2 3 cd /srv web",
	} {
		if got := chainOf(t, keys); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", keys, got, want)
		}
	}
}

func TestEveryWordIsOneOfTheChainFile(t *testing.T) {
	text, err := ChainText([][]string{{"a", "", " b", "c ", "#d"}, {"$e", "'f", "g h", "i\nj", "|k", "\n"}, {"l"}})
	must(t, err)
	want := "a\n    |\n\n    | b\n\n    |c \n\n    |#d\n\n|$e\n\n    |'f\n    g h\n    |i\n    |j\n\n    ||k\n\n    |\n    |\nl\n"
	if text != want {
		t.Errorf("%q\nwant\n%q", text, want)
	}
}

func TestVariablesAreThoseThatSupervisorSets(t *testing.T) {
	services := compiled(t, "environment=A=\"server's\",B=b\n[program:web]\ncommand=web\nenvironment=B=\"a 'b' $c `d`\",SUPERVISOR_ENABLED=0\n[program:x]\ncommand=x\nserverurl=http://x\n[group:g]\nprograms=x\n")
	for name, want := range map[string]string{
		"web": "SUPERVISOR_ENABLED=\"0\"\nSUPERVISOR_SERVER_URL=\"unix:///run/s.sock\"\nSUPERVISOR_PROCESS_NAME=\"web\"\nSUPERVISOR_GROUP_NAME=\"web\"\n" +
			"A=\"server's\"\nB=\"a 'b' \\$c \\`d\\`\"\n",
		"g:x": "SUPERVISOR_ENABLED=\"1\"\nSUPERVISOR_SERVER_URL=\"http://x\"\nSUPERVISOR_PROCESS_NAME=\"x\"\nSUPERVISOR_GROUP_NAME=\"g\"\nA=\"server's\"\nB=\"b\"\n",
	} {
		if got := fileOf(services, name, "env"); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
		}
	}
}

// The priority of a group counts before that of a program in it.
func TestOrderIsThatOfGroupsThenOfPrograms(t *testing.T) {
	const programs = "[program:a]\ncommand=a\npriority=%\n[program:b]\ncommand=b\npriority=1\n[program:c]\ncommand=c\npriority=7\n[group:g]\nprograms=a,b\npriority=8\n"
	same := compiled(t, strings.ReplaceAll(programs, "%", "1"))
	differ := compiled(t, strings.ReplaceAll(programs, "%", "2"))
	for _, want := range []string{"c 7 1", "g:a 8 3", "g:b 8 2"} { // the second number where priorities in a group differ
		fields := strings.Fields(want)
		if got := fileOf(same, fields[0], "priority"); got != fields[1]+"\n" {
			t.Errorf("%s: %q, want %s", fields[0], got, fields[1])
		}
		if got := fileOf(differ, fields[0], "priority"); got != fields[2]+"\n" {
			t.Errorf("%s: %q, want %s", fields[0], got, fields[2])
		}
	}
}

func TestNeedsAreTheProcessesOfWhatIsNamed(t *testing.T) {
	services := compiled(t, "[program:db]\ncommand=db\nnumprocs=2\nprocess_name=%(process_num)d\n[program:web]\ncommand=web\ndepends_on=db,db:1\n")
	var files []string
	web := services[slices.IndexFunc(services, func(s Service) bool { return s.Name == "web" })]
	for _, f := range web.Files {
		if strings.HasPrefix(f.Name, "needs/") && f.Name != "needs/:log" {
			files = append(files, f.Name)
		}
	}
	if !slices.Equal(files, []string{"needs/db:0", "needs/db:1"}) {
		t.Errorf("%q", files)
	}
}

// Where a file is to be rotated, logscan writes it, which is there before the program.
func TestRotatedFilesAreLogscans(t *testing.T) {
	services := compiled(t, "[program:web]\ncommand=web\nstdout_logfile=x.log\nstderr_logfile=/y.log\nstderr_logfile_maxbytes=1MB\nstderr_logfile_backups=0\n[program:db]\ncommand=db\nredirect_stderr=true\nstdout_logfile_maxbytes=0\n")
	for of, want := range map[[2]string]string{
		{"web", "stdout"}: "", {"web", "stdout-log"}: "s52428800\nn10\n/srv/x.log\n",
		{"web", "stderr"}: "", {"web", "stderr-log"}: "s1048576\nn0\n/y.log\n",
		{"web", "needs/:log"}: "", {":log", "chain"}: "logscan\n    ../../scan\n", {":log", "run"}: "/usr/bin/catena",
		{"db", "stdout"}: "-", {"db", "stdout-log"}: "-", {"db", "stderr-log"}: "-", {"db", "needs/:log"}: "-",
	} {
		if got := fileOf(services, of[0], of[1]); got != want {
			t.Errorf("%s: %q, want %q", of, got, want)
		}
	}
	looked := compiled(t, "strip_ansi=true\n[program:web]\ncommand=web\nstdout_logfile=/x.log\nstdout_syslog=true\nstdout_logfile_maxbytes=0\nstderr_logfile=NONE\nstderr_syslog=true\n")
	if got, want := fileOf(looked, "web", "stdout-log"), "s0\nn10\nx\nyuser.info:web\n/x.log\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := fileOf(looked, "web", "chain"); !strings.Contains(got, "tosyslog\n    -t\n    web\n    -2\n    user.info\n") || strings.Contains(got, "-1") {
		t.Error(got)
	}
	if none := compiled(t, "[program:db]\ncommand=db\nstdout_logfile=NONE\nstderr_logfile_maxbytes=0\n"); len(none) != 2 {
		t.Errorf("%d services where nothing is rotated", len(none))
	}
}

func TestWhatCannotBeAServiceIsSaid(t *testing.T) {
	for text, want := range map[string]string{
		"[program:a]\ncommand=a\ndepends_on=a\n":                       "a: it depends on itself",
		"[program:a]\ncommand=a \"x%(ENV_CR)s\"\n":                     `a: no line of a chain ends in a carriage return, and a word does: 'xa\r'`,
		"[program:a]\ncommand=a%(ENV_NUL)s\n":                          "a: there is a NUL in the environment or the command",
		"[program:a]\ncommand=a\nenvironment=A/B=1\n":                  "a: there can be no variable 'A/B': its name has other characters than letters, digits, _, . and -",
		"[program:a]\ncommand=a " + strings.Repeat("x", 140000) + "\n": "a: its chain has more than 131072 bytes",
		"[eventlistener:e]\ncommand=e\nevents=TICK_5\n":                "[eventlistener:e] cannot be run yet",
	} {
		_, problems := tryCompile(t, text)
		if len(problems) != 1 || problems[0].Text != want || problems[0].At.Line == 0 {
			t.Errorf("%.60q: %v, want %s", text, problems, want)
		}
	}
}

// snapshot has what is in a run directory, and the inode of each file.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		info, err := entry.Info()
		must(t, err)
		name := strings.TrimPrefix(path, dir+"/")
		files[name] = info.Mode().String()
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			must(t, err)
			files[name] += " " + string(text)
		}
		if to, err := os.Readlink(path); err == nil {
			files[name] += " -> " + to
		}
		files[name] += fmt.Sprint(" ", info.Sys().(*syscall.Stat_t).Ino)
		return nil
	}))
	return files
}

func TestOnlyWhatIsDifferentIsWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	const first = "[program:a]\ncommand=a\nstopasgroup=true\n[program:b]\ncommand=b\n[program:c]\ncommand=c\n[program:d]\ncommand=d\ndepends_on=a,b\n"
	before := compiled(t, first)
	changes, err := Compare(dir, before)
	must(t, err)
	if len(changes) != 6 || changes[0].Kind != Added {
		t.Errorf("%v", changes)
	}
	must(t, Write(dir, before))
	there := snapshot(t, dir)
	must(t, Write(dir, before))
	if again := snapshot(t, dir); !reflect.DeepEqual(there, again) {
		t.Error("what was the same was written again")
	}
	must(t, os.Mkdir(filepath.Join(dir, "svc/a/supervise"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "svc/a/note"), []byte("mine"), 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "svc/.e"), 0o700)) // of a writer that was killed

	after := compiled(t, "[program:a]\ncommand=a\nstopwaitsecs=3\n[program:b]\ncommand=b -x\n[program:d]\ncommand=d\ndepends_on=b\n[program:e]\ncommand=e\n")
	want := []Change{
		{"a", Adjusted, []string{"flag-down-killpg", "flag-timeout-killpg", "timeout-kill"}},
		{"b", Changed, []string{"chain"}},
		{"d", Adjusted, []string{"needs/a"}},
		{"e", Added, nil},
		{"c", Removed, nil},
	}
	if changes, err = Compare(dir, after); err != nil || !reflect.DeepEqual(changes, want) {
		t.Errorf("%v\nwant\n%v\n%v", changes, want, err)
	}
	must(t, Write(dir, after))
	must(t, Remove(dir, "c"))
	if changes, err = Compare(dir, after); err != nil || changes != nil {
		t.Errorf("%v, %v", changes, err)
	}
	now := snapshot(t, dir)
	for name := range now {
		if there[name] != "" && strings.HasPrefix(name, "svc/b/") && name != "svc/b/chain" && now[name] != there[name] {
			t.Errorf("%s was touched", name)
		}
		if name == "svc/c" || name == "scan/c" {
			t.Errorf("there still is %s", name)
		}
	}
	for _, name := range []string{"svc/a/note", "svc/a/supervise", "scan/e", "svc/e/run"} {
		if now[name] == "" {
			t.Errorf("there is no %s", name)
		}
	}
	if err := Write(dir, before); err != nil {
		t.Error(err)
	}
	if changes, err = Compare(dir, before); err != nil || len(changes) != 1 || changes[0].Name != "e" {
		t.Errorf("%v, %v", changes, err)
	}
}

func TestARunDirectoryOfOthersIsRefused(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o777))
	if err := Write(dir, nil); err == nil || !strings.Contains(err.Error(), "the group or others may write to") {
		t.Error(err)
	}
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o644))
	if err := Write(file, nil); err == nil {
		t.Error("a file was taken for a directory")
	}
	must(t, os.Symlink(t.TempDir(), filepath.Join(dir, "link")))
	if err := Write(filepath.Join(dir, "link"), nil); err == nil || !strings.Contains(err.Error(), "is no directory") {
		t.Error(err)
	}
	if os.Getuid() != 0 {
		return
	}
	theirs := t.TempDir()
	must(t, os.Chown(theirs, 12345, 12345))
	if err := Write(theirs, nil); err == nil || !strings.Contains(err.Error(), "belongs to another account") {
		t.Error(err)
	}
}

func TestExplainPrintsEveryFile(t *testing.T) {
	var b strings.Builder
	must(t, Explain(&b, "/run/x", compiled(t, "[program:web]\ncommand=web 'a b'\nautostart=false\nuser=nobody\nstdout_logfile=/var/log/web\nstdout_logfile_maxbytes=0\nstderr_logfile=NONE\n")))
	const want = `# svscan -1 /run/x/scan

scan/:supervisord -> ../svc/:supervisord
svc/:supervisord/chain:
	redirfd
	    -r
	    0
	    /dev/null
	/usr/bin/supervisord
	    serve
	    /run/x
svc/:supervisord/run -> /usr/bin/catena

scan/web -> ../svc/web
svc/web/chain:
	envfile
	    env
	redirfd
	    -u
	    0
	    stdin
	redirfd
	    -a
	    1
	    /var/log/web
	redirfd
	    -a
	    2
	    /dev/null
	setuidgid
	    -s
	    nobody
	cd
	    /srv
	web
	    a b
svc/web/down
svc/web/env:
	SUPERVISOR_ENABLED="1"
	SUPERVISOR_SERVER_URL="unix:///run/s.sock"
	SUPERVISOR_PROCESS_NAME="web"
	SUPERVISOR_GROUP_NAME="web"
svc/web/max-death-tally: 100
svc/web/max-failed-starts: 4
svc/web/max-restart-delay: 4000
svc/web/min-uptime: 1000
svc/web/restart: on-failure
svc/web/restart-delay: 1000
svc/web/restart-growth: add
svc/web/run -> /usr/bin/catena
svc/web/stdin|
svc/web/timeout-kill: 10000
`
	if b.String() != want {
		t.Errorf("%s\nwant:\n%s", b.String(), want)
	}
}

// Whatever stands in a file, it is refused or becomes service directories.
func FuzzConfigurationsBecomeServices(f *testing.F) {
	f.Add("[program:a]\ncommand=a 'b' \\c\nenvironment=A=\"1\"\nnumprocs=2\nprocess_name=%(process_num)d\nuser=root\n[group:g]\nprograms=a\n")
	f.Add("[fcgi-program:x]\nsocket=unix:///x\ncommand=x\n[eventlistener:e]\nevents=TICK_5\ncommand=e\n[inet_http_server]\nport=*:1\n[include]\nfiles=x\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToLower(text), "numprocs") || strings.ContainsAny(text, "/~*?[") && strings.Contains(text, "include") {
			t.Skip("which takes long, or reads what is there")
		}
		services, _ := tryCompile(t, text)
		for _, s := range services {
			if s.Name == "" || strings.ContainsAny(s.Name, "/ ") || len(s.Files) < 2 {
				t.Errorf("%q: %+v", text, s)
			}
		}
	})
}
