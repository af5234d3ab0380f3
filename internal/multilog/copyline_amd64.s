#include "textflag.h"

#define newlines $0x0a0a0a0a0a0a0a0a
#define newline  $10

// func copyLine(to, from uintptr, most int) (n int)
//
// Sixteen bytes at a time, up to sixteen with a newline; the last fifteen one by one.
//
//   entry:    the arguments on the stack
//   clobbers: AX, BX, CX, DX, SI, DI, X0, X1
//   exit:     the result on the stack
TEXT ·copyLine(SB),NOSPLIT,$0-32
	MOVQ	to+0(FP), DI
	MOVQ	from+8(FP), SI
	MOVQ	most+16(FP), CX
	XORL	BX, BX
	MOVQ	newlines, AX
	MOVQ	AX, X1
	PUNPCKLQDQ	X1, X1
	SUBQ	$16, CX

sixteen:
	CMPQ	BX, CX
	JGT	rest
	MOVOU	(SI)(BX*1), X0
	MOVOU	X0, (DI)(BX*1)
	PCMPEQB	X1, X0
	PMOVMSKB	X0, DX
	ADDQ	$16, BX
	TESTL	DX, DX
	JEQ	sixteen

	BSFL	DX, DX
	LEAQ	-15(BX)(DX*1), BX
	JMP	done

rest:
	ADDQ	$16, CX

one:
	CMPQ	BX, CX
	JGE	none
	MOVB	(SI)(BX*1), DX
	MOVB	DX, (DI)(BX*1)
	INCQ	BX
	CMPB	DX, newline
	JNE	one
	JMP	done

none:
	XORL	BX, BX

done:
	MOVQ	BX, n+24(FP)
	RET
