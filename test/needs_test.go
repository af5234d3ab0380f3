package test

// A test asks for the programs that it runs before it runs them: on a machine that lacks
// one it is skipped, and does not end the others by a panic.
//
// Not tested in this file: what scripts run, here or in testdata; a machine without any
// such program tells.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// assumed are what make test itself cannot do without, and the usual companions of sh.
var assumed = []string{"sh", "go", "make", "sleep", "cp"}

func TestTestsAskForTheProgramsThatTheyRun(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "test", "*_test.go"))
	must(err)
	for _, file := range files {
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		must(err)
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			runs, asks := programs(f.Body)
			for _, p := range runs {
				if !slices.Contains(assumed, p) && !slices.Contains(asks, p) {
					t.Errorf("%s: %s runs %s and does not ask for it by need", set.Position(f.Pos()), f.Name.Name, p)
				}
			}
		}
	}
}

// programs lists what a function runs by name, and what it asks for. The daemontools
// package is what the variable old stands for.
func programs(body ast.Node) (runs, asks []string) {
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			ast.Inspect(s.X, visit)
			return false // the name of a field is none of a variable
		}
		if id, ok := n.(*ast.Ident); ok && id.Name == "old" && id.Obj == nil { // no local variable
			runs = append(runs, "daemontools")
		}
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch name := called(call); name {
		case "exec.Command", "exec.CommandContext":
			for _, a := range call.Args[:min(len(call.Args), 2)] {
				if word, ok := literal(a); ok {
					runs = append(runs, word)
					break
				}
				if name == "exec.Command" {
					break
				}
			}
		case "needOld", "daemontools":
			asks = append(asks, "daemontools")
		case "need", "exec.LookPath":
			for _, a := range call.Args {
				if word, ok := literal(a); ok {
					asks = append(asks, word)
				}
				ast.Inspect(a, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok && id.Name == "debian" {
						asks = append(asks, "daemontools")
					}
					return true
				})
			}
		}
		return true
	}
	ast.Inspect(body, visit)
	return runs, asks
}

// called is the name of a function that is called, with its package or variable.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	basic, ok := e.(*ast.BasicLit)
	if !ok || basic.Kind != token.STRING {
		return "", false
	}
	word, err := strconv.Unquote(basic.Value)
	return word, err == nil && !strings.ContainsAny(word, " \n")
}
