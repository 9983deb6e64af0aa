/* SPDX-License-Identifier: Apache-2.0 */
/* The files below media_store_path, read and written on worker threads. */
#include "media.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct work {
	char       *path;  /* absolute */
	void       *bytes;
	size_t      size_bytes;
	int         failure; /* 0, or a negative errno */
};

static void closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static char *path_of(const struct media *media, struct hearth_arena *arena, const char *media_id)
{
	return hearth_arena_printf(arena, "%s/local_content/%.2s/%.2s/%s", media->store_path, media_id, media_id + 2,
				   media_id + 4);
}

/* An entry is on disk once its folder has been synced. path comes back as it was. */
static int sync_parent(char *path)
{
	HEARTH_CLEANUP(closep) int fd = -1;
	char *slash = strrchr(path, '/');

	*slash = '\0';
	fd = open(slash == path ? "/" : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*slash = '/';
	return fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
}

static int make_folder(char *path)
{
	if (mkdir(path, 0750) == 0)
		return sync_parent(path);
	return errno == EEXIST ? 0 : -errno;
}

/* Makes the folders above a file as far as they are missing. path comes back as it was. */
static int make_folders(char *path)
{
	int r = 0;

	for (char *slash = strchr(path + 1, '/'); slash && r >= 0; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = make_folder(path);
		*slash = '/';
	}
	return r;
}

static int write_all(int fd, const char *bytes, size_t size_bytes)
{
	while (size_bytes > 0) {
		ssize_t written = write(fd, bytes, size_bytes);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes += written;
		size_bytes -= (size_t)written;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

static int create(const struct work *work)
{
	HEARTH_CLEANUP(closep) int fd = -1;
	int r = make_folders(work->path);

	if (r < 0)
		return r;
	fd = open(work->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	r = write_all(fd, work->bytes, work->size_bytes);
	if (r >= 0)
		r = sync_parent(work->path);
	if (r < 0)
		(void)unlink(work->path);
	return r;
}

static void write_off_loop(void *argument)
{
	struct work *work = argument;

	work->failure = create(work);
}

static int load(struct work *work)
{
	HEARTH_CLEANUP(closep) int fd = open(work->path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < work->size_bytes) {
		ssize_t got = read(fd, (char *)work->bytes + done, work->size_bytes - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EIO;
		done += (size_t)got;
	}
	return 0;
}

static void read_off_loop(void *argument)
{
	struct work *work = argument;

	work->failure = load(work);
}

int media_file_write(const struct media *media, struct hearth_task *task, const char *media_id, const void *bytes,
		     size_t size_bytes, struct hearth_error *err)
{
	struct work work = { .path = path_of(media, media->tasks->arena(task), media_id), .bytes = (void *)bytes,
			     .size_bytes = size_bytes };
	int r = media->tasks->offload(task, write_off_loop, &work, err);

	if (r < 0)
		return r;
	if (work.failure < 0)
		return hearth_fail(err, -EIO, "%s: %s", work.path, strerror(-work.failure));
	return 0;
}

int media_file_read(const struct media *media, struct hearth_task *task, const char *media_id, size_t size_bytes,
		    void **ret_bytes, struct hearth_error *err)
{
	struct hearth_arena *arena = media->tasks->arena(task);
	struct work work = { .path = path_of(media, arena, media_id), .bytes = hearth_arena_alloc(arena, size_bytes + 1),
			     .size_bytes = size_bytes };
	int r = media->tasks->offload(task, read_off_loop, &work, err);

	if (r < 0)
		return r;
	if (work.failure == -ENOENT)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "There is no such media here");
	if (work.failure < 0)
		return hearth_fail(err, -EIO, "%s: %s", work.path, strerror(-work.failure));
	*ret_bytes = work.bytes;
	return 0;
}
