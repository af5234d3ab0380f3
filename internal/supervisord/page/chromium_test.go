package page

// A real browser: Debian's chromium, without a window, and its tabs.
//
// Not tested in this file: anything.

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patienceWithBrowsers is for one step of a browser, on a machine that does much else.
const patienceWithBrowsers = 2 * time.Minute

// screenshots is a variable that names a folder for pictures, for who wants to look at the pages.
const screenshots = "CATENA_SCREENSHOTS"

// chromium starts a browser.
func chromium(t *testing.T) context.Context {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal("chromium is not installed, and CI skips nothing")
	} else if err != nil {
		t.Skip("chromium is not installed")
	}
	home, err := os.MkdirTemp("", "page-")
	must(t, err)
	t.Cleanup(func() { // its helpers may end after it
		waitFor(t, "what the browser has left can be removed", func() bool { return os.RemoveAll(home) == nil })
	})
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.Env("HOME="+home), chromedp.UserDataDir(filepath.Join(home, "data")),
		chromedp.Flag("disable-gpu", true), chromedp.WindowSize(1280, 800), chromedp.Flag("lang", "en"),
		// Names for this machine, to which browsers do not say where a request comes from.
		chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1"))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	all, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	ctx, _ := chromedp.NewContext(all)
	t.Cleanup(func() { chromedp.Cancel(ctx) })
	must(t, chromedp.Do(ctx))
	return ctx
}

// A tab is one of a browser.
type tab struct {
	t   *testing.T
	ctx context.Context
	mu  sync.Mutex
	bad []string // what the browser has found wrong with the pages
}

// newTab opens a tab with the page at an address.
func newTab(t *testing.T, browser context.Context, address string, before ...chromedp.Action[chromedp.Void]) *tab {
	t.Helper()
	x := &tab{t: t}
	var end context.CancelFunc
	x.ctx, end = chromedp.NewContext(browser, chromedp.WithListener(x.heed))
	t.Cleanup(end)
	t.Cleanup(func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		for _, text := range x.bad {
			t.Error(text)
		}
	})
	must(t, chromedp.Do(x.ctx))
	x.do(before...)
	x.do(chromedp.Navigate(address))
	return x
}

// heed notes errors of the scripts, and what the policy forbids.
func (x *tab) heed(event any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		x.bad = append(x.bad, (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *log.EventEntryAdded:
		if text := e.Entry.Text; strings.Contains(text, "Content Security Policy") && !strings.Contains(text, "frame-ancestors") { // no page of ours has frames
			x.bad = append(x.bad, e.Entry.Text)
		}
	}
}

// do does something in the tab.
func (x *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.ctx, patienceWithBrowsers)
	defer cancel()
	must(x.t, chromedp.Do(ctx, steps...))
}

// is tells whether an expression holds in the page.
func (x *tab) is(expression string) bool {
	ctx, cancel := context.WithTimeout(x.ctx, patienceWithBrowsers)
	defer cancel()
	holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
	return err == nil && holds // an error: there is no such element, or no page at the moment
}

// until waits until an expression holds.
func (x *tab) until(expression string) {
	x.t.Helper()
	begun := time.Now()
	for !x.is(expression) {
		if time.Since(begun) > patienceWithBrowsers {
			x.shoot("failed")
			ctx, cancel := context.WithTimeout(x.ctx, patienceWithBrowsers)
			defer cancel()
			page, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
			x.t.Fatalf("not so in time: %s\n%s", expression, page)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// click clicks on the element that a selector finds, once there is one.
func (x *tab) click(selector string) {
	x.t.Helper()
	x.until("(e => e && !e.hidden && (e.focus(), e.click(), true))(document.querySelector(`" + selector + "`))")
}

// clickOn clicks on a button by its label.
func (x *tab) clickOn(label string) {
	x.t.Helper()
	x.click(`button[aria-label="` + label + `"]`)
}

// says tells that an element has a text, as an expression.
func says(selector, text string) string {
	return "document.querySelector(`" + selector + "`).innerText.includes(`" + text + "`)"
}

// state tells that a program has a state, as an expression.
func state(name, state string) string { return says(`[id="p-`+name+`"] .state`, state) }

// shoot keeps a picture, if somebody wants to see it.
func (x *tab) shoot(name string) {
	x.t.Helper()
	dir := os.Getenv(screenshots)
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(x.ctx, patienceWithBrowsers)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	must(x.t, err)
	must(x.t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600))
}
