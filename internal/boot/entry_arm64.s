#include "textflag.h"
#include "g.h"

// void _rt0_catena(void)
//
// The ELF entry point.
//   entry:    RSP the address of the kernel's words (see Stack in boot.go),
//                 16-byte aligned
//             R0  0 on Linux
//   clobbers: everything else
//   exit:     to _rt0_arm64_linux, with RSP and R0 as they were
TEXT _rt0_catena(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVD	RSP, R19
	MOVD	R0, R20

	// No Go package is initialised yet. A function prologue asks for nothing
	// but a g with stack bounds, and the rest of this g is zero. The g is on
	// the stack, on a page that is used in any case. On arm64 a register holds
	// the address of the g, and no thread pointer is needed.
	SUB	$g_size, RSP
	MOVD	RSP, g
	MOVD	RSP, R1
zero:
	MOVD	ZR, (R1)
	ADD	$8, R1
	CMP	R19, R1
	BNE	zero
	SUB	$stack_room, R19, R0
	MOVD	R0, g_stack_lo(g)
	MOVD	R19, g_stack_hi(g)
	MOVD	R0, g_stackguard0(g)
	MOVD	R0, g_stackguard1(g)

	// The list of frames ends where R29 is zero, and the kernel starts a program
	// with zero in R29.
	// start(stack Stack), whose argument is at 8(RSP).
	SUB	$48, RSP
	MOVD	R19, 24(RSP)
	MOVD	R20, 32(RSP)
	MOVD	R19, 8(RSP)
	MOVD	ZR, 0(RSP)
	CALL	·start(SB)

	MOVD	32(RSP), R0
	MOVD	24(RSP), R19
	MOVD	R19, RSP
	JMP	_rt0_arm64_linux(SB)
