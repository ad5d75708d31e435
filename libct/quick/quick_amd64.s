#include "textflag.h"

#define SYS_arch_prctl	158
#define SYS_exit_group	231
#define ARCH_SET_FS	0x1002

// The goroutine that compiled code expects in R14, and finds with FS: zeroed,
// the end of its stack is at address 0.
GLOBL nobody<>(SB), NOPTR, $1024
GLOBL local<>(SB), NOPTR, $16

// Where the program begins. If the command is not for us, the stack is left as
// it was; the runtime of Go sets FS again.
TEXT _stave_quick_amd64(SB), NOSPLIT|NOFRAME, $0
	LEAQ	nobody<>(SB), AX
	LEAQ	local<>(SB), SI
	MOVQ	AX, (SI)
	ADDQ	$8, SI
	MOVL	$ARCH_SET_FS, DI
	MOVL	$SYS_arch_prctl, AX
	SYSCALL
	TESTQ	AX, AX
	JNZ	ordinary
	MOVQ	SP, AX
	SUBQ	$32, SP
	ANDQ	$~15, SP
	MOVQ	AX, 0(SP)
	MOVQ	AX, 16(SP)
	CALL	·begin(SB)
	MOVL	8(SP), DI
	MOVQ	16(SP), SP
	TESTL	DI, DI
	JS	ordinary
	MOVL	$SYS_exit_group, AX
	SYSCALL
ordinary:
	JMP	_stave_warm_amd64(SB)
