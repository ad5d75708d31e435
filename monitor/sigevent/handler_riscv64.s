#include "textflag.h"

// A signal handler in C's calling convention; sigaction(2).
TEXT ·handler(SB), NOSPLIT|NOFRAME, $0
	MOV	$·seen(SB), T0
	SLL	$2, A0
	ADD	A0, T0
	MOV	$1, T1
	MOVW	T1, (T0)
	MOVW	·eventFD(SB), A0
	MOV	$·one(SB), A1
	MOV	$8, A2
	MOV	$64, A7 // write
	ECALL
	RET

TEXT ·handlerPC(SB), NOSPLIT, $0-8
	MOV	$·handler(SB), T0
	MOV	T0, ret+0(FP)
	RET
