/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fibers on ucontext. A stack is one mapping: a guard page at the low end, the stack, and struct fiber at the high end,
 * so that an idle fiber commits few pages. Finished stacks are pooled.
 */
#include "task/fiber.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <hearth/base.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#elif __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define STACK_BYTES ((size_t)1024 * 1024)
#else
#define STACK_BYTES ((size_t)256 * 1024)
#endif
#ifdef WITH_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(low, high) 0u
#define VALGRIND_STACK_DEREGISTER(id)      ((void)(id))
#endif

#define KEPT_BYTES    ((size_t)32 * 1024) /* of a pooled stack; what lies deeper is given back */
#define POOL_MAX      64
#define RESERVED_MAPS 5000 /* mappings left to libraries, arenas and files */
#ifdef WITH_TSAN
#define TASKS_MAX     500 /* TSan keeps megabytes for each */
#else
#define TASKS_MAX     8192
#endif
#define SWITCH_BYTES  2048 /* below a parked fiber's noted depth: the frames of the switch itself */

/* One side of a switch: a fiber, or the loop's own stack. */
struct side {
	ucontext_t context;
	const void *bottom;
	size_t size_bytes;
	void *fake_stack; /* ASan's */
	void *tsan;
};

struct fiber {
	struct side side;
	char *mapping;
	size_t mapping_bytes;
	HEARTH_SUSPENDS void (*fn)(void *argument);
	void *argument;
	struct fiber *next_pooled;
	char *depth; /* stack pointer when it was left, about */
	unsigned valgrind_id;
	int ended;
};

static struct side loop_side;
static struct fiber *running;
static struct fiber *pool;
static size_t pooled;

static size_t page_bytes(void)
{
	static size_t bytes;

	if (!bytes)
		bytes = (size_t)sysconf(_SC_PAGESIZE);
	return bytes;
}

static void switch_sides(struct side *from, struct side *to, int last)
{
	(void)last;
#ifdef WITH_ASAN
	__sanitizer_start_switch_fiber(last ? NULL : &from->fake_stack, to->bottom, to->size_bytes);
#endif
#ifdef WITH_TSAN
	from->tsan = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(to->tsan, 0);
#endif
	hearth_assert(swapcontext(&from->context, &to->context) == 0);
#ifdef WITH_ASAN
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

HEARTH_SUSPENDS static void fiber_main(unsigned high, unsigned low)
{
	/* makecontext passes int arguments only. */
	struct fiber *fiber = (struct fiber *)(((uintptr_t)high << 32) | (uintptr_t)low);

#ifdef WITH_ASAN
	__sanitizer_finish_switch_fiber(NULL, &loop_side.bottom, &loop_side.size_bytes);
#endif
	fiber->fn(fiber->argument);
	fiber->ended = 1;
	switch_sides(&fiber->side, &loop_side, 1);
	abort();
}

static struct fiber *map_stack(void)
{
	size_t guard = page_bytes();
	size_t total = STACK_BYTES + guard;
	char *mapping = mmap(NULL, total, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	struct fiber *fiber;

	if (mapping == MAP_FAILED)
		return NULL;
	if (mprotect(mapping, guard, PROT_NONE) < 0) {
		munmap(mapping, total);
		return NULL;
	}
	fiber = (struct fiber *)((uintptr_t)(mapping + total - sizeof(*fiber)) & ~(uintptr_t)63);
	fiber->mapping = mapping;
	fiber->mapping_bytes = total;
	fiber->side.bottom = mapping + guard;
	fiber->side.size_bytes = (size_t)((char *)fiber - mapping - guard);
	fiber->valgrind_id = VALGRIND_STACK_REGISTER(mapping + guard, (char *)fiber);
	return fiber;
}

static void unmap_stack(struct fiber *fiber)
{
	VALGRIND_STACK_DEREGISTER(fiber->valgrind_id);
	munmap(fiber->mapping, fiber->mapping_bytes);
}

/* A function of its own: the compiler mistrusts variables that live across getcontext. */
static void prepare_context(struct fiber *fiber)
{
	hearth_assert(getcontext(&fiber->side.context) == 0);
	fiber->side.context.uc_stack.ss_sp = (void *)fiber->side.bottom;
	fiber->side.context.uc_stack.ss_size = fiber->side.size_bytes;
	fiber->side.context.uc_link = NULL;
	makecontext(&fiber->side.context, (void (*)(void))fiber_main, 2, (unsigned)((uintptr_t)fiber >> 32),
		    (unsigned)(uintptr_t)fiber);
}

struct fiber *fiber_new(HEARTH_SUSPENDS void (*fn)(void *argument), void *argument)
{
	struct fiber *fiber = pool;

	if (fiber) {
		pool = fiber->next_pooled;
		pooled--;
	} else if (!(fiber = map_stack())) {
		return NULL;
	}
	fiber->fn = fn;
	fiber->argument = argument;
	fiber->ended = 0;
	fiber->depth = (char *)fiber;
	fiber->side.fake_stack = NULL;
#ifdef WITH_TSAN
	fiber->side.tsan = __tsan_create_fiber(0);
#endif
	prepare_context(fiber);
	return fiber;
}

/* Gives back the whole pages from the stack's low end up to limit. */
static void give_back(struct fiber *fiber, const char *limit)
{
	char *low = (char *)fiber->side.bottom;
	uintptr_t high = (uintptr_t)limit & ~(uintptr_t)(page_bytes() - 1);

	if (high > (uintptr_t)low)
		madvise(low, high - (uintptr_t)low, MADV_DONTNEED);
}

void fiber_free(struct fiber *fiber)
{
	hearth_assert(fiber->ended && fiber != running);
#ifdef WITH_ASAN
	ASAN_UNPOISON_MEMORY_REGION(fiber->side.bottom, fiber->side.size_bytes);
#endif
#ifdef WITH_TSAN
	__tsan_destroy_fiber(fiber->side.tsan);
#endif
	if (pooled >= POOL_MAX) {
		unmap_stack(fiber);
		return;
	}
	give_back(fiber, (char *)fiber - KEPT_BYTES);
	fiber->next_pooled = pool;
	pool = fiber;
	pooled++;
}

void fiber_enter(struct fiber *fiber)
{
	hearth_assert(!running && !fiber->ended);
	running = fiber;
	switch_sides(&loop_side, &fiber->side, 0);
	running = NULL;
}

HEARTH_SUSPENDS void fiber_leave(struct fiber *fiber)
{
	hearth_assert(running == fiber);
	fiber->depth = __builtin_frame_address(0);
	switch_sides(&fiber->side, &loop_side, 0);
}

int fiber_ended(const struct fiber *fiber)
{
	return fiber->ended;
}

void fiber_trim(struct fiber *fiber)
{
	hearth_assert(fiber != running);
	give_back(fiber, fiber->depth - SWITCH_BYTES);
}

void fiber_pool_clear(void)
{
	while (pool) {
		struct fiber *fiber = pool;

		pool = fiber->next_pooled;
		unmap_stack(fiber);
	}
	pooled = 0;
}

size_t fiber_limit(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	long maps = 65530;
	size_t limit;

	if (file) {
		if (fscanf(file, "%ld", &maps) != 1)
			maps = 65530;
		fclose(file);
	}
	limit = maps > RESERVED_MAPS + 200 ? (size_t)(maps - RESERVED_MAPS) / 2 : 100;
	return limit < TASKS_MAX ? limit : TASKS_MAX;
}

int fiber_is_guard(const void *address)
{
	const char *at = address;

	return running && at >= running->mapping && at < running->mapping + page_bytes();
}
