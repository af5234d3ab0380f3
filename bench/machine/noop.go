//go:build linux && (amd64 || arm64)

package machine

// Measured with this: the floor, which is what a spawn, an exec and an exit
// cost before any link does anything. It is the program at the end of every
// chain.
//
// Not measured: what a real program's own start costs.

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"runtime"
)

// exitCode is the whole program: exit_group(0).
var exitCode = map[string][]byte{
	// movl $231, %eax; xorl %edi, %edi; syscall
	"amd64": {0xb8, 231, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05},
	// mov x8, #94; mov x0, #0; svc #0
	"arm64": {0xc8, 0x0b, 0x80, 0xd2, 0, 0, 0x80, 0xd2, 0x01, 0, 0, 0xd4},
}

var machine = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// WriteNoop makes the smallest static program that the kernel loads: two
// headers and a few instructions. Written by hand so that the floor is the same
// on every machine, whatever its C library, and needs no compiler.
func WriteNoop(file string) error {
	const base, headers = 0x400000, 64 + 56
	code := exitCode[runtime.GOARCH]
	size := uint64(headers + len(code))
	head := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F',
			byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type: uint16(elf.ET_EXEC), Machine: uint16(machine[runtime.GOARCH]),
		Version: uint32(elf.EV_CURRENT), Entry: base + headers,
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	load := elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X),
		Vaddr: base, Paddr: base, Filesz: size, Memsz: size, Align: 0x10000,
	}
	var image bytes.Buffer
	for _, part := range []any{head, load, code} {
		if err := binary.Write(&image, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	return os.WriteFile(file, image.Bytes(), 0o755)
}
