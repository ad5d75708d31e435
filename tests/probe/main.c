#include "probe.h"

int main(int argc, char **argv, char **env)
{
	json_open(NULL, '{');
	process_facts(argc, argv, env);
	kernel_facts();
	file_facts();
	asked_facts("/probe.list");
	json_close('}');
	putchar('\n');
	return fflush(stdout) || ferror(stdout);
}
