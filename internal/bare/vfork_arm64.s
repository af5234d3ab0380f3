#include "textflag.h"

#define SYS_clone 220

// func vfork(flags uintptr, child func(arg unsafe.Pointer), arg unsafe.Pointer) (r int)
//
// The child's stack begins below the parent's frames, which it must not touch. It calls
// a compiled function: the argument in R0 with room for it on the stack, the closure in
// R26, g in R28 as it is.
TEXT ·vfork(SB),NOSPLIT,$0-32
	MOVD	flags+0(FP), R0
	MOVD	child+8(FP), R19
	MOVD	arg+16(FP), R20
	MOVD	RSP, R1
	SUB	$128, R1
	AND	$~15, R1
	MOVD	ZR, R2
	MOVD	ZR, R3
	MOVD	ZR, R4
	MOVD	$SYS_clone, R8
	SVC
	CBZ	R0, child
	MOVD	R0, r+24(FP)
	RET
child:
	SUB	$64, RSP
	MOVD	R20, R0
	MOVD	R19, R26
	MOVD	(R26), R1
	CALL	(R1)
	BRK
