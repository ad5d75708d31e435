/* Reads profiles, one statement a line, and writes for each the program that
 * libseccomp makes of it: its length in bytes as uint32, then its bytes.
 *
 *	default ACTION
 *	native NAME	(instead of x86_64)
 *	arch NAME
 *	optimize LEVEL
 *	rule ACTION NAME [INDEX OP A B]...
 *	end
 *
 * and answers "number ARCH NAME" with the number as int32, and "name ARCH NUMBER"
 * with the name, if there is one, and a newline. */
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void die(const char *what, int rc)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-rc));
	exit(1);
}

static uint32_t arch(const char *name)
{
	uint32_t token = seccomp_arch_resolve_name(name);
	if (!token)
		die(name, -EINVAL);
	return token;
}

static void rule(scmp_filter_ctx ctx, char *save)
{
	struct scmp_arg_cmp cmp[6];
	unsigned n = 0;
	uint32_t action = strtoul(strtok_r(NULL, " \n", &save), NULL, 0);
	char *name = strtok_r(NULL, " \n", &save), *word;
	int nr = seccomp_syscall_resolve_name(name), rc;

	while (n < 6 && (word = strtok_r(NULL, " \n", &save))) {
		cmp[n].arg = atoi(word);
		cmp[n].op = atoi(strtok_r(NULL, " \n", &save));
		cmp[n].datum_a = strtoull(strtok_r(NULL, " \n", &save), NULL, 0);
		cmp[n].datum_b = strtoull(strtok_r(NULL, " \n", &save), NULL, 0);
		n++;
	}
	if (nr == __NR_SCMP_ERROR)
		return; /* as runc: a name that is not known */
	rc = seccomp_rule_add_array(ctx, action, nr, n, cmp);
	if (rc < 0)
		die(name, rc);
}

static void export(scmp_filter_ctx ctx)
{
	FILE *tmp = tmpfile();
	uint32_t len;
	int rc = seccomp_export_bpf(ctx, fileno(tmp));
	char *prog;

	if (rc < 0)
		die("seccomp_export_bpf", rc);
	len = lseek(fileno(tmp), 0, SEEK_END);
	prog = malloc(len);
	if (pread(fileno(tmp), prog, len, 0) != len)
		die("pread", -errno);
	fwrite(&len, sizeof(len), 1, stdout);
	fwrite(prog, len, 1, stdout);
	free(prog);
	fclose(tmp);
}

int main(void)
{
	char *line = NULL, *save, *word;
	size_t size = 0;
	scmp_filter_ctx ctx = NULL;
	int rc = 0;

	while (getline(&line, &size, stdin) > 0) {
		word = strtok_r(line, " \n", &save);
		if (!word)
			continue;
		if (!strcmp(word, "number")) {
			uint32_t token = seccomp_arch_resolve_name(strtok_r(NULL, " \n", &save));
			int32_t nr = __NR_SCMP_ERROR; /* an old libseccomp */
			if (token)
				nr = seccomp_syscall_resolve_name_arch(token, strtok_r(NULL, " \n", &save));
			fwrite(&nr, sizeof(nr), 1, stdout);
		} else if (!strcmp(word, "name")) {
			uint32_t token = seccomp_arch_resolve_name(strtok_r(NULL, " \n", &save));
			char *name = NULL;
			if (token)
				name = seccomp_syscall_resolve_num_arch(token, strtoul(strtok_r(NULL, " \n", &save), NULL, 0));
			printf("%s\n", name ? name : "");
			free(name);
		} else if (!strcmp(word, "native")) {
			seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE);
			rc = seccomp_arch_add(ctx, arch(strtok_r(NULL, " \n", &save)));
			if (rc < 0)
				die("seccomp_arch_add", rc);
		} else if (!strcmp(word, "default")) {
			ctx = seccomp_init(strtoul(strtok_r(NULL, " \n", &save), NULL, 0));
		} else if (!strcmp(word, "arch")) {
			rc = seccomp_arch_add(ctx, arch(strtok_r(NULL, " \n", &save)));
			if (rc < 0 && rc != -EEXIST)
				die("seccomp_arch_add", rc);
		} else if (!strcmp(word, "optimize")) {
			seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, atoi(strtok_r(NULL, " \n", &save)));
		} else if (!strcmp(word, "rule")) {
			rule(ctx, save);
		} else if (!strcmp(word, "end")) {
			export(ctx);
			seccomp_release(ctx);
		}
	}
	return 0;
}
