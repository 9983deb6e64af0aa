/* SPDX-License-Identifier: Apache-2.0 */
/* Paging through history: /messages, /context, and single events (spec client-server, "Getting events for a room"). */
#include "api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct history_args {
	const char *room_id, *event_id, *from, *to, *dir, *filter;
	int64_t     limit;
};

#define FILTER HEARTH_QUERY(struct history_args, filter, "filter", .max = 65536)
#define LIMIT HEARTH_QUERY(struct history_args, limit, "limit", .min = 0, .max = INT64_MAX, .fallback = "10")
#define LIMIT_MAX 1000

static const struct hearth_field MESSAGES_ARGS[] = {
	ROOMS_ROOM_ID(struct history_args), HEARTH_QUERY(struct history_args, from, "from", .max = 4096),
	HEARTH_QUERY(struct history_args, to, "to", .max = 4096),
	HEARTH_QUERY(struct history_args, dir, "dir", .choices = "b|f", .fallback = "f"), LIMIT, FILTER, HEARTH_FIELDS_END
};
static const struct hearth_field EVENT_ARGS[] = {
	ROOMS_ROOM_ID(struct history_args), HEARTH_PATH(struct history_args, event_id, "eventId", .format = HEARTH_EVENT_ID),
	HEARTH_FIELDS_END
};
static const struct hearth_field CONTEXT_ARGS[] = {
	ROOMS_ROOM_ID(struct history_args), HEARTH_PATH(struct history_args, event_id, "eventId", .format = HEARTH_EVENT_ID),
	LIMIT, FILTER, HEARTH_FIELDS_END
};

/* Counting on from there does not overflow. */
static bool is_countable(int64_t number)
{
	return number < INT64_MAX / 2 && number > INT64_MIN / 2;
}

int api_read_point(const char *text, int64_t *ret_ordering, int64_t *ret_depth, bool *ret_by_depth, struct hearth_error *err)
{
	char *end = NULL;

	errno = 0;
	*ret_by_depth = *text == 't';
	*ret_depth = 0;
	if (*ret_by_depth) {
		*ret_depth = strtoll(text + 1, &end, 10);
		if (errno || end == text + 1 || *end != '-')
			return hearth_refuse(err, 400, "M_INVALID_PARAM", "'%.64s' is no token of this server", text);
		text = end;
	}
	if (*text == 's' || *text == '-')
		*ret_ordering = strtoll(text + 1, &end, 10);
	if (!end || errno || end == text + 1 || (*end && *end != '_' && *end != '~') ||
	    !is_countable(*ret_ordering) || !is_countable(*ret_depth))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "'%.64s' is no token of this server", text);
	return 0;
}

static int read_filter(struct hearth_arena *arena, const char *text, struct hearth_event_filter **ret_filter,
		       struct hearth_error *err)
{
	const struct hearth_json *json;
	int rc;

	*ret_filter = NULL;
	if (!text || !*text)
		return 0;
	rc = hearth_json_parse(arena, text, strlen(text), 0, &json, err);
	if (rc < 0)
		return hearth_error_prefix(err, "filter");
	*ret_filter = hearth_arena_new_of(arena, struct hearth_event_filter);
	return hearth_event_filter_parse(arena, json, *ret_filter, err);
}

static void write_point(struct hearth_writer *w, const char *key, int64_t depth, int64_t ordering)
{
	char text[48];

	snprintf(text, sizeof(text), "t%" PRId64 "-%" PRId64, depth, ordering);
	hearth_write_string(w, key, text);
}

HEARTH_SUSPENDS static int write_events(struct rooms *r, struct hearth_task *task, struct hearth_request *req,
					const char *key, const struct hearth_stored_event *events, size_t count,
					struct hearth_error *err)
{
	struct hearth_client_form form = { .size = sizeof(form), .viewer = req->user->user_id,
					   .device_id = req->user->device_id, .bundle = 1 };
	int rc = count ? rooms_bundle(r, task, req->user->user_id, events, count, &form.bundled, err) : 0;

	if (rc < 0)
		return rc;
	hearth_write_array(req->out, key);
	for (size_t i = 0; i < count; i++)
		rooms_write_event(r, req->out, NULL, &events[i], &form);
	hearth_write_end(req->out);
	return 0;
}

/* Senders, each once. lists: arrays of events. */
static struct hearth_texts senders_of(struct hearth_arena *arena, const struct hearth_timeline *lists, size_t list_count)
{
	size_t most = 0, count = 0;
	const char **senders;

	for (size_t l = 0; l < list_count; l++)
		most += lists[l].count;
	senders = hearth_arena_array_of(arena, const char *, most);
	for (size_t l = 0; l < list_count; l++) {
		for (size_t i = 0; i < lists[l].count; i++) {
			size_t known = 0;

			while (known < count && strcmp(senders[known], lists[l].events[i].sender))
				known++;
			senders[known] = lists[l].events[i].sender;
			count += known == count;
		}
	}
	return (struct hearth_texts){ senders, count };
}

static bool is_same_entry(const struct hearth_stored_event *a, const struct hearth_stored_event *b)
{
	return !strcmp(a->type, b->type) && !strcmp(a->state_key, b->state_key);
}

/* senders not NULL: of members, theirs alone. */
static bool is_told(struct hearth_arena *arena, const struct hearth_stored_event *event, const struct hearth_texts *senders,
		    const struct hearth_event_filter *filter)
{
	const struct hearth_json *pdu = NULL;
	size_t known = 0;

	if (senders && !strcmp(event->type, "m.room.member")) {
		while (known < senders->count && strcmp(senders->items[known], event->state_key))
			known++;
		if (known == senders->count)
			return false;
	}
	if (!filter)
		return true;
	if (filter->contains_url >= 0 &&
	    hearth_json_parse(arena, event->json, event->json_length, HEARTH_JSON_BIG_INTS, &pdu, NULL) < 0)
		return false;
	return hearth_event_filter_passes(filter, event->type, event->sender, event->room_id, hearth_json_get(pdu, "content"));
}

/*
 * The state before an event. senders not NULL (lazy loading): of members, theirs alone; members_alone: nothing else. Of a
 * large room the whole state is not read for the sake of a few members: then it is the room's own at the event's position
 * that counts, not that of the fork which the event may stand on.
 */
HEARTH_SUSPENDS static int read_state(struct rooms *r, struct hearth_task *task, const struct hearth_stored_event *event,
				      const struct hearth_texts *senders, bool members_alone,
				      struct hearth_state_result *ret_state, struct hearth_error *err)
{
	struct hearth_state_query query = { .size = sizeof(query), .room_id = event->room_id, .at = event->stream_ordering,
					    .members = senders };
	size_t pairs = members_alone ? senders->count : 0;
	const char **types = hearth_arena_array_of(r->tasks->arena(task), const char *, pairs);

	if (senders && !members_alone && event->stream_ordering > 0)
		return rooms_states(r, task, &query, 1, ret_state, err);
	for (size_t i = 0; i < pairs; i++)
		types[i] = "m.room.member";
	return rooms_state_before(r, task, event->event_id, types, senders ? senders->items : NULL, pairs, &ret_state->events,
				  &ret_state->count, err);
}

/* The state at an event, with the event in it; as read_state has it otherwise. */
HEARTH_SUSPENDS static int write_state(struct rooms *r, struct hearth_task *task, struct hearth_request *req,
				       const struct hearth_stored_event *event, const struct hearth_texts *senders,
				       bool members_alone, const struct hearth_event_filter *filter, struct hearth_error *err)
{
	struct hearth_client_form form = { .size = sizeof(form), .viewer = req->user->user_id };
	struct hearth_state_result state = { NULL, 0 };
	bool own_place = event->state_key != NULL;
	int rc = read_state(r, task, event, senders, members_alone, &state, err);

	if (rc < 0)
		return rc;
	hearth_write_array(req->out, "state");
	for (size_t i = 0; i < state.count; i++) {
		const struct hearth_stored_event *entry = &state.events[i];

		if ((!own_place || !is_same_entry(event, entry)) && is_told(req->arena, entry, senders, filter))
			rooms_write_event(r, req->out, NULL, entry, &form);
	}
	if (own_place && is_told(req->arena, event, senders, filter))
		rooms_write_event(r, req->out, NULL, event, &form);
	hearth_write_end(req->out);
	return 0;
}

/* A sync token stands after all that it covers: backwards from it starts at the event of that ordering. */
static int read_range(const struct history_args *args, int64_t may_read_to, struct hearth_timeline_query *query,
		      struct hearth_error *err)
{
	bool backwards = *args->dir == 'b', by_depth = false;
	int64_t ordering = backwards ? INT64_MAX - 1 : INT64_MIN, depth = backwards ? INT64_MAX : INT64_MIN;
	int rc = args->from && *args->from ? api_read_point(args->from, &ordering, &depth, &by_depth, err) : 0;

	if (rc < 0)
		return rc;
	if (args->from && *args->from && !by_depth) {
		depth = backwards ? INT64_MAX : INT64_MIN;
		ordering += backwards;
	} else if (by_depth && !backwards) {
		ordering--;
	}
	query->backwards = backwards;
	query->by_depth = by_depth;
	query->from = ordering;
	query->from_depth = depth;
	query->to = backwards ? INT64_MIN : may_read_to;
	query->to_depth = backwards ? INT64_MIN : INT64_MAX;
	if (backwards && may_read_to < INT64_MAX && query->from > may_read_to + 1 && !by_depth)
		query->from = may_read_to + 1;
	if (!args->to || !*args->to)
		return 0;
	rc = api_read_point(args->to, &query->to, &query->to_depth, &by_depth, err);
	if (rc < 0)
		return rc;
	/* A point stands before its event, so that pages end there whichever way they come. */
	query->to -= by_depth;
	/* Tokens of two kinds: the stream's order, which both know, is what they have in common. */
	if (by_depth != (query->by_depth != 0))
		query->by_depth = 0;
	return 0;
}

HEARTH_SUSPENDS static int get_messages(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
					struct hearth_error *err)
{
	const struct history_args *args = fields;
	struct hearth_timeline_query query = { .size = sizeof(query), .room_id = args->room_id,
					       .viewer = req->user->user_id };
	struct hearth_timeline timeline = { 0 };
	struct hearth_event_filter *filter;
	int64_t may_read_to;
	int rc;

	rc = rooms_may_read(self, task, args->room_id, req->user->user_id, &may_read_to, err);
	if (rc >= 0)
		rc = read_filter(req->arena, args->filter, &filter, err);
	if (rc >= 0)
		rc = read_range(args, may_read_to, &query, err);
	if (rc < 0)
		return rc;
	query.filter = filter;
	query.limit = (uint32_t)(args->limit < LIMIT_MAX ? args->limit : LIMIT_MAX);
	rc = rooms_timelines(self, task, &query, 1, &timeline, err);
	if (rc < 0)
		return rc;
	hearth_write_object(req->out, NULL);
	if (args->from && *args->from)
		hearth_write_string(req->out, "start", args->from);
	else
		write_point(req->out, "start", timeline.count ? timeline.events[0].depth : 0,
			    timeline.count ? timeline.events[0].stream_ordering + query.backwards : 0);
	/* A page that the filter has emptied may still have others behind it. */
	if (timeline.limited)
		write_point(req->out, "end", timeline.next_depth, timeline.next + !query.backwards);
	rc = write_events(self, task, req, "chunk", timeline.events, timeline.count, err);
	if (rc >= 0 && filter && filter->lazy_load_members && timeline.count) {
		const struct hearth_stored_event *newest = &timeline.events[query.backwards ? 0 : timeline.count - 1];
		struct hearth_texts senders = senders_of(req->arena, &timeline, 1);

		rc = write_state(self, task, req, newest, &senders, /* members_alone= */ true, /* filter= */ NULL, err);
	}
	if (rc >= 0)
		hearth_write_end(req->out);
	return rc;
}

/* The event, where it is in the room and the caller may see it; else 404, whatever the reason. */
HEARTH_SUSPENDS static int find_visible(struct rooms *r, struct hearth_task *task, const struct hearth_request *req,
					const struct history_args *args, struct hearth_stored_event **ret_event,
					struct hearth_error *err)
{
	size_t count = 1;
	int rc = rooms_events(r, task, &args->event_id, 1, ret_event, err);

	if (rc < 0)
		return rc;
	if (!(*ret_event)->event_id || strcmp((*ret_event)->room_id, args->room_id))
		count = 0;
	rc = count ? rooms_filter_visible(r, task, req->user->user_id, *ret_event, &count, err) : 0;
	if (rc >= 0 && !count)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "there is no such event, or it is not for you to see");
	return rc;
}

HEARTH_SUSPENDS static int get_event(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	struct hearth_client_form form = { .size = sizeof(form), .viewer = req->user->user_id,
					   .device_id = req->user->device_id, .bundle = 1 };
	struct hearth_stored_event *event;
	int rc = find_visible(self, task, req, fields, &event, err);

	if (rc >= 0)
		rc = rooms_bundle(self, task, req->user->user_id, event, 1, &form.bundled, err);
	if (rc >= 0)
		rooms_write_event(self, req->out, NULL, event, &form);
	return rc;
}

static struct hearth_timeline_query beside(const struct history_args *args, const struct hearth_request *req,
					   const struct hearth_stored_event *event, const struct hearth_event_filter *filter,
					   bool backwards)
{
	uint32_t limit = (uint32_t)(args->limit < LIMIT_MAX ? args->limit : LIMIT_MAX);

	return (struct hearth_timeline_query){
		.size = sizeof(struct hearth_timeline_query), .room_id = args->room_id, .viewer = req->user->user_id,
		.filter = filter, .by_depth = 1, .from = event->stream_ordering, .from_depth = event->depth,
		.to = backwards ? INT64_MIN : INT64_MAX, .to_depth = backwards ? INT64_MIN : INT64_MAX, .backwards = backwards,
		.limit = backwards ? limit / 2 : limit - limit / 2,
	};
}

/* The state at the last event; sides: what stands before the event and behind it. */
HEARTH_SUSPENDS static int write_state_at(struct rooms *r, struct hearth_task *task, struct hearth_request *req,
					  const struct hearth_stored_event *event, const struct hearth_timeline sides[2],
					  const struct hearth_event_filter *filter, struct hearth_error *err)
{
	const struct hearth_stored_event *last = sides[1].count ? &sides[1].events[sides[1].count - 1] : event;
	struct hearth_timeline all[] = { sides[0], sides[1], { .events = event, .count = 1 } };
	struct hearth_texts senders = senders_of(req->arena, all, HEARTH_COUNT(all));
	bool lazy = filter && filter->lazy_load_members;

	return write_state(r, task, req, last, lazy ? &senders : NULL, /* members_alone= */ false, filter, err);
}

HEARTH_SUSPENDS static int get_context(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				       struct hearth_error *err)
{
	const struct history_args *args = fields;
	struct hearth_client_form form = { .size = sizeof(form), .viewer = req->user->user_id,
					   .device_id = req->user->device_id, .bundle = 1 };
	struct hearth_timeline_query queries[2];
	struct hearth_timeline sides[2] = { { 0 }, { 0 } };
	struct hearth_event_filter *filter;
	struct hearth_stored_event *event;
	const struct hearth_stored_event *first, *last;
	int rc = find_visible(self, task, req, args, &event, err);

	if (rc >= 0)
		rc = read_filter(req->arena, args->filter, &filter, err);
	if (rc < 0)
		return rc;
	queries[0] = beside(args, req, event, filter, true);
	queries[1] = beside(args, req, event, filter, false);
	rc = rooms_timelines(self, task, queries, 2, sides, err);
	if (rc >= 0)
		rc = rooms_bundle(self, task, req->user->user_id, event, 1, &form.bundled, err);
	if (rc < 0)
		return rc;
	first = sides[0].count ? &sides[0].events[sides[0].count - 1] : event;
	last = sides[1].count ? &sides[1].events[sides[1].count - 1] : event;
	hearth_write_object(req->out, NULL);
	write_point(req->out, "start", first->depth, first->stream_ordering);
	write_point(req->out, "end", last->depth, last->stream_ordering + 1);
	rooms_write_event(self, req->out, "event", event, &form);
	rc = write_events(self, task, req, "events_before", sides[0].events, sides[0].count, err);
	if (rc >= 0)
		rc = write_events(self, task, req, "events_after", sides[1].events, sides[1].count, err);
	if (rc >= 0)
		rc = write_state_at(self, task, req, event, sides, filter, err);
	if (rc >= 0)
		hearth_write_end(req->out);
	return rc;
}

#define READ(suffix_, fields_, handler_)                                                                       \
	{ .method = "GET", .path = "/_matrix/client/v3/rooms/{roomId}/" suffix_, .also = "api/v1 r0 unstable", \
	  .access = HEARTH_ACCESS_GUEST, .fields = fields_, .args_size = sizeof(struct history_args), .handler = handler_ }

const struct hearth_endpoint HISTORY_ENDPOINTS[] = {
	READ("messages", MESSAGES_ARGS, get_messages),
	READ("event/{eventId}", EVENT_ARGS, get_event),
	READ("context/{eventId}", CONTEXT_ARGS, get_context),
	HEARTH_ENDPOINTS_END
};
