/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers questions about event graphs, for comparison with another implementation: one JSON object a line in, one
 * out. The questions are described in tests/interop/state-res/README.md.
 */
#include <hearth/matrix/auth.h>
#include <hearth/matrix/state.h>
#include <hearth/writer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct graph {
	struct hearth_arena *arena;
	const struct hearth_room_version *version;
	const struct hearth_event **events;
	size_t count;
	struct hearth_error *err;
};

static int read_event(const struct graph *graph, const struct hearth_json *pdu, const struct hearth_event **ret_event)
{
	return hearth_event_read(graph->arena, graph->version, pdu, /* event_id= */ NULL, ret_event, graph->err);
}

static const struct hearth_event *event_at(const struct graph *graph, const struct hearth_json *index)
{
	size_t i = (size_t)hearth_json_int(index);

	hearth_assert(i < graph->count);
	return graph->events[i];
}

static const struct hearth_event *event_of(const struct graph *graph, const char *id)
{
	for (size_t i = 0; i < graph->count; i++)
		if (strcmp(graph->events[i]->event_id, id) == 0)
			return graph->events[i];
	return NULL;
}

static int read_graph(struct graph *graph, const struct hearth_json *question)
{
	const struct hearth_json *pdus = hearth_json_get_array(question, "events");
	const struct hearth_json *rejected = hearth_json_get_array(question, "rejected");
	const char *version = hearth_json_get_string(question, "version");
	int r;

	graph->version = version ? hearth_room_version(version) : NULL;
	if (!graph->version)
		return hearth_fail(graph->err, -1, "no such room version");
	graph->count = hearth_json_size(pdus);
	graph->events = hearth_arena_array_of(graph->arena, const struct hearth_event *, graph->count);
	for (size_t i = 0; i < graph->count; i++) {
		r = read_event(graph, hearth_json_at(pdus, i), &graph->events[i]);
		if (r < 0)
			return hearth_error_prefix(graph->err, "event %zu", i);
	}
	for (size_t i = 0; i < hearth_json_size(rejected); i++) {
		size_t at = (size_t)hearth_json_int(hearth_json_at(rejected, i));
		struct hearth_event *copy;

		copy = hearth_arena_memdup(graph->arena, graph->events[at], sizeof(*copy));
		copy->rejected = 1;
		graph->events[at] = copy;
	}
	return 0;
}

/* --- {"event": PDU, "state": [index, ...]} --- */
struct state {
	const struct graph *graph;
	const struct hearth_json *indices;
};

static const struct hearth_event *look_up(void *context, const char *type, const char *state_key)
{
	const struct state *state = context;

	for (size_t i = 0; i < hearth_json_size(state->indices); i++) {
		const struct hearth_event *event = event_at(state->graph, hearth_json_at(state->indices, i));

		if (strcmp(event->type, type) == 0 && strcmp(event->state_key, state_key) == 0)
			return event;
	}
	return NULL;
}

static void write_verdict(struct hearth_writer *w, int r, struct hearth_error *err)
{
	hearth_write_string(w, NULL, r < 0 ? err->message : "");
	hearth_error_clear(err);
}

static void answer_check(struct graph *graph, const struct hearth_json *check, struct hearth_writer *w)
{
	struct state state = { .graph = graph, .indices = hearth_json_get(check, "state") };
	const struct hearth_state_view view = { .get = look_up, .context = &state };
	const struct hearth_event *event;
	int r;

	r = read_event(graph, hearth_json_get(check, "event"), &event);
	if (r == 0)
		r = hearth_auth_check(event, &view, graph->err);
	write_verdict(w, r, graph->err);
}

/* --- {"event": PDU, "cited": [index, ...]} --- */
static void answer_citation(struct graph *graph, const struct hearth_json *check, struct hearth_writer *w)
{
	const struct hearth_json *indices = hearth_json_get(check, "cited");
	size_t count = hearth_json_size(indices);
	const struct hearth_event **cited = hearth_arena_array_of(graph->arena, const struct hearth_event *, count);
	const struct hearth_event *event;
	int r;

	for (size_t i = 0; i < count; i++)
		cited[i] = event_at(graph, hearth_json_at(indices, i));
	r = read_event(graph, hearth_json_get(check, "event"), &event);
	if (r == 0)
		r = hearth_auth_check_citations(event, cited, count, graph->err);
	write_verdict(w, r, graph->err);
}

/* --- [[[type, state_key, index], ...], ...]: the states to resolve --- */
static int fetch(void *context, const char *const *ids, size_t count, const struct hearth_event **ret_events,
		 struct hearth_error *err)
{
	const struct graph *graph = context;

	(void)err;
	for (size_t i = 0; i < count; i++)
		ret_events[i] = event_of(graph, ids[i]);
	return 0;
}

static struct hearth_state_set read_set(const struct graph *graph, const struct hearth_json *list)
{
	struct hearth_state_set set = { .count = hearth_json_size(list) };
	struct hearth_state_entry *entries;

	entries = hearth_arena_array_of(graph->arena, struct hearth_state_entry, set.count);
	for (size_t i = 0; i < set.count; i++) {
		const struct hearth_json *entry = hearth_json_at(list, i);

		entries[i].type = hearth_json_string(hearth_json_at(entry, 0), NULL);
		entries[i].state_key = hearth_json_string(hearth_json_at(entry, 1), NULL);
		entries[i].event_id = event_at(graph, hearth_json_at(entry, 2))->event_id;
	}
	set.entries = entries;
	return set;
}

static void answer_resolution(struct graph *graph, const struct hearth_json *question, struct hearth_writer *w)
{
	const struct hearth_event_source source = { .fetch = fetch, .context = graph };
	size_t count = hearth_json_size(question);
	struct hearth_state_set *sets = hearth_arena_array_of(graph->arena, struct hearth_state_set, count);
	struct hearth_state_set state;

	for (size_t i = 0; i < count; i++)
		sets[i] = read_set(graph, hearth_json_at(question, i));
	if (hearth_state_resolve(graph->arena, graph->version, sets, count, &source, &state, graph->err) < 0) {
		hearth_write_null(w, NULL);
		return;
	}
	hearth_write_array(w, NULL);
	for (size_t i = 0; i < state.count; i++) {
		hearth_write_array(w, NULL);
		hearth_write_string(w, NULL, state.entries[i].type);
		hearth_write_string(w, NULL, state.entries[i].state_key);
		hearth_write_string(w, NULL, state.entries[i].event_id);
		hearth_write_end(w);
	}
	hearth_write_end(w);
}

static void answer_each(struct graph *graph, const struct hearth_json *question, const char *key,
			void (*answer)(struct graph *graph, const struct hearth_json *item, struct hearth_writer *w),
			struct hearth_writer *w)
{
	const struct hearth_json *items = hearth_json_get_array(question, key);

	hearth_write_array(w, key);
	for (size_t i = 0; i < hearth_json_size(items); i++)
		answer(graph, hearth_json_at(items, i), w);
	hearth_write_end(w);
}

static void answer(struct hearth_arena *arena, const char *line, size_t length)
{
	struct hearth_error err = { 0 };
	struct graph graph = { .arena = arena, .err = &err };
	struct hearth_writer *w = hearth_writer_new(arena);
	const struct hearth_json *question = NULL;
	int r;

	r = hearth_json_parse(arena, line, length, HEARTH_JSON_BIG_INTS, &question, &err);
	if (r == 0)
		r = read_graph(&graph, question);
	hearth_write_object(w, NULL);
	if (r < 0) {
		hearth_write_string(w, "error", err.message);
	} else {
		hearth_write_array(w, "ids");
		for (size_t i = 0; i < graph.count; i++)
			hearth_write_string(w, NULL, graph.events[i]->event_id);
		hearth_write_end(w);
		answer_each(&graph, question, "checks", answer_check, w);
		answer_each(&graph, question, "citations", answer_citation, w);
		answer_each(&graph, question, "resolutions", answer_resolution, w);
	}
	hearth_write_end(w);
	puts(hearth_writer_text(w, NULL));
}

int main(void)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((length = getline(&line, &capacity, stdin)) > 0) {
		HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();

		answer(arena, line, (size_t)length);
	}
	free(line);
	return 0;
}
