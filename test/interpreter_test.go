package test

// The interpreter that the head of a binary program names, for each kind of ELF file.
//
// Not tested in this file: scripts, whose interpreters chain_interpreter_missing.txtar has.

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// elfProgram makes the beginning of a program with an interpreter.
func elfProgram(class elf.Class, order binary.ByteOrder, interpreter string) []byte {
	ident := [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(class), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}
	if order == binary.BigEndian {
		ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
	}
	const at = 300 // behind what is read at first
	size := uint64(len(interpreter) + 1)
	var b bytes.Buffer
	if class == elf.ELFCLASS64 {
		binary.Write(&b, order, elf.Header64{Ident: ident, Type: uint16(elf.ET_EXEC), Phoff: 64, Phentsize: 56, Phnum: 2})
		binary.Write(&b, order, []elf.Prog64{{Type: uint32(elf.PT_PHDR)}, {Type: uint32(elf.PT_INTERP), Off: at, Filesz: size}})
	} else {
		binary.Write(&b, order, elf.Header32{Ident: ident, Type: uint16(elf.ET_EXEC), Phoff: 52, Phentsize: 32, Phnum: 2})
		binary.Write(&b, order, []elf.Prog32{{Type: uint32(elf.PT_PHDR)}, {Type: uint32(elf.PT_INTERP), Off: at, Filesz: uint32(size)}})
	}
	b.Write(make([]byte, at-b.Len()))
	b.WriteString(interpreter + "\x00")
	return b.Bytes()
}

// This machine executes one kind only, so the kernel's answer is another one's.
func TestInterpreterOfABinaryThatIsMissing(t *testing.T) {
	need(t, "strace")
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			dir := t.TempDir()
			must(os.WriteFile(filepath.Join(dir, "prog"), elfProgram(class, order, "/no/ld.so"), 0o755))
			cmd := exec.Command("strace", "-o", os.DevNull, "-e", "inject=execve:error=ENOENT", filepath.Join(fused.dir, "pgrphack"), "./prog")
			cmd.Dir = dir
			var said strings.Builder
			cmd.Stderr = &said
			cmd.Run()
			want := "pgrphack: fatal: unable to run ./prog: file does not exist (its interpreter /no/ld.so)\n"
			if got := said.String(); got != want {
				t.Errorf("%v %v: %q, want %q", class, order, got, want)
			}
		}
	}
}
