#include "textflag.h"

#define SYS_clone 56

// func vfork(flags uintptr, child func(arg unsafe.Pointer), arg unsafe.Pointer) (r int)
//
// The child's stack begins below the parent's frames, which it must not touch. It calls
// a compiled function: the argument in AX with room for it above the return address, the
// closure in DX, g in R14 as it is, X15 zero.
TEXT ·vfork(SB),NOSPLIT,$0-32
	MOVQ	flags+0(FP), DI
	MOVQ	child+8(FP), R12
	MOVQ	arg+16(FP), R13
	LEAQ	-128(SP), SI
	ANDQ	$~15, SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	MOVQ	$SYS_clone, AX
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	MOVQ	AX, r+24(FP)
	RET
child:
	XORPS	X15, X15
	XORL	BP, BP
	SUBQ	$32, SP
	MOVQ	R13, AX
	MOVQ	R12, DX
	MOVQ	(DX), CX
	CALL	CX
	INT	$3
