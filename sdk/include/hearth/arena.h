/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/arena.h - memory that is freed all at once. Not thread-safe: one arena, one thread at a time.
 *
 * Allocation never returns NULL: a process that is out of memory aborts, which the store survives by design. Sizes
 * that come from input are bounded before they get here.
 *
 * 1.0  first version
 */
#ifndef HEARTH_ARENA_H
#define HEARTH_ARENA_H

#include <stdarg.h>

#include <hearth/base.h>

HEARTH_BEGIN_DECLS

struct hearth_arena;

/* A new, empty arena. Owned: hearth_arena_free. */
HEARTH_EXPORT struct hearth_arena *hearth_arena_new(void);

/* Runs the cleanups, newest first, then frees all memory. NULL is allowed. */
HEARTH_EXPORT void hearth_arena_free(struct hearth_arena *arena);
HEARTH_EXPORT void hearth_arena_freep(struct hearth_arena **arena);

/* As hearth_arena_free, but the arena can be used again and keeps its first block. */
HEARTH_EXPORT void hearth_arena_clear(struct hearth_arena *arena);

/* A point to go back to. Its fields are the arena's. */
struct hearth_arena_mark {
	void  *block, *next, *deferred;
	size_t used, size_bytes, next_block_bytes;
};

/* The arena as it is now. */
HEARTH_EXPORT struct hearth_arena_mark hearth_arena_mark(struct hearth_arena *arena);

/*
 * Gives back all that was allocated since, for a task that lives long and does the same again and again. Runs the
 * cleanups that were added since, newest first. What was allocated before and has grown since is lost, too. Marks that
 * were taken later are void.
 */
HEARTH_EXPORT void hearth_arena_rewind(struct hearth_arena *arena, const struct hearth_arena_mark *mark);

/* Zeroed bytes, aligned for any type. size_bytes may be 0. */
HEARTH_EXPORT __attribute__((malloc, returns_nonnull, alloc_size(2)))
void *hearth_arena_alloc(struct hearth_arena *arena, size_t size_bytes);

/* count elements of size_bytes each, zeroed; aborts where the product overflows. */
HEARTH_EXPORT __attribute__((malloc, returns_nonnull, alloc_size(2, 3)))
void *hearth_arena_calloc(struct hearth_arena *arena, size_t count, size_t size_bytes);

/*
 * A block of new_size_bytes that starts with the old bytes (grown in place where it was the latest allocation). The
 * bytes beyond old_size_bytes are zero. old may be NULL with old_size_bytes 0.
 */
HEARTH_EXPORT __attribute__((returns_nonnull))
void *hearth_arena_grow(struct hearth_arena *arena, void *old, size_t old_size_bytes, size_t new_size_bytes);

#define hearth_arena_new_of(arena, type) ((type *)hearth_arena_alloc((arena), sizeof(type)))
#define hearth_arena_array_of(arena, type, count) ((type *)hearth_arena_calloc((arena), (count), sizeof(type)))

/* Copies, NUL-terminated. hearth_arena_strdup(arena, NULL) is NULL. */
HEARTH_EXPORT char *hearth_arena_strdup(struct hearth_arena *arena, const char *text);
HEARTH_EXPORT char *hearth_arena_strndup(struct hearth_arena *arena, const char *text, size_t length);
HEARTH_EXPORT void *hearth_arena_memdup(struct hearth_arena *arena, const void *bytes, size_t size_bytes);
HEARTH_EXPORT HEARTH_PRINTF(2, 3)
char *hearth_arena_printf(struct hearth_arena *arena, const char *format, ...);
HEARTH_EXPORT HEARTH_PRINTF(2, 0)
char *hearth_arena_vprintf(struct hearth_arena *arena, const char *format, va_list arguments);

/* Calls fn(argument) when the arena is freed or cleared. fn does not suspend. */
HEARTH_EXPORT void hearth_arena_defer(struct hearth_arena *arena, void (*fn)(void *argument), void *argument);

/* Bytes taken from the system. */
HEARTH_EXPORT size_t hearth_arena_size(const struct hearth_arena *arena);

HEARTH_END_DECLS
#endif
