/* SPDX-License-Identifier: Apache-2.0
 *
 * Is a file a whole shared object of this machine? The dynamic linker maps what the headers promise without asking
 * whether the file is long enough, and a truncated one then kills the process with SIGBUS.
 */
#include "plugin/internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENTS_MAX 64

#if __ELF_NATIVE_CLASS == 64
#define NATIVE_CLASS ELFCLASS64
#else
#define NATIVE_CLASS ELFCLASS32
#endif

static bool read_at(int fd, void *bytes, size_t size_bytes, uint64_t offset)
{
	return pread(fd, bytes, size_bytes, (off_t)offset) == (ssize_t)size_bytes;
}

static bool is_native(const ElfW(Ehdr) *header)
{
	ElfW(Ehdr) own;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	bool known = fd >= 0 && read_at(fd, &own, sizeof(own), 0);

	if (fd >= 0)
		close(fd);
	return header->e_ident[EI_CLASS] == NATIVE_CLASS && header->e_type == ET_DYN &&
	       (!known || (header->e_machine == own.e_machine && header->e_ident[EI_DATA] == own.e_ident[EI_DATA]));
}

/* The end of what the headers place in the file, or 0 where they make no sense. */
static uint64_t end_of(int fd, const ElfW(Ehdr) *header)
{
	ElfW(Phdr) segments[SEGMENTS_MAX];
	uint64_t end;

	if (__builtin_add_overflow((uint64_t)header->e_shoff, (uint64_t)header->e_shnum * header->e_shentsize, &end))
		return 0;
	if (header->e_phentsize != sizeof(*segments) || !header->e_phnum || header->e_phnum > SEGMENTS_MAX)
		return 0;
	if (!read_at(fd, segments, header->e_phnum * sizeof(*segments), header->e_phoff))
		return 0;
	for (size_t i = 0; i < header->e_phnum; i++) {
		uint64_t last;

		if (__builtin_add_overflow((uint64_t)segments[i].p_offset, (uint64_t)segments[i].p_filesz, &last))
			return 0;
		if (last > end)
			end = last;
	}
	return end;
}

static int check(int fd, const char *name, struct hearth_error *err)
{
	ElfW(Ehdr) header;
	struct stat status;
	uint64_t end;

	if (fstat(fd, &status) < 0)
		return hearth_fail(err, -errno, "%s.so: %s", name, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return hearth_fail(err, -EINVAL, "%s.so: is no file", name);
	if (!status.st_size)
		return hearth_fail(err, -EINVAL, "%s.so: is empty; install it again", name);
	if (!read_at(fd, &header, sizeof(header), 0) || memcmp(header.e_ident, ELFMAG, SELFMAG))
		return hearth_fail(err, -EINVAL, "%s.so: is no shared object", name);
	if (!is_native(&header))
		return hearth_fail(err, -EINVAL, "%s.so: is no shared object for this machine; install the one that is", name);
	end = end_of(fd, &header);
	if (!end || end > (uint64_t)status.st_size)
		return hearth_fail(err, -EINVAL, "%s.so: is damaged: it has %lld bytes, its headers speak of %llu; install it"
				   " again", name, (long long)status.st_size, (unsigned long long)end);
	return 0;
}

int elf_check(const char *file, const char *name, struct hearth_error *err)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return hearth_fail(err, -errno, "plugin '%s': %.100s: %s; install it, or take it from the plugins: list", name,
				   file, strerror(errno));
	r = check(fd, name, err);
	close(fd);
	return r;
}
