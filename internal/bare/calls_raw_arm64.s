#include "textflag.h"

#define MAX_ERRNO 4095

// func rawSyscall(trap, a1, a2, a3 uintptr) (r1, r2 uintptr, err unix.Errno)
TEXT ·rawSyscall(SB),NOSPLIT,$0-56
	MOVD	trap+0(FP), R8
	MOVD	a1+8(FP), R0
	MOVD	a2+16(FP), R1
	MOVD	a3+24(FP), R2
	SVC
	MOVD	R1, r2+40(FP)
	CMN	$MAX_ERRNO, R0
	BCC	done
	NEG	R0, R0
	MOVD	R0, err+48(FP)
	MOVD	$-1, R0
	MOVD	R0, r1+32(FP)
	RET
done:
	MOVD	R0, r1+32(FP)
	MOVD	ZR, err+48(FP)
	RET

// func rawSyscall6(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err unix.Errno)
TEXT ·rawSyscall6(SB),NOSPLIT,$0-80
	MOVD	trap+0(FP), R8
	MOVD	a1+8(FP), R0
	MOVD	a2+16(FP), R1
	MOVD	a3+24(FP), R2
	MOVD	a4+32(FP), R3
	MOVD	a5+40(FP), R4
	MOVD	a6+48(FP), R5
	SVC
	MOVD	R1, r2+64(FP)
	CMN	$MAX_ERRNO, R0
	BCC	done
	NEG	R0, R0
	MOVD	R0, err+72(FP)
	MOVD	$-1, R0
	MOVD	R0, r1+56(FP)
	RET
done:
	MOVD	R0, r1+56(FP)
	MOVD	ZR, err+72(FP)
	RET
