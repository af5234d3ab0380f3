#include "textflag.h"

// func vfork(call, first, second, third uintptr, c *child) (r int)
//
// call is the number of clone(2) or clone3(2), first to third are its arguments. They give the
// child the stack pointer of its parent. The child moves that down, to where nothing of the
// parent's is, and calls become(c), which does not return.
TEXT ·vfork(SB),NOSPLIT,$0-48
	MOVQ	call+0(FP), AX
	MOVQ	first+8(FP), DI
	MOVQ	second+16(FP), SI
	MOVQ	third+24(FP), DX
	MOVQ	c+32(FP), R12
	XORL	R10, R10
	XORL	R8, R8
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	MOVQ	AX, r+40(FP)
	RET
child:
	XORPS	X15, X15
	XORL	BP, BP
	SUBQ	$160, SP
	ANDQ	$~15, SP
	MOVQ	R12, 0(SP)
	CALL	·become(SB)
	INT	$3
