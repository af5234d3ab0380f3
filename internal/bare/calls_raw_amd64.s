#include "textflag.h"

#define MAX_ERRNO 4095

// func rawSyscall(trap, a1, a2, a3 uintptr) (r1, r2 uintptr, err unix.Errno)
TEXT ·rawSyscall(SB),NOSPLIT,$0-56
	MOVQ	trap+0(FP), AX
	MOVQ	a1+8(FP), DI
	MOVQ	a2+16(FP), SI
	MOVQ	a3+24(FP), DX
	SYSCALL
	MOVQ	DX, r2+40(FP)
	CMPQ	AX, $-MAX_ERRNO
	JCC	failed
	MOVQ	AX, r1+32(FP)
	MOVQ	$0, err+48(FP)
	RET
failed:
	NEGQ	AX
	MOVQ	$-1, r1+32(FP)
	MOVQ	AX, err+48(FP)
	RET

// func rawSyscall6(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err unix.Errno)
TEXT ·rawSyscall6(SB),NOSPLIT,$0-80
	MOVQ	trap+0(FP), AX
	MOVQ	a1+8(FP), DI
	MOVQ	a2+16(FP), SI
	MOVQ	a3+24(FP), DX
	MOVQ	a4+32(FP), R10
	MOVQ	a5+40(FP), R8
	MOVQ	a6+48(FP), R9
	SYSCALL
	MOVQ	DX, r2+64(FP)
	CMPQ	AX, $-MAX_ERRNO
	JCC	failed
	MOVQ	AX, r1+56(FP)
	MOVQ	$0, err+72(FP)
	RET
failed:
	NEGQ	AX
	MOVQ	$-1, r1+56(FP)
	MOVQ	AX, err+72(FP)
	RET
