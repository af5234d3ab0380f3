#include "textflag.h"

#define SYS_clone 220

// func vfork(flags uintptr, c *child) (r int)
//
// The child's stack begins below the parent's frames, which it must not touch, and it
// has nothing to return to: it calls become(c), which does not return.
TEXT ·vfork(SB),NOSPLIT,$0-24
	MOVD	flags+0(FP), R0
	MOVD	c+8(FP), R19
	MOVD	RSP, R1
	SUB	$128, R1
	AND	$~15, R1
	MOVD	ZR, R2
	MOVD	ZR, R3
	MOVD	ZR, R4
	MOVD	$SYS_clone, R8
	SVC
	CBZ	R0, child
	MOVD	R0, r+16(FP)
	RET
child:
	SUB	$64, RSP
	MOVD	R19, 8(RSP)
	CALL	·become(SB)
	BRK
