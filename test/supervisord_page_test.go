package test

// The web page of our server shows the services as they are, and what it is told to do is done to
// them. A kill of the server costs a visitor nothing but the token.
//
// Not tested in this file: what else the page does, and what a browser makes of it; those tests
// are beside the code, over made-up services.

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// visitor makes requests to the socket of a server, as curl does.
func visitor(t *testing.T, socket string) func(method, path string, form url.Values) (code int, body string) {
	t.Helper()
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}},
	}
	return func(method, path string, form url.Values) (int, string) {
		request, err := http.NewRequest(method, "http://x"+path, strings.NewReader(form.Encode()))
		must(err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Accept", "text/plain")
		response, err := client.Do(request)
		if err != nil {
			return 0, err.Error()
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return 0, err.Error()
		}
		if where := response.Header.Get("Location"); where != "" {
			where, err = url.PathUnescape(where)
			must(err)
			return response.StatusCode, where
		}
		return response.StatusCode, string(body)
	}
}

func TestThePageShowsServicesAndActsOnThem(t *testing.T) {
	t.Parallel()
	s := supervisedByOurs(t, "[program:a]\ncommand=/bin/sh -c 'echo hallo from a; exec /bin/sleep 1000'\nstartsecs=0\n[program:b]\ncommand=/bin/cat\nautostart=false\nstartsecs=0\n")
	ask := visitor(t, filepath.Join(s.dir, "sock"))
	token := regexp.MustCompile(`name="token" value="([^"]+)"`)
	var page string
	shows := func(texts ...string) {
		t.Helper()
		eventually(t, "the page shows "+strings.Join(texts, ", "), func() bool {
			_, page = ask("GET", "/", nil)
			for _, text := range texts {
				if !strings.Contains(page, text) {
					return false
				}
			}
			return token.MatchString(page)
		}, func() string { return page })
	}
	shows(">a</a>", "1 running</a>", "Not started", "1 stopped</a>")
	eventually(t, "the log of a is shown", func() bool {
		_, page = ask("GET", "/tail.html?processname=a", nil)
		return strings.Contains(page, ">hallo from a\n</pre>")
	}, func() string { return page })
	_, page = ask("GET", "/", nil)
	first := token.FindStringSubmatch(page)[1]
	if code, said := ask("POST", "/?action=start&processname=b", url.Values{"token": {"x"}}); code != 403 {
		t.Error(code, said)
	}
	if code, said := ask("POST", "/?action=start&processname=b", url.Values{"token": {first}}); code != 200 || said != "Process b started\n" {
		t.Error(code, said)
	}
	shows("2 running</a>")
	if code, said := ask("GET", "/index.html?action=stop&processname=a", nil); code != 301 || said != "./?message=Process a stopped" {
		t.Error(code, said)
	}
	shows("1 running</a>", "1 stopped</a>")
	for range 2 { // before and after a kill
		code, metrics := ask("GET", "/metrics", nil)
		for _, line := range []string{`supervisor_process_up{group="a",name="a"} 0`, `supervisor_process_up{group="b",name="b"} 1`,
			`supervisor_process_starts_total{group="a",name="a"} 1`, `supervisor_process_starts_total{group="b",name="b"} 1`, `supervisor_process_exit_status{group="a",name="a"} -1`} {
			if !strings.Contains(metrics, line+"\n") {
				t.Errorf("%d: no %s in\n%s", code, line, metrics)
			}
		}
		must(unix.Kill(recordedIn(ownLock(s)), unix.SIGKILL))
		eventually(t, "another server answers", func() bool {
			_, page = ask("GET", "/", nil)
			found := token.FindStringSubmatch(page)
			return found != nil && found[1] != first
		}, func() string { return page })
		first = token.FindStringSubmatch(page)[1]
	}
	shows("1 running</a>", "1 stopped</a>")
	if code, said := ask("POST", "/?action=restart&processname=b", url.Values{"token": {first}}); code != 200 || said != "Process b restarted\n" {
		t.Error(code, said)
	}
}
