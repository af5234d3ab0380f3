// This file compares what internal/boot takes for granted about Go's toolchain
// with the built programs: where a g keeps the bounds of its stack, and where
// compiled code looks for its g.
//
// Not tested in this file: that compiled code reads no more of a g than those bounds.
// The walk of callgraph_test.go stops at what would.
package test

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestTheOffsetsOfGAreTheToolchains(t *testing.T) {
	for _, p := range []path{fused, arm64} {
		t.Run(p.name, func(t *testing.T) {
			g := runtimeG(t, filepath.Join(p.dir, "catena"))
			stack := structField(t, g, "stack")
			bounds := underlying(stack.Type).(*dwarf.StructType)
			offsets := map[string]int64{
				"g_stack_lo":    stack.ByteOffset + structField(t, bounds, "lo").ByteOffset,
				"g_stack_hi":    stack.ByteOffset + structField(t, bounds, "hi").ByteOffset,
				"g_stackguard0": structField(t, g, "stackguard0").ByteOffset,
				"g_stackguard1": structField(t, g, "stackguard1").ByteOffset,
			}
			for name, offset := range offsets {
				if have := gHeader(t, name); have != int(offset) {
					t.Errorf("internal/boot/g.h has %s at %d; it is at %d", name, have, offset)
				}
			}
			if have := gHeader(t, "g_size"); have < int(g.ByteSize) {
				t.Errorf("internal/boot/g.h makes a g %d bytes large; it has %d", have, g.ByteSize)
			}
		})
	}
}

// The entry's assembly calls start by way of a wrapper, which takes the g from
// where the platform keeps it to where compiled code expects it: from behind FS
// on amd64; on arm64 both are one register.
func TestCompiledCodeFindsItsGWhereTheEntryPutsIt(t *testing.T) {
	const start = "catena/internal/boot.start"
	guard := gHeader(t, "g_stackguard0")

	amd64 := openImage(t, filepath.Join(fused.dir, "catena"))
	does(t, amd64, start+".abi0", "MOVQ FS:0xfffffff8, R14") // -8(FS)
	does(t, amd64, start, fmt.Sprintf("CMPQ SP, %#x(R14)", guard))

	arm := openImage(t, filepath.Join(arm64.dir, "catena"))
	does(t, arm, start, fmt.Sprintf("MOVD %d(R28), R16", guard))
	if wrapper := arm.text(start + ".abi0"); strings.Contains(wrapper, "TPIDR") || strings.Contains(wrapper, "MRS") {
		t.Errorf("arm64: the wrapper of start uses the thread pointer, which the entry does not set:\n%s", wrapper)
	}
}

// does fails the test unless a function has an instruction.
func does(t *testing.T, m *image, function, instruction string) {
	t.Helper()
	if code := m.text(function); !strings.Contains("\n"+code, "\n"+instruction+"\n") {
		t.Errorf("%s: %s has no %s:\n%s", m.file.Machine, function, instruction, code)
	}
}

// runtimeG is the structure that the linker calls runtime.g.
func runtimeG(t *testing.T, path string) *dwarf.StructType {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	for r := data.Reader(); ; {
		e, err := r.Next()
		if err != nil || e == nil {
			t.Fatalf("no type runtime.g in %s: %v", path, err)
		}
		if e.Tag == dwarf.TagSubprogram {
			r.SkipChildren()
		}
		if e.Tag != dwarf.TagStructType || e.Val(dwarf.AttrName) != "runtime.g" {
			continue
		}
		typ, err := data.Type(e.Offset)
		if err != nil {
			t.Fatal(err)
		}
		return typ.(*dwarf.StructType)
	}
}

func structField(t *testing.T, s *dwarf.StructType, name string) *dwarf.StructField {
	t.Helper()
	for _, f := range s.Field {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("%s has no field %s", s.StructName, name)
	return nil
}

// gHeader is a number that internal/boot/g.h defines.
func gHeader(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "internal/boot/g.h"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^#define\s+` + name + `\s+(.*)$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("internal/boot/g.h does not define %s", name)
	}
	// The arithmetic of these constants is the same in C and in Go.
	v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	n, _ := constant.Int64Val(v.Value)
	return int(n)
}
