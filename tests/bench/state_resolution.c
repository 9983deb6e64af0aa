/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long state resolution takes by the size of the conflicted set: 100, 1,000 and 10,000 events, in rooms whose forks
 * disagree about members, about bans, and about a long chain of power levels. Fails where the time per event grows by
 * more than GROWTH_MAX from 1,000 to 10,000 events, which nothing near linear does.
 */
#include <hearth/matrix/state.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GROWTH_MAX 4.0

struct graph {
	struct hearth_arena *arena;
	const struct hearth_room_version *version;
	struct hearth_event *events;
	size_t count;
	size_t fetches;
};

struct fork {
	struct hearth_state_entry *entries;
	size_t count;
};

static const struct hearth_json *object(struct hearth_arena *arena, const char *text)
{
	const struct hearth_json *value = NULL;

	hearth_assert(hearth_json_parse(arena, text, strlen(text), 0, &value, NULL) == 0);
	return value;
}

/* Ids are "$" and the event's number. */
static const char *id_of(struct hearth_arena *arena, size_t number)
{
	return hearth_arena_printf(arena, "$%zu", number);
}

/* Version 12 cites no create event. */
static size_t add(struct graph *graph, const char *type, const char *sender, const char *state_key, const char *content,
		  const size_t *auth, size_t auth_count)
{
	struct hearth_event *event = &graph->events[graph->count];
	const char **ids = hearth_arena_array_of(graph->arena, const char *, auth_count);
	size_t id_count = 0;

	for (size_t i = 0; i < auth_count; i++)
		if (auth[i] != 0 || !graph->version->room_id_is_create_hash)
			ids[id_count++] = id_of(graph->arena, auth[i]);
	*event = (struct hearth_event){
		.size = sizeof(*event), .version = graph->version, .event_id = id_of(graph->arena, graph->count),
		.room_id = graph->version->room_id_is_create_hash ? "!0" : "!room:one", .type = type, .sender = sender,
		.state_key = state_key, .content = object(graph->arena, content), .json = object(graph->arena, "{}"),
		.origin_server_ts = (int64_t)(graph->count * 7919 % 10007), .depth = (int64_t)graph->count,
		.auth_events = ids, .auth_count = id_count,
	};
	return graph->count++;
}

static void put(const struct graph *graph, struct fork *fork, size_t number)
{
	const struct hearth_event *event = &graph->events[number];

	fork->entries[fork->count++] = (struct hearth_state_entry){
		.type = event->type, .state_key = event->state_key, .event_id = event->event_id,
	};
}

static int fetch(void *context, const char *const *ids, size_t count, const struct hearth_event **ret_events,
		 struct hearth_error *err)
{
	struct graph *graph = context;

	(void)err;
	graph->fetches++;
	for (size_t i = 0; i < count; i++) {
		size_t number = strtoul(ids[i] + 1, NULL, 10);

		ret_events[i] = number < graph->count ? &graph->events[number] : NULL;
	}
	return 0;
}

enum { CREATE, ADMIN, LEVELS, RULES, FIRST };

static void start_room(struct graph *graph)
{
	const char *levels = graph->version->creator_power ? "{\"users\":{}}" : "{\"users\":{\"@admin:one\":100}}";

	add(graph, "m.room.create", "@admin:one", "", "{\"creator\":\"@admin:one\"}", NULL, 0);
	add(graph, "m.room.member", "@admin:one", "@admin:one", "{\"membership\":\"join\"}", (size_t[]){ CREATE }, 1);
	add(graph, "m.room.power_levels", "@admin:one", "", levels, (size_t[]){ CREATE, ADMIN }, 2);
	add(graph, "m.room.join_rules", "@admin:one", "", "{\"join_rule\":\"public\"}",
	    (size_t[]){ CREATE, ADMIN, LEVELS }, 3);
}

/* Both forks have every user, one as they joined, one after they changed their name. */
static void conflict_members(struct graph *graph, struct fork forks[2], size_t conflicted)
{
	for (size_t i = 0; i < conflicted / 2; i++) {
		const char *user = hearth_arena_printf(graph->arena, "@user%zu:one", i);
		size_t join, rename;

		join = add(graph, "m.room.member", user, user, "{\"membership\":\"join\"}",
			   (size_t[]){ CREATE, LEVELS, RULES }, 3);
		rename = add(graph, "m.room.member", user, user, "{\"membership\":\"join\",\"displayname\":\"x\"}",
			     (size_t[]){ CREATE, LEVELS, RULES, join }, 4);
		put(graph, &forks[0], join);
		put(graph, &forks[1], rename);
	}
}

/* One fork bans what the other lets in. */
static void conflict_bans(struct graph *graph, struct fork forks[2], size_t conflicted)
{
	for (size_t i = 0; i < conflicted / 2; i++) {
		const char *user = hearth_arena_printf(graph->arena, "@user%zu:one", i);
		size_t join, ban;

		join = add(graph, "m.room.member", user, user, "{\"membership\":\"join\"}",
			   (size_t[]){ CREATE, LEVELS, RULES }, 3);
		ban = add(graph, "m.room.member", "@admin:one", user, "{\"membership\":\"ban\"}",
			  (size_t[]){ CREATE, LEVELS, ADMIN }, 3);
		put(graph, &forks[0], join);
		put(graph, &forks[1], ban);
	}
}

/* One fork has changed the power levels many times, and state events rest on each of the changes. */
static void conflict_levels(struct graph *graph, struct fork forks[2], size_t conflicted)
{
	const char *users = graph->version->creator_power ? "" : "\"@admin:one\":100";
	size_t levels = LEVELS;

	for (size_t i = 0; i < conflicted / 2; i++) {
		const char *key = hearth_arena_printf(graph->arena, "key%zu", i);
		const char *content = hearth_arena_printf(graph->arena, "{\"users\":{%s},\"ban\":%zu}", users, i % 100);

		levels = add(graph, "m.room.power_levels", "@admin:one", "", content,
			     (size_t[]){ CREATE, ADMIN, levels }, 3);
		put(graph, &forks[1],
		    add(graph, "org.example.state", "@admin:one", key, "{}", (size_t[]){ CREATE, ADMIN, levels }, 3));
	}
	put(graph, &forks[0], LEVELS);
	put(graph, &forks[1], levels);
}

struct workload {
	const char *name;
	void (*conflict)(struct graph *graph, struct fork forks[2], size_t conflicted);
	int is_levels;
};

static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Returns microseconds per conflicted event. */
static double measure(const struct workload *workload, const char *version, size_t conflicted)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct graph graph = { .arena = arena, .version = hearth_room_version(version) };
	const struct hearth_event_source source = { .fetch = fetch, .context = &graph };
	struct fork forks[2];
	struct hearth_state_set sets[2], state;
	double best = 1e9;
	int rounds = conflicted >= 10000 ? 3 : 20;

	graph.events = hearth_arena_array_of(arena, struct hearth_event, conflicted + FIRST + 8);
	start_room(&graph);
	for (int i = 0; i < 2; i++) {
		forks[i] = (struct fork){ hearth_arena_array_of(arena, struct hearth_state_entry, conflicted + 8), 0 };
		for (size_t number = CREATE; number < FIRST; number++)
			if (number != LEVELS || !workload->is_levels)
				put(&graph, &forks[i], number);
	}
	workload->conflict(&graph, forks, conflicted);
	for (int i = 0; i < 2; i++)
		sets[i] = (struct hearth_state_set){ .entries = forks[i].entries, .count = forks[i].count };
	for (int i = 0; i < rounds; i++) {
		HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *scratch = hearth_arena_new();
		double start = milliseconds(), took;

		graph.fetches = 0;
		hearth_assert(hearth_state_resolve(scratch, graph.version, sets, 2, &source, &state, NULL) == 0);
		took = milliseconds() - start;
		best = took < best ? took : best;
	}
	printf("%-8s version %-3s %6zu conflicted %9.2f ms %7.2f us/event %6zu fetches %7zu in the result\n",
	       workload->name, version, conflicted, best, best * 1e3 / (double)conflicted, graph.fetches, state.count);
	return best * 1e3 / (double)conflicted;
}

int main(void)
{
	static const struct workload workloads[] = {
		{ "members", conflict_members, 0 }, { "bans", conflict_bans, 0 }, { "levels", conflict_levels, 1 },
	};
	static const char *const versions[] = { "1", "6", "12" };
	int failures = 0;

	for (size_t w = 0; w < HEARTH_COUNT(workloads); w++)
		for (size_t v = 0; v < HEARTH_COUNT(versions); v++) {
			double thousand, ten_thousand;

			/* What only one fork has is no conflict in version 1. */
			if (workloads[w].is_levels && v == 0)
				continue;
			measure(&workloads[w], versions[v], 100);
			thousand = measure(&workloads[w], versions[v], 1000);
			ten_thousand = measure(&workloads[w], versions[v], 10000);
			failures += ten_thousand > thousand * GROWTH_MAX;
		}
	if (failures)
		printf("%d of the workloads grow faster than near linear\n", failures);
	return failures != 0;
}
