/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: a list of blocks that double in size, bump allocation within the newest. */
#include <hearth/arena.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

/* Under AddressSanitizer what is not handed out is poisoned, and allocations stand apart. */
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#define poison(at, size_bytes)   ASAN_POISON_MEMORY_REGION(at, size_bytes)
#define unpoison(at, size_bytes) ASAN_UNPOISON_MEMORY_REGION(at, size_bytes)
#define RED_ZONE                 16u
#else
#define poison(at, size_bytes)   ((void)(at), (void)(size_bytes))
#define unpoison(at, size_bytes) ((void)(at), (void)(size_bytes))
#define RED_ZONE                 0u
#endif

#define ALIGNMENT          16u
#define FIRST_BLOCK_BYTES  4096u
#define LARGEST_STEP_BYTES (1u << 20)

struct block {
	_Alignas(ALIGNMENT) struct block *next;
	size_t capacity; /* of bytes */
	size_t used;
	_Alignas(ALIGNMENT) char bytes[];
};

struct deferred {
	struct deferred *next;
	void (*fn)(void *argument);
	void *argument;
};

struct hearth_arena {
	struct block *current; /* newest first; the oldest lies behind this struct in one allocation */
	struct deferred *deferred;
	size_t size_bytes;
	size_t next_block_bytes;
	char *latest; /* the newest allocation in current, which can grow in place */
	_Alignas(ALIGNMENT) struct block first;
};

_Static_assert(_Alignof(max_align_t) <= ALIGNMENT, "arena alignment fits every type");

static void out_of_memory(void)
{
	fputs("out of memory\n", stderr);
	abort();
}

static void *allocate(size_t size_bytes)
{
	void *bytes = malloc(size_bytes);

	if (!bytes)
		out_of_memory();
	return bytes;
}

static size_t aligned(size_t size_bytes)
{
	if (size_bytes > SIZE_MAX / 2)
		out_of_memory();
	return (size_bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

struct hearth_arena *hearth_arena_new(void)
{
	struct hearth_arena *arena = allocate(FIRST_BLOCK_BYTES);

	*arena = (struct hearth_arena){
		.current = &arena->first,
		.size_bytes = FIRST_BLOCK_BYTES,
		.next_block_bytes = 2 * FIRST_BLOCK_BYTES,
		.first = { .capacity = FIRST_BLOCK_BYTES - offsetof(struct hearth_arena, first) -
				       offsetof(struct block, bytes) },
	};
	poison(arena->first.bytes, arena->first.capacity);
	return arena;
}

static void run_deferred(struct hearth_arena *arena, const struct deferred *upto)
{
	while (arena->deferred != upto) {
		struct deferred *deferred = arena->deferred;

		arena->deferred = deferred->next;
		deferred->fn(deferred->argument);
	}
}

/* The blocks from one to another, without that. */
static void free_blocks(struct block *block, const struct block *upto)
{
	while (block != upto) {
		struct block *next = block->next;

		free(block);
		block = next;
	}
}

void hearth_arena_free(struct hearth_arena *arena)
{
	if (!arena)
		return;
	run_deferred(arena, NULL);
	free_blocks(arena->current, &arena->first);
	free_blocks(arena->first.next, NULL);
	free(arena);
}

void hearth_arena_freep(struct hearth_arena **arena)
{
	hearth_arena_free(*arena);
	*arena = NULL;
}

void hearth_arena_clear(struct hearth_arena *arena)
{
	run_deferred(arena, NULL);
	free_blocks(arena->current, &arena->first);
	free_blocks(arena->first.next, NULL);
	arena->first.next = NULL;
	arena->first.used = 0;
	arena->current = &arena->first;
	arena->latest = NULL;
	arena->size_bytes = FIRST_BLOCK_BYTES;
	arena->next_block_bytes = 2 * FIRST_BLOCK_BYTES;
	poison(arena->first.bytes, arena->first.capacity);
}

struct hearth_arena_mark hearth_arena_mark(struct hearth_arena *arena)
{
	return (struct hearth_arena_mark){
		.block = arena->current,
		.next = arena->current->next,
		.deferred = arena->deferred,
		.used = arena->current->used,
		.size_bytes = arena->size_bytes,
		.next_block_bytes = arena->next_block_bytes,
	};
}

void hearth_arena_rewind(struct hearth_arena *arena, const struct hearth_arena_mark *mark)
{
	struct block *block = mark->block;

	run_deferred(arena, mark->deferred);
	free_blocks(arena->current, block);
	free_blocks(block->next, mark->next); /* those that stand alone come behind the current one */
	block->next = mark->next;
	block->used = mark->used;
	arena->current = block;
	arena->latest = NULL;
	arena->size_bytes = mark->size_bytes;
	arena->next_block_bytes = mark->next_block_bytes;
	poison(block->bytes + block->used, block->capacity - block->used);
}

static struct block *new_block(struct hearth_arena *arena, size_t capacity)
{
	struct block *block;

	if (capacity > SIZE_MAX - sizeof(struct block))
		out_of_memory();
	block = allocate(offsetof(struct block, bytes) + capacity);
	*block = (struct block){ .capacity = capacity };
	poison(block->bytes, capacity);
	arena->size_bytes += offsetof(struct block, bytes) + capacity;
	return block;
}

/* A large allocation has a block to itself, put behind the current one, so that the rest of that stays in use. */
static void *allocate_alone(struct hearth_arena *arena, size_t size_bytes, size_t needed)
{
	struct block *block = new_block(arena, needed);

	block->used = needed;
	block->next = arena->current->next;
	arena->current->next = block;
	unpoison(block->bytes, size_bytes);
	return block->bytes;
}

/* Not zeroed. */
static void *take(struct hearth_arena *arena, size_t size_bytes)
{
	size_t needed = aligned(size_bytes) + RED_ZONE;
	struct block *block = arena->current;
	char *bytes;

	if (needed > block->capacity - block->used) {
		if (needed > arena->next_block_bytes / 4)
			return allocate_alone(arena, size_bytes, needed);
		block = new_block(arena, arena->next_block_bytes - offsetof(struct block, bytes));
		block->next = arena->current;
		arena->current = block;
		if (arena->next_block_bytes < LARGEST_STEP_BYTES)
			arena->next_block_bytes *= 2;
	}
	bytes = block->bytes + block->used;
	block->used += needed;
	arena->latest = bytes;
	unpoison(bytes, size_bytes);
	return bytes;
}

void *hearth_arena_alloc(struct hearth_arena *arena, size_t size_bytes)
{
	return memset(take(arena, size_bytes), 0, size_bytes);
}

void *hearth_arena_calloc(struct hearth_arena *arena, size_t count, size_t size_bytes)
{
	size_t total;

	if (__builtin_mul_overflow(count, size_bytes, &total))
		out_of_memory();
	return hearth_arena_alloc(arena, total);
}

static bool grow_in_place(struct hearth_arena *arena, char *old, size_t new_size_bytes)
{
	struct block *block = arena->current;
	size_t offset, needed = aligned(new_size_bytes) + RED_ZONE;

	if (!old || old != arena->latest)
		return false;
	offset = (size_t)(old - block->bytes);
	if (needed > block->capacity - offset)
		return false;
	block->used = offset + needed;
	unpoison(old, new_size_bytes);
	return true;
}

void *hearth_arena_grow(struct hearth_arena *arena, void *old, size_t old_size_bytes, size_t new_size_bytes)
{
	char *bytes = old;

	if (new_size_bytes <= old_size_bytes && old)
		return old;
	if (!grow_in_place(arena, old, new_size_bytes)) {
		bytes = take(arena, new_size_bytes);
		if (old_size_bytes)
			memcpy(bytes, old, old_size_bytes);
	}
	memset(bytes + old_size_bytes, 0, new_size_bytes - old_size_bytes);
	return bytes;
}

void *hearth_arena_memdup(struct hearth_arena *arena, const void *bytes, size_t size_bytes)
{
	void *copy = take(arena, size_bytes);

	if (size_bytes)
		memcpy(copy, bytes, size_bytes);
	return copy;
}

char *hearth_arena_strndup(struct hearth_arena *arena, const char *text, size_t length)
{
	char *copy = take(arena, length + 1);

	if (length)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *hearth_arena_strdup(struct hearth_arena *arena, const char *text)
{
	return text ? hearth_arena_strndup(arena, text, strlen(text)) : NULL;
}

char *hearth_arena_vprintf(struct hearth_arena *arena, const char *format, va_list arguments)
{
	va_list again;
	char *text;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	hearth_assert(length >= 0);
	text = take(arena, (size_t)length + 1);
	vsnprintf(text, (size_t)length + 1, format, arguments);
	return text;
}

char *hearth_arena_printf(struct hearth_arena *arena, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = hearth_arena_vprintf(arena, format, arguments);
	va_end(arguments);
	return text;
}

void hearth_arena_defer(struct hearth_arena *arena, void (*fn)(void *argument), void *argument)
{
	struct deferred *deferred = take(arena, sizeof(*deferred));

	*deferred = (struct deferred){ .next = arena->deferred, .fn = fn, .argument = argument };
	arena->deferred = deferred;
}

size_t hearth_arena_size(const struct hearth_arena *arena)
{
	return arena->size_bytes;
}
