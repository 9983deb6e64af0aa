/* SPDX-License-Identifier: Apache-2.0
 *
 * host/stream/stream_internal.h - what the files of this folder share.
 */
#ifndef HOST_STREAM_STREAM_INTERNAL_H
#define HOST_STREAM_STREAM_INTERNAL_H

#include <stdbool.h>

#include "stream/stream.h"

struct draw;

/*
 * Ids under way, in the order of their first id. An id whose reply has not come yet stands at the lowest that it can be.
 * Everything below the front is finished.
 */
struct position {
	int64_t current; /* the largest committed id with nothing unfinished below it */
	int64_t drawn;   /* the largest id that is known to be drawn */
	struct draw *first, *last;
};

/* Notes that ids are being drawn; owned by the position until the draw is ended. */
struct draw *position_begin(struct position *position);
/* The ids have come: first to first + count - 1. */
void position_drawn(struct position *position, struct draw *draw, int64_t first, size_t count);
/* News for the moment when the position has passed the draw (copied). */
void position_add_news(struct draw *draw, const struct hearth_news *news);
/* The draw is finished; then the position moves as far as it can, and then the news that it has passed are told. */
void position_end(struct position *position, struct draw *draw, bool committed);
void position_clear(struct position *position);

/* --- waiters --- */
void waiters_tell(const struct hearth_news *news);
struct hearth_waiter *waiter_new(struct hearth_task *task, const char *user_id, const char *const *rooms,
				 size_t room_count);
void waiter_free(struct hearth_waiter **waiter);
HEARTH_SUSPENDS int waiter_wait(struct hearth_task *task, struct hearth_waiter *waiter, int64_t timeout_ms,
				struct hearth_error *err);
void waiters_finish(void);

#endif
