// notify sends each of its arguments as one datagram to $NOTIFY_SOCKET, as
// sd_notify(3) does; a container has nothing else that could.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	if (!path || strlen(path) >= sizeof to.sun_path) {
		puts("no NOTIFY_SOCKET");
		return 1;
	}
	strcpy(to.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (int i = 1; i < argc; i++)
		if (sendto(fd, argv[i], strlen(argv[i]), 0, (void *)&to, sizeof to) < 0) {
			perror(path);
			return 1;
		}
	return 0;
}
