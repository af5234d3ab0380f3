// Package page is what people see of supervisord in a browser: the programs, live, with their logs;
// and what Prometheus reads. All of it works without JavaScript but what is live.
package page

import (
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"catena/internal/supervisord/serve"
)

// What visitors may cost, however many and slow they are.
const (
	patience    = 30 * time.Second // until a form is there, and until an answer is taken
	longestForm = 16 << 10
	mostStreams = 64 // of events
	mostActions = 32 // that are under way; each may take as long as a program needs to end
)

//go:embed web
var web embed.FS

// templates are made when somebody visits a page. A server without visitors goes without their
// memory.
var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.ParseFS(web, "web/*.html"))
})

// policy is what a browser may do with the pages: load their own style, script and icon, and send
// forms to where they come from. Nobody may show them in a frame, where a visitor would press a
// button that he does not see.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// A page answers for one server.
type page struct {
	server  *serve.Server
	host    string // the name of the machine
	token   string // which only pages of this server have
	watcher *watcher
	streams chan struct{} // holds one value for each event stream
	actions chan struct{} // and for each action that is under way
}

// New makes the page of a server, for all of its sockets.
func New(s *serve.Server) http.Handler {
	p := &page{server: s, watcher: &watcher{table: s.Table}, streams: make(chan struct{}, mostStreams), actions: make(chan struct{}, mostActions)}
	p.host, _ = os.Hostname()
	p.token = rand.Text()
	return p
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	control.SetWriteDeadline(time.Now().Add(patience))
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	p.route(w, r)
	control.Flush() // while the limit of time holds
	control.SetWriteDeadline(time.Time{})
}

func (p *page) route(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimLeft(r.URL.Path, "/")
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case (path == "" || path == "index.html") && (reads || r.Method == http.MethodPost):
		p.index(w, r)
	case !reads:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	case path == "tail.html":
		p.tail(w, r)
	case path == "tail.txt":
		p.more(w, r)
	case path == "events":
		p.events(w, r)
	case path == "metrics":
		p.metrics(w)
	case path == "ok.html":
		w.Header().Set("Content-Type", "text/plain")
		w.Write([]byte("OK"))
	case path == "page.css" || path == "page.js" || path == "icon.svg":
		file(w, r, path)
	default:
		http.NotFound(w, r)
	}
}

// file sends a file that browsers may keep as long as it is the same.
func file(w http.ResponseWriter, r *http.Request, name string) {
	text, err := web.ReadFile("web/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(text)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	http.ServeContent(w, r, name, time.Time{}, strings.NewReader(string(text)))
}

// show sends a page. Its parts are written as they are made, so that no client has a page of its
// own in memory.
func show(w http.ResponseWriter, code int, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	templates().ExecuteTemplate(w, name, data) // which fails if the client goes away
}
