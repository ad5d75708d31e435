// writer puts so many MiB of lines of 100 bytes on stdout, in writes that are as
// large as a pipe takes: so the monitor is what is measured.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char buf[64000]; // whole lines
	long long left = argc > 1 ? atoll(argv[1]) << 20 : 1 << 20;
	memset(buf, 'x', sizeof buf);
	for (size_t i = 99; i < sizeof buf; i += 100)
		buf[i] = '\n';
	while (left > 0) {
		ssize_t n = write(1, buf, left < (long long)sizeof buf ? (size_t)left : sizeof buf);
		if (n < 0)
			return 1;
		left -= n;
	}
	return 0;
}
