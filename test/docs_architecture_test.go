package test

// ARCHITECTURE.md is short, and true: its words are in use, its tables have every package and
// folder, and the functions that it names are there. So are the functions and files that the
// other pages for who changes catena name, and comments.
//
// Not tested in this file: whether a function does what a page says, and in which order; which
// phases there are (supervise_states_test.go).

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// forWhoChangesIt are the pages that name functions and files.
var forWhoChangesIt = []string{"ARCHITECTURE.md", "CONTRIBUTING.md", "internal/boot/HACKING.md", "docs/design.md", "test/README.md"}

func TestArchitectureIsShort(t *testing.T) {
	if n := strings.Count(read(t, filepath.Join(root, "ARCHITECTURE.md")), "\n"); n > 150 {
		t.Errorf("ARCHITECTURE.md has %d lines", n)
	}
}

// architecture is what stands below a heading of ARCHITECTURE.md.
func architecture(t *testing.T, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(read(t, filepath.Join(root, "ARCHITECTURE.md")), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("ARCHITECTURE.md has no heading %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// Each word of the glossary stands in the code. Of "place in a table" the word is place.
func TestWordsOfTheGlossaryAreUsed(t *testing.T) {
	var code strings.Builder
	for _, dir := range folders(t, "internal") {
		files, err := filepath.Glob(filepath.Join(root, "internal", dir, "*.go"))
		must(err)
		for _, file := range files {
			code.WriteString(read(t, file))
		}
	}
	words := submatches(`(?m)^\| ([a-z ]+) \| [a-zA-Z]`, architecture(t, "Words"))[1:] // behind the heads of the columns
	if len(words) < 10 || len(words) > 17 {
		t.Errorf("the glossary has %d words", len(words))
	}
	for _, entry := range words {
		word, _, _ := strings.Cut(entry, " ")
		if !regexp.MustCompile(`(?i)\b` + word + `(s|ed|ing)?\b`).MatchString(code.String()) {
			t.Errorf("nothing in internal uses the word %q", word)
		}
	}
}

// folders lists the folders in a folder, but for what make and git have there.
func folders(t *testing.T, in string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, in))
	must(err)
	for _, entry := range entries {
		if name := entry.Name(); entry.IsDir() && name != ".git" && name != "bin" {
			names = append(names, name)
		}
	}
	return names
}

// The table of packages has every package with what it imports, and with its side of the wall,
// as test/lint has it. The table of folders has every other folder.
func TestTablesOfArchitectureHaveEveryPackageAndFolder(t *testing.T) {
	text := architecture(t, "Bare and hosted")
	walls := read(t, filepath.Join(root, "test", "lint"))
	_, walls, _ = strings.Cut(walls, "\nwalls() {\n")
	walls, _, _ = strings.Cut(walls, "| while")
	var packages []string
	for _, row := range regexp.MustCompile("(?m)^\\| `internal/(\\w+)` \\| (\\w+) \\|([a-z0-9, ]*)\\|").FindAllStringSubmatch(text, -1) {
		name := row[1]
		packages = append(packages, name)
		isBare := regexp.MustCompile(`\binternal/` + name + `\b`).MatchString(walls)
		if isBare != (row[2] == "bare") {
			t.Errorf("ARCHITECTURE.md calls %s %s, and the walls of test/lint have it: %v", name, row[2], isBare)
		}
		if got, want := strings.TrimSpace(row[3]), strings.Join(importsOf(t, name), ", "); got != want {
			t.Errorf("ARCHITECTURE.md has %s import %q; it imports %q", name, got, want)
		}
	}
	diffLists(t, "ARCHITECTURE.md", packages, "internal", folders(t, "internal"))
	listed := []string{"internal"}
	for _, cell := range submatches("(?m)^\\| ((?:`[a-z.]+`(?:, )?)+) \\|", text) {
		listed = append(listed, submatches("`([^`]+)`", cell)...)
	}
	diffLists(t, "ARCHITECTURE.md", listed, "the project", folders(t, "."))
}

// importsOf lists the packages of the project that a package imports, but for its tests.
func importsOf(t *testing.T, name string) (list []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "internal", name, "*.go"))
	must(err)
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			list = append(list, submatches(`(?m)^(?:\t|import )"catena/internal/(\w+)"`, read(t, file))...)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// A page names a function as package.Function or package.Type.method, in backquotes.
func TestFunctionsThatPagesNameAreThere(t *testing.T) {
	declared := map[string]map[string]bool{}
	for _, name := range folders(t, "internal") {
		declared[name] = declaredIn(t, name)
	}
	for _, page := range forWhoChangesIt {
		for _, named := range submatches("`([a-z0-9]+\\.\\w+(?:\\.\\w+)?)`", read(t, filepath.Join(root, page))) {
			in, name, _ := strings.Cut(named, ".")
			if names, ours := declared[in]; ours && !names[name] && !slices.Contains([]string{"go", "s"}, name) {
				t.Errorf("%s names %s", page, named)
			}
		}
	}
	for _, journey := range []string{"From the command line to execve", "From `svc -d` until the service is down", "From the pipe to the disk"} {
		if n := len(submatches("`([a-z0-9]+\\.\\w+(?:\\.\\w+)?)`", architecture(t, journey))); n < 10 {
			t.Errorf("%s: %d functions", journey, n)
		}
	}
}

// declaredIn has what a package declares: Name, and Type.name of methods and fields.
func declaredIn(t *testing.T, name string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(root, "internal", name, "*.[gs]*"))
	must(err)
	for _, file := range files {
		if strings.HasSuffix(file, ".s") {
			for _, text := range submatches(`(?m)^TEXT ·?(\w+)\(SB\)`, read(t, file)) {
				names[text] = true
			}
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		must(err)
		for _, d := range parsed.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				names[receiver(d)+d.Name.Name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						names[spec.Name.Name] = true
						if of, isStruct := spec.Type.(*ast.StructType); isStruct {
							for _, field := range of.Fields.List {
								for _, f := range field.Names {
									names[spec.Name.Name+"."+f.Name] = true
								}
							}
						}
					case *ast.ValueSpec:
						for _, v := range spec.Names {
							names[v.Name] = true
						}
					}
				}
			}
		}
	}
	return names
}

// receiver is "Type." of a method, and empty for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	of := d.Recv.List[0].Type
	if star, isPointer := of.(*ast.StarExpr); isPointer {
		of = star.X
	}
	if generic, is := of.(*ast.IndexExpr); is {
		of = generic.X
	}
	return of.(*ast.Ident).Name + "."
}

// Each alternative behind -run in CONTRIBUTING.md is that of a test.
func TestTestsThatContributingRunsAreThere(t *testing.T) {
	var tests strings.Builder
	files, err := filepath.Glob(filepath.Join(root, "test", "*_test.go"))
	must(err)
	for _, file := range files {
		tests.WriteString(strings.Join(submatches(`(?m)^func (Test\w+)\(`, read(t, file)), "\n") + "\n")
	}
	for _, pattern := range submatches(`go test ./test.* -run '?([^'\s\x60]+)`, read(t, filepath.Join(root, "CONTRIBUTING.md"))) {
		for _, part := range strings.Split(regexp.MustCompile(`/(\w+|\([^)]*\))`).ReplaceAllString(pattern, ""), "|") {
			if !regexp.MustCompile(part).MatchString(tests.String()) {
				t.Errorf("CONTRIBUTING.md runs %q", part)
			}
		}
	}
}

// The link that CONTRIBUTING.md shows how to add is the one that is there, and so is its script.
func TestLinkThatContributingShowsIsThere(t *testing.T) {
	_, section, _ := strings.Cut(read(t, filepath.Join(root, "CONTRIBUTING.md")), "\n## Adding a link\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for kind, file := range map[string]string{"go": "internal/link/umask.go", "text": "test/testdata/script/umask.txtar"} {
		blocks := submatches("(?s)```"+kind+"\n(.*?)   ```", section)
		if len(blocks) != 1 {
			t.Fatalf("%d blocks of %s", len(blocks), kind)
		}
		text := read(t, filepath.Join(root, file))
		for line := range strings.Lines(blocks[0]) {
			if line = strings.TrimPrefix(line, "   "); !strings.Contains(text, line) {
				t.Errorf("%s has no %q", file, line)
			}
		}
	}
}

// A page or a comment names a file by its path from the top, or by its name alone. A star in
// it stands for anything.
func TestFilesThatPagesAndCommentsNameAreThere(t *testing.T) {
	const named = `(?:^|[\s(\x60"])((?:[a-z][a-z0-9_]*/)*[a-z][a-z0-9_]*\*?\.(?:go|s))\b`
	var files []string
	var texts = map[string]string{}
	must(filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, file)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == ".git" || name == "bin"): // .git of a worktree is a file
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		files = append(files, name)
		switch {
		case slices.Contains(forWhoChangesIt, name):
			texts[name] = read(t, file)
		case strings.HasSuffix(name, ".go") && !strings.HasPrefix(name, "test/"), strings.HasSuffix(name, ".s"):
			texts[name] = strings.Join(submatches(`(?m)^\s*//(.*)$`, read(t, file)), "\n")
		}
		return nil
	}))
	if len(texts) < 100 {
		t.Fatalf("%d files were read", len(texts))
	}
	for page, text := range texts {
		for _, name := range submatches(named, text) {
			if !slices.ContainsFunc(files, func(file string) bool {
				whole, _ := filepath.Match(name, file)
				base, _ := filepath.Match(name, filepath.Base(file))
				return whole || base
			}) {
				t.Errorf("%s names %s", page, name)
			}
		}
	}
}
