/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that claim to be shared objects: whatever passes lies inside of the file.
 */
#include "plugin/elf.c"

#include <stdlib.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every segment of a file that was taken for whole is in it. */
static void check_segments(int fd, size_t size_bytes)
{
	ElfW(Ehdr) header;
	ElfW(Phdr) segment;

	hearth_assert(read_at(fd, &header, sizeof(header), 0));
	for (size_t i = 0; i < header.e_phnum; i++) {
		hearth_assert(read_at(fd, &segment, sizeof(segment), header.e_phoff + i * sizeof(segment)));
		hearth_assert(segment.p_offset <= size_bytes && segment.p_filesz <= size_bytes - segment.p_offset);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hearth_error err = { 0 };
	int fd = memfd_create("plugin", MFD_CLOEXEC);

	hearth_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (check(fd, "fuzzed", &err) == 0)
		check_segments(fd, size);
	else
		hearth_assert(err.code && *err.message);
	close(fd);
	return 0;
}
