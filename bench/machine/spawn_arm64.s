#include "textflag.h"

#define SYS_clone      220
#define SYS_execve     221
#define SYS_exit_group 94

// CLONE_VM|CLONE_VFORK|SIGCHLD: vfork. The parent stands still until the child
// has executed its program or is gone.
#define VFORK 0x4111

// func vforkExec(path *byte, argv, envp **byte) (pid int)
//
// The child runs on the parent's stack, so it must not write to it: between
// clone and execve there are registers only.
//   entry:    path, argv and envp on the stack
//   clobbers: R0 R1 R2 R3 R4 R8
//   exit:     in the parent only
TEXT ·vforkExec(SB),NOSPLIT,$0-32
	MOVD	$VFORK, R0
	MOVD	ZR, R1
	MOVD	ZR, R2
	MOVD	ZR, R3
	MOVD	ZR, R4
	MOVD	$SYS_clone, R8
	SVC
	CBNZ	R0, parent

	MOVD	path+0(FP), R0
	MOVD	argv+8(FP), R1
	MOVD	envp+16(FP), R2
	MOVD	$SYS_execve, R8
	SVC
	MOVD	$127, R0
	MOVD	$SYS_exit_group, R8
	SVC

parent:
	MOVD	R0, pid+24(FP)
	RET
