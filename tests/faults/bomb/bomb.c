// Processes that are hard to end. "full" forks until it may not, and tries
// again for ever. "flee" is one process at a time, but never the same: each
// makes the next and ends. Prints a line when it has begun.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void full(void)
{
	for (;;)
		if (fork() < 0)
			usleep(1000);	// leave the machine something
}

static void flee(void)
{
	signal(SIGCHLD, SIG_IGN);	// whoever inherits it need not wait
	for (;;)
		if (fork() > 0)
			_exit(0);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	puts("begun");
	if (argc > 1 && !strcmp(argv[1], "flee")) {
		if (fork() == 0)
			flee();
		for (;;)
			pause();	// the first process stays
	}
	full();
}
