// Not tested here: that any of this works before the runtime, and how the file is read. The
// tests of the built binaries do that; here the parser meets every input, beside a second
// implementation that is written for clarity and uses the whole library.
package execchain

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"catena/internal/bare"
)

// parsed is what parse must make of a text: the words, and the line in which each begins, or
// 0 for an argument; or what is wrong in the last line that was read.
func parsed(text string, arguments []string) (words []string, lines []int, line int, wrong string) {
	goesOn := false
	for _, l := range strings.Split(text, "\n") {
		line++
		trimmed := strings.Trim(l, " \t")
		literal, isLiteral := strings.CutPrefix(strings.TrimLeft(l, " \t"), "|")
		switch {
		case strings.Contains(l, "\x00"):
			return words, lines, line, holdsNUL
		case strings.HasSuffix(l, "\r"):
			return words, lines, line, endsInCR
		case isLiteral && goesOn:
			words[len(words)-1] += "\n" + literal
		case isLiteral:
			words, lines = append(words, literal), append(lines, line)
		case trimmed == "" || trimmed[0] == '#':
		case trimmed == "$@":
			words, lines = append(words, arguments...), append(lines, make([]int, len(arguments))...)
		case strings.Contains(`"'$`, trimmed[:1]):
			return words, lines, line, meantForAShell
		default:
			words, lines = append(words, trimmed), append(lines, line)
		}
		goesOn = isLiteral
	}
	return words, lines, line, ""
}

func FuzzAChainFileIsItsLines(f *testing.F) {
	for _, s := range []string{
		"", "\n", "a", "a\n", " a b\t\n\n# c\n  d", "|a\n| b \n |\n#\n|c", "|\n\n|\n|", "$@\na\n$@", "$@ \n|$@\n|$@", "$@x",
		"\"a\"", "a\n'b'", "|'b'\n\"", "$HOME", "a\x00b", "#\x00", "a\r\nb\r\n", "|a\r", "a\rb", "\r", "||\n||", "|a\nb\n|c\n|d\ne",
		"\xff\xfe|", " \t \n\t|\t\n", strings.Repeat("|x\n", 300), strings.Repeat("a ", 3000),
	} {
		f.Add(s, "")
		f.Add(s, "256 15 web 17")
	}
	f.Fuzz(func(t *testing.T, content, given string) {
		if len(content) > 8000 {
			t.Skip("where takes the square of that")
		}
		defer bare.Mark().Release()
		arguments := strings.Fields(strings.ReplaceAll(given, "\x00", " "))
		args, ok := bare.NewWords(arguments...)
		var text bare.Buffer
		if !ok || !text.Append(content) || !text.Append("\n") {
			t.Fatal("no memory")
		}
		got, line, wrong := parse(text.Bytes(), args)
		want, lines, wantLine, wantWrong := parsed(content, arguments)
		if wrong != wantWrong || wrong != "" && line != wantLine {
			t.Fatalf("%q: %q in line %d, want %q in line %d", content, wrong, line, wantWrong, wantLine)
		}
		if wrong != "" {
			return
		}
		var found []string
		fromFile().Name, fromFile().Text = bare.Keep("chain"), bare.Keep(text.String())
		for i := range got.Len() {
			found = append(found, got.At(i))
			place, room := "", [40]byte{}
			if lines[min(i, len(lines)-1)] > 0 {
				place = fmt.Sprintf("chain:%d: ", lines[min(i, len(lines)-1)])
			}
			if is := where(&room, got.At(i)); is != place {
				t.Errorf("%q: word %d is from %q, want %q", content, i, is, place)
			}
		}
		if !slices.Equal(found, want) {
			t.Fatalf("%q: %q, want %q", content, found, want)
		}
	})
}
