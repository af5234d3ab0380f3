package config

// What this package makes of a configuration is what Debian's Supervisor makes of it, and what
// it refuses is refused with the same words.
//
// Not tested in this file: how Python reads the file (the folder python), where errors are said
// to stand, and what only this package warns of (read_test.go).

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// An oracle is a Supervisor that reads configurations.
type oracle struct {
	in  io.Writer
	out *bufio.Scanner
}

func newOracle(t *testing.T) *oracle {
	t.Helper()
	const python = "/usr/bin/python3" // Debian's, which has its packages
	if exec.Command(python, "-c", "import supervisor.options").Run() != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("supervisor is not installed, and CI skips nothing")
		}
		t.Skip("supervisor is not installed")
	}
	cmd := exec.Command(python, "-W", "ignore", "testdata/driver.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { in.Close(); out.Close(); cmd.Wait() })
	o := &oracle{in, bufio.NewScanner(out)}
	o.out.Buffer(nil, 1<<24)
	return o
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An answer is what Supervisor makes of a configuration, or what it says is wrong.
type answer struct {
	Is    json.RawMessage
	Error string
	Kind  string
}

// read has Supervisor read files, and returns its answers one by one. It reads on meanwhile.
func (o *oracle) read(t *testing.T, files []string) func() answer {
	t.Helper()
	go func() {
		for _, file := range files {
			line, _ := json.Marshal([]any{file, environ})
			o.in.Write(append(line, '\n'))
		}
	}()
	return func() (a answer) {
		t.Helper()
		if !o.out.Scan() {
			t.Fatalf("no answer: %v", o.out.Err())
		}
		must(t, json.Unmarshal(o.out.Bytes(), &a))
		return a
	}
}

// environ is what the configurations of the tests are read in.
var environ = map[string]string{"HOME": "/root", "N": "7", "WORD": "value", "EMPTY": "", "PERCENT": "50%", "QUOTED": `a "b" 'c'`}

// refusedHere is in what is refused here and not by Supervisor, which starts a program with such
// a name, or a command that it cannot run, and has Python to load code with.
var refusedHere = []string{"Invalid name: ", "can't parse command ", "command is empty", "numprocs is too large",
	"value '0' is not a valid signal number", "there is no Python here"}

// otherWords is in errors of Supervisor's that have other words here, and in the errors here.
var otherWords = map[string]string{
	"Source contains parsing errors: ":                 "Source contains parsing errors: ",
	"File contains no section headers.\n":              "File contains no section headers.: ",
	"'utf-8' codec can't decode byte ":                 "'utf-8' codec can't decode what stands in this line",
	"('Bad socket format %s', ":                        "Bad socket format ",
	"('Unix socket path %s is not an absolute path', ": "Unix socket path ",
	"Unknown event type":                               "Unknown event type", // Supervisor goes through them at random
	"cannot be resolved within":                        "there is no Python here",
	" names unknown program or fcgi-program ":          " names unknown program or fcgi-program ", // and Supervisor may name another section
	"EntryPoint must be in":                            "there is no Python here",
}

// compareTexts has both read configurations, and compares. It returns how many were accepted.
func compareTexts(t *testing.T, texts []string) (accepted int) {
	t.Helper()
	o := newOracle(t)
	dir := t.TempDir()
	var files []string
	for i, text := range texts {
		file := filepath.Join(dir, fmt.Sprint(i, ".conf"))
		must(t, os.WriteFile(file, []byte(text), 0o644))
		files = append(files, file)
	}
	next := o.read(t, files)
	for _, file := range files {
		if compare(t, next(), file) {
			accepted++
		}
	}
	return accepted
}

// compare reads a file, and compares with what Supervisor has answered. It reports whether the
// file was accepted.
func compare(t *testing.T, a answer, file string) (accepted bool) {
	t.Helper()
	var entries []string
	for key, value := range environ {
		entries = append(entries, key+"="+value)
	}
	config, problems := Read(file, entries)
	text, _ := os.ReadFile(file)
	if a.Error != "" {
		if !slices.ContainsFunc(problems, func(p Problem) bool { return saysTheSame(p.Text, a.Error) }) {
			t.Errorf("%s\nSupervisor says:\n%s (%s)\nand here it is:\n%q", text, a.Error, a.Kind, problems)
		}
		return false
	}
	if len(problems) > 0 {
		for _, p := range problems {
			if !slices.ContainsFunc(refusedHere, func(s string) bool { return strings.Contains(p.Text, s) }) {
				t.Errorf("%s\nSupervisor has nothing against it, and here it is:\n%v", text, problems)
			}
		}
		return false
	}
	var theirs map[string]any
	must(t, json.Unmarshal(a.Is, &theirs))
	for _, warning := range theirs["warnings"].([]any) {
		if !slices.Contains(config.Warnings, warning.(string)) {
			t.Errorf("%s\nSupervisor warns: %s", text, warning)
		}
	}
	ours := comparable(t, config)
	delete(theirs, "warnings")
	if !reflect.DeepEqual(ours, theirs) {
		t.Errorf("%s\n%s", text, strings.Join(differences("", ours, theirs), "\n"))
	}
	return true
}

func saysTheSame(ours, theirs string) bool {
	for there, here := range otherWords {
		if strings.Contains(theirs, there) {
			return strings.Contains(ours, here)
		}
	}
	return ours == theirs
}

// comparable is a configuration as JSON has it, without what Supervisor has not.
func comparable(t *testing.T, c *Config) (m map[string]any) {
	t.Helper()
	text, err := json.Marshal(c)
	must(t, err)
	must(t, json.Unmarshal(text, &m))
	delete(m, "warnings")
	var clean func(v any)
	clean = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if _, isProgram := v["command"]; isProgram {
				delete(v, "user")
			}
			for key, value := range v {
				if value == nil && key != "uid" && key != "umask" && key != "username" && key != "password" {
					v[key] = []any{}
				}
				clean(value)
			}
		case []any:
			for _, value := range v {
				clean(value)
			}
		}
	}
	clean(m)
	return m
}

// differences lists where two values of JSON are not the same.
func differences(at string, ours, theirs any) (list []string) {
	a, isMap := ours.(map[string]any)
	b, areMaps := theirs.(map[string]any)
	if isMap && areMaps {
		for key := range a {
			list = append(list, differences(at+"/"+key, a[key], b[key])...)
		}
		for key := range b {
			if _, both := a[key]; !both {
				list = append(list, at+"/"+key+" is missing here")
			}
		}
		return list
	}
	x, isList := ours.([]any)
	y, areLists := theirs.([]any)
	if isList && areLists && len(x) == len(y) {
		for i := range x {
			list = append(list, differences(at+"/"+string(rune('0'+i%10)), x[i], y[i])...)
		}
		return list
	}
	if !reflect.DeepEqual(ours, theirs) {
		one, _ := json.Marshal(ours)
		other, _ := json.Marshal(theirs)
		list = append(list, at+": here "+string(one)+", Supervisor "+string(other))
	}
	return list
}

// values are good for some keys and bad for others.
var values = []string{"", "0", "1", "-1", "007", "1_0", "abc", "1.5", "22", "0o22", "999", "70000", "true", "No", "ON", "unexpected", "UNEXPECTED",
	"TERM", "sigusr1", "SIGRTMIN", "34", "35", "64", "IOT", "50MB", "1 kb", "2gb", "-3MB", "MB", "0,1, 2", "0,256", "1,,2", "auto", "NONE", "off", "syslog",
	"/tmp/x.log", "/nowhere/x.log", "x.log", "/tmp", "/nowhere", "~/x", "~nobody/x", "~", "root", "nobody", "root:nogroup", "root:nobody2", "0:0", "99999", "warn", "DEBUG",
	"%(here)s/x", "%(ENV_N)s", "%(ENV_WORD)s", "%(ENV_PERCENT)s", "%(ENV_NOPE)s", "%(nope)s", "%(process_num)02d", "%(numprocs)d", "%(program_name)s", "%(group_name)s",
	"%(host_node_name)s", "100%", "100%%", "100%%%%", "%d", "a b", "a:b", "a/b", "'", "\"a b\"", "A=1", "A=1,B=2", "A=\"1,2\",B='x'", "A=%(ENV_WORD)s", "A=1,", "A=", "A", "A=1,B", "A=x y",
	"A='%(ENV_QUOTED)s'", "x,y", "TICK_5", "tick_60,PROCESS_STATE", "EVENT,NOPE", "unix:///tmp/s", "unix://s", "tcp://Host:80", "tcp://h:99999", "http://h", "*:80", "h:", ":80", "H:8x",
	"{SHA}82ab876d1387bfafe46cc1c8a2ef074eae50cb1d", "supervisor.dispatchers:default_handler"}

func TestEveryKeyIsReadAsSupervisorReadsIt(t *testing.T) {
	var texts []string
	for section, begin := range map[string]string{
		"supervisord":      "[supervisord]\n",
		"program":          "[supervisord]\n[program:web]\ncommand=x\n",
		"two":              "[supervisord]\n[program:web]\ncommand=x\nnumprocs=2\nprocess_name=%(program_name)s_%(process_num)d\nnumprocs_start=3\n",
		"group":            "[supervisord]\n[program:x]\ncommand=x\n[program:y]\ncommand=y\n[group:both]\nprograms=x\n",
		"eventlistener":    "[supervisord]\n[eventlistener:ear]\ncommand=x\nevents=TICK_5\n",
		"fcgi-program":     "[supervisord]\n[fcgi-program:cgi]\ncommand=x\nsocket=tcp://localhost:9000\n",
		"fcgi-unix":        "[supervisord]\n[fcgi-program:cgi]\ncommand=x\nsocket=unix:///tmp/%(program_name)s.sock\nsocket_owner=nobody\n",
		"unix_http_server": "[supervisord]\n[unix_http_server]\nfile=/tmp/s\nusername=u\npassword=p\n",
		"inet_http_server": "[supervisord]\n[inet_http_server]\nport=9001\n",
	} {
		keys := known[section]
		switch section {
		case "two":
			keys = strings.Fields("process_name numprocs numprocs_start environment directory command stdout_logfile user")
		case "eventlistener", "fcgi-program":
			keys = append(ofKind[section], "priority", "redirect_stderr", "user", "process_name", "stdout_logfile", "environment")
		case "fcgi-unix":
			keys = ofKind["fcgi-program"]
		}
		for i, key := range keys {
			if key == "depends_on" || key == "rundir" {
				continue // ours
			}
			for j, value := range values {
				if (i+j)%3 != 0 {
					continue // for the time that Supervisor takes
				}
				if key == "numprocs" && len(value) > 4 && value[0] >= '7' {
					continue // Supervisor would take all memory
				}
				texts = append(texts, begin+key+"="+value+"\n")
			}
		}
	}
	if n := compareTexts(t, texts); n < len(texts)/10 || n > len(texts)*9/10 {
		t.Errorf("%d of %d were accepted", n, len(texts))
	}
}

// pieces are what the files of random configurations consist of. A star stands for a digit, so
// that a name is there twice now and then.
var pieces = []string{
	"[program:p*]\ncommand=/bin/p* -x 'a b'\n", "[program:p*]\ncommand=p\nprocess_name=%(program_name)s_%(process_num)02d\nnumprocs=3\n",
	"[group:g*]\nprograms=p1,p2\n", "[group:g*]\nprograms= p3 , c1\npriority=*\n", "[group:p*]\nprograms=p*\n", "[group:g*]\n",
	"[fcgi-program:c*]\ncommand=c*\nsocket=unix:///tmp/%(program_name)s.sock\nuser=nobody\n", "[fcgi-program:p*]\ncommand=c\nsocket=tcp://h:9*00\n",
	"[eventlistener:e*]\ncommand=e\nevents=TICK_5,PROCESS_STATE\nbuffer_size=*\n", "[eventlistener:e*]\nevents=EVENT\n",
	"[supervisord]\nenvironment=A=\"%(here)s\",B='%(ENV_WORD)s*'\n", "[supervisord]\nloglevel=debug\nidentifier=%(ENV_WORD)s\n", "[DEFAULT]\npriority=*\n", "[DEFAULT]\nenvironment=D=1\n",
	"[unix_http_server]\nfile = %(here)s/s*.sock ; comment\n", "[unix_http_server:*]\nfile=/tmp/x\nusername=u\n", "[inet_http_server]\nport=127.0.0.1:900*\n",
	"[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n", "[rpcinterface:x]\n", "[supervisorctl]\nserverurl=unix:///x\n",
	"priority=*\n", "environment=A=\"*\",C=%(ENV_A)s%(ENV_N)s\n", "environment=A=1,%(process_num)d=2\n", "user=nobody\n", "directory=%(ENV_A)s\n", "stdout_logfile=%(here)s/%(program_name)s.log\n",
	"stdout_logfile=/tmp/%%(ENV_N)s.log\nredirect_stderr=true\nstderr_logfile=/tmp/x\n", "stdout_logfile=syslog\n", "stderr_logfile_maxbytes=0\n", "autostart=false\n", "autorestart=*\n", "numprocs=*\n", "process_name=x%(process_num)s\n",
	"  more\n", "key\n", "; comment\n", "\n", "command=a\n  b ; c\n\n  d\n", "command=%(ENV_NOPE)s\n", "stopasgroup=true\n", "killasgroup=false\n", "serverurl=AUTO\n", "exitcodes=0,*\n",
}

func TestWholeConfigurationsAreReadAsSupervisorReadsThem(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	var texts []string
	for range 600 {
		text := "[supervisord]\n"
		for range 1 + r.IntN(9) {
			text += strings.ReplaceAll(pieces[r.IntN(len(pieces))], "*", fmt.Sprint(r.IntN(4)))
		}
		texts = append(texts, text)
	}
	if n := compareTexts(t, texts); n < 60 {
		t.Errorf("%d of %d were accepted", n, len(texts))
	}
}

func TestIncludedFilesAreReadAsSupervisorReadsThem(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "conf.d", "folder.conf"), 0o755))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "conf.d", "link.conf")))
	for name, text := range map[string]string{
		"conf.d/b.conf":     "[program:b]\ncommand=%(here)s/b\n[program:main]\ndirectory=%(here)s\n[include]\nfiles=other/*\n",
		"conf.d/a.conf":     "[program:a]\ncommand=a\nuser=nobody2\n",
		"conf.d/.hide.conf": "[program:hidden]\ncommand=a\n",
		"good/a.ini":        "[program:main]\npriority=5\n[group:g]\nprograms=main\n",
		"good/c.ini":        "[DEFAULT]\nenvironment=HERE=\"%(here)s\"\n",
		"bad/a.conf":        "[program:a]\ncommand\n",
		"none/a.conf":       "command=x\n",
		"latin/a.conf":      "[program:a]\ncommand=\xe9\n",
	} {
		file := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte(text), 0o644))
	}
	var files []string
	for i, include := range []string{"conf.d/*.conf", "%(here)s/conf.d/b.conf", "good/*.ini conf.d/b*", "bad/*", "none/*", "latin/*", "nowhere/*.conf", "good/a.ini\n  conf.d/b.conf", "%(ENV_NOPE)s/x", "good/[!a].ini", ""} {
		file := filepath.Join(dir, fmt.Sprint(i, ".conf"))
		text := "[supervisord]\n[program:main]\ncommand=%(here)s/main\n[include]\nfiles = " + include + "\n"
		if include == "" {
			text = "[supervisord]\n[include]\n"
		}
		must(t, os.WriteFile(file, []byte(text), 0o644))
		files = append(files, file)
	}
	files = append(files, filepath.Join(dir, "nowhere.conf"))
	next := newOracle(t).read(t, files)
	accepted := 0
	for _, file := range files {
		if compare(t, next(), file) {
			accepted++
		}
	}
	if accepted != 5 {
		t.Errorf("%d of %d were accepted", accepted, len(files))
	}
}
