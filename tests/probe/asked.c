// Facts that a test asks for, one per line of /probe.list:
//   read PATH     first 4 KiB        write PATH   may it be opened for writing?
//   stat PATH     type, mode, owner  ls PATH      names, sorted
//   make PATH     may a file be made there? (removed again)
//   exec PATH     may it be executed? (access(2) on the mount, X_OK)
//   dev PATH      may it be opened for reading and writing?
//   mknod c|b MAJOR:MINOR   may it be made in /dev/shm?
//   call NAME     what a system call answers that seccomp may have an opinion on
#define _GNU_SOURCE
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

void describe(const char *key, const char *path);

static void try_open(const char *key, const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	json_string(key, fd < 0 ? errno_name(errno) : "ok");
	if (fd >= 0) {
		close(fd);
		if (flags & O_CREAT)
			unlink(path);
	}
}

static void names(const char *key, const char *path)
{
	struct dirent **all;
	int n = scandir(path, &all, NULL, alphasort);
	if (n < 0) {
		json_string(key, errno_name(errno));
		return;
	}
	json_open(key, '[');
	for (int i = 0; i < n; i++) {
		if (strcmp(all[i]->d_name, ".") && strcmp(all[i]->d_name, ".."))
			json_string(NULL, all[i]->d_name);
		free(all[i]);
	}
	json_close(']');
	free(all);
}

static void make_node(const char *key, const char *what)
{
	char type;
	unsigned maj, min;
	if (sscanf(what, "%c %u:%u", &type, &maj, &min) != 3) {
		json_string(key, "?");
		return;
	}
	mode_t mode = 0600 | (type == 'b' ? S_IFBLK : S_IFCHR);
	const char *path = "/dev/shm/.probe-node";
	json_string(key, mknod(path, mode, makedev(maj, min)) < 0 ? errno_name(errno) : "ok");
	unlink(path);
}

// Every call is chosen so that it changes nothing when it is allowed. A filter
// may kill, so each runs in a child of its own.
static long call(const char *name)
{
	static const struct { const char *name; long nr, a, b, c; } calls[] = {
		{ "getppid", SYS_getppid, 0, 0, 0 },
		{ "unshare", SYS_unshare, 0, 0, 0 },
		{ "unshare-uts", SYS_unshare, CLONE_NEWUTS, 0, 0 },
		{ "mkdir", SYS_mkdir, (long)"", 0700, 0 },
		{ "chmod", SYS_chmod, (long)"", 0700, 0 },
		{ "mount", SYS_mount, 0, 0, 0 },
		{ "personality-query", SYS_personality, 0xffffffff, 0, 0 },
		{ "personality-8", SYS_personality, 8, 0, 0 },
		{ "socket-unix", SYS_socket, AF_UNIX, SOCK_STREAM, 0 },
		{ "socket-vsock", SYS_socket, AF_VSOCK, SOCK_STREAM, 0 },
		{ "clone3", SYS_clone3, 0, 0, 0 },
		{ "keyctl", SYS_keyctl, -1, 0, 0 },
		{ "ptrace", SYS_ptrace, -1, 0, 0 },
		{ "bpf", SYS_bpf, -1, 0, 0 },
		{ "getcpu", SYS_getcpu, 0, 0, 0 },
		{ "sched_yield", SYS_sched_yield, 0, 0, 0 },
		{ "swapon", SYS_swapon, (long)"", 0, 0 },
		{ "reboot", SYS_reboot, 0, 0, 0 },
		{ "iopl", SYS_iopl, 9, 0, 0 },
		{ "unknown-9999", 9999, 0, 0, 0 },
	};
	for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++)
		if (!strcmp(calls[i].name, name)) {
			long r = syscall(calls[i].nr, calls[i].a, calls[i].b, calls[i].c, 0, 0);
			return r < 0 ? errno : 0;
		}
	return 255;
}

static void try_call(const char *key, const char *name)
{
	char text[64];
	int status;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		_exit(call(name));
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		snprintf(text, sizeof text, "signal %d", WTERMSIG(status));
	else
		snprintf(text, sizeof text, "%s", WEXITSTATUS(status) == 255 ? "?" : errno_name(WEXITSTATUS(status)));
	json_string(key, text);
}

static void one(const char *key, const char *verb, const char *what)
{
	static char buf[4097];
	if (!strcmp(verb, "read")) {
		int n = slurp(what, buf, sizeof buf);
		json_string(key, n < 0 ? errno_name(-n) : buf);
	} else if (!strcmp(verb, "write")) {
		try_open(key, what, O_WRONLY);
	} else if (!strcmp(verb, "make")) {
		try_open(key, what, O_WRONLY | O_CREAT | O_EXCL);
	} else if (!strcmp(verb, "dev")) {
		try_open(key, what, O_RDWR);
	} else if (!strcmp(verb, "stat")) {
		describe(key, what);
	} else if (!strcmp(verb, "exec")) {
		json_string(key, access(what, X_OK) < 0 ? errno_name(errno) : "ok");
	} else if (!strcmp(verb, "ls")) {
		names(key, what);
	} else if (!strcmp(verb, "mknod")) {
		make_node(key, what);
	} else if (!strcmp(verb, "call")) {
		try_call(key, what);
	} else {
		json_string(key, "?");
	}
}

void asked_facts(const char *list)
{
	static char text[1 << 16];
	if (slurp(list, text, sizeof text) <= 0)
		return;
	json_open("asked", '{');
	char *save, *line = strtok_r(text, "\n", &save);
	for (; line; line = strtok_r(NULL, "\n", &save)) {
		char verb[16];
		int used = 0;
		if (sscanf(line, "%15s %n", verb, &used) == 1 && used > 0)
			one(line, verb, line + used);
	}
	json_close('}');
}
