#include "textflag.h"

#define SYS_clone      56
#define SYS_execve     59
#define SYS_exit_group 231

// CLONE_VM|CLONE_VFORK|SIGCHLD: vfork. The parent stands still until the child
// has executed its program or is gone.
#define VFORK 0x4111

// func vforkExec(path *byte, argv, envp **byte) (pid int)
//
// The child runs on the parent's stack, so it must not write to it: between
// clone and execve there are registers only.
//   entry:    path, argv and envp on the stack
//   clobbers: AX CX DX SI DI R8 R10 R11
//   exit:     in the parent only
TEXT ·vforkExec(SB),NOSPLIT,$0-32
	MOVQ	$VFORK, DI
	XORL	SI, SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	MOVQ	$SYS_clone, AX
	SYSCALL
	TESTQ	AX, AX
	JNE	parent

	MOVQ	path+0(FP), DI
	MOVQ	argv+8(FP), SI
	MOVQ	envp+16(FP), DX
	MOVQ	$SYS_execve, AX
	SYSCALL
	MOVQ	$127, DI
	MOVQ	$SYS_exit_group, AX
	SYSCALL

parent:
	MOVQ	AX, pid+24(FP)
	RET
