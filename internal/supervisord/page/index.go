package page

import (
	"net/http"
	"time"

	"catena/internal/supervisord/serve"
)

// An index is the page of all programs, or of those that a search means.
type index struct {
	*page
	Server  *serve.Server
	Message string
	Search  string
	Groups  []group
	Summary []count
	Any     bool // there is a program, whether it is meant or not
}

// index answers with the page, and does what is asked for first.
func (p *page) index(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if r.Method == http.MethodPost || r.Method == http.MethodGet && query.Has("action") {
		p.act(w, r)
		return
	}
	list := rows(p.server.Table)
	show(w, http.StatusOK, "index.html", index{
		page: p, Server: p.server, Message: query.Get("message"), Search: query.Get("q"),
		Groups: grouped(list, query.Get("q")), Summary: summary(list), Any: len(list) > 0,
	})
}

// IsTrouble tells whether the message says that something was not done.
func (i index) IsTrouble() bool { return isTrouble(i.Message) }

// Title is the server's name and the machine's.
func (p *page) Title() string {
	name := p.server.Table.Identification()
	if p.host != "" {
		name += " on " + p.host
	}
	return name
}

// Token is for the forms.
func (p *page) Token() string { return p.token }

// Now is the time of the server, in seconds since 1970.
func (p *page) Now() int64 { return time.Now().Unix() }

// HasLog tells whether the server has a log.
func (p *page) HasLog() bool { return p.server.Table.LogFile() != "" }
