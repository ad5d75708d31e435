#include "textflag.h"

// A signal handler in C's calling convention; sigaction(2).
TEXT ·handler(SB), NOSPLIT|NOFRAME, $0
	LEAQ	·seen(SB), AX
	MOVLQSX	DI, DI
	MOVL	$1, (AX)(DI*4)
	MOVL	·eventFD(SB), DI
	LEAQ	·one(SB), SI
	MOVL	$8, DX
	MOVL	$1, AX // write
	SYSCALL
	RET

TEXT ·handlerPC(SB), NOSPLIT, $0-8
	LEAQ	·handler(SB), AX
	MOVQ	AX, ret+0(FP)
	RET
