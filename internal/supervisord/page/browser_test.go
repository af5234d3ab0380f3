package page

// People can use the page: in one tab and in two, while the server is started again, with and
// without JavaScript, on a phone. And pages of others can do nothing with it.
//
// Not tested in this file: other browsers than chromium; how the page looks, but for its width.

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"catena/internal/supervisord/rpc"
	"catena/internal/supervisord/serve"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

func TestInABrowser(t *testing.T) {
	browser := chromium(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, context.Context)
	}{
		{"two tabs see what one does", twoTabs},
		{"a tab goes on when the server was started again", restarted},
		{"a search filters while programs change", searched},
		{"a log grows, and can be paused", followed},
		{"without JavaScript", withoutScript},
		{"on a phone", onAPhone},
		{"names are text", namesInABrowser},
		{"pages of others stop nothing", pagesOfOthers},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, browser) })
	}
}

// marked tells that the page was not loaded again since it was marked.
const mark, marked = "window.marked = true", "window.marked"

func twoTabs(t *testing.T, browser context.Context) {
	s := serving(t, newFake(t, "cat", "web:web_00", "web:web_01", "bad", "fails"))
	one, two := newTab(t, browser, s.url("/")), newTab(t, browser, s.url("/"))
	for _, x := range []*tab{one, two} {
		x.until(says("#live", "live"))
		x.until(mark)
	}
	one.shoot("light")
	one.do(dark(true))
	one.shoot("dark")
	one.do(dark(false))
	one.clickOn("Stop web:web_00")
	one.until(says("#message", "Process web:web_00 stopped"))
	for _, x := range []*tab{one, two} {
		x.until(state("web:web_00", "stopped"))
		x.until(says("#summary", "2 running"))
	}
	two.clickOn("Start web:web_00")
	two.until(says("#message", "Process web:web_00 started"))
	one.until(state("web:web_00", "running"))
	one.until(says(`[id="p-web:web_00"] .description`, "pid 12345, uptime 0:00:0"))
	two.clickOn("Start bad")
	two.until(says("#message", "ERROR: Process bad: no such file") + " && document.querySelector('#message.error')")
	two.clickOn("Start fails")
	one.until(state("fails", "fatal"))
	two.until(says("#message", "ERROR: Process fails:"))
	two.clickOn("Stop the group web")
	two.until(says("#message", "Process web:* stopped"))
	one.until(state("web:web_00", "stopped") + "&&" + state("web:web_01", "stopped"))
	one.click(`button[formaction$="restartall"]`)
	one.until(says("#message", "ERROR: not all restarted: NO_FILE"))
	two.until(state("web:web_01", "running"))
	s.table.add(t, "new")
	for _, x := range []*tab{one, two} {
		x.until(state("new", "running"))
		if !x.is(marked) {
			t.Error("the page was loaded again")
		}
	}
	// Who uses the keyboard stays where he was.
	one.clickOn("Stop cat")
	one.until(state("cat", "stopped"))
	one.until("document.activeElement.closest('tr')?.id === 'p-cat'")
}

// dark has a tab show pages as somebody sees them who likes dark ones.
func dark(is bool) chromedp.Action[chromedp.Void] {
	value := "light"
	if is {
		value = "dark"
	}
	return chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		_, err := cdp.Call(ctx, to, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
		return err
	})
}

func restarted(t *testing.T, browser context.Context) {
	s := serving(t, newFake(t, "cat", "dog"))
	x := newTab(t, browser, s.url("/"))
	x.until(says("#live", "live"))
	x.until(mark)
	s.stop()
	x.until(says("#live", "no connection"))
	x.clickOn("Stop dog")
	x.until(says("#message", "The server does not answer."))
	x.shoot("lost")
	must(t, s.table.process(t, "cat").Stop())
	s.start()
	x.until(says("#live", "live"))
	x.until(state("cat", "stopped"))
	x.clickOn("Start cat")
	x.until(says("#message", "Process cat started"))
	// The token of a server that is gone is replaced by that of the next one, also at once.
	x.until("document.querySelector('[name=token]').value = 'old'")
	x.clickOn("Stop cat")
	x.until(says("#message", "Process cat stopped"))
	if !x.is(marked) {
		t.Error("the page was loaded again")
	}
}

func searched(t *testing.T, browser context.Context) {
	s := serving(t, newFake(t, "cat", "web:web_00", "web:web_01"))
	x := newTab(t, browser, s.url("/"))
	x.until(says("#live", "live"))
	shown := func(n int) string {
		return fmt.Sprintf("[...document.querySelectorAll('.program')].filter(e => e.offsetParent).length === %d", n)
	}
	x.until(shown(3))
	x.do(chromedp.SendKeys(chromedp.CSS("[name=q]"), "stop"))
	x.until(shown(0) + "&&" + says("#none", "No program is meant"))
	must(t, s.table.process(t, "web:web_01").Stop())
	x.until(shown(1) + "&&" + state("web:web_01", "stopped"))
	s.table.add(t, "bad")
	x.until(shown(2))
	must(t, s.table.process(t, "web:web_01").Start())
	x.until(shown(1) + "&&" + state("bad", "stopped"))
}

func followed(t *testing.T, browser context.Context) {
	s := serving(t, newFake(t, "cat"))
	file := s.table.process(t, "cat").Info().Stdout
	write := func(text string) {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		must(t, err)
		defer f.Close()
		_, err = f.WriteString(text)
		must(t, err)
	}
	for i := range 200 {
		write(fmt.Sprintf("line %d of a program that says what it does <b>\n", i))
	}
	x := newTab(t, browser, s.url("/"))
	x.click(`a[aria-label="Output of cat"]`)
	x.until(says("#log", "line 199 of"))
	x.until(says("#live", "live"))
	write("one more\n")
	x.until(says("#log", "one more"))
	x.until("(e => e.scrollTop > 0 && e.scrollHeight - e.scrollTop - e.clientHeight < 40)(document.getElementById('log'))")
	x.shoot("log")
	x.click("#pause")
	x.until(says("#live", "paused"))
	write("while paused\n")
	time.Sleep(2500 * time.Millisecond) // in which it must not come
	if x.is(says("#log", "while paused")) {
		t.Error("a paused log goes on")
	}
	x.click("#pause")
	x.until(says("#log", "while paused"))
	must(t, os.Rename(file, file+".1"))
	write("in a new file\n")
	x.until(says("#log", "in a new file") + "&&" + says("#log", "==> the log was begun anew <=="))
	s.stop()
	x.until(says("#live", "no connection"))
	write("meanwhile\n")
	s.start()
	x.until(says("#log", "meanwhile"))
	if !x.is("document.getElementById('log').innerText.split('one more').length === 2") {
		t.Error("a line came twice")
	}
	x.click(`nav a[href*="stderr"]`)
	x.until(says("#log", "oh"))
	x.click(`a[href="logtail/cat/stderr"]`)
	x.until("document.contentType === 'text/plain' && document.body.innerText.includes('oh')")
}

func withoutScript(t *testing.T, browser context.Context) {
	s := serving(t, newFake(t, "cat", "web:web_00", "web:web_01"))
	off := chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		_, err := cdp.Call(ctx, to, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
	x := newTab(t, browser, s.url("/"), off)
	x.until("document.getElementById('live').hidden")
	x.clickOn("Stop web:web_00")
	x.until(says("#message", "Process web:web_00 stopped") + "&&" + state("web:web_00", "stopped"))
	x.shoot("without-script")
	x.clickOn("Start the group web")
	x.until(says("#message", "Process web:* started") + "&&" + state("web:web_00", "running"))
	x.click(`a[href*="action=refresh"]`)
	x.until(says("#message", "Page refreshed at"))
	x.until("document.querySelector('[name=q]').value = 'web_01'")
	x.click("#search button")
	x.until("document.querySelectorAll('.program').length === 1 && location.search === '?q=web_01'")
	x.click(`a[aria-label="Output of web:web_01"]`)
	x.until(says("#log", "hallo") + "&& document.getElementById('pause').hidden")
	// A link of Supervisor's that somebody has typed asks first.
	x.do(chromedp.Navigate(s.url("/index.html?action=stop&processname=cat")))
	x.until(says("h2", "Stop cat?"))
	x.shoot("ask")
	if s.table.process(t, "cat").Info().State != rpc.Running {
		t.Error("it was done before anybody said yes")
	}
	x.click("form button")
	x.until(says("#message", "Process cat stopped"))
}

func onAPhone(t *testing.T, browser context.Context) {
	s := serving(t, newFake(t, "cat", "web:web_00", "web:web_01", "bad", "a-program-with-a-long-name-"+strings.Repeat("x", 60)))
	phone := chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulateScale(2))
	x := newTab(t, browser, s.url("/?message=Process+web:web_00+stopped"), phone)
	for name, path := range map[string]string{"phone": "/", "phone-log": "/tail.html?processname=cat", "phone-ask": "/?action=stopall"} {
		x.do(chromedp.Navigate(s.url(path)))
		x.until("document.readyState === 'complete'")
		x.shoot(name)
		x.until("innerWidth === 390 && document.documentElement.scrollWidth === 390")
		x.until("[...document.querySelectorAll('button, input[type=search]')].filter(e => e.offsetParent).every(e => e.offsetHeight >= 44)")
	}
	x.do(chromedp.Navigate(s.url("/")))
	x.until(says("#live", "live"))
	x.clickOn("Stop web:web_01")
	x.until(state("web:web_01", "stopped"))
}

func namesInABrowser(t *testing.T, browser context.Context) {
	const name = `x:</th><img/src=x/onerror="window.hacked=1">'&%41?#`
	s := serving(t, newFake(t))
	s.table.add(t, name)
	x := newTab(t, browser, s.url("/?message=%3Cimg+src=x+onerror=hacked=1%3E&q=%22%3E%3Cimg%3E"))
	x.until(says("#live", "live"))
	x.do(chromedp.Navigate(s.url("/")))
	x.click(".program button[formaction*='action=stop']")
	x.until("document.getElementById('message').innerText === 'Process '+document.querySelector('.program th').innerText+' stopped'")
	x.until("document.querySelector('.program .state').innerText === 'stopped'")
	x.click(".program th a")
	x.until(says("#log", "hallo"))
	if x.is("window.hacked") {
		t.Error("a name is a script")
	}
}

// Pictures, frames, forms and links of other pages do nothing, with TLS and without: to localhost
// browsers say where a request comes from, and to the names that end in .test they do not.
func pagesOfOthers(t *testing.T, browser context.Context) {
	s := serving(t, newFake(t, "cat"))
	port := s.address[strings.LastIndex(s.address, ":"):]
	for _, target := range []string{"http://localhost" + port, "http://catena.test" + port} {
		stop := target + "/index.html?action=stop&processname=cat"
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		evil := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `<title>win</title><script>var done = 0</script><img referrerpolicy=no-referrer src="%[1]s" onerror="done++"><img src="%[1]s" onerror="done++">
<iframe name=frame></iframe><form target=frame method=post action="%[1]s"><input name=token value=x></form><script>
document.forms[0].submit();
fetch("%[1]s", {mode: 'no-cors', credentials: 'include', referrerPolicy: 'no-referrer'}).then(() => done++, () => done++);
fetch("%[1]s", {method: 'POST', mode: 'no-cors', body: new URLSearchParams({token: ''})}).then(() => done++, () => done++);
function go() { location = "%[1]s" }</script>`, stop)
		})}
		go evil.Serve(listener)
		t.Cleanup(func() { evil.Close() })
		x := newTab(t, browser, "http://evil.test"+listener.Addr().String()[len("127.0.0.1"):]+"/")
		x.until("done === 4")
		x.until("(go(), true)")
		x.until(says("h2", "Stop cat?"))
		if info := s.table.process(t, "cat").Info(); info.State != rpc.Running || info.Stop != 0 {
			t.Errorf("%s: a page of others has stopped a program", target)
		}
		// And people can use it there.
		x.do(chromedp.Navigate(target))
		x.clickOn("Stop cat")
		x.until(state("cat", "stopped"))
		must(t, s.table.process(t, "cat").Start())
		s.table.process(t, "cat").become(func(i *serve.Info) { i.Stop = 0 })
	}
}
