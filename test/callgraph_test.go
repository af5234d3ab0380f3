// This file proves, on the built programs, what the code that runs before the
// Go runtime may not do: it walks everything that such code can reach, from the
// entry on, and knows every function by name.
//
// Not tested in this file:
//   - that the functions on the list of leaves work before the runtime: the
//     other tests of this folder run them;
//   - a function called by way of an address that was computed, or stored by
//     code: what is followed are calls, the functions whose values the code
//     takes, and the functions in static data. (A variable that main.main sets
//     for the hosted path is nil in static data, and rightly not followed.)
//   - system calls: a raw one that blocks or starts a thread looks like any other;
//   - the stack that the entry's own assembly takes, less than 64 bytes.
package test

import (
	"debug/dwarf"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Code of these names may run before the runtime, and is walked: the project's
// own, the comparisons that the compiler writes for its types, the raw system
// calls with what they consist of, and the decoding of UTF-8, which is pure code
// over constant tables.
var walked = regexp.MustCompile(`^(_rt0_catena$|main\.|catena/|type:\.eq\.` +
	`|unicode/utf8\.)`)

// knownLeaves are the functions of the runtime that compiled code calls unasked and
// that work without it. The walk ends at them.
var knownLeaves = map[string]string{
	"runtime.memmove":              "copy, and assignments of large values: only moves bytes",
	"runtime.memclrNoHeapPointers": "zeroing: only writes bytes",
	"runtime.duffcopy":             "copies of middling values: a run of moves",
	"runtime.duffzero":             "zeroing of middling values: a run of moves",

	"runtime.morestack":        "the stack is used up: crashes, for there is no other stack",
	"runtime.morestack_noctxt": "as morestack",

	"runtime.panicBounds":             "an index out of range: crashes, as any panic does here",
	"runtime.panicdivide":             "a division by zero: crashes",
	"runtime.panicshift":              "a negative shift: crashes",
	"runtime.panicunsafeslicelen":     "unsafe.Slice of a negative length: crashes",
	"runtime.panicunsafeslicenilptr":  "unsafe.Slice of nil: crashes",
	"runtime.panicunsafestringlen":    "unsafe.String of a negative length: crashes",
	"runtime.panicunsafestringnilptr": "unsafe.String of nil: crashes",
}

func TestCodeBeforeTheRuntimeReachesNoneOfIt(t *testing.T) {
	programs := []string{filepath.Join(fused.dir, "catena"), filepath.Join(arm64.dir, "catena")}
	for _, tool := range tools() {
		programs = append(programs, filepath.Join(separate.dir, tool))
	}
	limit := gHeader(t, "stack_room") / 2 // the other half is a margin for what is not counted
	for _, file := range programs {
		name, _ := filepath.Rel(work, file)
		t.Run(name, func(t *testing.T) {
			w := walkEntry(t, file)
			used, path := w.deepest()
			for _, fault := range w.faults {
				t.Error(fault)
			}
			if used > limit {
				t.Errorf("%d bytes of stack, more than %d:%s", used, limit, route(path))
			}
			t.Logf("%d functions, at most %d bytes of stack", len(w.reached), used)
		})
	}
}

// A checker that finds nothing proves nothing: testdata/heap commits each sin
// once, and each must be found.
func TestTheCallGraphCheckerFindsEachSin(t *testing.T) {
	sins := map[string]string{ // the function that is at fault, and where
		"append":                    `runtime\.growslice .*main\.appends$`,
		"map":                       `runtime\.mapaccess.*main\.reads$`,
		"defer":                     `runtime\.deferreturn .*main\.defers$`,
		"goroutine":                 `runtime\.newproc .*main\.starts$`,
		"concatenation":             `runtime\.concatstring.*main\.joins$`,
		"escaping value":            `runtime\.newobject .*main\.escapes$`,
		"pointer into a variable":   `runtime\.gcWriteBarrier.*main\.stores$`,
		"another package":           `strings\..*main\.asks$`,
		"another's variable":        `the variable os\.Args .*main\.bare$`,
		"initialised by code":       `main\.init sets main\.initialised.*main\.bare$`,
		"recursion":                 `main\.recurses calls itself`,
		"recursion by value":        `main\.callsAny calls itself`,
		"function in an array":      `runtime\.makeslice .*main\.inArray \(in main\.array\)$`,
		"function in a slice":       `runtime\.makeslice .*main\.inSlice \(in main\.slice\)$`,
		"function behind a pointer": `runtime\.makeslice .*main\.behindPointer \(in main\.pointer\)$`,
		"function value":            `runtime\.makeslice .*main\.asValue \(its value\)$`,
		"closure":                   `runtime\.makeslice .*main\.bare\.func1 \(its value\)$`,
		"interface":                 `a value becomes an interface \(go:itab\..*main\.bare$`,
		"static interface":          `main\.iface holds an interface.*main\.bare$`,
	}
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "heap")
			build(file, "./test/testdata/heap", true, "GOARCH="+arch)
			w := walkEntry(t, file)
			used, _ := w.deepest()
			for sin, want := range sins {
				is := regexp.MustCompile("(?s)^" + want).MatchString
				if !slices.ContainsFunc(w.faults, is) {
					t.Errorf("%s: no fault matches %q", sin, want)
				}
			}
			if used < 48<<10 {
				t.Errorf("%d bytes of stack; main.hoards alone takes 48 KiB", used)
			}
			found := strings.Join(w.faults, "\n")
			if strings.Contains(found, "main.hosted") || strings.Contains(found, "main.callsUnset calls") {
				t.Error("followed a variable that only main.main sets")
			}
			if t.Failed() {
				t.Logf("found:\n%s", found)
			}
		})
	}
}

// A callGraph is what the entry of a program reaches.
type callGraph struct {
	*image
	reached []*function             // in the order of discovery, nearest first
	taken   []*function             // of these, the ones whose value is taken: callable from anywhere
	data    map[*variable]*function // that it uses, and who does so first
	values  map[typedValue]bool
	faults  []string
}

// walkEntry follows a program from its entry.
func walkEntry(t *testing.T, file string) *callGraph {
	t.Helper()
	w := &callGraph{image: openImage(t, file), data: map[*variable]*function{}, values: map[typedValue]bool{}}
	entry := w.at(w.file.Entry)
	if entry == nil || entry.name != "_rt0_catena" {
		t.Fatalf("%s does not start at _rt0_catena", file)
	}
	w.reach(entry, nil, "")
	for i := 0; i < len(w.reached); i++ {
		f := w.reached[i]
		if f.frame < 0 {
			t.Fatalf("%s: the size of its frame is not known", f.name)
		}
		if !isLeaf(f) {
			w.follow(f)
		}
	}
	w.checkInit()
	return w
}

func isLeaf(f *function) bool { return knownLeaves[f.name] != "" }

// reach notes that a function can run: called by from or, if how says so, found
// by it in a value.
func (w *callGraph) reach(f, from *function, how string) {
	switch {
	case !isLeaf(f) && !walked.MatchString(f.name):
		w.fault(from, "%s is not known to work before the runtime, reached from:", f.name)
		return // and what it calls says nothing more
	case how != "" && !slices.Contains(w.taken, f):
		w.taken = append(w.taken, f)
	case from != nil && how == "" && !slices.Contains(from.calls, f):
		from.calls = append(from.calls, f)
	}
	if !f.reached {
		f.reached, f.from, f.how = true, from, how
		w.reached = append(w.reached, f)
	}
}

func (w *callGraph) fault(at *function, format string, args ...any) {
	var path []*function
	for f := at; f != nil; f = f.from {
		path = append(path, f)
	}
	slices.Reverse(path)
	text := fmt.Sprintf(format, args...) + route(path)
	if !slices.Contains(w.faults, text) {
		w.faults = append(w.faults, text)
	}
}

func route(path []*function) string {
	var b strings.Builder
	for i, f := range path {
		if i > 0 && f.name == path[i-1].name {
			continue // the wrapper of a function that assembly calls, and the function
		}
		fmt.Fprintf(&b, "\n\t%s", f.name)
		if f.how != "" {
			fmt.Fprintf(&b, " (%s)", f.how)
		}
	}
	return b.String()
}

// follow visits what the code of f refers to.
func (w *callGraph) follow(f *function) {
	refs := w.references(f)
	f.byValue = w.callsByValue(f, refs)
	for _, ref := range refs {
		to := w.at(ref.to)
		switch {
		case ref.indirect:
		case to == f && !ref.call: // a jump within f
		case to == nil:
			w.followData(f, ref.to)
		case f.name == "_rt0_catena" && strings.HasPrefix(to.name, "_rt0_"): // the hand-over to the runtime
		default:
			w.reach(to, f, "")
		}
	}
}

// followData visits the static data at an address that the code of f refers to.
func (w *callGraph) followData(f *function, addr uint64) {
	v := w.variable(addr)
	if v == nil {
		// The word that a function value points to, a switch's table of jumps,
		// the text of a string. The compiler writes no static data but constants
		// for a literal within a function; so there is no more than a word to it.
		w.take(f, addr, "its value")
		return
	}
	if strings.HasPrefix(v.name, "go:itab.") {
		w.fault(f, "a value becomes an interface (%s), which hides what is called, in:", v.name)
	}
	own := walked.MatchString(v.name)
	if v.writable && !own && f.name != "_rt0_catena" { // which points FS behind its variable, at another's
		w.fault(f, "the variable %s is not the project's, used by:", v.name)
	}
	if !own || w.data[v] != nil {
		return
	}
	w.data[v] = f
	if v.typ != nil {
		w.followValue(f, v, v.addr, v.typ)
		return
	}
	for a := v.addr; a+8 <= v.addr+v.size; a += 8 { // a generic function's dictionary
		w.take(f, a, "in "+v.name)
	}
}

// followValue visits a value of a known type in static data. The variable is the
// one that led to it; the value may be a nameless one that it points to.
func (w *callGraph) followValue(f *function, v *variable, addr uint64, typ dwarf.Type) {
	typ = underlying(typ)
	if w.values[typedValue{addr, typ}] {
		return
	}
	w.values[typedValue{addr, typ}] = true
	switch typ := typ.(type) {
	case *dwarf.FuncType:
		w.take(f, w.word(addr), "in "+v.name)
	case *dwarf.ArrayType:
		w.followArray(f, v, addr, typ.Type, int(typ.Count))
	case *dwarf.PtrType:
		w.followPointer(f, v, w.word(addr), typ.Type, 1)
	case *dwarf.StructType:
		switch {
		case typ.StructName == "string":
		case typ.StructName == "runtime.iface" || typ.StructName == "runtime.eface":
			if w.word(addr) != 0 {
				w.fault(f, "%s holds an interface, which hides what is called by:", v.name)
			}
		case isSlice(typ):
			elem := underlying(typ.Field[0].Type).(*dwarf.PtrType).Type
			w.followPointer(f, v, w.word(addr), elem, int(w.word(addr+8)))
		default:
			for _, field := range typ.Field {
				w.followValue(f, v, addr+uint64(field.ByteOffset), field.Type)
			}
		}
	}
}

func (w *callGraph) followArray(f *function, v *variable, addr uint64, elem dwarf.Type, n int) {
	for i := range n {
		w.followValue(f, v, addr+uint64(i)*sizeOf(elem), elem)
	}
}

// followPointer visits the n values that a pointer in v points to.
func (w *callGraph) followPointer(f *function, v *variable, to uint64, elem dwarf.Type, n int) {
	if to == 0 {
		return
	}
	if w.variable(to) != nil {
		w.followData(f, to)
	}
	if _, untyped := underlying(elem).(*dwarf.VoidType); untyped {
		if w.variable(to) == nil {
			w.fault(f, "%s holds an untyped pointer to what has no name, used by:", v.name)
		}
		return
	}
	w.followArray(f, v, to, elem, n)
}

// take notes that f takes the value of the function whose address stands at
// addr, if one does.
func (w *callGraph) take(f *function, addr uint64, how string) {
	word := w.word(addr)
	if to := w.at(word); to != nil && to.addr == word {
		w.reach(to, f, how)
	}
}

// callsByValue tells whether f calls a function by its value, other than the
// value of a variable that is nil until main.main sets it for the hosted path.
// Compiled code has the value that it calls in one certain register, so it is
// enough to know whether that was loaded from such a variable on every way to the
// call. (An interface's method is called otherwise, but there are no interfaces.)
func (w *callGraph) callsByValue(f *function, refs []reference) bool {
	at := map[uint64]reference{}
	for _, ref := range refs {
		if ref.indirect && !ref.call { // a switch's jump, to where is not known here
			return slices.ContainsFunc(refs, func(r reference) bool { return r.indirect && r.call })
		}
		at[ref.at] = ref
	}
	index := map[uint64]int{}
	for i, in := range f.code {
		index[in.addr] = i
	}
	type moment struct {
		i     int  // before this instruction
		unset bool // the register holds the value of such a variable
	}
	seen := map[moment]bool{}
	for todo := []moment{{}}; len(todo) > 0; {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if m.i == len(f.code) || seen[m] {
			continue
		}
		seen[m] = true
		in := f.code[m.i]
		ref := at[in.addr]
		if ref.call && ref.indirect && !m.unset {
			return true
		}
		unset := w.holdsUnset(m.unset, in, ref)
		if to, within := index[ref.to]; within && !ref.call {
			todo = append(todo, moment{to, unset})
		}
		if !strings.HasPrefix(in.text, "JMP") && !strings.HasPrefix(in.text, "RET") {
			todo = append(todo, moment{m.i + 1, unset})
		}
	}
	return false
}

// holdsUnset tells whether the register of callsByValue holds the value of an
// unset variable after an instruction, given whether it did before.
func (w *callGraph) holdsUnset(before bool, in instruction, ref reference) bool {
	switch {
	case ref.call:
		return false
	case w.isNil(ref.to):
		return w.loadsValue.MatchString(in.text)
	case w.valueRegister.MatchString(in.text):
		return before && w.usesValue.MatchString(in.text)
	}
	return before
}

// isNil tells whether a function variable, or a field of a struct that is one, stands at
// an address, and is nil.
func (w *callGraph) isNil(addr uint64) bool {
	v := w.variable(addr)
	if v == nil || v.typ == nil {
		return false
	}
	typ := underlying(v.typ)
	if s, isStruct := typ.(*dwarf.StructType); isStruct {
		i := slices.IndexFunc(s.Field, func(f *dwarf.StructField) bool { return v.addr+uint64(f.ByteOffset) == addr })
		if i < 0 {
			return false
		}
		typ = underlying(s.Field[i].Type)
	} else if v.addr != addr {
		return false
	}
	_, isFunc := typ.(*dwarf.FuncType)
	return isFunc && w.word(addr) == 0
}

// checkInit finds variables of the walked code that a package's initialisation
// sets, which runs too late for it.
func (w *callGraph) checkInit() {
	isInit := regexp.MustCompile(`^(map\.)?init(\.\d+)?$`)
	for _, f := range w.functions {
		if !walked.MatchString(f.name) || !isInit.MatchString(strings.TrimPrefix(f.name, f.pkg()+".")) {
			continue
		}
		for _, ref := range w.references(f) {
			v := w.variable(ref.to)
			if v != nil && v.writable && w.data[v] != nil {
				w.fault(w.data[v], "%s sets %s, too late for:", f.name, v.name)
			}
		}
	}
}

// deepest is the most stack that the walked code can use, in bytes, and the
// calls that use it. A function that calls by value is taken to call any
// function whose value is taken anywhere.
func (w *callGraph) deepest() (int, []*function) {
	used := map[*function]int{}
	next := map[*function]*function{} // on the deepest way down
	var above []*function
	var visit func(f *function)
	visit = func(f *function) {
		if _, done := used[f]; done {
			return
		}
		if i := slices.Index(above, f); i >= 0 {
			w.faults = append(w.faults, f.name+" calls itself, by way of:"+route(above[i:]))
			return
		}
		above = append(above, f)
		callees := f.calls
		if f.byValue {
			callees = slices.Concat(callees, w.taken)
		}
		for _, c := range callees {
			if visit(c); next[f] == nil || used[c] > used[next[f]] {
				next[f] = c
			}
		}
		above = above[:len(above)-1]
		used[f] = f.frame + used[next[f]]
	}
	entry := w.at(w.file.Entry)
	visit(entry)
	var way []*function
	for f := entry; f != nil && !slices.Contains(way, f); f = next[f] {
		way = append(way, f)
	}
	return used[entry], way
}
