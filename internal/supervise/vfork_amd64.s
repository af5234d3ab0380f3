#include "textflag.h"

#define SYS_clone 56

// func vfork(flags uintptr, c *child) (r int)
//
// The child's stack begins below the parent's frames, which it must not touch, and it
// has nothing to return to: it calls become(c), which does not return.
TEXT ·vfork(SB),NOSPLIT,$0-24
	MOVQ	flags+0(FP), DI
	MOVQ	c+8(FP), R12
	LEAQ	-128(SP), SI
	ANDQ	$~15, SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	MOVQ	$SYS_clone, AX
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	MOVQ	AX, r+16(FP)
	RET
child:
	XORPS	X15, X15
	XORL	BP, BP
	SUBQ	$32, SP
	MOVQ	R12, 0(SP)
	CALL	·become(SB)
	INT	$3
