package page

// The page shows what the table has, does what its visitors ask for and nobody else, and has
// nothing in it that a program or a link has put there.
//
// Not tested in this file: what Supervisor's page says (oracle_test.go), what is live
// (live_test.go), and what a browser makes of it.

import (
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"catena/internal/supervisord/rpc"
	"catena/internal/supervisord/serve"
)

// An answer is what a request has come to.
type answer struct {
	code   int
	header http.Header
	body   string
}

var plainClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// ask makes a request with some headers as curl does, which sends no others that matter.
func (s *site) ask(method, path string, form url.Values, headers map[string]string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url(path), strings.NewReader(form.Encode()))
	must(s.t, err)
	r.Header.Set("User-Agent", "curl/8")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	got, err := plainClient.Do(r)
	must(s.t, err)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	must(s.t, err)
	return answer{got.StatusCode, got.Header, string(body)}
}

func (s *site) get(path string) answer { return s.ask("GET", path, nil, nil) }

var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)

// token is that of a page.
func (s *site) token() string {
	s.t.Helper()
	found := tokenField.FindStringSubmatch(s.get("/").body)
	if found == nil {
		s.t.Fatal("the page has no token")
	}
	return found[1]
}

func TestThePageShowsEachProgramWithWhatCanBeDone(t *testing.T) {
	s := serving(t, newFake(t, "web:web_00", "web:web_01", "bad", "silent"))
	s.table.process(t, "web:web_01").become(func(i *serve.Info) {
		i.State, i.PID, i.SpawnError = rpc.Backoff, 0, "Exited too quickly (process log may have details)"
	})
	for _, path := range []string{"/", "/index.html", "//index.html", "/?message=Well+%3Cb%3E"} {
		got := s.get(path)
		if got.code != 200 || got.header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Fatal(path, got)
		}
		for what, n := range map[string]int{
			">web:web_00</a>": 1, ">running</span>": 2, ">backoff</span>": 1, ">stopped</span>": 1, "pid 12345, uptime <span": 2,
			"Not started": 1, "Exited too quickly (process log may have details)": 1,
			`aria-label="Restart web:web_00"`: 1, `aria-label="Restart web:web_01"`: 0, `aria-label="Stop web:web_01"`: 1, `aria-label="Start bad"`: 1,
			`aria-label="Output of silent"`: 0, `aria-label="Output of bad"`: 1, `aria-label="Stop the group web"`: 1, `aria-label="Stop the group bad"`: 0,
			`2 running</a>`: 1, "No programs to manage": 0, "<b>": 0,
		} {
			if found := strings.Count(got.body, what); found != n {
				t.Errorf("%s has %q %d times, want %d", path, what, found, n)
			}
		}
	}
	if got := s.get("/?message=Well+%3Cb%3E").body; !strings.Contains(got, ">Well &lt;b&gt;</p>") {
		t.Error("the message is not shown")
	}
	if got := serving(t, newFake(t)).get("/").body; !strings.Contains(got, "No programs to manage") {
		t.Error("a server without programs does not say so")
	}
	if got := s.get("/ok.html"); got.body != "OK" || got.code != 200 {
		t.Error(got)
	}
}

func TestASearchWorksWithoutAScript(t *testing.T) {
	s := serving(t, newFake(t, "web:web_00", "web:web_01", "worker", "bad"))
	for search, want := range map[string]int{"": 4, "web": 2, "WEB 01": 1, "running": 3, "stopped": 1, "w run": 3, "nope": 0, "%3Cb%3E": 0} {
		got := s.get("/?q=" + strings.ReplaceAll(search, " ", "+")).body
		if n := strings.Count(got, `class="program"`); n != want {
			t.Errorf("%q: %d programs, want %d", search, n, want)
		}
		if hidden := strings.Contains(got, `<p id="none" hidden>`); hidden != (want > 0) || strings.Contains(got, "<b>") {
			t.Errorf("%q: %s", search, got)
		}
	}
}

// Whatever a program is called, its name is text, and links and buttons mean that program.
func TestNamesAreText(t *testing.T) {
	const name = `</th><script>alert(1)</script>"'&%41?#+\{{.}}`
	s := serving(t, newFake(t))
	s.table.add(t, "x:"+name)
	full := url.QueryEscape("x:" + name)
	for _, path := range []string{"/", "/tail.html?processname=" + full, "/?q=" + url.QueryEscape("<script>"), "/?action=" + url.QueryEscape(name), "/?action=stop&processname=" + full} {
		got := s.ask("GET", path, nil, map[string]string{"Sec-Fetch-Site": "cross-site"})
		if got.header.Get("Content-Type") == "text/html; charset=utf-8" && strings.Contains(got.body, "<script>") {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	page := s.get("/").body
	buttons := regexp.MustCompile(`formaction="(index.html\?action=stop&amp;processname=[^"]*)"`).FindAllStringSubmatch(page, -1)
	address := strings.ReplaceAll(buttons[len(buttons)-1][1], "&amp;", "&")
	got := s.ask("POST", "/"+address, url.Values{"token": {s.token()}}, map[string]string{"Accept": "text/plain"})
	if got.code != 200 || got.body != "Process x:"+name+" stopped\n" {
		t.Error(address, got)
	}
	tail := s.get("/tail.html?processname=" + full).body
	link := regexp.MustCompile(`href="(logtail/[^"]*)"`).FindStringSubmatch(tail)
	if link == nil {
		t.Fatal("no link to the plain log: ", tail)
	}
	if decoded, err := url.PathUnescape(html.UnescapeString(link[1])); err != nil || decoded != "logtail/x:"+name {
		t.Error(link[1], decoded, err)
	}
}

// Nothing of a page is in the page itself: no script, no style, no handler. So the policy may be
// strict, and everything that has an address comes from here.
func TestPagesKeepToAStrictPolicy(t *testing.T) {
	s := serving(t, newFake(t, "cat"))
	inline := regexp.MustCompile(`<style|<script[^>]*>[^<]|\s(on[a-z]+|style)=|javascript:|(src|href|action)="(https?:)?//`)
	for _, path := range []string{"/", "/tail.html?processname=cat", "/?action=stopall"} {
		got := s.ask("GET", path, nil, map[string]string{"Sec-Fetch-Site": "none"})
		if found := inline.FindString(got.body); found != "" {
			t.Errorf("%s has %q", path, found)
		}
		if got.header.Get("Content-Security-Policy") != policy || strings.Contains(policy, "unsafe") || got.header.Get("Cache-Control") != "no-store" {
			t.Error(path, got.header)
		}
	}
	for _, path := range []string{"/page.css", "/page.js", "/icon.svg"} {
		got := s.get(path)
		if got.code != 200 || len(got.body) < 100 || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Error(path, got.code, got.header)
		}
		if again := s.ask("GET", path, nil, map[string]string{"If-None-Match": got.header.Get("ETag")}); again.code != 304 {
			t.Error(path, again.code)
		}
	}
	for path, want := range map[string]int{"/nope": 404, "/web/index.html": 404, "/index.html/": 404, "/../page.css": 404, "/parts.html": 404} {
		if got := s.get(path); got.code != want {
			t.Errorf("%s: %d", path, got.code)
		}
	}
	for _, method := range []string{"PUT", "DELETE", "OPTIONS", "POST"} {
		if got := s.ask(method, "/tail.html", nil, nil); got.code != 405 || got.header.Get("Allow") == "" {
			t.Errorf("%s: %d", method, got.code)
		}
	}
}

// A link stops a program if no other page can have made a browser follow it.
func TestLinksWorkForScriptsAndTheSameOrigin(t *testing.T) {
	s := serving(t, newFake(t, "cat"))
	browser := map[string]string{"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", "Accept-Language": "en"}
	for _, c := range []struct {
		what    string
		headers map[string]string
		browser bool
		acts    bool
	}{
		{"curl", nil, false, true},
		{"wget", map[string]string{"User-Agent": "Wget/1.21", "Accept": "*/*"}, false, true},
		{"a script without a name", map[string]string{"User-Agent": ""}, false, true},
		{"a script that says that it is of the same origin", map[string]string{"Origin": "http://" + s.address}, false, true},
		{"a page of the same origin", map[string]string{"Sec-Fetch-Site": "same-origin"}, true, true},
		{"such a page without TLS", map[string]string{"Referer": "http://" + s.address + "/x.html"}, true, true},
		{"a page of another origin", map[string]string{"Sec-Fetch-Site": "cross-site"}, true, false},
		{"such a page that claims another one", map[string]string{"Sec-Fetch-Site": "cross-site", "Referer": "http://" + s.address + "/"}, true, false},
		{"such a page without TLS", map[string]string{"Referer": "http://elsewhere/"}, true, false},
		{"such a page in a frame that has no origin", map[string]string{"Origin": "null"}, true, false},
		{"such a page that leaves out where it is", nil, true, false},
		{"such a page whose browser keeps its name", map[string]string{"User-Agent": ""}, true, false},
		{"such a page whose browser keeps its language", map[string]string{"Accept-Language": ""}, true, false},
		{"another port", map[string]string{"Referer": "http://127.0.0.1:1/"}, true, false},
		{"another page of the same site", map[string]string{"Sec-Fetch-Site": "same-site"}, true, false},
		{"an address that is typed, a bookmark, a mail", map[string]string{"Sec-Fetch-Site": "none"}, true, false},
		{"what is fetched in advance", map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Purpose": "prefetch;prerender"}, true, false},
		{"the same as it was once", map[string]string{"Sec-Fetch-Site": "same-origin", "Purpose": "prefetch"}, true, false},
	} {
		headers := map[string]string{}
		if c.browser {
			maps.Copy(headers, browser)
		}
		maps.Copy(headers, c.headers)
		must(t, s.table.process(t, "cat").Start())
		got := s.ask("GET", "/?action=stop&processname=cat", nil, headers)
		stopped := s.table.process(t, "cat").Info().State != rpc.Running
		switch {
		case stopped != c.acts:
			t.Errorf("%s: stopped: %v", c.what, stopped)
		case stopped && (got.code != 301 || got.header.Get("Location") != "./?message=Process%20cat%20stopped"):
			t.Error(c.what, got.code, got.header)
		case !stopped && (got.code != 403 || !strings.Contains(got.body, "Stop cat?") || !strings.Contains(got.body, "Nothing was done yet")):
			t.Error(c.what, got.code, got.body)
		}
		if again := s.ask("HEAD", "/?action=stop&processname=cat", nil, headers); again.code != 200 {
			t.Error(c.what, again.code)
		}
	}
	// Whoever is asked can say yes.
	must(t, s.table.process(t, "cat").Start())
	asked := s.ask("GET", "/?action=stop&processname=cat", nil, map[string]string{"Sec-Fetch-Site": "none"})
	form := regexp.MustCompile(`action="([^"]+)"`).FindStringSubmatch(asked.body)[1]
	token := tokenField.FindStringSubmatch(asked.body)[1]
	if got := s.ask("POST", "/"+strings.ReplaceAll(form, "&amp;", "&"), url.Values{"token": {token}}, nil); got.code != 303 {
		t.Error(got)
	}
	if state := s.table.process(t, "cat").Info().State; state != rpc.Stopped {
		t.Error(state)
	}
}

// A form needs the token of this server, wherever it says that it comes from.
func TestAFormNeedsTheToken(t *testing.T) {
	s := serving(t, newFake(t, "cat"))
	old := serving(t, newFake(t, "cat")).token()
	for _, token := range []string{"", "x", old, s.token() + "x", s.token()[1:], "\x00"} {
		for _, accept := range []string{"text/html", "text/plain"} {
			got := s.ask("POST", "/?action=stop&processname=cat", url.Values{"token": {token}}, map[string]string{"Accept": accept, "Sec-Fetch-Site": "same-origin", "Origin": "http://" + s.address})
			if got.code != 403 || !strings.Contains(got.body, "Nothing was done: the form has no token of this server.") {
				t.Error(got)
			}
		}
	}
	if state := s.table.process(t, "cat").Info().State; state != rpc.Running {
		t.Fatal(state)
	}
	// Supervisor's parameters may stand in the address or in the form.
	for _, path := range []string{"/", "/index.html"} {
		must(t, s.table.process(t, "cat").Start())
		got := s.ask("POST", path, url.Values{"token": {s.token()}, "action": {"stop"}, "processname": {"cat"}}, nil)
		if got.code != 303 || got.header.Get("Location") != "./?message=Process%20cat%20stopped" {
			t.Error(got)
		}
	}
	for _, c := range []struct {
		body string
		want int
	}{{"action=nope", 400}, {"action=", 400}, {"%zz", 400}, {strings.Repeat("x", longestForm+1), 413}} {
		r, err := http.NewRequest("POST", s.url("/"), strings.NewReader(c.body))
		must(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		got, err := plainClient.Do(r)
		must(t, err)
		got.Body.Close()
		if got.StatusCode != c.want {
			t.Errorf("%.20q: %d, want %d", c.body, got.StatusCode, c.want)
		}
	}
}

// More actions than the server has patience for are refused, and nothing of them is done.
func TestActionsThatAreUnderWayAreCounted(t *testing.T) {
	s := serving(t, newFake(t, "cat"))
	for range mostActions {
		s.page.actions <- struct{}{}
	}
	if got := s.get("/?action=stop&processname=cat"); got.code != 503 || got.body != "Too many actions are under way. Nothing was done.\n" {
		t.Error(got)
	}
	<-s.page.actions
	if got := s.get("/?action=stop&processname=cat"); got.code != 301 {
		t.Error(got)
	}
}

// A log is shown from its end, and goes on where it was left: rotated, emptied, or flooded.
func TestALogGoesOn(t *testing.T) {
	s := serving(t, newFake(t, "cat"))
	file := s.table.process(t, "cat").Info().Stdout
	more := func(at string) answer { return s.get("/tail.txt?processname=cat&at=" + url.QueryEscape(at)) }
	expect := func(got answer, text, note string) string {
		t.Helper()
		if got.code != 200 || got.body != text || got.header.Get("Log-Note") != note {
			t.Errorf("%d %.60q %v, want %.60q, %q", got.code, got.body, got.header, text, note)
		}
		return got.header.Get("Log-At")
	}
	at := expect(more(""), "hallo\n", "")
	at = expect(more(at), "", "")
	write := func(text string) {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		must(t, err)
		_, err = f.WriteString(text)
		must(t, err)
		must(t, f.Close())
	}
	write("\x1b[1;32mgreen\x1b[0m <b>\n")
	at = expect(more(at), "green <b>\n", "")
	write("half an \xe2\x82")
	at = expect(more(at), "half an ", "")
	write("\xac\xff\n")
	at = expect(more(at), "€\uFFFD\n", "")
	must(t, os.WriteFile(file, []byte("new\n"), 0o600)) // emptied
	at = expect(more(at), "new\n", "the log was begun anew")
	must(t, os.Rename(file, file+".1"))
	write("much newer\n")
	at = expect(more(at), "much newer\n", "the log was begun anew")
	write(strings.Repeat("x", longTail+10))
	at = expect(more(at), strings.Repeat("x", longTail), "10 bytes were left out")
	expect(more(at), "", "")
	for _, rubbish := range []string{"x", "1", "1.-5", "-1.2", "99999999999999999999.1", "1.99999999999999999999"} {
		if got := more(rubbish); got.code != 200 || len(got.body) > longTail {
			t.Errorf("%s: %d, %d bytes", rubbish, got.code, len(got.body))
		}
	}
	for _, path := range []string{"/tail.txt?processname=nope", "/tail.txt?processname=", "/tail.txt"} {
		if got := s.get(path); got.code != 404 {
			t.Errorf("%s: %d", path, got.code)
		}
	}
	if got := s.get("/tail.html?processname=cat&limit=99999999"); strings.Count(got.body, "x") < longTail || len(got.body) > longTail+8000 {
		t.Errorf("%d bytes", len(got.body))
	}
}
