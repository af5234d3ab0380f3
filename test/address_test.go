package test

// Not tested in this file: addresses of what stands in package variables and in the arena, which
// do not move; and addresses that somebody takes of a slice or a string.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// Under the runtime stacks move. An address of a local variable is good as a number only in
// the argument list of a raw system call.
func TestAddressesOfLocalsAreNumbersInRawCallsOnly(t *testing.T) {
	files, err := filepath.Glob("../internal/*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range numbersOfLocals(parsed) {
			t.Errorf("%s: an address of a local variable is kept as a number", set.Position(at))
		}
	}
}

func TestTheCheckOfAddressesFindsOne(t *testing.T) {
	for code, found := range map[string]int{
		"var a int; f(uintptr(unsafe.Pointer(&a)))":                                   1,
		"var a [2]int; b := uintptr(unsafe.Pointer(&a[1])); f(b)":                     1,
		"var a int; rawSyscall(0, uintptr(unsafe.Pointer(&a)), 0, 0)":                 0,
		"rawSyscall(0, uintptr(unsafe.Pointer(&unix.Timespec{})), 0, 0)":              0,
		"g(uintptr(unsafe.Pointer(&unix.Timespec{})))":                                1,
		"g(uintptr(unsafe.Pointer(&static)))":                                         0,
		"var a struct{ b int }; rawSyscall(0, uintptr(unsafe.Pointer(&a.b))+1, 0, 0)": 0,
	} {
		parsed, err := parser.ParseFile(token.NewFileSet(), "", "package x\nvar static int\nfunc y() {\n"+code+"\n}\n", 0)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(numbersOfLocals(parsed)); n != found {
			t.Errorf("%s: found %d, want %d", code, n, found)
		}
	}
}

// numbersOfLocals finds uintptr(unsafe.Pointer(&x)) outside raw calls, where x is declared in
// a function.
func numbersOfLocals(file *ast.File) (found []token.Pos) {
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if isRaw(call.Fun) {
				return false
			}
			if operand := addressed(call); operand != nil && isLocal(operand, f) {
				found = append(found, call.Pos())
			}
			return true
		})
	}
	return found
}

// isRaw reports whether a call is a system call in assembly, during which no stack moves.
func isRaw(callee ast.Expr) bool {
	if strings.HasPrefix(selector(callee), "unix.RawSyscall") { // of hosted code
		return true
	}
	name, ok := callee.(*ast.Ident)
	return ok && (name.Name == "vfork" || strings.HasPrefix(name.Name, "rawSyscall"))
}

func selector(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok {
			return x.Name + "." + s.Sel.Name
		}
	}
	return ""
}

// addressed is x in uintptr(unsafe.Pointer(&x)), or nil.
func addressed(call *ast.CallExpr) ast.Expr {
	if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "uintptr" || len(call.Args) != 1 {
		return nil
	}
	inner, ok := call.Args[0].(*ast.CallExpr)
	if !ok || selector(inner.Fun) != "unsafe.Pointer" || len(inner.Args) != 1 {
		return nil
	}
	if and, ok := inner.Args[0].(*ast.UnaryExpr); ok && and.Op == token.AND {
		return and.X
	}
	return nil
}

// isLocal reports whether an operand of & is a variable of a function, or a part of one. What
// a pointer points to may stand anywhere, and does not count.
func isLocal(operand ast.Expr, f *ast.FuncDecl) bool {
	whole := true
	for {
		switch x := operand.(type) {
		case *ast.SelectorExpr:
			operand, whole = x.X, false
		case *ast.IndexExpr:
			operand, whole = x.X, false
		case *ast.CompositeLit:
			return true
		case *ast.Ident:
			inside := x.Obj != nil && f.Pos() < x.Obj.Pos() && x.Obj.Pos() < f.End()
			return inside && (whole || !mayBePointer(x.Obj.Decl))
		default:
			return false
		}
	}
}

func mayBePointer(declaration any) bool {
	switch d := declaration.(type) {
	case *ast.ValueSpec:
		_, pointer := d.Type.(*ast.StarExpr)
		return pointer || d.Type == nil
	case *ast.AssignStmt:
		_, literal := d.Rhs[0].(*ast.CompositeLit)
		return !literal
	}
	return true
}
