package page

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"catena/internal/supervisord/rpc"
	"catena/internal/supervisord/serve"
)

const (
	shortTail = 1024     // which Supervisor shows if nothing else is asked for
	longTail  = 64 << 10 // the most that is shown or sent at once
)

// A tail is the page with the end of a log.
type tail struct {
	*page
	Name, Path string
	Stderr     bool
	Limit      int64
	Text       string
	At         string // where to go on; empty if there is no log
	Both       bool   // the program has both logs
}

// tail answers with the end of a log.
func (p *page) tail(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	t := tail{page: p, Name: query.Get("processname"), Stderr: query.Get("channel") == "stderr", Limit: limit(query.Get("limit"))}
	t.Path = url.PathEscape(t.Name)
	info, err := p.info(t.Name)
	switch {
	case t.Name == "":
		t.Text = "No process name found"
	case err != nil:
		t.Text = "ERROR: " + inWords(err)
	default:
		t.Both = info.Stdout != "" && info.Stderr != ""
		part, err := readEnd(logOf(info, t.Stderr), t.Limit)
		if err != nil {
			t.Text = "No file for " + t.Name
			break
		}
		t.Text, t.At = part.text, part.at
	}
	show(w, http.StatusOK, "tail.html", t)
}

// limit is how many bytes are to be shown.
func limit(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return shortTail
	}
	return min(max(n, shortTail), longTail)
}

// info finds a process.
func (p *page) info(name string) (serve.Info, error) {
	inGroup, process := rpc.Split(name)
	for _, g := range p.server.Table.Groups() {
		for _, one := range g.Processes {
			if g.Name == inGroup && one.Name() == process {
				return one.Info(), nil
			}
		}
	}
	return serve.Info{}, rpc.BadName.Fault(name)
}

func logOf(i serve.Info, stderr bool) string {
	if stderr {
		return i.Stderr
	}
	return i.Stdout
}

// more answers with what was written to a log since a place in it. The headers Log-At and Log-Note
// say where to go on, and what was left out.
func (p *page) more(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	info, err := p.info(query.Get("processname"))
	if err != nil {
		say(w, http.StatusNotFound, "No such process named "+query.Get("processname"))
		return
	}
	part, err := readSince(logOf(info, query.Get("channel") == "stderr"), query.Get("at"))
	if err != nil {
		say(w, http.StatusNotFound, "No file for "+query.Get("processname"))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Log-At", part.at)
	if part.note != "" {
		w.Header().Set("Log-Note", part.note)
	}
	io.WriteString(w, part.text)
}

// A part is a piece of a log. Its place is the inode of the file and an offset, so that a file that
// was begun anew is noticed.
type part struct {
	text, at, note string
}

var errNoLog = errors.New("there is no such log")

// openLog opens a log, and tells its inode and its size. A FIFO or a terminal has no end.
func openLog(name string) (f *os.File, inode uint64, size int64, err error) {
	if name == "" {
		return nil, 0, 0, errNoLog
	}
	f, err = os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNoLog
	}
	if err != nil {
		f.Close()
		return nil, 0, 0, err
	}
	return f, info.Sys().(*syscall.Stat_t).Ino, info.Size(), nil
}

// readEnd reads the last bytes of a log.
func readEnd(name string, limit int64) (part, error) {
	f, inode, size, err := openLog(name)
	if err != nil {
		return part{}, err
	}
	defer f.Close()
	return read(f, inode, max(0, size-limit), limit)
}

// readSince reads what follows a place in a log, or the end of it if that is not known.
func readSince(name, at string) (part, error) {
	f, inode, size, err := openLog(name)
	if err != nil {
		return part{}, err
	}
	defer f.Close()
	var was uint64
	var from int64
	note := ""
	if n, _ := fmt.Sscanf(at, "%d.%d", &was, &from); n != 2 || from < 0 {
		from = max(0, size-shortTail)
	} else if was != inode || from > size {
		from, note = 0, "the log was begun anew"
	}
	if skipped := size - from - longTail; skipped > 0 {
		from += skipped
		note = strings.TrimPrefix(note+fmt.Sprintf(", %d bytes were left out", skipped), ", ")
	}
	p, err := read(f, inode, from, longTail)
	p.note = note
	return p, err
}

// read reads a piece of a log. What may be the first half of a character is left to the next piece.
func read(f *os.File, inode uint64, from, length int64) (part, error) {
	text, err := io.ReadAll(io.NewSectionReader(f, from, length))
	if err != nil {
		return part{}, err
	}
	text = text[:len(text)-halfCharacter(text)]
	return part{text: plain(text), at: fmt.Sprintf("%d.%d", inode, from+int64(len(text)))}, nil
}

// halfCharacter is how many bytes at the end of a text begin a character that is not whole.
func halfCharacter(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

// colours are what programs send to terminals.
var colours = regexp.MustCompile("\x1b\\[[0-9;:?]*[A-Za-z]")

// plain is a text as a page can show it.
func plain(text []byte) string {
	return strings.ToValidUTF8(string(colours.ReplaceAll(text, nil)), "\uFFFD")
}
