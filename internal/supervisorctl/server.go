package supervisorctl

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"catena/internal/xmlrpc"
)

// A server is a supervisord somewhere. The connection is kept from one call to the next.
//
// This is a client of HTTP of its own: net/http takes a third of the time that supervisorctl has.
type server struct {
	url      string
	username *string
	password *string
	patience time.Duration // how long a call may take; 0 is for ever
	answers  *bufio.Reader

	mu     sync.Mutex // for who hangs up while another goroutine uses the connection
	conn   net.Conn
	hungUp bool
}

// longest is how much of an answer is taken. A log is asked for in pieces, and is never so long.
const longest = 1 << 30

// connect connects, if there is no connection that can be used again.
func (s *server) connect() error {
	if s.conn != nil {
		return nil
	}
	network, at, err := address(s.url)
	if err != nil {
		return err
	}
	conn, err := net.Dial(network, at)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hungUp {
		conn.Close()
		return net.ErrClosed
	}
	s.conn, s.answers = conn, bufio.NewReaderSize(conn, 64<<10)
	return nil
}

// close closes the connection. The next call makes another one.
func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// hangUp ends whatever another goroutine reads from this server.
func (s *server) hangUp() {
	s.close()
	s.mu.Lock()
	s.hungUp = true
	s.mu.Unlock()
}

// isHungUp tells whether an error is no wonder.
func (s *server) isHungUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hungUp
}

// another is the same server, with a connection of its own.
func (s *server) another() *server {
	return &server{url: s.url, username: s.username, password: s.password}
}

// host is what the header Host says.
func (s *server) host() string {
	network, at, err := address(s.url)
	if err != nil || network == "unix" {
		return "localhost"
	}
	return at
}

// authorization is the header of Basic authentication, or nothing.
func (s *server) authorization() string {
	if s.username == nil || s.password == nil {
		return ""
	}
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(*s.username+":"+*s.password)) + "\r\n"
}

// call calls a method of the server. The error may be a *[xmlrpc.Fault].
func (s *server) call(method string, params ...xmlrpc.Value) (xmlrpc.Value, error) {
	body, err := xmlrpc.AppendCall(nil, "supervisor."+method, params...)
	if errors.Is(err, xmlrpc.ErrOverflow) {
		return nil, pythonError{"OverflowError", err.Error()}
	} else if err != nil {
		return nil, err
	}
	if err := s.connect(); err != nil {
		return nil, err
	}
	if s.patience > 0 {
		s.conn.SetDeadline(time.Now().Add(s.patience))
	}
	head := "POST /RPC2 HTTP/1.1\r\nHost: " + s.host() + "\r\nUser-Agent: catena\r\nContent-Type: text/xml\r\nAccept: text/xml\r\n" +
		s.authorization() + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
	if _, err := s.conn.Write(append([]byte(head), body...)); err != nil {
		s.close()
		return nil, err
	}
	answer, err := readAnswer(s.answers)
	if err != nil {
		s.close()
		return nil, err
	}
	doc := bytes.NewBuffer(make([]byte, 0, bytes.MinRead+max(0, min(answer.length, 1<<20))))
	_, err = doc.ReadFrom(io.LimitReader(answer.body, longest))
	if err == nil && doc.Len() < answer.length {
		err = incomplete(doc.Len(), answer.length-doc.Len())
	}
	if err != nil || answer.closes || answer.code != 200 {
		s.close()
	}
	if err != nil {
		return nil, err
	}
	if answer.code != 200 {
		return nil, protocolError{answer.code, answer.reason}
	}
	result, err := xmlrpc.ReadResponse(doc.Bytes())
	var fault *xmlrpc.Fault
	if err != nil && !errors.As(err, &fault) {
		err = pythonError{"xml.parsers.expat.ExpatError", err.Error()}
	}
	return result, err
}

// get asks for a file, which the caller reads.
func (s *server) get(path string) (*answer, error) {
	if err := s.connect(); err != nil {
		return nil, err
	}
	head := "GET " + escapePath(path) + " HTTP/1.1\r\nHost: " + s.host() + "\r\nUser-Agent: catena\r\nAccept: */*\r\n" + s.authorization() + "\r\n"
	s.mu.Lock()
	conn, answers := s.conn, s.answers
	s.mu.Unlock()
	if conn == nil {
		return nil, net.ErrClosed
	}
	if _, err := conn.Write([]byte(head)); err != nil {
		return nil, err
	}
	return readAnswer(answers)
}

// escapePath writes what would end the request line as %20 and the like.
func escapePath(path string) string {
	var b strings.Builder
	for _, c := range []byte(path) {
		if c <= ' ' || c == '%' || c == '#' || c == '?' || c >= 0x7f {
			b.WriteString("%" + strings.ToUpper(strconv.FormatInt(0x100+int64(c), 16)[1:]))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// An answer is a status and headers that have been read, and a body that has not.
type answer struct {
	code   int
	reason string
	length int // of the body, or -1 if that is not known
	closes bool
	body   io.Reader
}

// readAnswer reads the status line and the headers.
func readAnswer(r *bufio.Reader) (*answer, error) {
	line, err := readLine(r)
	if err == io.EOF && line == "" {
		return nil, errGone
	} else if err != nil {
		return nil, err
	}
	version, rest, _ := strings.Cut(line, " ")
	digits, reason, _ := strings.Cut(rest, " ")
	code, err := strconv.Atoi(digits)
	if !strings.HasPrefix(version, "HTTP/") || err != nil || len(digits) != 3 {
		return nil, pythonError{"http.client.BadStatusLine", line}
	}
	a := &answer{code: code, reason: reason, length: -1, closes: version == "HTTP/1.0"}
	chunked := false
	for n := 0; ; n++ {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		if line == "" {
			break
		}
		if n == 100 {
			return nil, pythonError{"http.client.HTTPException", "got more than 100 headers"}
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "content-length":
			if a.length, err = strconv.Atoi(value); err != nil || a.length < 0 {
				a.length = -1
			}
		case "transfer-encoding":
			chunked = strings.EqualFold(value, "chunked")
		case "connection":
			a.closes = strings.EqualFold(value, "close")
		}
	}
	switch {
	case chunked:
		a.length, a.body = -1, &chunks{r: r}
	case a.length >= 0:
		a.body = io.LimitReader(r, int64(a.length))
	default:
		a.body, a.closes = r, true
	}
	return a, nil
}

// readLine reads a line without its end. The whole of it has to be in the buffer.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return "", pythonError{"http.client.LineTooLong", "got more than 65536 bytes when reading header line"}
	}
	return strings.TrimRight(string(line), "\r\n"), err
}

// chunks reads a body that comes in pieces, each as soon as it is there.
type chunks struct {
	r    *bufio.Reader
	left int64 // of this piece
	last bool
}

func (c *chunks) Read(p []byte) (int, error) {
	for c.left == 0 && !c.last {
		line, err := readLine(c.r)
		if err != nil {
			return 0, err
		}
		size, _, _ := strings.Cut(line, ";")
		if size = strings.TrimSpace(size); size == "" {
			continue // the end of the line behind the last piece
		}
		if c.left, err = strconv.ParseInt(size, 16, 63); err != nil || c.left < 0 {
			return 0, pythonError{"ValueError", "invalid literal for int() with base 16: b'" + size + "'"}
		}
		if c.last = c.left == 0; c.last {
			for line := "trailer"; line != "" && err == nil; {
				line, err = readLine(c.r)
			}
		}
	}
	if c.last {
		return 0, io.EOF
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}
