package page

// Links and logs are answered as Debian's supervisord answers them.
//
// Not tested in this file: what differs on purpose. "restart" and "restartall" say it if a program
// does not start again, where Supervisor claims that it was restarted; and an action that is not
// known has the status 400, not 500.

import (
	"context"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// supervisors is a configuration whose programs newFake makes, too.
const supervisors = `[supervisord]
logfile=%(here)s/log
pidfile=%(here)s/pid
childlogdir=%(here)s
[unix_http_server]
file=%(here)s/sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[program:cat]
command=/bin/sh -c 'echo hallo; echo oh >&2; exec sleep 1000'
startsecs=0
[program:web]
command=/bin/sleep 1000
numprocs=2
process_name=%(program_name)s_%(process_num)02d
startsecs=0
[program:bad]
command=/nonexistent/x
autostart=false
[program:fails]
command=/bin/false
autostart=false
startretries=0
[program:silent]
command=/bin/sleep 1000
stdout_logfile=NONE
stderr_logfile=NONE
startsecs=0
`

// debians runs Debian's supervisord, and returns a client of its socket.
func debians(t *testing.T) *http.Client {
	t.Helper()
	if _, err := exec.LookPath("supervisord"); err != nil && os.Getenv("CI") != "" {
		t.Fatal("supervisord is not installed, and CI skips nothing")
	} else if err != nil {
		t.Skip("supervisord is not installed")
	}
	dir, err := os.MkdirTemp("", "page-") // a socket's path must not be long
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.WriteFile(filepath.Join(dir, "c"), []byte(supervisors), 0o600))
	cmd := exec.Command("supervisord", "-n", "-c", filepath.Join(dir, "c"))
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		late := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		defer late.Stop()
		cmd.Wait()
	})
	client := &http.Client{CheckRedirect: plainClient.CheckRedirect, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, "sock"))
	}}}
	waitFor(t, "its programs run and have written", func() bool {
		status, err := client.Get("http://x/")
		if err != nil {
			return false
		}
		defer status.Body.Close()
		page, _ := io.ReadAll(status.Body)
		logs, _ := filepath.Glob(filepath.Join(dir, "cat-std*"))
		for _, log := range logs {
			if info, err := os.Stat(log); err != nil || info.Size() == 0 {
				return false
			}
		}
		return strings.Count(string(page), ">running<") == 4 && len(logs) == 2
	})
	return client
}

// What differs from one moment to another.
var clock = regexp.MustCompile(`[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}`)

func TestLinksSayWhatSupervisorSays(t *testing.T) {
	theirs := debians(t)
	own := serving(t, newFake(t, "cat", "web:web_00", "web:web_01", "bad", "fails", "silent"))
	ask := func(client *http.Client, address string) string {
		got, err := client.Get(address)
		must(t, err)
		defer got.Body.Close()
		io.Copy(io.Discard, got.Body)
		where, err := url.Parse(got.Header.Get("Location"))
		must(t, err)
		return got.Status + " " + clock.ReplaceAllString(where.Query().Get("message"), "NOW")
	}
	client := &http.Client{CheckRedirect: plainClient.CheckRedirect, Transport: scriptsTransport{}}
	for _, query := range []string{"action=refresh", "action=stop&processname=cat", "action=stop&processname=cat", "action=start&processname=cat", "action=start&processname=cat",
		"action=start&processname=bad", "action=start&processname=fails", "action=start&processname=nope", "action=stop&processname=nope:x", "action=restart&processname=web:nope",
		"action=restart&processname=web:web_00", "action=stop&processname=web:web_01", "action=restart&processname=web:web_01", "action=clearlog&processname=cat",
		"action=clearlog&processname=silent", "action=clearlog&processname=web", "action=stop&processname=web_00", "action=stop&processname=%3Cb%3E+%25", "action=stopall", "action=stop&processname=cat"} {
		if got, want := ask(client, own.url("/index.html?"+query)), ask(theirs, "http://x/index.html?"+query); got != want {
			t.Errorf("%s: %s\nSupervisor: %s", query, got, want)
		}
	}
}

// scriptsTransport sends what curl does.
type scriptsTransport struct{}

func (scriptsTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("User-Agent", "curl/8")
	return http.DefaultTransport.RoundTrip(r)
}

var preformatted = regexp.MustCompile(`(?s)<pre[^>]*>(.*)</pre>`)

func TestLogsAreShownAsSupervisorShowsThem(t *testing.T) {
	theirs := debians(t)
	own := serving(t, newFake(t, "cat", "web:web_00", "silent"))
	shown := func(client *http.Client, address string) string {
		got, err := client.Get(address)
		must(t, err)
		defer got.Body.Close()
		page, err := io.ReadAll(got.Body)
		must(t, err)
		if found := preformatted.FindSubmatch(page); found != nil {
			return got.Status + " " + html.UnescapeString(string(found[1]))
		}
		return got.Status + " nothing"
	}
	for _, query := range []string{"", "processname=", "processname=cat", "processname=cat&limit=2000", "processname=cat&limit=-1", "processname=cat&limit=x", "processname=silent",
		"processname=nope", "processname=web", "processname=web:*", "processname=web:nope", "processname=%3Cb%3E"} {
		if got, want := shown(http.DefaultClient, own.url("/tail.html?"+query)), shown(theirs, "http://x/tail.html?"+query); got != want {
			t.Errorf("%s: %q\nSupervisor: %q", query, got, want)
		}
	}
}
