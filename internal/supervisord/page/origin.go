package page

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
)

// Who may do something. A browser sends a request with the password that its user has typed once,
// whichever page has made it do so: a link, a picture or a form of any page could stop programs.
//
//   - A form has the token, which other pages cannot read.
//   - The links of Supervisor, index.html?action=stop&processname=x, have none. They work for pages
//     of the same origin, and for what is no browser: scripts with curl, wget or Python. Those send
//     nothing on behalf of a page that somebody else has written.
//   - Whoever comes by a link in another way (from elsewhere, from a mail, from the bookmarks, by
//     typing) is asked, and the answer is a form.

// hasToken tells whether a form comes from a page of this server.
func (p *page) hasToken(form url.Values) bool {
	return subtle.ConstantTimeCompare([]byte(form.Get("token")), []byte(p.token)) == 1
}

// mayFollowLinks tells whether a request by GET may do something. What a browser fetches in advance
// does nothing.
func mayFollowLinks(r *http.Request) bool {
	if r.Header.Get("Sec-Purpose") != "" || r.Header.Get("Purpose") != "" {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	// Without TLS, and beyond the machine itself, browsers do not say it.
	for _, name := range []string{"Origin", "Referer"} {
		if from := r.Header.Get(name); from != "" {
			u, err := url.Parse(from)
			return err == nil && u.Host == r.Host
		}
	}
	return !isBrowser(r)
}

// isBrowser tells whether a request may come from a browser. A page can have its browser send no
// Referer; but it can leave out neither of these, and another User-Agent only where it has asked
// the server before.
func isBrowser(r *http.Request) bool {
	if r.Header.Get("Accept-Language") != "" || strings.Contains(r.UserAgent(), "Mozilla/") {
		return true
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "Sec-") {
			return true
		}
	}
	return false
}
