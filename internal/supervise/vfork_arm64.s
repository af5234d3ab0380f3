#include "textflag.h"

// func vfork(call, first, second, third uintptr, c *child) (r int)
//
// call is the number of clone(2) or clone3(2), first to third are its arguments. They give the
// child the stack pointer of its parent. The child moves that down, to where nothing of the
// parent's is, and calls become(c), which does not return.
TEXT ·vfork(SB),NOSPLIT,$0-48
	MOVD	call+0(FP), R8
	MOVD	first+8(FP), R0
	MOVD	second+16(FP), R1
	MOVD	third+24(FP), R2
	MOVD	c+32(FP), R19
	MOVD	ZR, R3
	MOVD	ZR, R4
	SVC
	CBZ	R0, child
	MOVD	R0, r+40(FP)
	RET
child:
	SUB	$192, RSP
	MOVD	R19, 8(RSP)
	CALL	·become(SB)
	BRK
