package supervisorctl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"catena/internal/xmlrpc"
)

// A field is a part of what is told, for programs.
type field struct {
	name  string
	value any
}

// tell prints a line, or with --json an object that says the same.
func (c *controller) tell(line string, fields ...field) {
	if !c.json {
		c.text(line + "\n")
		return
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for i, f := range fields {
		separator := ","
		if i == 0 {
			separator = "{"
		}
		b.WriteString(separator)
		e.Encode(f.name)
		b.Truncate(b.Len() - 1) // the newline
		b.WriteByte(':')
		if err := e.Encode(f.value); err != nil {
			b.WriteString("null\n")
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteString("}\n")
	c.out.Write(b.Bytes())
}

// text prints what is for people alone.
func (c *controller) text(s string) {
	if !c.json {
		c.out.WriteString(s)
	}
}

// fail prints what is wrong. The exit code says so, too.
func (c *controller) fail(line string) {
	c.exit = exitGeneric
	c.complain(line)
}

// complain prints what is wrong, and leaves the exit code alone.
func (c *controller) complain(line string) { c.tell(line, field{"error", line}) }

// membersOf are the members of a struct as fields.
func membersOf(s xmlrpc.Struct) (list []field) {
	for _, m := range s {
		list = append(list, field{m.Name, m.Value})
	}
	return list
}

// show is how Python prints a number or a text.
func show(v xmlrpc.Value) string {
	if v == nil {
		return "None"
	}
	return fmt.Sprint(v)
}

func width(s string) int { return utf8.RuneCountInString(s) }

// pad fills a text up with blanks.
func pad(s string, to int) string { return s + strings.Repeat(" ", max(0, to-width(s))) }

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
