#include "textflag.h"

#define SYS_exit 60
#define SYS_clone3 435
#define SIZEOF_clone_args 88

// func cloneThread(args *cloneArgs, m *machine) (r uintptr)
//
// The new thread begins on its own stack, calls threadMain(m) and ends. It has
// the FS base of its maker, so what runs there believes that it is on the
// maker's goroutine, which matters to nothing that threadMain does.
TEXT ·cloneThread(SB),NOSPLIT,$0-24
	MOVQ	args+0(FP), DI
	MOVQ	$SIZEOF_clone_args, SI
	MOVQ	m+8(FP), R12
	MOVQ	$SYS_clone3, AX
	SYSCALL
	TESTQ	AX, AX
	JEQ	thread
	MOVQ	AX, r+16(FP)
	RET
thread:
	SUBQ	$16, SP
	MOVQ	R12, 0(SP)
	CALL	·threadMain(SB)
	XORL	DI, DI
	MOVQ	$SYS_exit, AX
	SYSCALL
	INT	$3

// func vfork(args *cloneArgs, m *machine) (r uintptr)
//
// The child has the stack of the thread, which sleeps until the child has
// become another program: it leaves alone what is above.
TEXT ·vfork(SB),NOSPLIT,$0-24
	MOVQ	args+0(FP), DI
	MOVQ	$SIZEOF_clone_args, SI
	MOVQ	m+8(FP), R12
	MOVQ	$SYS_clone3, AX
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	MOVQ	AX, r+16(FP)
	RET
child:
	SUBQ	$32, SP
	ANDQ	$~15, SP
	MOVQ	R12, 0(SP)
	CALL	·childMain(SB)
	INT	$3
