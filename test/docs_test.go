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
	"syscall"
	"testing"
)

// The headings of a manual page, in order. The optional ones may be missing.
var (
	headings = []string{"NAME", "SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "FILES", "EXIT STATUS",
		"EXAMPLES", "DIAGNOSTICS", "SEE ALSO", "STANDARDS", "HISTORY", "CAVEATS"}
	optional = []string{"FILES"}
)

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
		if strings.Contains(pageSynopsis(t, tool), "[options]") { // there are too many
			continue
		}
		inSynopsis := strings.Split(strings.Join(submatches(`\[-([A-Za-z0-9]+)`, pageSynopsis(t, tool)), ""), "")
		inPage := submatches(`(?m)^\.It Fl ([A-Za-z0-9])( |$)`, section(t, tool, "DESCRIPTION"))
		diffLists(t, "SYNOPSIS of "+tool+".8", inSynopsis, "its list", inPage)
	}
}

// As daemontools has them, svc, svstat and readproctitle have nothing to say without
// arguments, svscan begins, as logscan and supervisord would, and env prints the environment; the lines of svc
// and the like come with an option that they do not know.
func TestUsageMessageStandsInThePage(t *testing.T) {
	for _, tool := range commands() {
		var arguments []string
		switch tool {
		case "svstat", "svscan", "readproctitle", "multilog", "tai64n", "tai64nlocal", "env":
			continue
		case "svc", "supervisorctl", "supervisord", "logscan":
			arguments = []string{"-Z"}
		}
		var errs bytes.Buffer
		cmd := exec.Command(filepath.Join(fused.dir, tool), arguments...)
		cmd.Args[0] = tool // which nohup prints
		cmd.Stderr = &errs
		if cmd.Run() == nil {
			t.Errorf("%s without arguments succeeds", tool)
		}
		lines := strings.Split(strings.TrimRight(errs.String(), "\n"), "\n") // chpst ends with an empty line
		line := `.It "` + lines[len(lines)-1] + `"`
		if tool == "daemon" { // the list of options follows
			line = `.It "` + lines[0] + `"`
		}
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

// The service directory has files in place of options.
func TestFilesAreTheSameInPagesAndHelp(t *testing.T) {
	files, _, _ := strings.Cut(section(t, "supervise", "FILES"), "\n.El\n")
	inPage := submatches(`(?m)^\.It Pa (\S+)$`, files)
	inHelp := submatches(`(?m)^  ([a-z][a-z-]*)  `, help(t, "supervise"))
	diffLists(t, "supervise.8", inPage, "supervise --help", inHelp)
	for _, name := range submatches(`(?m)^\t\w+ += "(?:\./)?([a-z-]+)"`, read(t, filepath.Join(root, "internal/service/option.go"))) {
		if !slices.Contains(inHelp, name) {
			t.Errorf("option.go has %s, and supervise --help has not", name)
		}
	}
}

// As the page has them, without the macros.
func TestPagesAndHelpSayTheSameOfEachTool(t *testing.T) {
	page := words(regexp.MustCompile(`(?m)^\.Xr (\S+) (\d) ?`).ReplaceAllString(section(t, "catena", "DESCRIPTION"), "$1($2)"))
	for _, line := range submatches(`(?m)^  (\w+  .*)$`, help(t, "catena")) {
		tool, does, _ := strings.Cut(line, " ")
		if item := ".It Xr " + tool + " 8 " + strings.TrimSpace(does) + ". "; !strings.Contains(page, item) {
			t.Errorf("catena.8 lacks %q", item)
		}
	}
}

// The page of catena lists the tools twice more: for who reads on, and for who makes the links.
func TestPageOfCatenaNamesEveryTool(t *testing.T) {
	diffLists(t, "SEE ALSO of catena.8", submatches(`(?m)^\.Xr ([\w-]+) 8`, section(t, "catena", "SEE ALSO")), "cmd/ and init/", append(append(tools(), hosted()...), "svscanboot"))
	loop := submatches(`(?s)for tool in (.*?); do`, section(t, "catena", "EXAMPLES"))
	named := slices.DeleteFunc(tools(), func(tool string) bool { return slices.Contains(unnamed(t), tool) })
	diffLists(t, "the links of catena.8", submatches(`([\w-]+)`, strings.ReplaceAll(loop[0], `\e`, "")), "what make makes", named)
}

// A reader who looks for a file of such a name finds out why there is none.
func TestPageSaysForWhichToolsNoFileIsInstalled(t *testing.T) {
	text := words(section(t, "catena", "DESCRIPTION"))
	list := submatches(`No file is installed for \.Ic (.*?): common commands`, text)
	if list == nil {
		t.Fatal("catena.8 does not say so")
	}
	diffLists(t, "catena.8", submatches(`([a-z][a-z0-9]+)`, strings.NewReplacer("and", "", ".Ic", "").Replace(list[0])), "UNNAMED in Makefile", unnamed(t))
}

func TestMulticallTableHasTheFoldersOfCmd(t *testing.T) {
	listed := submatches(`(?m)^\s+([a-z][\w-]*)`, help(t, "catena"))
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

// Each example is run as it stands, by sh, where its programs are stubs, and with a /run of its
// own.
func TestExamplesOfThePagesRun(t *testing.T) {
	needRoot(t)
	for _, tool := range commands() {
		examples := submatches(`(?s)\.Bd -literal -offset indent\n(.*?)\.Ed\n`, section(t, tool, "EXAMPLES"))
		if len(examples) == 0 {
			t.Errorf("%s.8 has no example", tool)
		}
		for _, example := range examples {
			script := strings.NewReplacer(`\e`, `\`, `\&`, "").Replace(example)
			cmd := exec.Command("sh", "-euc", "mount --make-rprivate / && mount -t tmpfs run /run\n"+script, "sh", "true")
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
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
	must(os.WriteFile(filepath.Join(dir, "settings"), []byte("PORT=8080\n"), 0o644))
	return dir
}

// anchors lists what links to the headings of a page are made of, as GitHub makes them.
func anchors(page string) (list []string) {
	for _, heading := range submatches(`(?m)^#+ (.*)$`, page) {
		words := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading), "")
		list = append(list, strings.ReplaceAll(words, " ", "-"))
	}
	return list
}

func TestRelativeLinksLeadSomewhere(t *testing.T) {
	others := []string{"ARCHITECTURE.md", "internal/boot/HACKING.md", "CONTRIBUTING.md", "CHANGES.md", "init/README.md", "test/README.md"}
	for _, doc := range append(docPages(t), others...) {
		file := filepath.Join(root, doc)
		for _, link := range submatches(`\]\(([^)\s]+)\)`, read(t, file)) {
			target, anchor, _ := strings.Cut(link, "#")
			if strings.Contains(link, "://") {
				continue
			}
			there := file
			if target != "" {
				there = filepath.Join(filepath.Dir(file), target)
			}
			if _, err := os.Stat(there); err != nil {
				t.Errorf("%s: %v", doc, err)
			} else if anchor != "" && !slices.Contains(anchors(read(t, there)), anchor) {
				t.Errorf("%s: %s has no heading %s", doc, there, anchor)
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

// A fresh clone must build elsewhere than where it was written. The brackets
// keep this file from finding itself.
func TestNoFileNamesTheWorkplaceOrARegistry(t *testing.T) {
	local := regexp.MustCompile(`/[w]ork/|/tmp/[b]ash_jobs|/[r]oot/go\b|` +
		`[p]roxy\.golang|[g]oproxy|[a]rtifactory|[r]egistry\.[a-z]|[d]eb\.debian|[s]napshot\.debian`)
	must(filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, file)
		switch {
		case name == ".git" && !entry.IsDir(): // of a worktree
			return nil
		case name == ".git" || name == "bin":
			return fs.SkipDir
		case err != nil || !entry.Type().IsRegular():
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

// What a page says of usage comes first, then what is fatal, then warnings, each by the
// alphabet. Messages that mean the same stand together, where the first one belongs.
func TestDiagnosticsAreSorted(t *testing.T) {
	kind := regexp.MustCompile(`^[^:]+: (fatal|warning): (.*)$`)
	place := func(message string) string {
		if m := kind.FindStringSubmatch(message); m != nil {
			return m[1] + strings.ToLower(m[2]) // fatal comes before warning
		}
		if strings.Contains(message, "illegal option") || strings.Contains(message, "requires an argument") {
			return "1" + strings.ToLower(message)
		}
		return "2" + strings.ToLower(message)
	}
	for _, tool := range pages() {
		for _, list := range submatches(`(?s)\n\.Bl -diag\n(.*?)\n\.El\n`, read(t, page(tool))) {
			groups := submatches(`(?m)^\.It "(.*)"$`, regexp.MustCompile(`(?m)(^\.It .*\n)(?:\.It .*\n)*`).ReplaceAllString(list, "$1"))
			for i := 1; i < len(groups); i++ {
				if place(groups[i]) < place(groups[i-1]) {
					t.Errorf("%s.8 has %q after %q", tool, groups[i], groups[i-1])
				}
			}
		}
	}
}

// A test file that says where something else is tested names files that are there.
func TestFilesThatTestsNameAreThere(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "test", "*.go"))
	must(err)
	for _, file := range files {
		for _, name := range submatches(`(?:^|[ (])(\w+_test\.go)\b`, read(t, file)) {
			if !exists(filepath.Join(root, "test", name)) {
				t.Errorf("%s names %s", filepath.Base(file), name)
			}
		}
	}
}

// The map of this folder has every file of tests, in the place where it belongs, and no other.
func TestMapOfTheTestsIsComplete(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "test", "*_test.go"))
	must(err)
	tests, helpers, _ := strings.Cut(read(t, filepath.Join(root, "test", "README.md")), "\n## What tests are written with\n")
	var ofTests, ofHelpers []string
	for _, file := range files {
		name := filepath.Base(file)
		text := read(t, file)
		if !strings.Contains(text, "// Not tested in this file:") {
			t.Errorf("%s does not begin with what it does not test", name)
		}
		if name == "main_test.go" || strings.HasPrefix(name, "with_") {
			ofHelpers = append(ofHelpers, name)
		} else {
			ofTests = append(ofTests, name)
		}
		if has := regexp.MustCompile(`(?m)^func (Test|Fuzz)[A-Z].*\(\w+ \*testing\.[TF]\)`).MatchString(text); has != (ofTests != nil && ofTests[len(ofTests)-1] == name) {
			t.Errorf("%s has tests: %v", name, has)
		}
	}
	const row = `(?m)^\| \[(\w+_test\.go)\]`
	diffLists(t, "test/README.md", submatches(row, tests), "test", ofTests)
	diffLists(t, "test/README.md", submatches(row, helpers), "test", ofHelpers)
}
