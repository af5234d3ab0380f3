package serve

import (
	"context"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"catena/internal/supervisord/config"
	"catena/internal/xmlrpc"
)

// What a client may cost. A server has one memory for all clients, however many and slow they are.
const (
	longestHead  = 16 << 10         // of a request
	longestBody  = 1 << 20          // of a call
	shortBody    = 64 << 10         // of which any number may be read at the same time
	longBodies   = 4                // that may be read at the same time
	headPatience = 10 * time.Second // until the head of a request is there
	bodyPatience = 30 * time.Second // until its body is there, and until a piece of an answer is taken
	idlePatience = 2 * time.Minute  // between two requests
	connections  = 256              // the next one takes the place of one that only waits
)

// Serve answers HTTP on a socket until the socket is closed. other answers what is neither a call
// nor a log, and may be nil.
func (s *Server) Serve(listener net.Listener, socket config.Socket, other http.Handler) error {
	limit := newLimit(connections)
	server := &http.Server{
		Handler:           s.Handler(socket, other),
		MaxHeaderBytes:    longestHead,
		ReadHeaderTimeout: headPatience,
		IdleTimeout:       idlePatience,
		ConnState:         limit.heed,
		ConnContext:       limit.remember,
	}
	return server.Serve(listener)
}

// Handler answers HTTP for a socket, whose password it asks for.
func (s *Server) Handler(socket config.Socket, other http.Handler) http.Handler {
	if other == nil {
		other = http.NotFoundHandler()
	}
	long := make(chan struct{}, longBodies)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		switch {
		case !mayEnter(socket, r):
			w.Header().Set("WWW-Authenticate", `Basic realm="default"`)
			w.Header().Set("Connection", "close")
			refuse(w, http.StatusUnauthorized)
		case strings.HasPrefix(path, "/RPC2"):
			s.answerCall(w, r, long)
		case strings.HasPrefix(path, "/logtail"):
			s.followLog(w, r, s.logOf(path))
		case strings.HasPrefix(path, "/mainlogtail"):
			s.followLog(w, r, s.Table.LogFile())
		default:
			other.ServeHTTP(w, r)
		}
	})
}

func refuse(w http.ResponseWriter, code int) {
	http.Error(w, http.StatusText(code), code)
}

// mayEnter tells whether a request has the user and the password of a socket. A password that is
// kept as {SHA} and a digest is compared by its digest.
func mayEnter(socket config.Socket, r *http.Request) bool {
	if socket.Username == nil || *socket.Username == "" {
		return true
	}
	user, password, has := r.BasicAuth()
	want := ""
	if socket.Password != nil {
		want = *socket.Password
	}
	if digest, hashed := strings.CutPrefix(want, "{SHA}"); hashed {
		sum := sha1.Sum([]byte(password))
		want, password = digest, hex.EncodeToString(sum[:])
	}
	return has && subtle.ConstantTimeCompare([]byte(user), []byte(*socket.Username)) == 1 &&
		subtle.ConstantTimeCompare([]byte(password), []byte(want)) == 1
}

// answerCall answers a call. Whoever goes away before it is answered ends it.
func (s *Server) answerCall(w http.ResponseWriter, r *http.Request, long chan struct{}) {
	if r.Method != http.MethodPost {
		refuse(w, http.StatusBadRequest)
		return
	}
	doc, code := readBody(w, r, long)
	if code != 0 {
		refuse(w, code)
		return
	}
	name, params, err := xmlrpc.ReadCall(doc)
	if err != nil {
		refuse(w, http.StatusBadRequest)
		return
	}
	Busy(r.Context())
	result, err := s.Call(r.Context(), name, params)
	var text []byte
	if fault := (*xmlrpc.Fault)(nil); errors.As(err, &fault) {
		text = xmlrpc.AppendFault(nil, fault)
	} else if err == nil {
		text, err = xmlrpc.AppendResponse(nil, result)
		if err != nil {
			refuse(w, http.StatusInternalServerError)
			return
		}
	} else { // nobody waits for the answer
		return
	}
	control := http.NewResponseController(w)
	control.SetWriteDeadline(time.Now().Add(bodyPatience))
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Write(text)
	control.SetWriteDeadline(time.Time{})
}

// readBody reads a call, or returns the status of an answer that says why not. Only some long ones
// are read at the same time.
func readBody(w http.ResponseWriter, r *http.Request, long chan struct{}) (doc []byte, code int) {
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Now().Add(bodyPatience))
	defer control.SetReadDeadline(time.Time{})
	body := http.MaxBytesReader(w, r.Body, longestBody)
	doc, err := io.ReadAll(io.LimitReader(body, shortBody))
	if err == nil && len(doc) == shortBody {
		select {
		case long <- struct{}{}:
			defer func() { <-long }()
		default:
			return nil, http.StatusServiceUnavailable
		}
		var rest []byte
		rest, err = io.ReadAll(body)
		doc = append(doc, rest...)
	}
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, http.StatusRequestEntityTooLarge
	case err != nil:
		return nil, http.StatusBadRequest
	}
	return doc, 0
}

type contextKey struct{}

// Busy says that the connection of a request does more than wait for its client: it is kept when there
// are too many.
func Busy(ctx context.Context) {
	if c, is := ctx.Value(contextKey{}).(*connection); is {
		c.setBusy(true)
	}
}
