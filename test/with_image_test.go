// This file reads a linked program: its functions, its static data, and what each
// function refers to.
//
// Not tested in this file: anything. callgraph_test.go and goffsets_test.go use it.
package test

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"os/exec"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// An image is a linked program.
type image struct {
	t         *testing.T
	file      *elf.File
	functions []*function // by address
	variables []*variable // by address
	symbols   map[string][]uint64
	convention
}

// A convention is how compiled code calls a function by its value, in the
// disassembler's words.
type convention struct {
	valueRegister *regexp.Regexp // named by an instruction, or changed without being named
	loadsValue    *regexp.Regexp // takes the value from a variable
	usesValue     *regexp.Regexp // names the register but leaves it as it is
}

var conventions = map[elf.Machine]convention{
	elf.EM_X86_64: {
		regexp.MustCompile(`\bD[XLH]\b|^I?(MUL|DIV)|^C(WD|DQ|QO)|^CPUID|^RDTSC|^SYSCALL`),
		regexp.MustCompile(`^MOVQ .*, DX$`),
		regexp.MustCompile(`^(TESTQ DX, DX|MOVQ 0\(DX\), (AX|BX|CX|SI|DI|R\d+))$`),
	},
	elf.EM_AARCH64: {
		regexp.MustCompile(`\bR26\b`),
		regexp.MustCompile(`^MOVD .*, R26$`),
		regexp.MustCompile(`^(CBN?Z R26, .*|MOVD \(R26\), R(\d|1\d|2[0-5]))$`),
	},
}

// A function of the program, and what the walk learns of it.
type function struct {
	name      string // the two calling conventions of one function share it
	addr, end uint64
	frame     int // bytes of stack, the return address included
	code      []instruction

	reached bool
	from    *function   // who led to it first
	how     string      // "" if by a call
	calls   []*function // by name
	byValue bool        // and others by value
}

// An instruction as the disassembler prints it, "MOVQ main.x(SB), AX".
type instruction struct {
	addr  uint64
	bytes []byte
	text  string
}

// A variable is static data that has a name.
type variable struct {
	name       string
	addr, size uint64
	writable   bool
	typ        dwarf.Type // nil if no Go declaration made it
}

// A value of a type at an address.
type typedValue struct {
	addr uint64
	typ  dwarf.Type
}

// A reference is what an instruction refers to.
type reference struct {
	at       uint64 // the instruction; the second one on arm64, where an address takes two
	to       uint64
	call     bool
	indirect bool // by a register: to is not known
}

// pkg is the path of a function's package.
func (f *function) pkg() string {
	name, _, _ := strings.Cut(f.name, "(")
	name, _, _ = strings.Cut(name, "[")
	slash := strings.LastIndexByte(name, '/') + 1
	last, _, _ := strings.Cut(name[slash:], ".")
	return name[:slash] + last
}

func openImage(t *testing.T, path string) *image {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	m := &image{t: t, file: file, symbols: map[string][]uint64{}, convention: conventions[file.Machine]}
	m.readSymbols()
	m.readTypes()
	m.readFrames()
	m.disassemble(path)
	return m
}

func (m *image) readSymbols() {
	symbols, err := m.file.Symbols()
	if err != nil {
		m.t.Fatal(err)
	}
	for _, s := range symbols {
		if s.Size == 0 || int(s.Section) >= len(m.file.Sections) {
			continue
		}
		m.symbols[s.Name] = append(m.symbols[s.Name], s.Value)
		switch elf.ST_TYPE(s.Info) {
		case elf.STT_FUNC:
			m.functions = append(m.functions, &function{
				name: strings.TrimSuffix(s.Name, ".abi0"), addr: s.Value, end: s.Value + s.Size, frame: -1})
		case elf.STT_OBJECT:
			flags := m.file.Sections[s.Section].Flags
			m.variables = append(m.variables, &variable{
				name: s.Name, addr: s.Value, size: s.Size, writable: flags&elf.SHF_WRITE != 0})
		}
	}
	slices.SortFunc(m.functions, func(a, b *function) int { return int(a.addr) - int(b.addr) })
	slices.SortFunc(m.variables, func(a, b *variable) int { return int(a.addr) - int(b.addr) })
}

// at is the function that an address is in, or nil.
func (m *image) at(addr uint64) *function {
	i := sort.Search(len(m.functions), func(i int) bool { return m.functions[i].end > addr })
	if i < len(m.functions) && m.functions[i].addr <= addr {
		return m.functions[i]
	}
	return nil
}

// variable is the named static data that an address is in, or nil.
func (m *image) variable(addr uint64) *variable {
	i := sort.Search(len(m.variables), func(i int) bool { return m.variables[i].addr+m.variables[i].size > addr })
	if i < len(m.variables) && m.variables[i].addr <= addr {
		return m.variables[i]
	}
	return nil
}

// word is the word of static data at an address, 0 if the program starts with
// none there.
func (m *image) word(addr uint64) uint64 {
	for _, s := range m.file.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Type != elf.SHT_PROGBITS || addr < s.Addr || addr+8 > s.Addr+s.Size {
			continue
		}
		var b [8]byte
		if _, err := s.ReadAt(b[:], int64(addr-s.Addr)); err != nil {
			m.t.Fatal(err)
		}
		return m.file.ByteOrder.Uint64(b[:])
	}
	return 0
}

// readTypes gives the project's variables their types, from DWARF.
func (m *image) readTypes() {
	data, err := m.file.DWARF()
	if err != nil {
		m.t.Fatal(err)
	}
	byName := map[string]*variable{}
	for _, v := range m.variables {
		if walked.MatchString(v.name) {
			byName[v.name] = v
		}
	}
	for r := data.Reader(); ; {
		e, err := r.Next()
		if err != nil {
			m.t.Fatal(err)
		}
		if e == nil {
			return
		}
		if e.Tag == dwarf.TagSubprogram {
			r.SkipChildren()
		}
		name, _ := e.Val(dwarf.AttrName).(string)
		v := byName[name]
		if e.Tag != dwarf.TagVariable || v == nil {
			continue
		}
		if v.typ, err = data.Type(e.Val(dwarf.AttrType).(dwarf.Offset)); err != nil {
			m.t.Fatal(err)
		}
	}
}

func isSlice(s *dwarf.StructType) bool {
	return len(s.Field) == 3 && s.Field[0].Name == "array" && s.Field[1].Name == "len" && s.Field[2].Name == "cap"
}

// sizeOf is the size of a type; package dwarf knows none for functions.
func sizeOf(typ dwarf.Type) uint64 {
	switch typ := underlying(typ).(type) {
	case *dwarf.ArrayType:
		return uint64(typ.Count) * sizeOf(typ.Type)
	case *dwarf.FuncType:
		return 8
	}
	return uint64(typ.Size())
}

// underlying is what the names of a type stand for.
func underlying(typ dwarf.Type) dwarf.Type {
	for {
		named, ok := typ.(*dwarf.TypedefType)
		if !ok {
			return typ
		}
		typ = named.Type
	}
}

// readFrames takes the size of every function's frame from .debug_frame, where
// the linker says for every instruction how far the caller's frame is (DWARF 5,
// section 6.4).
func (m *image) readFrames() {
	section := m.file.Section(".debug_frame")
	if section == nil {
		m.t.Fatal("no .debug_frame")
	}
	data, err := section.Data()
	if err != nil {
		m.t.Fatal(err)
	}
	const cie = 0xffffffff // the entry that all others share
	for len(data) > 0 {
		end := 4 + binary.LittleEndian.Uint32(data)
		entry := data[4:end]
		data = data[end:]
		if binary.LittleEndian.Uint32(entry) == cie {
			continue
		}
		f := m.at(binary.LittleEndian.Uint64(entry[4:]))
		if f != nil {
			f.frame = m.frame(entry[20:])
		}
	}
}

// frame runs the instructions of one function's entry.
func (m *image) frame(code []byte) int {
	const dataAlign = -4 // Go's, in the shared entry
	most := 0
	for len(code) > 0 {
		op := code[0]
		code = code[1:]
		switch {
		case op&0xc0 == 0x40, op == 0: // advance_loc, nop
		case op >= 2 && op <= 4: // advance_loc1, 2, 4
			code = code[1<<(op-2):]
		case op == 7, op == 8: // undefined register, same_value register
			_, code = leb(code)
		case op == 0x11: // offset_extended_sf register, offset
			_, code = leb(code)
			_, code = leb(code)
		case op == 0x13: // def_cfa_offset_sf offset
			var n int
			n, code = leb(code)
			most = max(most, n*dataAlign)
		default:
			m.t.Fatalf("frame instruction %#x is not known", op)
		}
	}
	return most
}

// leb reads a number in signed LEB128.
func leb(code []byte) (n int, rest []byte) {
	for i, b := range code {
		n |= int(b&0x7f) << (7 * i)
		if b&0x80 == 0 {
			if b&0x40 != 0 {
				n -= 1 << (7 * (i + 1))
			}
			return n, code[i+1:]
		}
	}
	return n, nil
}

// disassemble reads the code of the functions that the walk may enter.
func (m *image) disassemble(path string) {
	pattern := strings.ReplaceAll(walked.String(), "$", `(\.abi0)?$`)
	out, err := exec.Command("go", "tool", "objdump", "-s", pattern, path).Output()
	if err != nil {
		m.t.Fatal(err)
	}
	for line := range bytes.Lines(out) {
		// "  file.go:30\t0x401000\t\te8db010000\t\tCALL x(SB)\t"
		field := strings.FieldsFunc(string(line), func(r rune) bool { return r == '\t' || r == '\n' })
		if len(field) < 4 {
			continue // a function's name, an empty line
		}
		addr, err1 := strconv.ParseUint(field[1], 0, 64)
		code, err2 := hex.DecodeString(field[2])
		f := m.at(addr)
		if err1 != nil || err2 != nil || f == nil {
			m.t.Fatalf("go tool objdump printed %q", line)
		}
		f.code = append(f.code, instruction{addr, code, strings.TrimSpace(field[3])})
	}
}

// text is the code of the function that the linker knows by a name.
func (m *image) text(symbol string) string {
	if len(m.symbols[symbol]) != 1 {
		m.t.Fatalf("%d symbols called %s", len(m.symbols[symbol]), symbol)
	}
	var b strings.Builder
	for _, in := range m.at(m.symbols[symbol][0]).code {
		b.WriteString(in.text + "\n")
	}
	return b.String()
}

// references lists what the code of a function refers to.
func (m *image) references(f *function) []reference {
	if f.code == nil {
		m.t.Fatalf("no code of %s", f.name)
	}
	if m.file.Machine == elf.EM_AARCH64 {
		return m.referencesARM64(f)
	}
	return m.referencesAMD64(f)
}

var (
	branchText = regexp.MustCompile(`^(CALL|J[A-Z]+) (0x[0-9a-f]+)?`)
	ipRelative = regexp.MustCompile(`(-?0x[0-9a-f]+)\(IP\)`)
	offsetText = regexp.MustCompile(`[+-](0x)?[0-9a-f]+$`)
)

// referencesAMD64 goes by the disassembler's text.
func (m *image) referencesAMD64(f *function) (refs []reference) {
	for _, in := range f.code {
		b := branchText.FindStringSubmatch(in.text)
		ref := reference{at: in.addr, call: b != nil && b[1] == "CALL"}
		if b != nil && b[2] != "" && !strings.Contains(in.text, "(") {
			ref.to, _ = strconv.ParseUint(b[2], 0, 64)
		} else if r := ipRelative.FindStringSubmatch(in.text); r != nil {
			offset, _ := strconv.ParseInt(r[1], 0, 64)
			ref.to = in.addr + uint64(len(in.bytes)) + uint64(offset)
		} else if operands, _, ok := strings.Cut(in.text, "(SB)"); ok {
			ref.to = m.symbol(operands)
		} else if b != nil {
			ref.indirect = true
		} else {
			continue
		}
		refs = append(refs, ref)
	}
	return refs
}

// symbol is the address at the end of an instruction's text, which is cut before
// its "(SB)": "MOVQ AX, main.table+8". Names may hold blanks and commas.
func (m *image) symbol(text string) uint64 {
	offset := offsetText.FindString(text)
	n, _ := strconv.ParseInt(offset, 0, 64)
	name := strings.TrimSuffix(text, offset)
	for {
		var ok bool
		if _, name, ok = strings.Cut(name, " "); !ok {
			m.t.Fatalf("no symbol in %q", text)
		}
		if at := m.symbols[strings.TrimPrefix(name, "$")]; len(at) == 1 {
			return at[0] + uint64(n)
		} else if len(at) > 1 {
			m.t.Fatalf("%d symbols called %s", len(at), name)
		}
	}
}

// referencesARM64 goes by the words: an address takes two instructions there.
func (m *image) referencesARM64(f *function) (refs []reference) {
	constants := map[uint64]bool{} // among the code
	for i, in := range f.code {
		if constants[in.addr] {
			continue
		}
		w := binary.BigEndian.Uint32(in.bytes) // printed as a number, not as it stands in memory
		bits := func(from, n int) int64 { return int64(w) << (64 - from - n) >> (64 - n) }
		relative := func(words int64) uint64 { return in.addr + uint64(words*4) }
		switch {
		case w&0xfc000000 == 0x94000000: // BL
			refs = append(refs, reference{at: in.addr, to: relative(bits(0, 26)), call: true})
		case w&0xfc000000 == 0x14000000: // B
			refs = append(refs, reference{at: in.addr, to: relative(bits(0, 26))})
		case w&0xff000000 == 0x54000000, w&0x7e000000 == 0x34000000: // B.cond, CBZ, CBNZ
			refs = append(refs, reference{at: in.addr, to: relative(bits(5, 19))})
		case w&0x7e000000 == 0x36000000: // TBZ, TBNZ
			refs = append(refs, reference{at: in.addr, to: relative(bits(5, 14))})
		case w&0xfffffc1f == 0xd63f0000, w&0xfffffc1f == 0xd61f0000: // BLR, BR
			refs = append(refs, reference{at: in.addr, call: w&0x200000 != 0, indirect: true})
		case w&0x1f000000 == 0x10000000: // ADR, ADRP
			if w>>31 == 0 || i+1 == len(f.code) {
				m.t.Fatalf("%s: %s stands alone", f.name, in.text)
			}
			page := in.addr&^0xfff + uint64((bits(5, 19)<<2|int64(w>>29&3))<<12)
			refs = append(refs, reference{at: in.addr + 4, to: page + m.pageOffset(f, f.code[i+1], w&31)})
		case w&0x3b000000 == 0x18000000: // LDR of a constant of 4, 8 or 16 bytes
			at := relative(bits(5, 19))
			for range max(1, w>>30*2) {
				constants[at] = true
				at += 4
			}
		}
	}
	return refs
}

// pageOffset is what the instruction after an ADRP adds to that page.
func (m *image) pageOffset(f *function, in instruction, register uint32) uint64 {
	w := binary.BigEndian.Uint32(in.bytes)
	offset := uint64(w >> 10 & 0xfff)
	switch {
	case w>>5&31 != register:
	case w&0xffc00000 == 0x91000000: // ADD
		return offset
	case w&0x3b000000 == 0x39000000: // load or store
		scale := w >> 30
		if w&0x04800000 == 0x04800000 { // of 16 bytes
			scale = 4
		}
		return offset << scale
	}
	m.t.Fatalf("%s: %s does not complete the ADRP before it", f.name, in.text)
	return 0
}
