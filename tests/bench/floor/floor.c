// The floor under a runtime's verbs: the system calls that the default spec asks
// for on a host with v1 cgroups, and nothing else. No JSON, no checks beyond "it
// worked", no choice. The record of a container is two numbers.
//
//	floor [-m BYTES] [-M FILE] [-f FILE] run|create STATEROOT ID ROOTFS PROGRAM...
//	floor start|state|kill|delete STATEROOT ID
//	floor exec STATEROOT ID PROGRAM...
//
// -M has one path to mask in a line, -f an array of struct sock_filter to load.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(call) do { if ((call) < 0) { perror(#call); _exit(70); } } while (0)

static char *hierarchies[32];
static int count;
static const char *id;
static char state[512];	// the container's directory
static char **more;	// paths to mask beside the usual ones
static struct sock_fprog filter;

static void put(int dir, const char *file, const char *text)
{
	int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
	MUST(fd);
	MUST(write(fd, text, strlen(text)));
	close(fd);
}

static void copy_from_parent(const char *parent, int dir, const char *file)
{
	char buf[256], path[512];
	snprintf(path, sizeof path, "%s/%s", parent, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	MUST(fd);
	int n = read(fd, buf, sizeof buf - 1);
	MUST(n);
	buf[n] = 0;
	close(fd);
	put(dir, file, buf);
}

static int tree(const char *type, const char *const options[], unsigned attr)
{
	int fs = fsopen(type, FSOPEN_CLOEXEC);
	MUST(fs);
	for (; options && *options; options += 2)
		MUST(fsconfig(fs, FSCONFIG_SET_STRING, options[0], options[1], 0));
	MUST(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	int mnt = fsmount(fs, FSMOUNT_CLOEXEC, attr);
	MUST(mnt);
	close(fs);
	return mnt;
}

static void place(int mnt, int root, const char *where)
{
	int to = openat(root, where, O_PATH | O_CLOEXEC);
	MUST(to);
	MUST(move_mount(mnt, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
	close(to);
	close(mnt);
}

static void bind(int from, const char *source, int root, const char *where, unsigned attr)
{
	int mnt = open_tree(from, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (mnt < 0 && errno == ENOENT)
		return;
	MUST(mnt);
	if (attr) {
		struct mount_attr a = { .attr_set = attr };
		MUST(mount_setattr(mnt, "", AT_EMPTY_PATH, &a, sizeof a));
	}
	int to = openat(root, where, O_PATH | O_CLOEXEC);
	if (to < 0) {
		close(mnt);
		return;
	}
	MUST(move_mount(mnt, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
	close(to);
	close(mnt);
}

#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV)

static void mask(int slash, const char *path)
{
	struct stat st;
	if (fstatat(slash, path, &st, 0) < 0)
		return;
	if (S_ISDIR(st.st_mode))
		place(tree("tmpfs", NULL, MOUNT_ATTR_RDONLY), slash, path);
	else
		bind(slash, "dev/null", slash, path, 0);
}

static void filesystems(int root, const char *id)
{
	static const char *const dev[] = { "mode", "755", "size", "65536k", NULL };
	static const char *const pts[] = { "ptmxmode", "0666", "mode", "0620", "gid", "5", NULL };
	static const char *const shm[] = { "mode", "1777", "size", "65536k", NULL };
	static const char *const plain[] = { "mode", "755", NULL };
	static const struct { const char *name; int maj, min; } nodes[] = {
		{ "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 }, { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 } };
	static const char *const links[][2] = { { "/proc/self/fd", "dev/fd" }, { "/proc/self/fd/0", "dev/stdin" },
		{ "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" }, { "pts/ptmx", "dev/ptmx" } };
	static const char *const masked[] = { "proc/acpi", "proc/asound", "proc/kcore", "proc/keys", "proc/latency_stats",
		"proc/timer_list", "proc/timer_stats", "proc/sched_debug", "sys/firmware", "proc/scsi" };
	static const char *const readonly[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger" };
	char path[512];

	place(tree("proc", NULL, 0), root, "proc");
	place(tree("tmpfs", dev, MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME), root, "dev");
	MUST(mkdirat(root, "dev/pts", 0755));
	MUST(mkdirat(root, "dev/shm", 0755));
	MUST(mkdirat(root, "dev/mqueue", 0755));
	place(tree("devpts", pts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), root, "dev/pts");
	place(tree("tmpfs", shm, QUIET), root, "dev/shm");
	place(tree("mqueue", NULL, QUIET), root, "dev/mqueue");
	place(tree("sysfs", NULL, QUIET | MOUNT_ATTR_RDONLY), root, "sys");
	place(tree("tmpfs", plain, QUIET), root, "sys/fs/cgroup");
	for (int i = 0; i < count; i++) {
		const char *name = strrchr(hierarchies[i], '/') + 1;
		snprintf(path, sizeof path, "sys/fs/cgroup/%s", name);
		MUST(mkdirat(root, path, 0755));
		char from[512];
		snprintf(from, sizeof from, "%s/%s", hierarchies[i], id);
		bind(AT_FDCWD, from, root, path, QUIET | MOUNT_ATTR_RDONLY);
	}
	for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++) {
		snprintf(path, sizeof path, "dev/%s", nodes[i].name);
		MUST(mknodat(root, path, S_IFCHR | 0666, makedev(nodes[i].maj, nodes[i].min)));
		MUST(fchownat(root, path, 0, 0, 0));
	}
	for (unsigned i = 0; i < sizeof links / sizeof *links; i++)
		MUST(symlinkat(links[i][0], root, links[i][1]));
	MUST(syscall(SYS_pivot_root, ".", "."));
	MUST(umount2(".", MNT_DETACH));
	MUST(chdir("/"));
	int slash = open("/", O_PATH | O_CLOEXEC);
	for (unsigned i = 0; i < sizeof masked / sizeof *masked; i++)
		mask(slash, masked[i]);
	for (char **m = more; m && *m; m++)
		mask(slash, *m);
	for (unsigned i = 0; i < sizeof readonly / sizeof *readonly; i++)
		bind(slash, readonly[i], slash, readonly[i], MOUNT_ATTR_RDONLY);
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	MUST(mount_setattr(slash, "", AT_EMPTY_PATH, &ro, sizeof ro));
	close(slash);
}

static void enter_cgroups(void)
{
	char path[512];
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof path, "%s/%s/%s", hierarchies[i], id, strstr(hierarchies[i], "unified") ? "cgroup.procs" : "tasks");
		put(AT_FDCWD, path, "0");
	}
}

// Gives up what the container may not have.
static void confine(void)
{
	struct rlimit files = { 1024, 1024 };
	MUST(setrlimit(RLIMIT_NOFILE, &files));
	const uint64_t keep = 1 << 29 | 1 << 5 | 1 << 10;
	for (int c = 0; c < 41; c++)
		if (!(keep >> c & 1))
			MUST(prctl(PR_CAPBSET_DROP, c, 0, 0, 0));
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct sets[2] = { { keep, keep, 0 }, { 0, 0, 0 } };
	MUST(syscall(SYS_capset, &head, sets));
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (filter.len)
		MUST(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter));
}

static void become(char **program)
{
	char *env[] = { "PATH=/bin", "TERM=xterm", NULL };
	execve(program[0], program, env);
	perror(program[0]);
	_exit(127);
}

static void child(const char *rootfs, char **program, int ready, int gate)
{
	enter_cgroups();
	MUST(setsid());
	MUST(sethostname("floor", 5));
	MUST(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
	int root = open_tree(AT_FDCWD, rootfs, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	MUST(root);
	int at = open(rootfs, O_PATH | O_CLOEXEC);
	MUST(at);
	MUST(move_mount(root, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
	MUST(fchdir(root));
	filesystems(root, id);
	confine();
	if (gate >= 0) {	// created
		char byte;
		MUST(write(ready, "t", 1));
		close(ready);
		MUST(read(gate, &byte, 1));
	}
	become(program);
}

static void find_hierarchies(void)
{
	char path[512];
	DIR *all = opendir("/sys/fs/cgroup");
	for (struct dirent *e; all && (e = readdir(all)) && count < 32;)
		if (e->d_name[0] != '.' && e->d_type == DT_DIR) {
			snprintf(path, sizeof path, "/sys/fs/cgroup/%s/cgroup.procs", e->d_name);
			if (access(path, F_OK) == 0) {	// else a mount point without its mount
				*strrchr(path, '/') = 0;
				hierarchies[count++] = strdup(path);
			}
		}
	if (all)
		closedir(all);
}

static void make_cgroups(const char *limit)
{
	char path[1024];
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof path, "%s/%s", hierarchies[i], id);
		MUST(mkdir(path, 0755));
		int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (strstr(hierarchies[i], "cpuset")) {
			copy_from_parent(hierarchies[i], dir, "cpuset.cpus");
			copy_from_parent(hierarchies[i], dir, "cpuset.mems");
		} else if (strstr(hierarchies[i], "devices")) {
			put(dir, "devices.deny", "a");
			put(dir, "devices.allow", "c *:* m");
			put(dir, "devices.allow", "c 1:3 rwm");
		} else if (limit && strstr(hierarchies[i], "memory")) {
			put(dir, "memory.limit_in_bytes", limit);
		}
		close(dir);
	}
}

// When a process began: with its number that is one process of this boot.
static unsigned long long start_time(pid_t pid, char *letter)
{
	char path[64], text[1024];
	unsigned long long when = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	int n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	char *rest = strrchr(text, ')');
	if (!rest)
		return 0;
	*letter = rest[2];
	for (int field = 2; field < 22 && rest; field++)
		rest = strchr(rest + 1, ' ');
	if (rest)
		when = strtoull(rest, NULL, 10);
	return when;
}

static void record(pid_t pid)
{
	char path[1024], next[1024], text[64], letter;
	snprintf(path, sizeof path, "%s/state", state);
	snprintf(next, sizeof next, "%s/.state", state);
	snprintf(text, sizeof text, "%d %llu\n", pid, pid ? start_time(pid, &letter) : 0);
	int fd = open(next, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	MUST(fd);
	MUST(write(fd, text, strlen(text)));
	close(fd);
	MUST(rename(next, path));
}

// The recorded process: a handle of it, or -1.
static int process(pid_t *pid)
{
	char path[1024], text[64], boot[64], letter = 0;
	unsigned long long when;
	snprintf(path, sizeof path, "%s/state", state);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	MUST(fd);
	int n = read(fd, text, sizeof text - 1);
	MUST(n);
	close(fd);
	text[n] = 0;
	if (sscanf(text, "%d %llu", pid, &when) != 2)
		_exit(70);
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	MUST(fd);
	MUST(read(fd, boot, sizeof boot));
	close(fd);
	int pidfd = syscall(SYS_pidfd_open, *pid, 0);
	if (pidfd >= 0 && start_time(*pid, &letter) == when && letter != 'Z' && letter != 'X')
		return pidfd;
	return -1;
}

static void forget(void)
{
	static const char *const files[] = { "state", "gate", "result" };
	char path[1024];
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof path, "%s/%s", hierarchies[i], id);
		rmdir(path);
	}
	for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/%s", state, files[i]);
		unlink(path);
	}
	MUST(rmdir(state));
}

static int fifo(const char *name, int flags)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/%s", state, name);
	if (flags & O_CREAT)
		MUST(mkfifo(path, 0600));
	return open(path, (flags & ~O_CREAT) | O_CLOEXEC);
}

static int create(const char *limit, int wait, char **argv)
{
	int ready[2], gate = -1, result, status = 0;
	MUST(mkdir(state, 0700));
	record(0);	// before the first lasting step, and again with the pid
	make_cgroups(limit);
	MUST(pipe2(ready, O_CLOEXEC));
	if (!wait) {
		MUST(gate = fifo("gate", O_CREAT | O_RDWR));
		MUST(result = fifo("result", O_CREAT | O_RDWR));
	}
	struct clone_args args = { .flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS,
		.exit_signal = SIGCHLD };
	pid_t pid = syscall(SYS_clone3, &args, sizeof args);
	MUST(pid);
	if (pid == 0)
		child(argv[0], argv + 1, ready[1], gate);
	record(pid);
	if (!wait) {
		char byte;
		close(ready[1]);
		return read(ready[0], &byte, 1) == 1 ? 0 : 1;
	}
	waitpid(pid, &status, 0);
	forget();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int start(void)
{
	pid_t pid;
	char byte;
	if (process(&pid) < 0)
		return 1;
	int result = fifo("result", O_RDONLY | O_NONBLOCK), gate = fifo("gate", O_WRONLY | O_NONBLOCK);
	MUST(result);
	MUST(gate);
	MUST(write(gate, "g", 1));
	struct pollfd p = { result, POLLIN, 0 };
	MUST(poll(&p, 1, -1));	// execve closes the other end
	return read(result, &byte, 1) == 0 ? 0 : 1;
}

static int show(void)
{
	pid_t pid;
	char path[512], frozen[32];
	if (process(&pid) < 0)
		return 1;
	for (int i = 0; i < count; i++) {
		if (!strstr(hierarchies[i], "freezer"))
			continue;
		snprintf(path, sizeof path, "%s/%s/freezer.state", hierarchies[i], id);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		MUST(fd);
		MUST(read(fd, frozen, sizeof frozen));
		close(fd);
	}
	int gate = fifo("gate", O_WRONLY | O_NONBLOCK);	// ENXIO: it has started
	printf("%s %s %d\n", id, gate < 0 ? "running" : "created", pid);
	return 0;
}

static int enter(char **program)
{
	pid_t pid;
	int status = 0, init = process(&pid);
	if (init < 0)
		return 1;
	MUST(setns(init, CLONE_NEWPID));
	struct clone_args args = { .exit_signal = SIGCHLD };
	pid = syscall(SYS_clone3, &args, sizeof args);
	MUST(pid);
	if (pid == 0) {
		enter_cgroups();
		MUST(setns(init, CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS));
		MUST(setsid());
		MUST(chdir("/"));
		confine();
		become(program);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char *contents(const char *path, size_t *size)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	MUST(fd);
	MUST(fstat(fd, &st));
	char *text = malloc(st.st_size + 1);
	MUST(*size = read(fd, text, st.st_size));
	text[*size] = 0;
	close(fd);
	return text;
}

int main(int argc, char **argv)
{
	const char *limit = NULL;
	size_t size;
	pid_t pid;
	for (; argc > 2 && argv[1][0] == '-'; argv += 2, argc -= 2) {
		if (!strcmp(argv[1], "-m")) {
			limit = argv[2];
		} else if (!strcmp(argv[1], "-M")) {
			char *text = contents(argv[2], &size);
			more = calloc(size + 1, sizeof *more);
			int n = 0;
			for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
				more[n++] = line + (*line == '/');
		} else if (!strcmp(argv[1], "-f")) {
			filter.filter = (struct sock_filter *)contents(argv[2], &size);
			filter.len = size / sizeof *filter.filter;
		} else {
			return 64;
		}
	}
	if (argc < 4)
		return 64;
	const char *verb = argv[1];
	id = argv[3];
	snprintf(state, sizeof state, "%s/%s", argv[2], id);
	if (!strcmp(verb, "start"))
		return start();
	if (!strcmp(verb, "kill")) {
		int pidfd = process(&pid);
		return pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0;
	}
	find_hierarchies();
	if (!strcmp(verb, "state"))
		return show();
	if (!strcmp(verb, "delete")) {
		if (process(&pid) >= 0)
			return 1;
		forget();
		return 0;
	}
	if (!strcmp(verb, "exec") && argc > 4)
		return enter(argv + 4);
	if (argc > 5 && (!strcmp(verb, "run") || !strcmp(verb, "create")))
		return create(limit, !strcmp(verb, "run"), argv + 4);
	return 64;
}
