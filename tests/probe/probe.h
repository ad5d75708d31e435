// The facts program: static, run inside a container, prints one JSON object.
// C and not Go, because a Go runtime changes what is to be reported: it raises
// RLIMIT_NOFILE, starts threads and takes signals.
#ifndef PROBE_H
#define PROBE_H

#include <stdio.h>

// json.c: a writer that keeps the commas right.
void json_open(const char *key, char bracket);	// '{' or '['; key NULL inside a list
void json_close(char bracket);
void json_string(const char *key, const char *value);
void json_number(const char *key, long long value);

int slurp(const char *path, char *buf, int size);	// bytes read, or -errno
const char *errno_name(int err);

void process_facts(int argc, char **argv, char **env);	// process.c
void kernel_facts(void);				// process.c
void file_facts(void);					// files.c
void asked_facts(const char *list);			// asked.c

#endif
