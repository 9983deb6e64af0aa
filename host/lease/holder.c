/* SPDX-License-Identifier: Apache-2.0
 *
 * Who holds a lease: "BOOT/PID-NAMESPACE/PID/START". On one machine a dead holder is known at once, without waiting for its
 * lease to run out; a process that got the same PID later has another start time.
 */
#include "lease/lease.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_FIELD 22 /* of /proc/PID/stat (proc(5)), in clock ticks since the machine's start */

static void read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t length = file ? fread(text, 1, size - 1, file) : 0;

	text[length] = '\0';
	if (file)
		fclose(file);
}

/* Where the process runs: the boot of its machine, and the namespace that its PID is of. */
static void read_machine(char *text, size_t size)
{
	struct stat ns = { 0 };
	char boot[40];

	read_file("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	boot[strcspn(boot, "\n")] = '\0';
	(void)stat("/proc/self/ns/pid", &ns);
	snprintf(text, size, "%s/%" PRIuMAX, boot, (uintmax_t)ns.st_ino);
}

/* The start time of a process; 0 where nothing is left of it but its exit status, -1 where that is not for us to see. */
static int64_t start_of(long pid)
{
	char path[40], text[1024], *at;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	read_file(path, text, sizeof(text));
	at = strrchr(text, ')'); /* ends the second field, the name, which may hold anything */
	if (!at || !at[1])
		return -1;
	if (at[2] == 'Z' || at[2] == 'X')
		return 0;
	for (int field = 2; at && field < START_FIELD; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoll(at + 1, NULL, 10) : -1;
}

void lease_holder_self(char text[LEASE_HOLDER_BYTES])
{
	char machine[80];

	read_machine(machine, sizeof(machine));
	snprintf(text, LEASE_HOLDER_BYTES, "%s/%ld/%" PRId64, machine, (long)getpid(), start_of(getpid()));
}

int lease_holder_is_dead(const char *holder)
{
	char machine[80], *end;
	int64_t start;
	size_t length;
	long pid;

	read_machine(machine, sizeof(machine));
	length = strlen(machine);
	if (strncmp(holder, machine, length) || holder[length] != '/')
		return 0;
	pid = strtol(holder + length + 1, &end, 10);
	if (pid <= 0 || *end != '/')
		return 0;
	if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
		return 1;
	start = start_of(pid);
	return start >= 0 && start != strtoll(end + 1, NULL, 10);
}
