// begin_amd64.s: what comes between package quick and the runtime of Go; warm.go says why.

#include "textflag.h"

#define SYS_mmap	9
#define SYS_madvise	28
#define SYS_prctl	157
#define MADV_HUGEPAGE	14
#define MAXERRNO	4095
#define PR_SET_TIMERSLACK	29
#define PR_GET_TIMERSLACK	30

#define PAGE	4096
#define CHUNK	(4<<20)	// of the heap of Go's runtime
#define SLACK	10000000	// ns; as long as the longest of those sleeps
#define DEAR	10000	// clock cycles; a page fault takes some 2,000 where nothing is between us and the machine

GLOBL room<>(SB), NOPTR, $(2*PAGE)

// Where the program goes on, if package quick has nothing to do, before the
// runtime of Go.
TEXT _stave_warm_amd64(SB), NOSPLIT|NOFRAME, $0
	MOVL	$PR_GET_TIMERSLACK, DI
	MOVL	$SYS_prctl, AX
	SYSCALL
	CMPQ	AX, $-MAXERRNO
	JCC	memory
	MOVQ	AX, ·slack(SB)
	MOVL	$SLACK, SI
	MOVL	$PR_SET_TIMERSLACK, DI
	MOVL	$SYS_prctl, AX
	SYSCALL

	// The time of one page fault says whether pages are dear.
memory:
	LEAQ	room<>+PAGE(SB), DI
	ANDQ	$~(PAGE-1), DI
	RDTSC
	MOVL	AX, SI
	MOVB	$0, (DI)
	RDTSC
	SUBL	SI, AX
	CMPL	AX, $DEAR
	JCS	cheap
	MOVB	$1, ·dear(SB)
	LEAQ	map<>(SB), AX
	MOVQ	AX, _cgo_mmap(SB)
cheap:
	JMP	_stave_entry_amd64(SB)

// map is mmap(2), called as C functions are, with the errno for a result if
// there is no address: the runtime has this in place of its own for programs
// with a C library that watches memory.
TEXT map<>(SB), NOSPLIT|NOFRAME, $0
	MOVL	CX, R10
	MOVL	$SYS_mmap, AX
	SYSCALL
	CMPQ	AX, $-MAXERRNO
	JCC	failed
	CMPQ	SI, $CHUNK
	JNE	done
	MOVQ	AX, R9
	MOVQ	AX, DI
	MOVL	$MADV_HUGEPAGE, DX
	MOVL	$SYS_madvise, AX
	SYSCALL
	MOVQ	R9, AX
done:
	RET
failed:
	NEGQ	AX
	RET
