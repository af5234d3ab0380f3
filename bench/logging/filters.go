//go:build linux && (amd64 || arm64)

package logging

// Measured: filters, from a pipe to /dev/null.
//
// Not measured: a terminal or a file at their end; more than one time zone.

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"catena/bench/stage"
)

// A filter is a maker's program that copies lines.
type filter struct {
	maker string
	argv  []string
}

// What filters do.
const (
	stamping = "stamping"
	reading  = "reading"
)

func (s *bench) filters(does string) []filter {
	ours, djb, bercot := s.Bin+"/tai64n", stage.CommandLine("tai64n"), stage.CommandLine("s6-tai64n")
	if does == reading {
		ours, djb, bercot = s.Bin+"/tai64nlocal", stage.CommandLine("tai64nlocal"), stage.CommandLine("s6-tai64nlocal")
	}
	all := []filter{{stage.Catena, []string{ours}}, {stage.Daemontools, djb}, {stage.S6, bercot}}
	if does == stamping {
		all = append(all, filter{moreutils, stage.CommandLine("ts")})
	}
	return all
}

// filterings are what filters are measured at.
var filterings = []struct {
	name      string
	does      string
	perSecond int // labels in the input, if there are any
}{
	{tai64nLines, stamping, 0},
	{tai64nlocalLines, reading, 1000},
	{"tai64nlocal, 80-byte lines, 1 in each second", reading, 1},
}

const (
	tai64nLines      = "tai64n, 80-byte lines"
	tai64nlocalLines = "tai64nlocal, 80-byte lines, 1000 in each second"
)

// labelled puts labels in front of lines, so many in each second.
func labelled(text []byte, perSecond int) []byte {
	var all []byte
	n := 0
	for line := range strings.Lines(string(text)) {
		all = fmt.Appendf(all, "@%016x%08x ", 1<<62+10+1_700_000_000+n/perSecond, n%perSecond*(1e9/perSecond))
		all = append(all, line...)
		n++
	}
	return all
}

// filter has all filters copy lines to /dev/null.
func (l *logging) filter(rounds int) error {
	null, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	lines := flood(blockSize, usual.size)
	for _, f := range filterings {
		text := lines
		if f.perSecond > 0 {
			text = labelled(lines, f.perSecond)
		}
		filters, err := l.findFilters(f.name, f.does, text, lines)
		if err != nil {
			return err
		}
		for range rounds {
			for _, i := range rand.Perm(len(filters)) {
				p, err := throughput(filters[i].argv, "/", null, text, moreOf*blocks)
				if err != nil {
					return err
				}
				l.addPass(filters[i].maker, f.name, p, moreOf*blocks*len(text))
			}
		}
	}
	return nil
}

// findFilters finds out which filters there are. Each must write every line once, as it
// was but for what is in front of it.
func (l *logging) findFilters(name, does string, text, lines []byte) (found []filter, err error) {
	copied := l.Tmpfs() + "/copied"
	for _, by := range l.filters(does) {
		if missing(by.argv) && by.maker != stage.Catena {
			l.note("Left out: %s; %s is not installed.", name, by.maker)
			continue
		}
		output, err := os.Create(copied)
		if err != nil {
			return nil, err
		}
		_, err = throughput(by.argv, "/", output, text, 1)
		output.Close()
		if err != nil {
			return nil, err
		}
		if got, err := os.ReadFile(copied); err != nil || !sameEnds(got, lines) {
			return nil, errors.Join(err, fmt.Errorf("%s does not do its work: %s", by.maker, name))
		}
		found = append(found, by)
	}
	return found, os.Remove(copied)
}

// sameEnds tells whether a text has the lines of another with something in front of each.
func sameEnds(text, lines []byte) bool {
	for line := range bytes.Lines(lines) {
		n := bytes.IndexByte(text, '\n') + 1
		if n <= len(line) || !bytes.HasSuffix(text[:n], line) {
			return false
		}
		text = text[n:]
	}
	return len(text) == 0
}
