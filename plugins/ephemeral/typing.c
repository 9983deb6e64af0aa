/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is typing where (spec client-server, "Typing Notifications"). Kept in memory: after a restart nobody types.
 */
#include "ephemeral.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAX_MS 120000
#define FORGET_AFTER_MS (10 * 60 * 1000)
#define BUCKETS 4096

struct typer {
	struct typer *next;
	int64_t       until_ms; /* monotonic */
	char          user_id[];
};

struct typing_room {
	struct typing_room *next;
	struct typing      *typing;
	struct typer       *typers;
	int64_t             serial;     /* of the latest change */
	int64_t             changed_ms; /* monotonic */
	bool                watched;    /* a task waits for the next one to run out, at wakes_ms */
	int64_t             wakes_ms;
	struct hearth_signal *sooner; /* somebody's time ends before wakes_ms */
	char                room_id[];
};

struct typing {
	struct ephemeral   *ephemeral;
	struct typing_room *buckets[BUCKETS];
};

struct typing_args {
	const char *room_id;
	const char *user_id;
	bool        typing;
	int64_t     timeout;
};

static const struct hearth_field TYPING_ARGS[] = {
	HEARTH_PATH(struct typing_args, room_id, "roomId", .format = HEARTH_ROOM_ID),
	HEARTH_PATH(struct typing_args, user_id, "userId", .format = HEARTH_USER_ID),
	HEARTH_BODY(struct typing_args, typing, "typing", .required = 1),
	HEARTH_BODY(struct typing_args, timeout, "timeout", .min = 0, .max = INT64_MAX, .fallback = "30000"),
	HEARTH_FIELDS_END
};

struct typing *typing_new(struct ephemeral *ephemeral)
{
	struct typing *typing = calloc(1, sizeof(*typing));

	hearth_assert(typing);
	typing->ephemeral = ephemeral;
	return typing;
}

static void free_room(struct typing_room *room)
{
	room->typing->ephemeral->tasks->signal_free(room->sooner);
	while (room->typers) {
		struct typer *typer = room->typers;

		room->typers = typer->next;
		free(typer);
	}
	free(room);
}

void typing_free(struct typing *typing)
{
	if (!typing)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (typing->buckets[i]) {
			struct typing_room *room = typing->buckets[i];

			typing->buckets[i] = room->next;
			free_room(room);
		}
	free(typing);
}

static struct typing_room **place_of(struct typing *typing, const char *room_id)
{
	uint32_t hash = 2166136261u;
	struct typing_room **place;

	for (const char *byte = room_id; *byte; byte++)
		hash = (hash ^ (unsigned char)*byte) * 16777619u;
	place = &typing->buckets[hash % BUCKETS];
	while (*place && strcmp((*place)->room_id, room_id))
		place = &(*place)->next;
	return place;
}

static struct typing_room *room_at(struct typing *typing, const char *room_id)
{
	struct typing_room **place = place_of(typing, room_id);
	size_t length = strlen(room_id);

	if (*place)
		return *place;
	*place = calloc(1, sizeof(**place) + length + 1);
	hearth_assert(*place);
	(*place)->typing = typing;
	(*place)->sooner = typing->ephemeral->tasks->signal_new();
	memcpy((*place)->room_id, room_id, length);
	return *place;
}

static void tell(struct typing_room *room)
{
	struct ephemeral *ephemeral = room->typing->ephemeral;
	const char *rooms[] = { room->room_id };
	struct hearth_news news = { .rooms = rooms, .room_count = 1 };

	room->changed_ms = ephemeral->tasks->monotonic_ms();
	room->serial = ephemeral->streams->advance(ephemeral->typing_stream, &news);
}

/* until_ms 0: stops typing. Returns true where the list of typers has changed. */
static bool set_typer(struct typing_room *room, const char *user_id, int64_t until_ms)
{
	struct typer **place = &room->typers;
	size_t length = strlen(user_id);

	while (*place && strcmp((*place)->user_id, user_id))
		place = &(*place)->next;
	if (*place && until_ms) {
		(*place)->until_ms = until_ms;
		return false;
	}
	if (*place) {
		struct typer *gone = *place;

		*place = gone->next;
		free(gone);
		return true;
	}
	if (!until_ms)
		return false;
	*place = calloc(1, sizeof(**place) + length + 1);
	hearth_assert(*place);
	memcpy((*place)->user_id, user_id, length);
	(*place)->until_ms = until_ms;
	return true;
}

/* Drops those whose time is over; returns when the next one's is, 0 where nobody types. */
static int64_t expire(struct typing_room *room, int64_t now_ms, bool *changed)
{
	int64_t next = 0;

	for (struct typer **place = &room->typers; *place;) {
		struct typer *typer = *place;

		if (typer->until_ms <= now_ms) {
			*place = typer->next;
			free(typer);
			*changed = true;
			continue;
		}
		if (!next || typer->until_ms < next)
			next = typer->until_ms;
		place = &typer->next;
	}
	return next;
}

HEARTH_SUSPENDS static void watch(struct hearth_task *task, void *argument)
{
	struct typing_room *room = argument;
	const struct hearth_tasks *tasks = room->typing->ephemeral->tasks;
	struct hearth_error err = { 0 };

	tasks->set_deadline(task, 0);
	for (;;) {
		int64_t now_ms = tasks->monotonic_ms();
		bool changed = false;
		int r;

		room->wakes_ms = expire(room, now_ms, &changed);
		if (changed)
			tell(room);
		if (!room->wakes_ms)
			break;
		r = tasks->wait(task, room->sooner, room->wakes_ms - now_ms, &err);
		if (r < 0 && r != -ETIMEDOUT)
			break;
	}
	room->watched = false;
}

HEARTH_SUSPENDS static int put_typing(void *self, struct hearth_task *task, struct hearth_request *req,
				      const void *fields, struct hearth_error *err)
{
	struct ephemeral *ephemeral = self;
	const struct typing_args *args = fields;
	int64_t timeout_ms = args->timeout < TIMEOUT_MAX_MS ? args->timeout : TIMEOUT_MAX_MS;
	int64_t until_ms = args->typing ? ephemeral->tasks->monotonic_ms() + timeout_ms : 0;
	struct typing_room *room;
	int r;

	if (strcmp(args->user_id, req->user->user_id))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "nobody can type for somebody else");
	r = ephemeral_check_joined(ephemeral, task, args->room_id, args->user_id, err);
	if (r < 0)
		return r;
	room = room_at(ephemeral->typing, args->room_id);
	if (set_typer(room, args->user_id, until_ms))
		tell(room);
	if (room->watched && until_ms && until_ms < room->wakes_ms)
		ephemeral->tasks->wake_all(room->sooner);
	if (!room->typers || room->watched)
		return 0;
	r = ephemeral->tasks->spawn(ephemeral->host, "typing", watch, room, err);
	room->watched = r >= 0;
	return r;
}

static void write_room(struct hearth_arena *arena, const struct typing_room *room, struct hearth_sync_sink *sink)
{
	struct hearth_writer *w = hearth_writer_new(arena);
	const char *text;
	size_t length;

	hearth_write_object(w, NULL);
	hearth_write_string(w, "type", "m.typing");
	hearth_write_object(w, "content");
	hearth_write_array(w, "user_ids");
	for (const struct typer *typer = room->typers; typer; typer = typer->next)
		hearth_write_string(w, NULL, typer->user_id);
	hearth_write_end(w);
	hearth_write_end(w);
	hearth_write_end(w);
	text = hearth_writer_text(w, &length);
	sink->add(sink, HEARTH_SYNC_EPHEMERAL, room->room_id, NULL, "m.typing", NULL, text, length);
}

static int typing_sync(void *self, struct hearth_task *task, const struct hearth_sync_query *query,
		       struct hearth_sync_sink *sink, struct hearth_error *err)
{
	struct ephemeral *ephemeral = self;
	struct hearth_arena *arena = ephemeral->tasks->arena(task);

	(void)err;
	for (size_t i = 0; i < query->joined_count; i++) {
		const struct typing_room *room = *place_of(ephemeral->typing, query->joined_rooms[i]);

		if (room && (query->initial ? room->typers != NULL : room->serial > query->since))
			write_room(arena, room, sink);
	}
	for (size_t i = 0; i < query->fresh_count && !query->initial; i++) {
		const struct typing_room *room = *place_of(ephemeral->typing, query->fresh_rooms[i]);

		if (room && room->typers && room->serial <= query->since)
			write_room(arena, room, sink);
	}
	return 0;
}

int typing_forget_old(void *self, struct hearth_task *task, struct hearth_error *err)
{
	struct ephemeral *ephemeral = self;
	int64_t now_ms = ephemeral->tasks->monotonic_ms();

	(void)task;
	(void)err;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct typing_room **place = &ephemeral->typing->buckets[i]; *place;) {
			struct typing_room *room = *place;

			if (room->typers || room->watched || now_ms - room->changed_ms < FORGET_AFTER_MS) {
				place = &room->next;
				continue;
			}
			*place = room->next;
			free_room(room);
		}
	return 0;
}

const struct hearth_stream TYPING_STREAM = {
	.name = "typing", .writers = "typing", .sync_slot = 2, .memory = 1, .sync = typing_sync,
	.about = "Changes of who is typing in a room.",
};

const struct hearth_endpoint TYPING_ENDPOINTS[] = {
	{ .method = "PUT", .path = "/_matrix/client/v3/rooms/{roomId}/typing/{userId}", .also = "api/v1 r0 unstable",
	  .access = HEARTH_ACCESS_GUEST, .fields = TYPING_ARGS, .args_size = sizeof(struct typing_args),
	  .handler = put_typing },
	HEARTH_ENDPOINTS_END
};
