/* probe - NR ARG: makes a call of i386 and prints what it returns.
 * probe + NR ARG: loads the filter on standard input before. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static struct sock_filter insns[4096];
	struct sock_fprog prog = {.filter = insns};
	int nr = atoi(argv[2]);
	unsigned arg = strtoul(argv[3], NULL, 0);
	long ret;

	if (argv[1][0] == '+') {
		prog.len = fread(insns, sizeof(insns[0]), 4096, stdin);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
			return 3;
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog)) {
			perror("seccomp");
			return 3;
		}
	}
	__asm__ volatile("int $0x80" : "=a"(ret) : "a"((long)nr), "b"((long)arg), "c"(0L), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
	printf("%d\n", (int)ret);
	return 0;
}
