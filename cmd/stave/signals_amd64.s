#include "textflag.h"

#define SYS_write 1
#define SYS_rt_sigreturn 15

// onSignal is a handler as the kernel calls it, on the signal stack that Go has
// given the thread: it writes the number of the signal into the pipe. If that
// is full, 65536 of them wait already.
TEXT ·onSignal(SB),NOSPLIT|NOFRAME,$0
	SUBQ	$24, SP
	MOVQ	DI, 8(SP)
	MOVL	·signalPipe(SB), DI
	LEAQ	8(SP), SI
	MOVL	$1, DX
	MOVL	$SYS_write, AX
	SYSCALL
	ADDQ	$24, SP
	RET

TEXT ·signalReturn(SB),NOSPLIT|NOFRAME,$0
	MOVL	$SYS_rt_sigreturn, AX
	SYSCALL
	INT	$3

// func signalCode() (handler, restorer uintptr)
TEXT ·signalCode(SB),NOSPLIT,$0-16
	LEAQ	·onSignal(SB), AX
	MOVQ	AX, handler+0(FP)
	LEAQ	·signalReturn(SB), AX
	MOVQ	AX, restorer+8(FP)
	RET
