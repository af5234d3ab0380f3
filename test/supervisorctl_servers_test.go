package test

// supervisorctl says the same as Debian's of servers that are no supervisord: that answer with
// rubbish, or not at all. Nothing that a server sends makes it hang or crash.
//
// Not tested in this file: servers that are one (supervisorctl_test.go).

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// falseServer answers requests on a socket with what answer writes. It closes a connection if
// answer says so.
func falseServer(t *testing.T, file string, answer answerer) {
	t.Helper()
	listener, err := net.Listen("unix", file)
	must(err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				requests := bufio.NewReader(conn)
				for more := true; more; {
					r, err := http.ReadRequest(requests)
					if err != nil {
						return
					}
					body, _ := io.ReadAll(r.Body)
					_, method, _ := strings.Cut(string(body), "<methodName>supervisor.")
					method, _, _ = strings.Cut(method, "<")
					more = answer(conn, method)
				}
			}()
		}
	}()
}

// An answerer answers a call of a method, and tells whether the connection goes on.
type answerer func(conn net.Conn, method string) (more bool)

// once writes a text and closes.
func once(text string) answerer {
	return func(conn net.Conn, _ string) bool {
		io.WriteString(conn, text)
		return false
	}
}

// answers makes an answer of a status line and a body.
func answers(status, body string) answerer {
	return func(conn net.Conn, _ string) bool {
		fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
		return true
	}
}

const (
	versionIs = "<?xml version='1.0'?>\n<methodResponse><params><param><value><string>%s</string></value></param></params></methodResponse>"
	faultIs   = "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>%d</int></value></member><member><name>faultString</name><value><string>%s</string></value></member></struct></value></fault></methodResponse>"
	programIs = "<methodResponse><params><param><value><array><data><value><struct><member><name>name</name><value>a</value></member><member><name>group</name><value>g</value></member>" +
		"<member><name>state</name><value><int>%d</int></value></member><member><name>statename</name><value>%s</value></member><member><name>description</name><value>%s</value></member></struct></value></data></array></value></param></params></methodResponse>"
)

// asServer answers getVersion as it should be, and every other call with a body.
func asServer(body string) answerer {
	return func(conn net.Conn, method string) bool {
		if method == "getVersion" {
			return answers("200 OK", fmt.Sprintf(versionIs, "3.0"))(conn, method)
		}
		return answers("200 OK", body)(conn, method)
	}
}

// followed answers a request for a log, and calls as a supervisord.
func followed(log answerer) answerer {
	return func(conn net.Conn, method string) bool {
		if method == "" {
			return log(conn, method)
		}
		return asServer("")(conn, method)
	}
}

func TestSupervisorctlSaysTheSameOfServersThatAreNone(t *testing.T) {
	t.Parallel()
	debians, ours := clients(t)
	for name, c := range map[string]struct {
		answer answerer
		words  string
	}{
		"it closes":            {once(""), "status"},
		"it is no HTTP":        {once("220 ready\n"), "pid"},
		"it fails":             {answers("500 Internal Server Error", "oops"), "status"},
		"it is elsewhere":      {answers("301 Moved Permanently", ""), "avail"},
		"there is nothing":     {answers("404 Not Found", ""), "reread"},
		"no reason":            {answers("503 ", ""), "start x"},
		"another version":      {answers("200 OK", fmt.Sprintf(versionIs, "2.0")), "status"},
		"another version, pid": {answers("200 OK", fmt.Sprintf(versionIs, "2.0")), "pid"},
		"no such method":       {answers("200 OK", fmt.Sprintf(faultIs, 1, "UNKNOWN_METHOD")), "status"},
		"no such method, stop": {answers("200 OK", fmt.Sprintf(faultIs, 1, "UNKNOWN_METHOD")), "stop x"},
		"it shuts down":        {answers("200 OK", fmt.Sprintf(faultIs, 6, "SHUTDOWN_STATE")), "status"},
		"quotes in a fault":    {answers("200 OK", fmt.Sprintf(faultIs, 30, "it's &quot;so&quot; \u00e4 \u0301 \n")), "status"},
		"only a quote":         {answers("200 OK", fmt.Sprintf(faultIs, -5, "it's \\ \u200b \U0001F600 \u00ad")), "avail"},
		"a fault at start":     {asServer(fmt.Sprintf(faultIs, 77, "X")), "start x"},
		"a fault at a group":   {asServer(fmt.Sprintf(faultIs, 77, "X")), "start x:*"},
		"failed at stop":       {asServer(fmt.Sprintf(faultIs, 30, "FAILED: why")), "stop x y"},
		"a fault at clear":     {asServer(fmt.Sprintf(faultIs, 30, "FAILED: why")), "clear x y"},
		"a fault at signal":    {asServer(fmt.Sprintf(faultIs, 77, "X")), "signal HUP x y"},
		"a fault at fg":        {asServer(fmt.Sprintf(faultIs, 77, "X")), "fg x"},
		"a fault at pid":       {asServer(fmt.Sprintf(faultIs, 77, "X")), "pid x y"},
		"a fault at tail":      {asServer(fmt.Sprintf(faultIs, 3, "BAD_ARGUMENTS")), "tail x"},
		"no log":               {asServer(fmt.Sprintf(faultIs, 20, "NO_FILE")), "tail x stderr"},
		"an unreadable log":    {asServer(fmt.Sprintf(faultIs, 30, "FAILED")), "maintail"},
		"no main log":          {asServer(fmt.Sprintf(faultIs, 20, "NO_FILE")), "maintail -5"},
		"a fault at add":       {answers("200 OK", fmt.Sprintf(faultIs, 77, "X")), "add x y"},
		"a fault at remove":    {answers("200 OK", fmt.Sprintf(faultIs, 91, "STILL_RUNNING")), "remove x y"},
		"it cannot reread":     {answers("200 OK", fmt.Sprintf(faultIs, 92, "CANT_REREAD: bad")), "reread"},
		"nor update":           {answers("200 OK", fmt.Sprintf(faultIs, 92, "CANT_REREAD: bad")), "update"},
		"a fault at shutdown":  {answers("200 OK", fmt.Sprintf(faultIs, 77, "X")), "shutdown"},
		"a fault at reload":    {answers("200 OK", fmt.Sprintf(faultIs, 77, "X")), "reload"},
		"backing off":          {asServer(fmt.Sprintf(programIs, 30, "BACKOFF", "Exited too quickly (process log may have details)")), "status"},
		"fatal":                {asServer(fmt.Sprintf(programIs, 200, "FATAL", "no")), "status g:a"},
		"wide letters":         {asServer(fmt.Sprintf(programIs, 20, "\u00e4\u20ac", "\U0001F600")), "status g:*"},
		"a long state":         {asServer(fmt.Sprintf(programIs, 1000, "LONGER_THAN_TEN", "")), "status nope"},
		"chunks": {func(c net.Conn, _ string) bool {
			body := fmt.Sprintf(versionIs, "2.0")
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n%s\r\n%X\r\n%s\r\n0\r\nA: b\r\n\r\n", body[:5], len(body)-5, body[5:])
			return true
		}, "status"},
		"to the end":       {once("HTTP/1.0 200 OK\r\n\r\n" + fmt.Sprintf(versionIs, "2.0")), "status"},
		"it ends early":    {once("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc"), "status"},
		"no log to follow": {followed(answers("404 Not Found", "")), "tail -f x"},
		"a log that ends":  {followed(once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nlog\n\r\n3\r\nend\r\n")), "maintail -f"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &debianServer{dir: t.TempDir()}
			file := filepath.Join(work, strings.NewReplacer(" ", "-", ",", "").Replace(name))
			falseServer(t, file, c.answer)
			words := append([]string{"-c", "", "-s", "unix://" + file}, strings.Fields(c.words)...)
			want, got := s.runWith(debians, "", words...), s.runWith(ours, "", words...)
			if got != want {
				t.Errorf("%+v\nDebian's: %+v", got, want)
			}
		})
	}
}

// What is too long, too deep or no XML at all is refused in a line.
func TestSupervisorctlTakesRubbishForAnError(t *testing.T) {
	t.Parallel()
	_, ours := clients(t)
	deep := strings.Repeat("<value><array><data>", 100000)
	for name, answer := range map[string]answerer{
		"nothing":        answers("200 OK", ""),
		"text":           answers("200 OK", "hello"),
		"HTML":           answers("200 OK", "<!DOCTYPE html><html></html>"),
		"depth":          answers("200 OK", "<methodResponse><params><param>"+deep),
		"entities":       answers("200 OK", "<!DOCTYPE a [<!ENTITY b 'c'>]><methodResponse>&b;</methodResponse>"),
		"a long line":    once("HTTP/1.1 200 OK" + strings.Repeat("x", 1<<20)),
		"many headers":   once("HTTP/1.1 200 OK\r\n" + strings.Repeat("a: b\r\n", 1<<20)),
		"bad chunks":     once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
		"endless chunks": once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n<"),
		"a huge length":  once("HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\n<"),
	} {
		t.Run(name, func(t *testing.T) {
			s := &debianServer{dir: t.TempDir()}
			file := filepath.Join(work, "rubbish-"+strings.ReplaceAll(name, " ", "-"))
			falseServer(t, file, answer)
			got := s.runWith(ours, "", "-c", "", "-s", "unix://"+file, "status")
			if got.end != "exit 1" || !strings.HasPrefix(got.out, "error: ") || strings.Count(got.out, "\n") != 1 || got.errs != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}
