package test

// Configurations of the kinds that public projects have: both supervisords run the same programs,
// which come to the same states.
//
// Not tested in this file: the programs themselves; stand-ins take their places. A configuration
// here has the keys of a public one, and none of its text.

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// kinds are the configurations. BIN is the folder of the stand-ins, which is in PATH as well.
var kinds = map[string]string{
	"a web server and php in a container": `[supervisord]
logfile_maxbytes=0
[program:php-fpm]
command=php-fpm85 -F
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
stderr_logfile=/dev/stderr
stderr_logfile_maxbytes=0
autorestart=false
startretries=0
[program:web]
command=web -g 'daemon off;'
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
autorestart=false
startretries=0
`,
	"the same with comments behind values and priorities": `[supervisord]
user=root            ;
minfds=1024          ; (min. avail startup file descriptors;default 1024)
loglevel=info        ; (log level;default info; others: debug,warn,trace)
[supervisorctl]
serverurl=unix:///tmp/none.sock ; a comment
[program:fpm]
command = BIN/fpm --nodaemonize --config "/etc/fpm d/www.conf"
priority=5
stdout_events_enabled=true
stopsignal=QUIT
[program:web]
command=BIN/web -g "daemon off; error_log /dev/stderr info;"
autorestart=true
priority=10
stopsignal=QUIT
[include]
files = %(here)s/none.d/*.conf
`,
	"queue workers of a framework": `[program:worker]
process_name=%(program_name)s_%(process_num)02d
command=php artisan queue:work redis --sleep=3 --tries=3
autostart=true
autorestart=true
stopasgroup=true
killasgroup=true
user=nobody
numprocs=4
redirect_stderr=true
stdout_logfile=%(here)s/worker.log
stopwaitsecs=3600
[program:scheduler]
command=/bin/sh -c "while [ true ]; do (php artisan schedule:run --verbose &); sleep 60; done"
stdout_logfile=NONE
`,
	"a desktop": `[supervisord]
redirect_stderr=true
autorestart=true
[group:x]
programs=xvfb,wm,vnc
[program:wm]
priority=15
command=BIN/wm
environment=DISPLAY=":1",HOME="/root",USER="root"
[program:xvfb]
priority=10
command=BIN/xvfb.sh
stopsignal=KILL
[program:vnc]
priority=20
command=vnc -display :1 -forever -shared
[program:nothing]
directory=/usr/lib
command=nothing
startretries=0
`,
	"numbered ports": `[program:course]
process_name=course-%(process_num)s
command=python BIN/web --port=%(process_num)s	--log_file_prefix=/log/%(program_name)s-%(process_num)s.log
numprocs=2
numprocs_start=9300
environment=PATH="BIN:/usr/bin:/bin"
`,
	"variables of the surroundings": `[supervisord]
loglevel=%(ENV_LOG_LEVEL)s     ; (log level)
[program:browser]
priority=0
command=BIN/start-browser.sh
autostart=%(ENV_BROWSER)s
autorestart=%(ENV_BROWSER)s
startsecs=0
startretries=0
stdout_logfile_backups=5
stdout_capture_maxbytes=50MB
[program:cleanup]
command=bash -c "BIN/cleanup.sh %(ENV_LOG_LEVEL)s; EXIT_CODE=$?; exit $EXIT_CODE"
autostart=%(ENV_OFF)s
`,
	"a mail server": `[supervisord]
strip_ansi = true
[program:mail]
startsecs=0
stopwaitsecs=55
autorestart=false
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
command=BIN/once-mail.sh
[program:cron]
startsecs=0
autostart=false
autorestart=true
command=cron -f
[program:logs]
startsecs=0
stdout_logfile=%(here)s/%(program_name)s.log
stderr_logfile=%(here)s/%(program_name)s.log
command=BIN/logs -n
`,
	"servers with folders": `[program:rpc]
directory=/usr/lib
command=BIN/bundle exec thin --rackup BIN/rpc.ru --address 127.0.0.1 --port 55554
redirect_stderr=true
stdout_logfile=%(here)s/rpc.log
[program:panel]
directory=/var
command=python3 manage.py runserver 12345
`,
	"a machine with ssh": `[supervisorctl]
serverurl=http://127.0.0.1:9001
[program:search]
command=BIN/search
priority=100
startsecs=1
[program:sshd]
command=BIN/sshd -D
priority=400
[program:init]
command=BIN/once-init
startsecs=30
stdout_logfile = %(here)s/init.log
priority=1000
startretries=1
`,
	"a router": `[supervisord]
logfile_maxbytes=1MB
[program:rsyslogd]
command=BIN/rsyslogd -n -iNONE
priority=1
autostart=false
autorestart=unexpected
dependent_startup=true
[program:start]
command=BIN/once-start
priority=2
autorestart=false
startsecs=0
stdout_logfile=NONE
[program:teamd]
command=BIN/teamd
priority=3
autostart=true
autorestart=false
dependent_startup_wait_for=start:exited
`,
	"pipelines of a shell": `[program:channel]
command=/bin/bash -c "BIN/channel.sh"
directory=/
user=root
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile_maxbytes=1MB
depend=bridge
[program:gate]
command=/bin/bash -c "cd BIN && ./gate"
autorestart=unexpected
exitcodes=0
`,
	"a job that fails": `[program:migrate]
command=bad-migrate --now
autorestart=unexpected
startretries=1
startsecs=30
exitcodes=0,2
[program:app]
command=gunicorn -w4 -b 0.0.0.0:5000 run:app
directory=/var
`,
	"task queue and beat": `[program:celery]
command=celery -A project worker
    --loglevel=INFO
    --concurrency=4
directory=/var
user=nobody
startsecs=1
stopwaitsecs = 600
killasgroup=true
priority=998
[program:beat]
command=celery -A project beat
user=nobody
priority=999
[group:project]
programs=celery,beat
priority=990
`,
	"merged sections": `[program:a]
command=BIN/a one
[program:b]
command=BIN/b
[program:a]
command=BIN/a two
`,
	"included files": `[program:main]
command=BIN/main
[include]
files = conf.d/*.conf %(here)s/more/none.conf
`,
}

// included are the files beside a configuration.
var included = map[string]string{
	"conf.d/10-first.conf":  "[program:first]\ncommand=BIN/first %(here)s\n",
	"conf.d/20-second.conf": "[program:second]\ncommand=BIN/second\nautostart=no\n[program:main]\nenvironment=MORE=\"1\"\n",
	"conf.d/README":         "no configuration\n",
}

// actorsOf makes a folder of programs: each notes as which it runs and stays, but for those that
// are to end.
func actorsOf(t *testing.T) (bin string) {
	t.Helper()
	bin = filepath.Join(t.TempDir(), "bin")
	must(os.Mkdir(bin, 0o755))
	script(filepath.Join(bin, "stand-in"), `#!/bin/sh
echo "${0##*/} $* in $PWD as $(id -un) of $SUPERVISOR_GROUP_NAME, $DISPLAY $MORE" >>"$RECORD/$SUPERVISOR_PROCESS_NAME"
case ${0##*/} in
once*) exit 0 ;;
bad*) exit 1 ;;
esac
exec sleep 1000
`)
	text := strings.Join(slices.Collect(maps.Values(kinds)), "\n") + strings.Join(slices.Collect(maps.Values(included)), "\n")
	names := append(submatches(`BIN/([\w.-]+)`, text), submatches(`(?m)^command=([a-z][\w-]*)`, text)...)
	for _, name := range names {
		if name != "nothing" && name != "bash" && !exists(filepath.Join(bin, name)) {
			must(os.Symlink("stand-in", filepath.Join(bin, name)))
		}
	}
	for dir := bin; dir != work && len(dir) > len(work); dir = filepath.Dir(dir) {
		must(os.Chmod(dir, 0o755))
	}
	return bin
}

func TestPublicConfigurationsRunAsByDebiansSupervisord(t *testing.T) {
	needRoot(t)
	need(t, "bash", "python3")
	theirs, bin := debiansSupervisord(t), actorsOf(t)
	for kind, text := range kinds {
		t.Run(strings.ReplaceAll(kind, " ", "_"), func(t *testing.T) {
			t.Parallel()
			debians, ours := newHouse(t, theirs, ""), newHouse(t, ourSupervisord(), "")
			for _, h := range []*house{debians, ours} {
				h.configure(strings.ReplaceAll(text+withServer, "BIN", bin))
				for name, text := range included {
					must(os.MkdirAll(filepath.Dir(h.file(name)), 0o755))
					must(os.WriteFile(h.file(name), []byte(strings.ReplaceAll(text, "BIN", bin)), 0o644))
				}
				must(os.Mkdir(h.file("record"), 0o755))
				must(os.Chmod(h.file("record"), 0o777))
				h.environ = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "RECORD=" + h.file("record"), "LOG_LEVEL=warn", "BROWSER=true", "OFF=false"}
				h.begin(t)
			}
			var want, got string
			eventually(t, "the programs of both come to the same states", func() bool {
				want = statesIn(t, debians) + strings.ReplaceAll(recordsIn(debians.file("record")), debians.dir, "DIR")
				got = statesIn(t, ours) + strings.ReplaceAll(recordsIn(ours.file("record")), ours.dir, "DIR")
				return want == got && !regexp.MustCompile("STARTING|BACKOFF").MatchString(want)
			}, func() string { return "ours:\n" + got + "Debian's:\n" + want + textOf(ours.file("log")) })
		})
	}
}

// recordsIn is what the stand-ins have noted, sorted.
func recordsIn(dir string) (text string) {
	files, _ := filepath.Glob(dir + "/*")
	for _, file := range files {
		text += filepath.Base(file) + ": " + textOf(file)
	}
	return text
}

// withServer is what makes a server answer in a house.
const withServer = "[unix_http_server]\nfile=%(here)s/s\n[rpcinterface:supervisor]\n" +
	"supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"

// statesIn are the states as Debian's supervisorctl prints them.
func statesIn(t testing.TB, h *house) (text string) {
	t.Helper()
	need(t, "supervisorctl")
	out, _ := exec.Command("supervisorctl", "-s", "unix://"+h.file("s"), "status").Output()
	for _, m := range regexp.MustCompile(`(?m)^(\S+) +([A-Z]+)`).FindAllStringSubmatch(string(out), -1) {
		text += m[1] + " " + m[2] + "\n"
	}
	lines := strings.SplitAfter(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}
