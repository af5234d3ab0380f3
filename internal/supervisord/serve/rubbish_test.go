package serve

// Whatever a client sends, the server answers or hangs up, and goes on with others. It needs no
// more memory for many clients than for a few.
//
// Not tested in this file: what calls do (oracle_test.go).

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"catena/internal/supervisord/config"
	"catena/internal/xmlrpc"
)

func FuzzAnyRequestIsAnswered(f *testing.F) {
	table := newFake(f, f.TempDir(), programs)
	handler := (&Server{Table: table, Version: "4.2.5"}).Handler(config.Socket{}, nil)
	for _, m := range methods {
		for _, params := range [][]xmlrpc.Value{{}, {"cat"}, {"cat", int64(-1), int64(0)}, {int64(5)}, {"web:*", "CONT"}, {xmlrpc.Array{xmlrpc.Struct{{Name: "methodName", Value: m.name}}}}} {
			text, err := xmlrpc.AppendCall(nil, m.name, params...)
			must(f, err)
			f.Add("POST", "/RPC2", text)
		}
	}
	f.Add("GET", "/logtail/nope/stdout", []byte{})
	f.Add("PUT", "/mainlogtail", []byte{})
	f.Add("POST", "/", []byte("x"))
	f.Fuzz(func(t *testing.T, verb, path string, body []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond) // which ends a log that is followed
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, verb, "http://x/"+strings.TrimLeft(path, "/"), bytes.NewReader(body))
		if err != nil {
			return
		}
		table.mood = Up
		handler.ServeHTTP(httptest.NewRecorder(), r)
	})
}

// ask sends a call over a connection, and returns the status.
func ask(t *testing.T, conn net.Conn, head string, body []byte) int {
	t.Helper()
	conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "POST /RPC2 HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n", head, len(body))
	conn.Write(body)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

func dial(t *testing.T, socket string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestRequestsThatAreNoCallsAreRefused(t *testing.T) {
	socket, _ := serving(t, config.Socket{})
	call, err := xmlrpc.AppendCall(nil, "supervisor.getPID")
	must(t, err)
	for body, want := range map[string]int{
		string(call): 200, "": 400, "x": 400, "<methodCall>": 400, "<methodCall><methodName></methodName></methodCall>": 400,
		"<!DOCTYPE a>" + string(call): 400, strings.Repeat("<value><array><data>", 1000): 400,
		string(call) + strings.Repeat(" ", shortBody): 200, string(call) + strings.Repeat(" ", longestBody): 413,
	} {
		if got := ask(t, dial(t, socket), "", []byte(body)); got != want {
			t.Errorf("%.60q: %d, want %d", body, got, want)
		}
	}
}

// Memory is constant: most of what a thousand clients would need is not kept for them, and
// somebody who asks meanwhile is answered.
func TestSlowClientsKeepNobodyOut(t *testing.T) {
	socket, _ := serving(t, config.Socket{})
	call, err := xmlrpc.AppendCall(nil, "supervisor.getAllProcessInfo")
	must(t, err)
	if got := ask(t, dial(t, socket), "", call); got != 200 {
		t.Fatal(got)
	}
	before := memory()
	for i := range 1000 {
		conn := dial(t, socket)
		switch i % 3 {
		case 0: // says nothing
		case 1:
			fmt.Fprint(conn, "POST /RPC2 HTTP/1.1\r\nHo")
		case 2:
			fmt.Fprintf(conn, "POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n%s", strings.Repeat("<", 2000))
		}
	}
	for range 5 {
		if got := ask(t, dial(t, socket), "", call); got != 200 {
			t.Error(got)
		}
	}
	if grown := memory() - before; grown > 16<<20 {
		t.Errorf("%d bytes more", grown)
	}
}

// memory is what the heap and the stacks take.
func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

func TestAPasswordIsAskedForEverywhere(t *testing.T) {
	user, secret := "user", "{SHA}8843d7f92416211de9ebb963ff4ce28125932878" // of foobar
	socket, _ := serving(t, config.Socket{Username: &user, Password: &secret})
	call, err := xmlrpc.AppendCall(nil, "supervisor.getPID")
	must(t, err)
	for credentials, want := range map[string]int{"": 401, "dXNlcjpmb29iYXI=": 200, "dXNlcjp4": 401, "bm9ib2R5OmZvb2Jhcg==": 401, "eA==": 401, "%": 401,
		"dXNlcjo4ODQzZDdmOTI0MTYyMTFkZTllYmI5NjNmZjRjZTI4MTI1OTMyODc4": 401} { // the digest is no password
		head := ""
		if credentials != "" {
			head = "Authorization: Basic " + credentials + "\r\n"
		}
		if got := ask(t, dial(t, socket), head, call); got != want {
			t.Errorf("%s: %d, want %d", credentials, got, want)
		}
	}
	for _, path := range []string{"/", "/logtail/cat", "/mainlogtail", "/RPC2", "/tail.html"} {
		conn := dial(t, socket)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if must(t, err); answer.StatusCode != 401 || answer.Header.Get("WWW-Authenticate") != `Basic realm="default"` {
			t.Errorf("%s: %v", path, answer)
		}
	}
}

// A log is followed over its rotation and its truncation, and a log that is not there is said.
func TestALogIsFollowed(t *testing.T) {
	socket, table := serving(t, config.Socket{})
	log := ""
	for _, g := range table.groups {
		if g.Name == "says" {
			log = g.Processes[0].Info().Stdout
		}
	}
	must(t, os.WriteFile(log, []byte(strings.Repeat("x", 2000)+"\n"), 0o600))
	conn := dial(t, socket)
	conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprint(conn, "GET /logtail/says/stdout HTTP/1.1\r\nHost: x\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	expect := func(text string) {
		t.Helper()
		got := make([]byte, len(text))
		if _, err := io.ReadFull(answer.Body, got); err != nil || string(got) != text {
			t.Fatalf("%v: %q, want %q", err, got, text)
		}
	}
	expect(strings.Repeat("x", firstPart-1) + "\n")
	appendTo(t, log, "more\n")
	expect("more\n")
	must(t, os.Rename(log, log+".1"))
	appendTo(t, log+".1", "last\n")
	appendTo(t, log, "new\n")
	expect("last\nnew\n")
	must(t, os.WriteFile(log, []byte("a\n"), 0o600))
	expect("==> File truncated <==\na\n")
	for _, path := range []string{"/logtail/nope", "/logtail/cat/nope", "/logtail/silent/stdout", "/logtail/web:*", "/logtail/", "/logtail"} {
		conn := dial(t, socket)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if must(t, err); answer.StatusCode != 404 {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
}

func appendTo(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	must(t, err)
	defer f.Close()
	_, err = f.WriteString(text)
	must(t, err)
}

// What getAllProcessInfo costs the server, from the request to the answer.
func BenchmarkTheStatusOf200Programs(b *testing.B) {
	text := strings.Replace(programs, "numprocs=2", "numprocs=193", 1)
	text = strings.Replace(text, "process_num)02d", "process_num)03d", 1)
	handler := (&Server{Table: newFake(b, b.TempDir(), text), Version: "4.2.5"}).Handler(config.Socket{}, nil)
	call, err := xmlrpc.AppendCall(nil, "supervisor.getAllProcessInfo")
	must(b, err)
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("POST", "/RPC2", bytes.NewReader(call)))
		if w.Code != 200 || w.Body.Len() < 200000 {
			b.Fatal(w.Code, w.Body.Len())
		}
	}
}
