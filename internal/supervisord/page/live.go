package page

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"catena/internal/supervisord/serve"
)

const (
	lookAgain = 500 * time.Millisecond // at the table, while somebody watches
	heartbeat = 15 * time.Second       // of a stream, so that one whose client is gone is found
	mostRows  = 50                     // that a stream sends; if more have changed, clients load the page
)

// A watcher looks at the table on behalf of all streams, while there are any. What it has seen is
// theirs in common.
type watcher struct {
	table    serve.Table
	mu       sync.Mutex
	streams  int
	watching bool
	rows     []row         // as they were last; never changed, but replaced
	changed  chan struct{} // closed when rows is replaced
}

// join says that there is one more stream.
func (w *watcher) join() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.streams++
	if !w.watching {
		w.watching = true
		w.rows, w.changed = rows(w.table), make(chan struct{})
		go w.watch()
	}
}

func (w *watcher) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.streams--
}

// seen is what was seen last, and what is closed when that is no longer so.
func (w *watcher) seen() ([]row, chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rows, w.changed
}

// watch looks until there is no stream any more.
func (w *watcher) watch() {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for range again.C {
		if !w.look() {
			return
		}
	}
}

func (w *watcher) look() (goOn bool) {
	list := rows(w.table)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.streams == 0 {
		w.watching = false
		return false
	}
	if !slices.Equal(list, w.rows) {
		w.rows = list
		close(w.changed)
		w.changed = make(chan struct{})
	}
	return true
}

// events sends what changes, as server-sent events: a message has an element of the page as it is
// now, and "all" says that the page is to be loaded.
func (p *page) events(w http.ResponseWriter, r *http.Request) {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		w.Header().Set("Retry-After", "10")
		say(w, http.StatusServiceUnavailable, "Too many pages are watched.")
		return
	}
	p.watcher.join()
	defer p.watcher.leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep the events until they are many
	control := http.NewResponseController(w)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	last, changed := p.watcher.seen()
	text := bytes.NewBufferString("retry: 1000\n\n")
	for {
		control.SetWriteDeadline(time.Now().Add(patience))
		if _, err := w.Write(text.Bytes()); err != nil || control.Flush() != nil {
			return
		}
		text.Reset()
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			text.WriteString(":\n\n")
		case <-changed:
			var now []row
			now, changed = p.watcher.seen()
			differences(text, last, now)
			last = now
		}
	}
}

// differences writes the events that lead from some rows to others.
func differences(text *bytes.Buffer, last, now []row) {
	var changed []row
	same := len(last) == len(now)
	for i := 0; same && i < len(now); i++ {
		same = last[i].Name == now[i].Name && last[i].Group == now[i].Group
		if last[i] != now[i] {
			changed = append(changed, now[i])
		}
	}
	if !same || len(changed) > mostRows {
		text.WriteString("event: all\ndata:\n\n")
		return
	}
	for _, r := range changed {
		element(text, r.ID(), "row", r)
	}
	if len(changed) > 0 {
		element(text, "summary", "summary", summary(now))
	}
}

// element writes the event that has an element of the page.
func element(text *bytes.Buffer, id, template string, data any) {
	var html bytes.Buffer
	if err := templates().ExecuteTemplate(&html, template, data); err != nil {
		panic(err) // the templates do not fit the data
	}
	event, err := json.Marshal(struct {
		ID   string `json:"id"`
		HTML string `json:"html"`
	}{id, html.String()})
	if err != nil {
		panic(err) // strings can be written
	}
	text.WriteString("data: ")
	text.Write(event)
	text.WriteString("\n\n")
}
