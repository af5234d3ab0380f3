#include "textflag.h"
#include "g.h"

#define SYS_arch_prctl 158
#define ARCH_SET_FS    0x1002

// void _rt0_catena(void)
//
// The ELF entry point.
//   entry:    SP  the address of the kernel's words (see Stack in boot.go),
//                 16-byte aligned
//             DX  a function for atexit, 0 on Linux; the ABI wants it kept
//   clobbers: everything else
//   exit:     to _rt0_amd64_linux, with SP and DX as they were
TEXT _rt0_catena(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVQ	SP, R12
	MOVQ	DX, R13

	// No Go package is initialised yet. A function prologue asks for nothing
	// but a g with stack bounds, and the rest of this g is zero. The g is on
	// the stack, on a page that is used in any case. The word behind the g
	// gets the address of the g, and FS points behind that word.
	LEAQ	-stack_room(SP), R8
	SUBQ	$(g_size+16), SP
	ANDQ	$~15, SP
	MOVQ	SP, R14
	MOVQ	SP, DI
	MOVQ	$(g_size/8), CX
	XORL	AX, AX
	CLD
	REP
	STOSQ
	MOVQ	R8, AX
	MOVQ	AX, g_stack_lo(R14)
	MOVQ	R12, g_stack_hi(R14)
	MOVQ	AX, g_stackguard0(R14)
	MOVQ	AX, g_stackguard1(R14)

	// Wrappers from assembly to compiled code load g from -8(FS).
	MOVQ	R14, g_size(R14)
	LEAQ	g_size+8(R14), SI
	MOVQ	$ARCH_SET_FS, DI
	MOVQ	$SYS_arch_prctl, AX
	SYSCALL
	TESTQ	AX, AX
	JNE	crash

	// Compiled code expects X15 to be zero. The list of frames ends where BP is
	// zero, and the kernel starts a program with zero in BP.
	XORPS	X15, X15

	// start(stack Stack), whose argument is at 0(SP).
	SUBQ	$32, SP
	ANDQ	$~15, SP
	MOVQ	R12, 16(SP)
	MOVQ	R13, 24(SP)
	MOVQ	R12, 0(SP)
	CALL	·start(SB)

	MOVQ	24(SP), DX
	MOVQ	16(SP), SP
	JMP	_rt0_amd64_linux(SB)

crash:
	INT	$3
	JMP	crash
