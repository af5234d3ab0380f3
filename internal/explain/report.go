package explain

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A report is what there is to say of a chain.
type report struct {
	Before  *state   `json:"before"` // what the first link gets
	Links   []link   `json:"links"`
	Program *state   `json:"program"` // what the program would get; nil if the chain does not reach one
	Failure *failure `json:"failure,omitempty"`
}

// A link is one of the chain.
type link struct {
	Words   []string `json:"words"`
	File    string   `json:"file"`
	Changes []change `json:"changes"`
	Notes   []string `json:"notes"` // what explain did not let it do
	Says    []string `json:"says"`  // the lines that it has written
}

// A failure is how the last link has ended, which has not executed the program.
type failure struct {
	Exit   int    `json:"exit"`   // -1 if it has not exited
	Signal string `json:"signal"` // that has ended it, or empty
	Why    string `json:"why"`    // for people
}

// newReport says what a tracer has seen.
func newReport(t *tracer) *report {
	r := &report{Before: t.steps[0].begins, Links: []link{}}
	links := t.steps
	if t.reached {
		r.Program = t.steps[len(t.steps)-1].begins
		links = links[:len(links)-1]
	}
	for i, s := range links {
		l := link{Words: s.begins.Argv, File: s.begins.File, Changes: []change{}, Notes: slices.Concat([]string{}, s.notes), Says: lines(s.says)}
		if i+1 < len(t.steps) {
			next := t.steps[i+1].begins
			l.Words = s.begins.Argv[:len(s.begins.Argv)-commonEnd(s.begins.Argv, next.Argv)]
			l.Changes = changes(s.begins, next)
		}
		r.Links = append(r.Links, l)
	}
	if !t.reached {
		r.Failure = newFailure(t)
	}
	return r
}

func newFailure(t *tracer) *failure {
	switch e := t.ended; {
	case e == nil:
		return &failure{-1, "", "comes again and again"}
	case e.late != "":
		return &failure{-1, "", e.late + ", and the time is over"}
	case e.signal != "":
		why := "is ended by " + e.signal
		if e.execs {
			why += " as it executes the next program: a limit may be too low for that"
		}
		return &failure{-1, e.signal, why}
	default:
		return &failure{e.exit, "", fmt.Sprintf("exits %d", e.exit)}
	}
}

// commonEnd is how many words two command lines have in common at the end.
func commonEnd(a, b []string) (n int) {
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

func lines(text []byte) []string {
	list := []string{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			list = append(list, line)
		}
	}
	return list
}

func (r *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// writeText writes a paragraph for each link, and one for the program.
func (r *report) writeText(w io.Writer) error {
	var b strings.Builder
	for _, l := range r.Links {
		fmt.Fprintf(&b, "%s\n", shellWords(l.Words))
		var gone []string
		for _, c := range joined(l.Changes, func(a, b *change) bool { return a.joins(b) }, func(c *change) *string { return &c.Name }) {
			if c.What == "variable" && c.Is == nil {
				gone = append(gone, visible(c.Name))
				continue
			}
			line(&b, c.What, c.text())
		}
		if gone != nil {
			line(&b, "variable", "- "+strings.Join(gone, " "))
		}
		for _, note := range l.Notes {
			line(&b, "note", visible(note))
		}
		for _, said := range l.Says {
			line(&b, "says", visible(said))
		}
		if len(l.Changes)+len(l.Notes)+len(l.Says) == 0 && r.Program != nil {
			line(&b, "changes nothing", "")
		}
		b.WriteString("\n")
	}
	if r.Failure != nil {
		fmt.Fprintf(&b, "The program is not reached: %s %s.\n", visible(r.Links[len(r.Links)-1].Words[0]), r.Failure.Why)
	} else {
		r.Program.write(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// line writes a line with what it is about in the first column.
func line(b *strings.Builder, what, text string) {
	fmt.Fprintf(b, "%s\n", strings.TrimRight(fmt.Sprintf("  %-14s %s", what, text), " "))
}

// text is a change as the report shows it.
func (c *change) text() string {
	name, mark := visible(c.Name), " "
	if c.What == "variable" {
		mark = "="
	}
	switch {
	case c.Was == nil:
		return "+ " + name + mark + visible(*c.Is)
	case c.Is == nil:
		return "- " + name
	case c.Name == "":
		return visible(*c.Was) + " -> " + visible(*c.Is)
	}
	return name + mark + visible(*c.Was) + " -> " + visible(*c.Is)
}

// joins reports whether two changes are the same of two descriptors.
func (c *change) joins(next *change) bool {
	return c.What == "descriptor" && c.What == next.What && c.Was == nil && next.Was == nil && *c.Is == *next.Is
}

// joined makes one of neighbours that differ in their names alone: fghack has dozens of descriptors
// of one pipe.
func joined[T any](list []T, join func(a, b *T) bool, name func(*T) *string) (short []T) {
	for _, next := range list {
		if n := len(short); n > 0 && join(&short[n-1], &next) {
			*name(&short[n-1]) += " " + *name(&next)
		} else {
			short = append(short, next)
		}
	}
	return short
}

// write writes what the program would get.
func (s *state) write(b *strings.Builder) {
	fmt.Fprintf(b, "The program gets:\n")
	line(b, "command line", shellWords(s.Argv))
	line(b, "file", visible(s.File))
	if s.Executable != s.File {
		line(b, "executable", visible(s.Executable))
	}
	unlimited := []string{}
	join := func(a, b *fact) bool { return a.what == "descriptor" && a.what == b.what && a.value == b.value }
	for _, f := range joined(s.facts(), join, func(f *fact) *string { return &f.name }) {
		if isUsual(f) {
			continue
		}
		mark := " "
		if f.what == "variable" {
			mark = "="
		}
		switch {
		case f.what == "limit" && f.value == "unlimited":
			unlimited = append(unlimited, f.name)
		case f.name != "":
			line(b, f.what, visible(f.name)+mark+visible(f.value))
		default:
			line(b, f.what, visible(f.value))
		}
		if f.what == "limit" && f.name == "stack" && len(unlimited) > 0 { // the last one
			line(b, "unlimited", strings.Join(unlimited, " "))
		}
	}
}

// isUsual reports whether a fact is so nearly everywhere. The final state leaves it out.
func isUsual(f fact) bool {
	switch f.what {
	case "bounding set":
		return f.value == "all"
	case "new privileges":
		return f.value == "possible"
	case "root":
		return f.value == "/"
	case "nice value", "oom_score_adj":
		return f.value == "0"
	case "scheduling":
		return f.value == "other"
	case "blocks", "ignores":
		return f.value == "none"
	case "processors", "session", "process group", "namespace":
		return true // worth a line only where a link has changed it
	}
	return false
}
