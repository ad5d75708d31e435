// Facts about the process itself. System calls first, procfs second: a
// container need not have a /proc.
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <grp.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

// As in sched_setattr(2); the kernel's header and libc's <sched.h> exclude each other.
struct sched_attr {
	unsigned size, sched_policy;
	unsigned long long sched_flags;
	int sched_nice;
	unsigned sched_priority;
	unsigned long long sched_runtime, sched_deadline, sched_period;
};

static char buf[1 << 18];

static void list(const char *key, char **strings)
{
	json_open(key, '[');
	for (; *strings; strings++)
		json_string(NULL, *strings);
	json_close(']');
}

static void ids(void)
{
	uid_t r, e, s;
	gid_t groups[1024];

	getresuid(&r, &e, &s);
	snprintf(buf, sizeof buf, "%u %u %u", r, e, s);
	json_string("uid", buf);
	getresgid(&r, &e, &s);
	snprintf(buf, sizeof buf, "%u %u %u", r, e, s);
	json_string("gid", buf);
	int n = getgroups(1024, groups);
	json_open("groups", '[');
	for (int i = 0; i < n; i++)
		json_number(NULL, groups[i]);
	json_close(']');
	mode_t mask = umask(0);
	umask(mask);
	json_number("umask", mask);
}

static void limits(void)
{
	static const char *names[] = { "CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE",
		"MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME" };
	json_open("rlimits", '{');
	for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
		struct rlimit l;
		getrlimit(i, &l);
		snprintf(buf, sizeof buf, "%lld %lld", (long long)l.rlim_cur, (long long)l.rlim_max);
		json_string(names[i], buf);
	}
	json_close('}');
}

void process_facts(int argc, char **argv, char **env)
{
	(void)argc;
	list("args", argv);
	list("env", env);
	json_string("cwd", getcwd(buf, sizeof buf) ? buf : errno_name(errno));
	ids();
	limits();

	struct sched_attr attr = { .size = sizeof attr };
	syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0);
	json_open("scheduler", '{');
	json_number("policy", attr.sched_policy);
	json_number("flags", attr.sched_flags);
	json_number("nice", attr.sched_nice);
	json_number("priority", attr.sched_priority);
	json_number("runtime", attr.sched_runtime);
	json_number("deadline", attr.sched_deadline);
	json_number("period", attr.sched_period);
	json_close('}');
	json_number("ioprio", syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0));
	json_number("personality", personality(0xffffffff));

	int mode = -1;
	unsigned long nodes[16] = { 0 };
	if (syscall(SYS_get_mempolicy, &mode, nodes, sizeof nodes * 8, NULL, 0) < 0)
		mode = -errno;
	json_number("mempolicy", mode);
	json_number("memnodes", nodes[0]);

	json_number("securebits", prctl(PR_GET_SECUREBITS));
	json_number("dumpable", prctl(PR_GET_DUMPABLE));
	json_number("keepcaps", prctl(PR_GET_KEEPCAPS));
	json_number("thp_disable", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	int n = 0;
	prctl(PR_GET_PDEATHSIG, &n);
	json_number("pdeathsig", n);
	n = 0;
	prctl(PR_GET_CHILD_SUBREAPER, &n);
	json_number("subreaper", n);
	json_number("pid", getpid());
	json_number("sid_is_self", getsid(0) == getpid());
	json_number("pgrp_is_self", getpgrp() == getpid());

	struct winsize size = { 0 };
	json_number("tty", isatty(0));
	if (ioctl(0, TIOCGWINSZ, &size) == 0) {
		snprintf(buf, sizeof buf, "%dx%d", size.ws_col, size.ws_row);
		json_string("winsize", buf);
	}
}

// One line of status per key, without the key.
static void status(void)
{
	static const char *want[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
		"Seccomp_filters", "Cpus_allowed_list", "Mems_allowed_list", "NSpid", "SigBlk", "SigIgn", "SigCgt",
		"Threads", "Speculation_Store_Bypass", "SpeculationIndirectBranch" };
	if (slurp("/proc/self/status", buf, sizeof buf) <= 0)
		return;
	json_open("status", '{');
	char *save, *line = strtok_r(buf, "\n", &save);
	for (; line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ':');
		if (!value)
			continue;
		*value++ = 0;
		value += strspn(value, " \t");
		for (unsigned i = 0; i < sizeof want / sizeof *want; i++)
			if (!strcmp(line, want[i]))
				json_string(line, value);
	}
	json_close('}');
}

static void whole(const char *key, const char *path)
{
	int n = slurp(path, buf, sizeof buf);
	if (n > 0 && buf[n - 1] == '\n')
		buf[n - 1] = 0;
	json_string(key, n < 0 ? errno_name(-n) : buf);
}

static void lines(const char *key, const char *path)
{
	json_open(key, '[');
	if (slurp(path, buf, sizeof buf) > 0) {
		char *save, *line = strtok_r(buf, "\n", &save);
		for (; line; line = strtok_r(NULL, "\n", &save))
			json_string(NULL, line);
	}
	json_close(']');
}

void kernel_facts(void)
{
	static const char *spaces[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };
	struct utsname u;

	status();
	lines("mountinfo", "/proc/self/mountinfo");
	lines("cgroup", "/proc/self/cgroup");
	whole("oom_score_adj", "/proc/self/oom_score_adj");
	whole("uid_map", "/proc/self/uid_map");
	whole("gid_map", "/proc/self/gid_map");
	whole("setgroups", "/proc/self/setgroups");
	whole("timens_offsets", "/proc/self/timens_offsets");
	whole("lsm", "/proc/self/attr/current");
	json_open("ns", '{');
	for (unsigned i = 0; i < sizeof spaces / sizeof *spaces; i++) {
		char path[64], to[64] = "";
		snprintf(path, sizeof path, "/proc/self/ns/%s", spaces[i]);
		if (readlink(path, to, sizeof to - 1) > 0)
			json_string(spaces[i], to);
	}
	json_close('}');

	uname(&u);
	json_string("hostname", u.nodename);
	json_string("domainname", u.domainname);
	json_string("machine", u.machine);

	json_open("interfaces", '[');
	struct if_nameindex *all = if_nameindex();
	for (struct if_nameindex *i = all; i && i->if_index; i++)
		json_string(NULL, i->if_name);
	json_close(']');

	long ring = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
	if (ring < 0) {
		json_string("keyring", errno_name(errno));
	} else if (syscall(SYS_keyctl, KEYCTL_DESCRIBE, ring, buf, sizeof buf) < 0) {
		json_string("keyring", errno_name(errno));
	} else {
		json_string("keyring", buf);
	}
}
