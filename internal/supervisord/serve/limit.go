package serve

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// A limit closes connections when there are too many: the one that has waited for its client for
// the longest time. So slow clients keep nobody out.
type limit struct {
	most int
	mu   sync.Mutex
	all  map[net.Conn]*connection
}

// A connection waits for its client since some time, or is busy with a request.
type connection struct {
	limit *limit
	since time.Time
	busy  bool
}

func newLimit(most int) *limit { return &limit{most: most, all: map[net.Conn]*connection{}} }

// remember has the connection in the context of its requests, for who makes it busy.
func (l *limit) remember(ctx context.Context, conn net.Conn) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &connection{limit: l, since: time.Now()}
	l.all[conn] = c
	for len(l.all) > l.most {
		oldest := l.oldest()
		if oldest == nil {
			oldest = conn // all others are busy
		}
		delete(l.all, oldest)
		oldest.Close()
	}
	return context.WithValue(ctx, contextKey{}, c)
}

// oldest is the connection that waits for the longest time, or nil.
func (l *limit) oldest() (oldest net.Conn) {
	for conn, c := range l.all {
		if !c.busy && (oldest == nil || c.since.Before(l.all[oldest].since)) {
			oldest = conn
		}
	}
	return oldest
}

// heed notes that a request is over, or that a connection is.
func (l *limit) heed(conn net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateClosed, http.StateHijacked:
		delete(l.all, conn)
	case http.StateIdle:
		if c := l.all[conn]; c != nil {
			c.busy, c.since = false, time.Now()
		}
	}
}

func (c *connection) setBusy(is bool) {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	c.busy = is
}
