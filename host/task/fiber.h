/* SPDX-License-Identifier: Apache-2.0
 *
 * host/task/fiber.h - stackful coroutines: a function on a stack of its own that can be left and entered again.
 *
 * Asymmetric, and bound to the thread that enters them. Nothing but host/task uses these; all else uses tasks.
 */
#ifndef HOST_TASK_FIBER_H
#define HOST_TASK_FIBER_H

#include <stddef.h>

#include <hearth/base.h>

struct fiber;

/* A fiber that will run fn(argument) when entered. NULL: no memory. Owned: fiber_free, once it has ended. */
struct fiber *fiber_new(HEARTH_SUSPENDS void (*fn)(void *argument), void *argument);
void fiber_free(struct fiber *fiber);

/* Runs it until it leaves or its function returns. Not from within a fiber. */
void fiber_enter(struct fiber *fiber);
/* Goes back to where it was entered. From within that fiber only. */
HEARTH_SUSPENDS void fiber_leave(struct fiber *fiber);
int fiber_ended(const struct fiber *fiber);

/* Gives the stack memory below its current depth back to the system. While it is not running. */
void fiber_trim(struct fiber *fiber);

/* Unmaps the stacks that wait for reuse. */
void fiber_pool_clear(void);
/* How many fibers one process can have, as the kernel's limit on mappings allows. */
size_t fiber_limit(void);
/* 1 where the address is in the guard page of the running fiber. Safe in a signal handler. */
int fiber_is_guard(const void *address);

#endif
