package config

// All that is wrong with a configuration is said, and where it stands; and what Supervisor
// passes over without a word is said.
//
// Not tested in this file: what Supervisor says as well (oracle_test.go).

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// readText reads a configuration of some files; the first one is the main one.
func readText(t *testing.T, files ...string) (c *Config, said []string, dir string) {
	t.Helper()
	dir = t.TempDir()
	main := ""
	for i := 0; i < len(files); i += 2 {
		file := filepath.Join(dir, files[i])
		must(t, os.WriteFile(file, []byte(files[i+1]), 0o644))
		if main == "" {
			main = file
		}
	}
	c, problems := Read(main, []string{"A=a"})
	for _, p := range problems {
		said = append(said, strings.ReplaceAll(p.Error(), dir+"/", ""))
	}
	for i := range c.Warnings {
		c.Warnings[i] = strings.ReplaceAll(c.Warnings[i], dir+"/", "")
	}
	return c, said, dir
}

func diff(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAllThatIsWrongIsSaidWithFileAndLine(t *testing.T) {
	_, said, _ := readText(t, "main.conf", `[supervisord]
loglevel=loud
nodaemon=perhaps

[program:web]
command=web 'x
autostart=2
numprocs=2
stopsignal=NOSUCH
[program:none]
[program:one]
command=%(nope)s
what is this
[include]
files=more.conf
[unix_http_server]
[group:g]
programs=nobody
`, "more.conf", `[program:worker]
command=worker
exitcodes=1,x

[eventlistener:ear]
command=ear
`)
	diff(t, "problems", said, []string{
		`main.conf:13: Source contains parsing errors: 'what is this\n'`,
		`main.conf:2: bad logging level name 'loud'`,
		`main.conf:3: not a valid boolean value: 'perhaps'`,
		`main.conf:18: [group:g] names unknown program or fcgi-program nobody`,
		`main.conf:7: not a valid boolean value: '2' in section 'program:web' (file: 'main.conf')`,
		`main.conf:9: value 'NOSUCH' is not a valid signal name in section 'program:web' (file: 'main.conf')`,
		`main.conf:5: %(process_num) must be present within process_name when numprocs > 1 in section 'program:web' (file: 'main.conf')`,
		`main.conf:6: can't parse command "web 'x": No closing quotation in section 'program:web' (file: 'main.conf')`,
		`main.conf:10: program section program:none does not specify a command in section 'program:none' (file: 'main.conf')`,
		`main.conf:12: Format string '%(nope)s' for 'program:one.command' contains names ('nope') which cannot be expanded. ` +
			`Available names: ENV_A, group_name, here, host_node_name, numprocs, process_num, program_name in section 'program:one' (file: 'main.conf')`,
		`more.conf:3: not a valid list of exit codes: '1,x' in section 'program:worker' (file: 'more.conf')`,
		`more.conf:5: [eventlistener:ear] section requires an "events" line`,
		`main.conf:16: section [unix_http_server] has no file value`,
	})
}

func TestWhatSupervisorPassesOverIsAWarning(t *testing.T) {
	c, said, _ := readText(t, "main.conf", `[supervisord]
nodeamon=true
[progam:web]
command=web
[program:a]
command=a
autorestrat=true
[program:b]
command=b
process_name=x%(numprocs)d
[program:c]
command=c
process_name=x1
[group:bc]
programs=b,c
[group:a]
programs=
[DEFAULT]
comment=for all
[ctlplugin:x]
anything=x
`)
	diff(t, "problems", said, nil)
	diff(t, "warnings", c.Warnings, []string{
		"main.conf:2: [supervisord] has no key nodeamon, and it is ignored",
		"main.conf:3: there is no section [progam:web], and it is ignored",
		"main.conf:7: [program:a] has no key autorestrat, and it is ignored",
		"main.conf:5: there is another group a before this one, and this one is ignored",
		"main.conf:9: there is another process bc:x1 after this one, and this one is ignored",
	})
	if len(c.Groups) != 2 || len(c.Groups[1].Programs) != 1 || c.Groups[1].Programs[0].Command != "c" {
		t.Errorf("%+v", c.Groups)
	}
}

func TestNamesThatCannotBeDirectoriesAreRefused(t *testing.T) {
	_, said, _ := readText(t, "main.conf", `[supervisord]
[program:.hidden]
command=x
[program:]
command=x
[program:slash]
command=x
process_name=%(here)s
[program:tab	]
command=x
process_name=a	b
`)
	want := []string{"main.conf:2: Invalid name: '.hidden' because it begins with a dot", "main.conf:4: Invalid name: '' because it is empty"}
	for i, w := range want {
		if !slices.Contains(said, w) {
			t.Errorf("%d: %q is not among %q", i, w, said)
		}
	}
	for _, w := range []string{"main.conf:7: Invalid name: '/", `main.conf:10: Invalid name: 'a\tb' because of character: '\t'`} {
		if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, w) }) {
			t.Errorf("%q begins none of %q", w, said)
		}
	}
}

func TestWhatAProgramDependsOnMustBeThere(t *testing.T) {
	c, said, _ := readText(t, "main.conf", `[supervisord]
[program:db]
command=db
[program:web]
command=web
process_name=%(process_num)d
numprocs=2
depends_on=db, nothing
[program:front]
command=front
depends_on=web:*,web:1,db
`)
	diff(t, "problems", said, []string{"main.conf:5: web:0 depends on nothing, and there is no such group or process"})
	diff(t, "web", c.Named("web"), []string{"web:0", "web:1"})
	diff(t, "web:1", c.Named("web:1"), []string{"web:1"})
	diff(t, "db:db", c.Named("db:db"), []string{"db"})
	diff(t, "db:x", c.Named("db:x"), nil)
}

func TestAFileThatCannotBeReadIsSaid(t *testing.T) {
	_, problems := Read("/nowhere/supervisord.conf", nil)
	if len(problems) != 1 || problems[0].Error() != "could not find config file /nowhere/supervisord.conf" {
		t.Errorf("%v", problems)
	}
	_, problems = Read("/", nil)
	if len(problems) != 1 || problems[0].Error() != "could not read config file /: is a directory" {
		t.Errorf("%v", problems)
	}
	if os.Getuid() == 0 {
		return // who may read everything
	}
	_, said, dir := readText(t, "main.conf", "[supervisord]\n[include]\nfiles=more.conf\n", "more.conf", "[program:a]\ncommand=a\n")
	diff(t, "problems", said, nil)
	must(t, os.Chmod(filepath.Join(dir, "more.conf"), 0))
	_, problems = Read(filepath.Join(dir, "main.conf"), nil)
	if len(problems) != 1 || !strings.HasSuffix(problems[0].Error(), "more.conf: permission denied") {
		t.Errorf("%v", problems)
	}
}
