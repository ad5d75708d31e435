#include "textflag.h"

DATA variable<>+0(SB)/8, $"GOMAXPRO"
DATA variable<>+8(SB)/8, $"CS=1\x00\x00\x00\x00"
GLOBL variable<>(SB), RODATA|NOPTR, $16

// The kernel leaves on the stack: argc, that many arguments, a null, the
// environment, a null, and the auxiliary vector (psABI, Initial Process Stack).
// What is before the second null moves down by one word.
TEXT _stave_entry_amd64(SB), NOSPLIT|NOFRAME, $0
	MOVQ SP, SI
	SUBQ $8, SP
	MOVQ SP, DI
	MOVQ 0(SI), CX
	ADDQ $2, CX
	CLD
	REP; MOVSQ
next:
	MOVQ 0(SI), AX
	TESTQ AX, AX
	JZ last
	MOVSQ
	JMP next
last:
	LEAQ variable<>(SB), AX
	MOVQ AX, 0(DI)
	MOVQ ·profileRate(SB), AX
	MOVQ $0, 0(AX)
	JMP _rt0_amd64_linux(SB)
