// Prints the peak RSS in KiB of a program and the children it waited for.
// A program of its own, because exec(2) hands the peak of the process before
// on: started by a Go program, everything would seem to need that program's.
#include <stdio.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage use;
	int status;
	if (argc < 2)
		return 64;
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &use) < 0 || status)
		return 1;
	printf("%ld\n", use.ru_maxrss);
	return 0;
}
