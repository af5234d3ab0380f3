// Not tested in this file: whether the tools do what the pages say they do (the
// scripts in testdata test the tools), nor any prose. What is tested is that
// every place which names a tool, an option, a file or a command names the same.

package test

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The headings of a manual page, in order. The optional ones may be missing.
var (
	headings = []string{"NAME", "SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "FILES", "EXIT STATUS",
		"EXAMPLES", "DIAGNOSTICS", "SEE ALSO", "STANDARDS", "HISTORY", "CAVEATS"}
	optional = []string{"FILES"}
)

// commands lists the tools and the multi-call binary.
func commands() []string { return append(tools(), "catena") }

// pages lists what has a page: svscanboot is a script, not a tool.
func pages() []string { return append(commands(), "svscanboot") }

func page(tool string) string { return filepath.Join(root, "man", tool+".8") }

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// words makes texts comparable that differ in how their lines are wrapped.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// diffLists reports what only one of two lists has.
func diffLists(t *testing.T, gotFrom string, got []string, wantFrom string, want []string) {
	t.Helper()
	for _, s := range got {
		if !slices.Contains(want, s) {
			t.Errorf("%s is in %s and not in %s", s, gotFrom, wantFrom)
		}
	}
	for _, s := range want {
		if !slices.Contains(got, s) {
			t.Errorf("%s is in %s and not in %s", s, wantFrom, gotFrom)
		}
	}
}

// submatches lists what the first group of an expression finds in a text.
func submatches(expr, text string) (found []string) {
	for _, m := range regexp.MustCompile(expr).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// section cuts a section out of the source of a manual page.
func section(t *testing.T, tool, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(read(t, page(tool)), "\n.Sh "+heading+"\n")
	if !ok {
		t.Fatalf("%s.8 has no section %s", tool, heading)
	}
	text, _, _ = strings.Cut(text, "\n.Sh ")
	return text + "\n"
}

// pageSynopsis renders the SYNOPSIS of a manual page as plain text.
func pageSynopsis(t *testing.T, tool string) string {
	t.Helper()
	text, err := exec.Command("mandoc", "-Tascii", page(tool)).Output()
	if err != nil {
		t.Fatalf("mandoc %s.8: %v", tool, err)
	}
	plain := regexp.MustCompile(".\b").ReplaceAllString(string(text), "")
	_, plain, _ = strings.Cut(plain, "\nSYNOPSIS\n")
	plain, _, _ = strings.Cut(plain, "\n\n")
	return words(plain)
}

// help runs a tool with --help. It must print that and nothing else.
func help(t *testing.T, tool string) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(filepath.Join(fused.dir, tool), "--help")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil || errs.Len() != 0 {
		t.Fatalf("%s --help: %v %s", tool, err, &errs)
	}
	return out.String()
}

// helpSynopsis is the first line of a tool's --help.
func helpSynopsis(t *testing.T, tool string) string {
	t.Helper()
	line, _, _ := strings.Cut(help(t, tool), "\n")
	synopsis, ok := strings.CutPrefix(line, "usage: ")
	if !ok {
		t.Errorf("%s --help begins with %q", tool, line)
	}
	return words(synopsis)
}

// docSynopsis is the indented paragraph after "Usage:" in the doc comment of
// a command.
func docSynopsis(t *testing.T, tool string) string {
	t.Helper()
	source := filepath.Join(root, "cmd", tool, "main.go")
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	_, usage, ok := strings.Cut(file.Doc.Text(), "Usage:\n")
	if !ok {
		t.Errorf("the doc comment of cmd/%s has no \"Usage:\"", tool)
	}
	var synopsis []string
	for _, line := range strings.Split(strings.TrimLeft(usage, "\n"), "\n") {
		if !strings.HasPrefix(line, "\t") {
			break
		}
		synopsis = append(synopsis, line)
	}
	return words(strings.Join(synopsis, " "))
}

func TestSynopsisIsTheSameInPageHelpAndDocComment(t *testing.T) {
	need(t, "mandoc")
	for _, tool := range commands() {
		want := pageSynopsis(t, tool)
		if want != tool && !strings.HasPrefix(want, tool+" ") {
			t.Errorf("the SYNOPSIS of %s.8 is %q", tool, want)
		}
		if got := helpSynopsis(t, tool); got != want {
			t.Errorf("%s --help: %s\n%s.8: %s", tool, got, tool, want)
		}
		if got := docSynopsis(t, tool); got != want {
			t.Errorf("doc comment of cmd/%s: %s\n%s.8: %s", tool, got, tool, want)
		}
	}
}

// A page lists an option as ".It Fl x"; --help has it at the start of a line.
func TestOptionsAreTheSameInPageAndHelp(t *testing.T) {
	for _, tool := range commands() {
		inPage := submatches(`(?m)^\.It Fl ([A-Za-z0-9])( |$)`, section(t, tool, "DESCRIPTION"))
		inHelp := submatches(`(?m)^\s+-([A-Za-z0-9])\b`, help(t, tool))
		diffLists(t, tool+".8", inPage, tool+" --help", inHelp)
	}
}

// The first letters of the synopsis are the options too: "[-if]", "[-p prefix]".
func TestOptionsAreTheSameInSynopsisAndPage(t *testing.T) {
	need(t, "mandoc")
	for _, tool := range commands() {
		inSynopsis := strings.Split(strings.Join(submatches(`\[-([A-Za-z0-9]+)`, pageSynopsis(t, tool)), ""), "")
		inPage := submatches(`(?m)^\.It Fl ([A-Za-z0-9])( |$)`, section(t, tool, "DESCRIPTION"))
		diffLists(t, "SYNOPSIS of "+tool+".8", inSynopsis, "its list", inPage)
	}
}

// As daemontools has them, svc, svstat and readproctitle have nothing to say without
// arguments, and svscan begins; svc's line comes with an option that it does not know.
func TestUsageMessageStandsInThePage(t *testing.T) {
	for _, tool := range commands() {
		var arguments []string
		switch tool {
		case "svstat", "svscan", "readproctitle", "multilog", "tai64n", "tai64nlocal":
			continue
		case "svc":
			arguments = []string{"-Z"}
		}
		var errs bytes.Buffer
		cmd := exec.Command(filepath.Join(fused.dir, tool), arguments...)
		cmd.Stderr = &errs
		if cmd.Run() == nil {
			t.Errorf("%s without arguments succeeds", tool)
		}
		lines := strings.Split(strings.TrimSuffix(errs.String(), "\n"), "\n")
		line := `.It "` + lines[len(lines)-1] + `"`
		if !strings.Contains(section(t, tool, "DIAGNOSTICS"), line) {
			t.Errorf("DIAGNOSTICS of %s.8 lacks %s", tool, line)
		}
	}
}

// Messages are made in internal/link and internal/bare, and the pages' words for
// what varies in them come after the first constant text.
func TestEveryMessageStandsInAPage(t *testing.T) {
	var pages strings.Builder
	for _, tool := range commands() {
		pages.WriteString(section(t, tool, "DIAGNOSTICS"))
	}
	sources, err := filepath.Glob(filepath.Join(root, "internal", "*", "*.go"))
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources", err)
	}
	for _, file := range sources {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, message := range submatches(`\.Fatal(?:Errno)?\((?:\w+, )?"([^"]+)"`, read(t, file)) {
			if !strings.Contains(pages.String(), ": fatal: "+message) {
				t.Errorf("no page has the message %q of %s", message, filepath.Base(file))
			}
		}
	}
}

func TestMulticallTableHasTheFoldersOfCmd(t *testing.T) {
	listed := submatches(`(?m)^\s+([a-z]\w*)`, help(t, "catena"))
	diffLists(t, "catena --help", listed, "cmd/", tools())
}

func TestEveryToolHasAPageAndEveryPageATool(t *testing.T) {
	files, err := filepath.Glob(page("*"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range files {
		found = append(found, strings.TrimSuffix(filepath.Base(f), ".8"))
	}
	diffLists(t, "man/", found, "cmd/ and init/", pages())
}

func TestPagesHaveTheSameSections(t *testing.T) {
	required := slices.DeleteFunc(slices.Clone(headings), func(h string) bool { return slices.Contains(optional, h) })
	for _, tool := range pages() {
		got := submatches(`(?m)^\.Sh (.*)$`, read(t, page(tool)))
		if !slices.Equal(got, headings) && !slices.Equal(got, required) {
			t.Errorf("%s.8 has the sections %q", tool, got)
		}
	}
}

// The pages of other systems that are referred to need not be installed here.
func TestPagesAreCleanForMandoc(t *testing.T) {
	need(t, "mandoc")
	for _, tool := range pages() {
		out, _ := exec.Command("mandoc", "-Tlint", "-Wstyle", page(tool)).Output()
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, "referenced manual not found") {
				t.Error(strings.TrimSpace(line))
			}
		}
	}
}

// Each example is run as it stands, by sh, where its programs are stubs.
func TestExamplesOfThePagesRun(t *testing.T) {
	needRoot(t)
	for _, tool := range commands() {
		examples := submatches(`(?s)\.Bd -literal -offset indent\n(.*?)\.Ed\n`, section(t, tool, "EXAMPLES"))
		if len(examples) == 0 {
			t.Errorf("%s.8 has no example", tool)
		}
		for _, example := range examples {
			script := strings.ReplaceAll(example, `\e`, `\`)
			cmd := exec.Command("sh", "-euc", script)
			cmd.Dir = serviceDirectory(t)
			cmd.Env = []string{"PATH=" + fused.dir + ":/usr/bin:/bin"}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s.8: %v\n%s%s", tool, err, script, out)
			}
		}
	}
}

// serviceDirectory makes what the examples expect around them. The server and
// the report succeed without doing anything.
func serviceDirectory(t *testing.T) string {
	dir, err := os.MkdirTemp(work, "service-")
	must(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(os.Chmod(dir, 0o755))
	for _, name := range []string{"env", "tls"} {
		must(os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	for _, name := range []string{"server", "report"} {
		must(os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\nexit 0\n"), 0o755))
	}
	return dir
}

func TestRelativeLinksLeadSomewhere(t *testing.T) {
	for _, doc := range []string{"README.md", "ARCHITECTURE.md", "internal/boot/HACKING.md", "CONTRIBUTING.md", "CHANGES.md", "init/README.md"} {
		file := filepath.Join(root, doc)
		for _, link := range submatches(`\]\(([^)\s]+)\)`, read(t, file)) {
			target, _, _ := strings.Cut(link, "#")
			if target == "" || strings.Contains(link, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), target)); err != nil {
				t.Errorf("%s: %v", doc, err)
			}
		}
	}
}

// make -n says whether there is such a target without making it.
func TestMakeCommandsOfReadmeExist(t *testing.T) {
	consoles := submatches("(?s)```console\n(.*?)```", read(t, filepath.Join(root, "README.md")))
	commands := submatches(`(?m)^\$ make\b([^&|;#\n]*)`, strings.Join(consoles, "\n"))
	if len(commands) == 0 {
		t.Error("README.md shows no make command")
	}
	for _, arguments := range commands {
		cmd := exec.Command("make", append([]string{"-n"}, strings.Fields(arguments)...)...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("make%s: %v\n%s", arguments, err, out)
		}
	}
}

func TestMakeInstallPutsBinaryNamesAndPages(t *testing.T) {
	dest := t.TempDir()
	cmd := exec.Command("make", "install", "DESTDIR="+dest, "PREFIX=/usr")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make install: %v\n%s", err, out)
	}
	want := []string{
		"usr/bin/catena -rwxr-xr-x",
		"usr/bin/svscanboot -rwxr-xr-x",
		"usr/share/catena/init/README.md -rw-r--r--",
		"usr/share/catena/init/catena.openrc -rwxr-xr-x",
		"usr/share/catena/init/catena.service -rw-r--r--",
	}
	for _, tool := range tools() {
		want = append(want, "usr/bin/"+tool+" catena")
	}
	for _, tool := range pages() {
		want = append(want, "usr/share/man/man8/"+tool+".8 -rw-r--r--")
	}
	diffLists(t, "DESTDIR", installed(dest), "the list", want)
}

// installed lists the files below a folder, each with its mode or, for a
// symbolic link, with where it leads.
func installed(dest string) (list []string) {
	must(filepath.WalkDir(dest, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		must(err)
		what := info.Mode().String()
		if entry.Type() == fs.ModeSymlink {
			what, err = os.Readlink(file)
			must(err)
		}
		name, err := filepath.Rel(dest, file)
		list = append(list, name+" "+what)
		return err
	}))
	return list
}

// A fresh clone must build elsewhere than where it was written. The brackets
// keep this file from finding itself.
func TestNoFileNamesTheWorkplaceOrARegistry(t *testing.T) {
	local := regexp.MustCompile(`/[w]ork/|/tmp/[b]ash_jobs|/[r]oot/go\b|` +
		`[p]roxy\.golang|[g]oproxy|[a]rtifactory|[r]egistry\.[a-z]|[d]eb\.debian|[s]napshot\.debian`)
	must(filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, file)
		if name == ".git" || name == "bin" {
			return fs.SkipDir
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		for i, line := range strings.Split(read(t, file), "\n") {
			if found := local.FindString(line); found != "" {
				t.Errorf("%s:%d names %s", name, i+1, found)
			}
		}
		return nil
	}))
}
