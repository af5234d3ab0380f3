#include "textflag.h"

// func cpuid(leaf, subleaf uint32)
TEXT ·cpuid(SB),NOSPLIT,$0-8
	MOVL	leaf+0(FP), AX
	MOVL	subleaf+4(FP), CX
	CPUID
	RET
