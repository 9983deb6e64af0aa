/* SPDX-License-Identifier: Apache-2.0
 *
 * The since token: "s<events>_<presence>_..." with one part for each of Synapse's slots, then "~name.position" for each
 * stream that a third party's plugin declared. Missing parts count as 0, so that tokens survive added streams.
 */
#include "sync.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t *sync_token_now(struct sync *sync, struct hearth_arena *arena)
{
	int64_t *positions = hearth_arena_array_of(arena, int64_t, sync->count);

	for (size_t i = 0; i < sync->count; i++)
		positions[i] = sync->streams->position(sync->list[i].ref);
	return positions;
}

static int64_t *of_slot(struct sync *sync, int64_t *positions, int slot)
{
	for (size_t i = 0; i < sync->count; i++)
		if (sync->list[i].declaration->sync_slot == slot)
			return &positions[i];
	return NULL;
}

static int64_t *of_name(struct sync *sync, int64_t *positions, const char *name, size_t length)
{
	for (size_t i = 0; i < sync->count; i++) {
		const struct hearth_stream *stream = sync->list[i].declaration;

		if (stream->sync_slot == HEARTH_SYNC_BY_NAME && strlen(stream->name) == length &&
		    !memcmp(stream->name, name, length))
			return &positions[i];
	}
	return NULL;
}

/* Reads digits; moves *text behind them. */
static bool read_position(const char **text, int64_t *ret_position)
{
	char *end;
	long long value;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	value = strtoll(*text, &end, 10);
	if (errno)
		return false;
	*text = end;
	*ret_position = value;
	return true;
}

static bool read_slots(struct sync *sync, const char **text, int64_t *positions)
{
	for (int slot = 0; slot < SYNC_TOKEN_SLOTS; slot++) {
		int64_t position, *place = of_slot(sync, positions, slot);

		if (!read_position(text, &position))
			return false;
		if (place)
			*place = position;
		if (**text != '_')
			return true;
		(*text)++;
	}
	return false;
}

static bool read_named(struct sync *sync, const char **text, int64_t *positions)
{
	while (**text == '~') {
		const char *name = *text + 1, *dot = strchr(name, '.');
		int64_t position, *place;

		if (!dot)
			return false;
		*text = dot + 1;
		if (!read_position(text, &position))
			return false;
		place = of_name(sync, positions, name, (size_t)(dot - name));
		if (place)
			*place = position;
	}
	return true;
}

int sync_token_parse(struct sync *sync, struct hearth_arena *arena, const char *text, int64_t **ret_positions,
		     struct hearth_error *err)
{
	int64_t *positions = hearth_arena_array_of(arena, int64_t, sync->count);
	const char *rest = text + 1;

	if (*text != 's' || !read_slots(sync, &rest, positions) || !read_named(sync, &rest, positions) || *rest)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "since: not a token of this server");
	*ret_positions = positions;
	return 0;
}

const char *sync_token_write(struct sync *sync, struct hearth_arena *arena, const int64_t *positions)
{
	char *text = hearth_arena_alloc(arena, SYNC_TOKEN_SLOTS * 21 + 2 + sync->count * 96);
	char *end = text;

	for (int slot = 0; slot < SYNC_TOKEN_SLOTS; slot++) {
		const int64_t *place = of_slot(sync, (int64_t *)positions, slot);

		end += snprintf(end, 22, "%c%" PRId64, slot ? '_' : 's', place ? *place : 0);
	}
	for (size_t i = 0; i < sync->count; i++)
		if (sync->list[i].declaration->sync_slot == HEARTH_SYNC_BY_NAME)
			end += snprintf(end, 96, "~%.64s.%" PRId64, sync->list[i].declaration->name, positions[i]);
	return text;
}
