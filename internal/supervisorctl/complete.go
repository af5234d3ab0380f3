package supervisorctl

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"catena/internal/xmlrpc"
)

// wordEnds are what a word ends at that is completed: those of readline, but for ":", "*" and
// "-", which stand in names.
const wordEnds = " \t\n`~!@#$%^&()=+[{]}\\|;'\",<>/?"

// completionTime is how long the server may take to list its programs. Nobody can type meanwhile.
const completionTime = 3 * time.Second

// complete is what a tab does. The first one adds what is the same in all matches, and a second
// one lists them.
func (e *editor) complete(line string, at int, key rune) (string, int, bool) {
	if key != '\t' {
		e.tabbed = ""
		return "", 0, false
	}
	start := strings.LastIndexAny(line[:at], wordEnds) + 1
	matches := e.c.matches(line, line[start:at])
	if len(matches) == 0 {
		return line, at, true
	}
	common := matches[0]
	for _, m := range matches {
		for !strings.HasPrefix(m, common) {
			common = common[:len(common)-1]
		}
	}
	if len(common) > at-start {
		e.tabbed = ""
		return line[:start] + common + line[at:], start + len(common), true
	}
	if e.tabbed == line && len(matches) > 1 {
		most, _, err := term.GetSize(1)
		if err != nil || most < 1 {
			most = 80
		}
		e.terminal.Write([]byte(columns(matches, most-1)))
	}
	e.tabbed = line
	return line, at, true
}

// matches lists what a word of a line may become. Each ends with a blank.
func (c *controller) matches(line, word string) []string {
	var list []string
	words := fields(line)
	switch {
	case len(words) == 0, len(words) == 1 && !strings.HasSuffix(line, " "):
		list = append(actions(), "help")
	case words[0] == "help":
		list = append(actions(), "help")
	default:
		switch words[0] {
		case "add", "remove", "update":
			list = c.groupNames()
		case "clear", "fg", "pid", "restart", "signal", "start", "status", "stop", "tail":
			list = c.processNames(strings.Contains(word, ":"))
		}
	}
	var matching []string
	for _, name := range list {
		if strings.HasPrefix(name, word) {
			matching = append(matching, name+" ")
		}
	}
	slices.Sort(matching)
	return slices.Compact(matching)
}

// processes asks the server what there is, once for each line. If the server does not answer,
// nothing is completed.
func (c *controller) processes() []xmlrpc.Struct {
	if c.completions == nil {
		c.server.patience = completionTime
		result, err := c.server.call("getAllProcessInfo")
		c.server.patience = 0
		c.server.close()
		if err != nil {
			return nil
		}
		c.completions = structs(result)
	}
	return c.completions
}

func (c *controller) groupNames() (list []string) {
	for _, info := range c.processes() {
		list = append(list, info.Text("group"))
	}
	return list
}

// processNames lists processes and groups. With a colon in the word, all are in full.
func (c *controller) processNames(full bool) (list []string) {
	for _, info := range c.processes() {
		group, name := info.Text("group"), info.Text("name")
		if full || group != name {
			list = append(list, group+":"+name, group+":*")
		} else {
			list = append(list, name)
		}
	}
	return list
}
