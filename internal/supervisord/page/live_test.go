package page

// Who watches hears of every change, and costs little.
//
// Not tested in this file: what a browser does with the events.

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"catena/internal/supervisord/rpc"
	"catena/internal/supervisord/serve"
)

// A stream is one of events, as a browser has it.
type stream struct {
	t     *testing.T
	body  io.ReadCloser
	lines *bufio.Scanner
}

// watch opens a stream, and returns the status.
func (s *site) watch(t *testing.T) (*stream, int) {
	t.Helper()
	got, err := http.Get(s.url("/events"))
	must(t, err)
	lines := bufio.NewScanner(got.Body)
	lines.Buffer(nil, 1<<20)
	t.Cleanup(func() { got.Body.Close() })
	return &stream{t, got.Body, lines}, got.StatusCode
}

// await reads events until one is as wanted.
func (s *stream) await(what string, is func(event, id, html string) bool) {
	s.t.Helper()
	late := time.AfterFunc(2*time.Minute, func() { s.body.Close() })
	defer late.Stop()
	event := ""
	for s.lines.Scan() {
		line := s.lines.Text()
		if name, isName := strings.CutPrefix(line, "event: "); isName {
			event = name
		}
		if data, isData := strings.CutPrefix(line, "data:"); isData {
			var part struct{ ID, HTML string }
			if data != "" {
				must(s.t, json.Unmarshal([]byte(data), &part))
			}
			if is(event, part.ID, part.HTML) {
				return
			}
		}
		if line == "" {
			event = ""
		}
	}
	s.t.Fatal("no event in time: ", what)
}

func TestEachChangeIsAnEvent(t *testing.T) {
	s := serving(t, newFake(t, "cat", "web:web_00", "web:web_01"))
	one, _ := s.watch(t)
	two, _ := s.watch(t)
	must(t, s.table.process(t, "web:web_01").Stop())
	for _, stream := range []*stream{one, two} {
		stream.await("web_01 is stopped", func(event, id, html string) bool {
			if id != "p-web:web_01" && id != "summary" {
				t.Errorf("an event of %s", id)
			}
			return id == "p-web:web_01" && strings.HasPrefix(html, "<tr ") && strings.Contains(html, ">stopped</span>") && strings.Contains(html, "Start</button>")
		})
		stream.await("the summary", func(_, id, html string) bool { return id == "summary" && strings.Contains(html, "1 stopped") })
	}
	s.table.add(t, "new")
	one.await("there is another program", func(event, id, _ string) bool { return event == "all" && id == "" })
}

func TestManyChangesAreOneEvent(t *testing.T) {
	table := newFake(t)
	for i := range 2 * mostRows {
		table.add(t, fmt.Sprintf("web:%03d", i))
	}
	s := serving(t, table)
	stream, _ := s.watch(t)
	for _, p := range table.Groups()[0].Processes {
		p.(*fakeProcess).become(func(i *serve.Info) { i.State = rpc.Fatal })
	}
	stream.await("all", func(event, _, _ string) bool { return event == "all" })
}

func TestStreamsAreCounted(t *testing.T) {
	s := serving(t, newFake(t, "cat"))
	var streams []*stream
	for range mostStreams {
		stream, code := s.watch(t)
		if code != 200 {
			t.Fatal(code)
		}
		streams = append(streams, stream)
	}
	if _, code := s.watch(t); code != 503 {
		t.Error(code)
	}
	if got := s.get("/"); got.code != 200 {
		t.Error("others are not answered: ", got.code)
	}
	streams[0].body.Close()
	waitFor(t, "there is room for another stream", func() bool {
		_, code := s.watch(t)
		return code == 200
	})
	for _, stream := range streams {
		stream.body.Close()
	}
	s.stop()
	waitFor(t, "nobody watches, and nothing is looked at", func() bool {
		s.page.watcher.mu.Lock()
		defer s.page.watcher.mu.Unlock()
		return !s.page.watcher.watching && s.page.watcher.streams == 0
	})
}

// However many clients do not read, what the server keeps for them is little.
func TestClientsThatDoNotReadTakeLittleMemory(t *testing.T) {
	table := newFake(t)
	for i := range 300 {
		table.add(t, fmt.Sprintf("web:%03d", i))
	}
	s := serving(t, table)
	s.get("/")
	before := memory()
	for range 50 {
		conn, err := net.Dial("tcp", s.address)
		must(t, err)
		defer conn.Close()
		conn.(*net.TCPConn).SetReadBuffer(4096)
		for range 4 { // some 400 kB each
			fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		}
	}
	for range mostStreams {
		s.watch(t)
	}
	if got := s.get("/ok.html"); got.code != 200 {
		t.Error(got)
	}
	if grown := memory() - before; grown > 64<<20 {
		t.Errorf("%d bytes more", grown)
	} else {
		t.Logf("%d bytes more", grown)
	}
}

// memory is what the heap and the stacks take.
func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// What a page of 200 programs costs the server.
func BenchmarkThePageOf200Programs(b *testing.B) {
	table := newFake(b)
	for i := range 200 {
		table.add(b, fmt.Sprintf("web:%03d", i))
	}
	s := serving(b, table)
	for b.Loop() {
		if got := s.get("/"); got.code != 200 {
			b.Fatal(got.code)
		}
	}
}
