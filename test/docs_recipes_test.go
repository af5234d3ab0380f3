package test

// The commands in README.md and docs/ are run as a reader would run them.
//
// A fenced block of a page says what it is by the word behind the fence:
//
//	sh         commands, which are run and must succeed
//	console    commands behind a dollar sign, which are run, each with what it prints;
//	           numbers may differ
//	text       output, or a part of a file: not run
//
// One shell runs the blocks of a section in their order, in an empty folder of a yard.
// /etc is a copy there, in which commands may add accounts. A second word says more:
//
//	user       the section is run by an account that is not root
//	process-1  the block is the first process of a container
//	daemontools  the variable of that name is the folder of those programs
//
// Not tested in this file: the commands of make (TestMakeCommandsOfReadmeExist), what is
// written inside of a sentence, other than the tables of docs/moving.md.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A fenced block of a page.
type fenced struct {
	line  int
	words []string // behind the fence
	text  string
}

// is tells whether a word stands behind the fence.
func (b fenced) is(word string) bool { return slices.Contains(b.words, word) }

// A docSection is a heading of a page, with the blocks up to the next one.
type docSection struct {
	heading string
	blocks  []fenced
}

// docPages lists README.md and the pages of docs.
func docPages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"README.md"}
	for _, file := range found {
		names = append(names, "docs/"+filepath.Base(file))
	}
	return names
}

// docSections cuts a page up.
func docSections(t *testing.T, name string) (sections []docSection) {
	t.Helper()
	sections = []docSection{{}}
	var open *fenced
	for i, line := range strings.Split(read(t, filepath.Join(root, name)), "\n") {
		now := &sections[len(sections)-1]
		mark, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open == nil:
			open = &fenced{line: i + 1, words: strings.Fields(mark)}
		case isFence:
			now.blocks = append(now.blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(line, "## "):
			sections = append(sections, docSection{heading: line[3:]})
		case strings.HasPrefix(line, "    ") && !strings.HasPrefix(strings.TrimSpace(line), "- "):
			t.Errorf("%s:%d is indented as code is: it needs a fence that says what it is", name, i+1)
		}
	}
	if open != nil {
		t.Errorf("%s:%d: the fence is not closed", name, open.line)
	}
	return sections
}

// A step is a command and what it is to print.
type step struct {
	line    int
	command string
	prints  string
	shown   bool // whether the page shows what it prints
}

// steps lists the commands of a block.
func (b fenced) steps() (list []step) {
	if b.is("sh") {
		return []step{{line: b.line + 1, command: b.text}}
	}
	for i, line := range strings.Split(strings.TrimSuffix(b.text, "\n"), "\n") {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			list = append(list, step{line: b.line + 1 + i, command: command + "\n", shown: true})
		} else if more, ok := strings.CutPrefix(line, "> "); ok && list != nil {
			list[len(list)-1].command += more + "\n"
		} else if list != nil {
			list[len(list)-1].prints += line + "\n"
		}
	}
	return list
}

// ofMake tells whether a block only shows commands of make.
func (b fenced) ofMake() bool {
	for _, s := range b.steps() {
		if !regexp.MustCompile(`^(sudo )?make\b`).MatchString(s.command) {
			return false
		}
	}
	return true
}

func TestCommandsOfReadmeAndDocsRun(t *testing.T) {
	t.Parallel()
	for _, name := range docPages(t) {
		for _, section := range docSections(t, name) {
			var run, first []fenced
			for _, b := range section.blocks {
				switch {
				case b.is("text") || b.is("console") && b.ofMake():
				case b.is("process-1"):
					first = append(first, b)
				case b.is("sh") || b.is("console"):
					run = append(run, b)
				default:
					t.Errorf("%s:%d: the fence does not say what the block is", name, b.line)
				}
			}
			if run == nil && first == nil {
				continue
			}
			t.Run(name+"/"+section.heading, func(t *testing.T) {
				t.Parallel()
				if run != nil {
					runSection(t, name, run)
				}
				for _, b := range first {
					runAsProcess1(t, name, b)
				}
			})
		}
	}
}

// docYard is a yard with an empty folder here, and an /etc that may be changed.
func docYard(t *testing.T) *yard {
	t.Helper()
	needRoot(t)
	need(t, "useradd", "groupadd", "pgrep", "pkill", "setpriv", "awk")
	top, err := os.MkdirTemp(work, "docs-")
	must(err)
	t.Cleanup(func() { os.RemoveAll(top) })
	y := emptyYardIn(t, perService, top)
	must(os.Mkdir(filepath.Join(top, "here"), 0o755))
	y.path += ":/usr/sbin:/sbin"
	if out, err := exec.Command("cp", "-a", "/etc", filepath.Join(top, "etc")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return y
}

// between stands on a line of its own in the output, between that of two commands.
const between = "\x01"

func runSection(t *testing.T, name string, blocks []fenced) {
	y := docYard(t)
	y.begin(`sleep infinity; :`)
	y.do("mount", "--bind", filepath.Join(y.top, "etc"), "/etc")
	var steps []step
	as := []string{"sh", "-eu"}
	for _, b := range blocks {
		steps = append(steps, b.steps()...)
		if b.is("user") {
			as = []string{"setuidgid", "nobody", "sh", "-eu"}
			must(os.Chown(filepath.Join(y.top, "here"), 65534, 65534))
		}
		if b.is("daemontools") {
			needOld(t)
		}
	}
	text := "cd \"$TOP/here\"\nHOME=$PWD\nexport HOME\ndaemontools=" + debian + "\n"
	for _, s := range steps {
		text += s.command + "echo " + between + "\n"
	}
	file := filepath.Join(y.top, "section")
	must(os.WriteFile(file, []byte(text), 0o644))
	out, err := os.Create(filepath.Join(y.top, "output"))
	must(err)
	defer out.Close()
	cmd := y.inside(append(as, file)...)
	cmd.Stdout, cmd.Stderr = out, out
	must(cmd.Start())
	end := endingInTime(cmd)
	// The pages have the folder of a section as /.
	printed := strings.Split(strings.ReplaceAll(textOf(out.Name()), y.top+"/here/", "/"), between+"\n")
	if end != "exit 0" {
		failed := steps[min(len(printed), len(steps))-1]
		t.Fatalf("%s:%d: %s\n%s%s%s", name, failed.line, end, failed.command, printed[len(printed)-1], y.list())
	}
	for i, s := range steps {
		if got, want := withoutNumbers(printed[i]), withoutNumbers(s.prints); s.shown && got != want {
			t.Errorf("%s:%d: %sprints\n%swhere the page has\n%s", name, s.line, s.command, printed[i], s.prints)
		}
	}
}

// withoutNumbers hides numbers, and how many blanks stand before one in a table.
func withoutNumbers(text string) string {
	return regexp.MustCompile(` *[0-9]+`).ReplaceAllString(text, " N")
}

// runAsProcess1 wants a container to end with the exit code that the service web ends
// with, which is that of the program web/run.
func runAsProcess1(t *testing.T, name string, b fenced) {
	y := docYard(t)
	here := filepath.Join(y.top, "here")
	write(filepath.Join(here, "service", "web"), "#!/bin/sh\nexit 42\n")
	cmd := exec.Command("sh", "-euc", `mount --make-rprivate / && mount -t proc proc /proc; `+b.text)
	cmd.Dir, cmd.Env = here, []string{"PATH=" + y.path}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := os.Create(filepath.Join(y.top, "output"))
	must(err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	must(cmd.Start())
	if got := endingInTime(cmd); got != "exit 42" {
		t.Errorf("%s:%d: the container: %s\n%s", name, b.line, got, textOf(out.Name()))
	}
}

// README.md is for somebody with sixty seconds.
func TestReadmeIsShort(t *testing.T) {
	if n := strings.Count(read(t, filepath.Join(root, "README.md")), "\n"); n > 120 {
		t.Errorf("README.md has %d lines", n)
	}
}

// The tables of docs/moving.md have in their last column what is typed here. What begins
// with the name of a tool that ends is run for a service web with a log.
func TestCommandsOfTheMovingTablesRun(t *testing.T) {
	t.Parallel()
	page := filepath.Join(root, "docs", "moving.md")
	if !exists(page) {
		t.Skip("no such page")
	}
	y := docYard(t)
	y.begin(`sleep infinity; :`)
	y.do("mount", "--bind", filepath.Join(y.top, "etc"), "/etc")
	script(filepath.Join(y.top, "here", "server"), "#!/bin/sh\n")
	must(os.MkdirAll(filepath.Join(y.top, "here", "env"), 0o755))
	must(os.MkdirAll(filepath.Join(y.top, "etc", "default"), 0o755))
	must(os.WriteFile(filepath.Join(y.top, "etc", "default", "web"), []byte("PORT=80\n"), 0o644))
	web := write(filepath.Join(y.scan, "web"), "#!/bin/sh\necho >&3\nexec sleep infinity\n", reads)
	must(os.WriteFile(filepath.Join(web, "notification-fd"), []byte("3\n"), 0o644))
	y.svscan()
	y.up(web, web+"/log")
	ran := map[string]bool{}
	for i, line := range strings.Split(read(t, page), "\n") {
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		if !strings.HasPrefix(line, "|") || len(cells) < 2 {
			continue
		}
		for _, command := range submatches("`([^`]+)`", cells[len(cells)-1]) {
			tool, _, isCommand := strings.Cut(command, " ")
			stays := tool == "svscan" || tool == "supervise"
			if !isCommand || stays || ran[command] || !exists(filepath.Join(fused.dir, tool)) {
				continue
			}
			ran[command] = true
			// As the next command expects it. After svc -dx there is no supervisor for a moment.
			y.await("the service and its log", func() bool { return y.inside("svc", "-u", "-LWu", web).Run() == nil })
			text := fmt.Sprintf("cd \"$TOP/here\"; export SVDIR=\"$SCAN\"; %s", command)
			cmd := y.inside("sh", "-euc", text)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("docs/moving.md:%d: %s: %v\n%s", i+1, command, err, out)
			}
		}
	}
	if len(ran) == 0 {
		t.Error("docs/moving.md has no command in its tables")
	}
}

// Each figure of the table of speed is one of bench/results, rounded.
func TestFiguresOfReadmeAreMeasured(t *testing.T) {
	results, err := filepath.Glob(filepath.Join(root, "bench", "results", "*.md"))
	must(err)
	number := regexp.MustCompile(`[0-9]+(?:\.[0-9]+)?`)
	var measured []float64
	for _, file := range results {
		for _, text := range number.FindAllString(read(t, file), -1) {
			n, err := strconv.ParseFloat(text, 64)
			must(err)
			measured = append(measured, n)
		}
	}
	_, speed, ok := strings.Cut(read(t, filepath.Join(root, "README.md")), "\n## Speed\n")
	if !ok {
		t.Fatal("README.md has no table of speed")
	}
	speed, _, _ = strings.Cut(speed, "\n## ")
	for row := range strings.Lines(speed) {
		if !strings.HasPrefix(row, "|") {
			continue
		}
		_, figures, _ := strings.Cut(row[1:], "|")
		for _, figure := range number.FindAllString(figures, -1) {
			_, decimals, _ := strings.Cut(figure, ".")
			if !slices.ContainsFunc(measured, func(n float64) bool {
				return strconv.FormatFloat(n, 'f', len(decimals), 64) == figure
			}) {
				t.Errorf("README.md has %s, which bench/results has not: %s", figure, row)
			}
		}
	}
}
