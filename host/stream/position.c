/* SPDX-License-Identifier: Apache-2.0 */
/* A stream's position: ids are drawn in order, and finish in any. */
#include <stdlib.h>
#include <string.h>

#include "stream/stream_internal.h"

struct note {
	struct note *next;
	struct hearth_news news;
};

struct draw {
	struct draw *next, *previous;
	int64_t first, last; /* first alone, as a lower bound, while the reply has not come (last is 0) */
	bool finished, committed;
	struct hearth_arena *arena; /* of the news; NULL: none */
	struct note *notes, **last_note;
};

static void unlink_draw(struct position *position, struct draw *draw)
{
	*(draw->previous ? &draw->previous->next : &position->first) = draw->next;
	*(draw->next ? &draw->next->previous : &position->last) = draw->previous;
	draw->next = NULL;
	draw->previous = NULL;
}

/* From the back: what is new is mostly the largest. */
static void insert(struct position *position, struct draw *draw)
{
	struct draw *before = position->last;

	while (before && before->first > draw->first)
		before = before->previous;
	draw->previous = before;
	draw->next = before ? before->next : position->first;
	*(before ? &before->next : &position->first) = draw;
	*(draw->next ? &draw->next->previous : &position->last) = draw;
}

static void draw_free(struct draw *draw)
{
	hearth_arena_free(draw->arena);
	free(draw);
}

struct draw *position_begin(struct position *position)
{
	struct draw *draw = calloc(1, sizeof(*draw));

	hearth_assert(draw);
	draw->last_note = &draw->notes;
	draw->first = position->drawn + 1;
	insert(position, draw);
	return draw;
}

void position_drawn(struct position *position, struct draw *draw, int64_t first, size_t count)
{
	unlink_draw(position, draw);
	draw->first = first;
	draw->last = first + (int64_t)count - 1;
	if (draw->last > position->drawn)
		position->drawn = draw->last;
	insert(position, draw);
}

static const char *const *copy_all(struct hearth_arena *arena, const char *const *texts, size_t count)
{
	const char **copies = hearth_arena_array_of(arena, const char *, count);

	for (size_t i = 0; i < count; i++)
		copies[i] = hearth_arena_strdup(arena, texts[i]);
	return copies;
}

void position_add_news(struct draw *draw, const struct hearth_news *news)
{
	struct note *note;

	if (!news || (!news->user_count && !news->room_count))
		return;
	if (!draw->arena)
		draw->arena = hearth_arena_new();
	note = hearth_arena_new_of(draw->arena, struct note);
	note->news = (struct hearth_news){
		.users = copy_all(draw->arena, news->users, news->user_count),
		.user_count = news->user_count,
		.rooms = copy_all(draw->arena, news->rooms, news->room_count),
		.room_count = news->room_count,
	};
	*draw->last_note = note;
	draw->last_note = &note->next;
}

static void tell_and_free(struct draw *passed)
{
	while (passed) {
		struct draw *draw = passed;

		passed = draw->next;
		for (const struct note *note = draw->committed ? draw->notes : NULL; note; note = note->next)
			waiters_tell(&note->news);
		draw_free(draw);
	}
}

/*
 * Ids of transactions that were rolled back block nothing, but do not move the position either: a crash of the database
 * may give them out once more.
 */
void position_end(struct position *position, struct draw *draw, bool committed)
{
	struct draw *passed = NULL, **end = &passed;

	draw->finished = true;
	draw->committed = committed;
	while (position->first && position->first->finished) {
		struct draw *front = position->first;

		unlink_draw(position, front);
		if (front->committed && front->last > position->current)
			position->current = front->last;
		*end = front;
		end = &front->next;
	}
	tell_and_free(passed);
}

void position_clear(struct position *position)
{
	while (position->first) {
		struct draw *draw = position->first;

		unlink_draw(position, draw);
		draw_free(draw);
	}
}
