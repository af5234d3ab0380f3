package supervisorctl

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// An editor is for the lines that somebody types at a terminal: it has their history, and
// completes words.
type editor struct {
	c        *controller
	terminal *term.Terminal
	lines    []string // the history, oldest first
	tabbed   string   // the line in which the last key was a tab that changed nothing

	mu  sync.Mutex
	was *term.State // of the terminal, while it is in another one
}

func newEditor(c *controller) *editor {
	e := &editor{c: c}
	e.terminal = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{c.stdin(), os.Stdout}, "")
	e.terminal.History = e
	e.terminal.AutoCompleteCallback = e.complete
	return e
}

// readLine lets somebody type a line. ^C is errInterrupted, and ^D is io.EOF.
func (e *editor) readLine(prompt string) (string, error) {
	if columns, lines, err := term.GetSize(1); err == nil && columns > 0 {
		e.terminal.SetSize(columns, lines)
	}
	e.terminal.SetPrompt(prompt)
	e.note(0)
	if _, err := term.MakeRaw(0); err != nil {
		return "", err
	}
	defer e.restore()
	line, err := e.terminal.ReadLine()
	if err == term.ErrPasteIndicator {
		err = nil
	}
	return line, err
}

// note remembers the state of a terminal, and restore brings it back.
func (e *editor) note(fd int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.was, _ = term.GetState(fd)
}

func (e *editor) restore() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.was != nil {
		term.Restore(0, e.was)
		e.was = nil
	}
}

// Add, Len and At are the history, as package term wants it. A line that is empty, or the same as
// the last one, is not kept.
func (e *editor) Add(line string) {
	if line != "" && (len(e.lines) == 0 || e.lines[len(e.lines)-1] != line) {
		e.lines = append(e.lines, line)
	}
}

// Len is how many lines there are.
func (e *editor) Len() int { return len(e.lines) }

// At is a line; 0 is the last one.
func (e *editor) At(i int) string { return e.lines[len(e.lines)-1-i] }

// load reads the history of former shells.
func (e *editor) load() {
	file := e.c.historyFile
	if file == nil || *file == "" {
		return
	}
	text, err := os.ReadFile(*file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(e.c.errs, "supervisorctl: warning: unable to read %s: %v\n", *file, errors.Unwrap(err))
	}
	for line := range strings.Lines(string(text)) {
		e.lines = append(e.lines, strings.TrimRight(line, "\n"))
	}
}

func (e *editor) save() {
	file := e.c.historyFile
	if file == nil || *file == "" || len(e.lines) == 0 {
		return
	}
	if err := os.WriteFile(*file, []byte(strings.Join(e.lines, "\n")+"\n"), 0o600); err != nil {
		fmt.Fprintf(e.c.errs, "supervisorctl: warning: unable to write %s: %v\n", *file, errors.Unwrap(err))
	}
}
