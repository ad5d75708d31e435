// A JSON writer for flat reports, and the two small things all parts share.
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int first = 1;

static void quoted(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void member(const char *key)
{
	if (!first)
		putchar(',');
	first = 0;
	if (key) {
		quoted(key);
		putchar(':');
	}
}

void json_open(const char *key, char bracket)
{
	member(key);
	putchar(bracket);
	first = 1;
}

void json_close(char bracket)
{
	putchar(bracket);
	first = 0;
}

void json_string(const char *key, const char *value)
{
	member(key);
	quoted(value);
}

void json_number(const char *key, long long value)
{
	member(key);
	printf("%lld", value);
}

int slurp(const char *path, char *buf, int size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		buf[0] = 0;
		return -errno;
	}
	int n = 0, got = 0;
	while (n < size - 1 && (got = read(fd, buf + n, size - 1 - n)) > 0)
		n += got;
	int err = (n == 0 && got < 0) ? -errno : n;
	close(fd);
	buf[n] = 0;
	return err;
}

const char *errno_name(int err)
{
	const char *name = err ? strerrorname_np(err) : "ok";
	return name ? name : "E?";
}
