package python

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Glob lists what a pattern matches, sorted. A star matches no name that begins with a dot, a
// backslash is like any other character, and [!a] is what is not an a.
func Glob(pattern string) (found []string) {
	dir, base := filepath.Split(pattern)
	if !strings.ContainsAny(pattern, "*?[") {
		if _, err := os.Lstat(pattern); err == nil {
			return []string{pattern}
		}
		return nil
	}
	dirs := []string{dir}
	if trimmed := strings.TrimRight(dir, "/"); strings.ContainsAny(trimmed, "*?[") {
		dirs = Glob(trimmed)
	} else if trimmed != "" {
		dirs = []string{trimmed}
	}
	if !strings.ContainsAny(base, "*?[") {
		for _, dir := range dirs {
			if path := filepath.Join(dir, base); exists(path) {
				found = append(found, path)
			}
		}
		return found
	}
	match := fnmatch(base)
	for _, dir := range dirs {
		entries, _ := os.ReadDir(orHere(dir))
		for _, entry := range entries {
			name := entry.Name()
			if match.MatchString(name) && (name[0] != '.' || base[0] == '.') {
				found = append(found, filepath.Join(dir, name))
			}
		}
	}
	slices.Sort(found)
	return found
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func orHere(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}

// fnmatch translates a pattern for a name.
func fnmatch(pattern string) *regexp.Regexp {
	text := []rune(pattern)
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for at := 0; at < len(text); at++ {
		switch c := text[at]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		case '[':
			set, next := bracket(text, at)
			b.WriteString(set)
			at = next
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String())
}

// bracket translates a set in brackets, or the bracket if there is no set, and returns where it
// ends.
func bracket(text []rune, at int) (set string, end int) {
	from := at + 1
	if from < len(text) && text[from] == '!' {
		from++
	}
	end = from
	if end < len(text) && text[end] == ']' {
		end++
	}
	for end < len(text) && text[end] != ']' {
		end++
	}
	if end >= len(text) {
		return `\[`, at
	}
	negated := from == at+2
	var inner strings.Builder
	for set := text[from:end]; len(set) > 0; {
		if len(set) > 2 && set[1] == '-' {
			if set[0] <= set[2] { // any other range is empty
				fmt.Fprintf(&inner, `\x{%x}-\x{%x}`, set[0], set[2])
			}
			set = set[3:]
			continue
		}
		fmt.Fprintf(&inner, `\x{%x}`, set[0])
		set = set[1:]
	}
	switch {
	case inner.Len() == 0 && negated:
		return ".", end
	case inner.Len() == 0:
		return `[^\x{0}-\x{10ffff}]`, end
	case negated:
		return "[^" + inner.String() + "]", end
	}
	return "[" + inner.String() + "]", end
}
