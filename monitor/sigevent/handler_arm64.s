#include "textflag.h"

// A signal handler in C's calling convention; sigaction(2).
TEXT ·handler(SB), NOSPLIT|NOFRAME, $0
	MOVD	$·seen(SB), R3
	MOVW	R0, R0
	ADD	R0<<2, R3
	MOVD	$1, R4
	MOVW	R4, (R3)
	MOVW	·eventFD(SB), R0
	MOVD	$·one(SB), R1
	MOVD	$8, R2
	MOVD	$64, R8 // write
	SVC
	RET

TEXT ·handlerPC(SB), NOSPLIT, $0-8
	MOVD	$·handler(SB), R0
	MOVD	R0, ret+0(FP)
	RET
