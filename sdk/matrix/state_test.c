/* SPDX-License-Identifier: Apache-2.0 */
/* State resolution: small graphs whose outcome the specification tells. */
#include <errno.h>

#include "room_support.h"

#include <hearth/matrix/state.h>

#define SET_MAX 16

struct graph {
	struct room room; /* events in no order; ids are chosen here */
	size_t fetches;
	int fails; /* what fetch returns */
	const char *const *difference; /* what auth_difference answers */
	size_t difference_count;
};

struct set {
	struct hearth_state_entry entries[SET_MAX];
	size_t count;
};

/* auth: ids with blanks between. The clock runs with the events. */
static struct hearth_event *add(struct graph *graph, const char *id, const char *type, const char *sender,
				const char *state_key, const char *content, const char *auth)
{
	struct hearth_event *event = event_new(&graph->room, id, type, sender, state_key, content);
	const char **ids = hearth_arena_array_of(graph->room.arena, const char *, 10);
	char *rest = hearth_arena_strdup(graph->room.arena, auth), *saved = NULL;

	for (char *one = strtok_r(rest, " ", &saved); one; one = strtok_r(NULL, " ", &saved))
		ids[event->auth_count++] = one;
	event->auth_events = ids;
	event->depth = event->origin_server_ts = (int64_t)graph->room.count;
	assert_true(graph->room.count < ROOM_EVENTS_MAX);
	graph->room.events[graph->room.count++] = event;
	return event;
}

static const struct hearth_event *find(const struct graph *graph, const char *id)
{
	for (size_t i = 0; i < graph->room.count; i++)
		if (strcmp(graph->room.events[i]->event_id, id) == 0)
			return graph->room.events[i];
	return NULL;
}

static int fetch(void *context, const char *const *ids, size_t count, const struct hearth_event **ret_events,
		 struct hearth_error *err)
{
	struct graph *graph = context;

	graph->fetches++;
	if (graph->fails)
		return hearth_fail(err, graph->fails, "the store is gone");
	for (size_t i = 0; i < count; i++)
		ret_events[i] = find(graph, ids[i]);
	return 0;
}

static int difference(void *context, const struct hearth_state_set *sets, size_t set_count, const char *const **ret_ids,
		      size_t *ret_count, struct hearth_error *err)
{
	const struct graph *graph = context;

	(void)sets, (void)set_count, (void)err;
	*ret_ids = graph->difference;
	*ret_count = graph->difference_count;
	return 0;
}

/* The state that the events of these ids add up to; later ones take the place of earlier ones. */
static struct set set_of(struct graph *graph, const char *ids)
{
	struct set set = { .count = 0 };
	char *rest = hearth_arena_strdup(graph->room.arena, ids), *saved = NULL;

	for (char *id = strtok_r(rest, " ", &saved); id; id = strtok_r(NULL, " ", &saved)) {
		const struct hearth_event *event = find(graph, id);
		size_t at = 0;

		while (at < set.count && (strcmp(set.entries[at].type, event->type) != 0 ||
					  strcmp(set.entries[at].state_key, event->state_key) != 0))
			at++;
		assert_true(at < SET_MAX);
		set.entries[at] = (struct hearth_state_entry){ event->type, event->state_key, id };
		set.count += at == set.count;
	}
	return set;
}

static int resolve(struct graph *graph, const char *const *states, size_t count, struct hearth_state_set *ret_state)
{
	const struct hearth_event_source source = {
		.fetch = fetch, .auth_difference = graph->difference ? difference : NULL, .context = graph,
	};
	struct hearth_state_set sets[4];
	struct hearth_error err = { 0 };
	int r;

	for (size_t i = 0; i < count; i++) {
		struct set *set = hearth_arena_new_of(graph->room.arena, struct set);

		*set = set_of(graph, states[i]);
		sets[i] = (struct hearth_state_set){ set->entries, set->count };
	}
	r = hearth_state_resolve(graph->room.arena, graph->room.version, sets, count, &source, ret_state, &err);
	if (r < 0)
		assert_string_equal(err.message, "the store is gone");
	return r;
}

/* The id of the event at that key in what the two states resolve to; "-" for none. */
static const char *resolved(struct graph *graph, const char *a, const char *b, const char *type, const char *state_key)
{
	struct hearth_state_set state;

	assert_int_equal(resolve(graph, (const char *[]){ a, b }, 2, &state), 0);
	for (size_t i = 0; i < state.count; i++)
		if (strcmp(state.entries[i].type, type) == 0 && strcmp(state.entries[i].state_key, state_key) == 0)
			return state.entries[i].event_id;
	return "-";
}

/* $create, $ann (creator), $pl: ann 100, bob 50; $jr: public; $bob and $cid have joined. */
static struct graph start(struct hearth_arena *arena, const char *version)
{
	struct graph graph = { .room = room_new(arena, version) };
	int creator_power = graph.room.version->creator_power;
	const char *levels = creator_power ? "{'users':{'@bob:one':50}}" : "{'users':{'@ann:one':100,'@bob:one':50}}";
	const char *create = creator_power ? "" : "$create ";

	add(&graph, "$create", "m.room.create", "@ann:one", "", "{'creator':'@ann:one'}", "");
	add(&graph, "$ann", "m.room.member", "@ann:one", "@ann:one", "{'membership':'join'}", create);
	add(&graph, "$pl", "m.room.power_levels", "@ann:one", "", levels, hearth_arena_printf(arena, "%s$ann", create));
	add(&graph, "$jr", "m.room.join_rules", "@ann:one", "", "{'join_rule':'public'}",
	    hearth_arena_printf(arena, "%s$ann $pl", create));
	add(&graph, "$bob", "m.room.member", "@bob:one", "@bob:one", "{'membership':'join'}",
	    hearth_arena_printf(arena, "%s$jr $pl", create));
	add(&graph, "$cid", "m.room.member", "@cid:two", "@cid:two", "{'membership':'join'}",
	    hearth_arena_printf(arena, "%s$jr $pl", create));
	return graph;
}

#define BASE "$create $ann $pl $jr $bob $cid "

static const char *auth(const struct graph *graph, const char *more)
{
	const char *create = graph->room.version->creator_power ? "" : "$create ";

	return hearth_arena_printf(graph->room.arena, "%s%s", create, more);
}

static const char *const NEWER[] = { "2", "6", "11", "12" };

/* --- versions 2 and 2.1 --- */
static void agreement_is_kept(void **state)
{
	for (size_t i = 0; i < HEARTH_COUNT(NEWER); i++) {
		struct graph graph = start(*state, NEWER[i]);
		struct hearth_state_set result;

		assert_int_equal(resolve(&graph, (const char *[]){ BASE, BASE, BASE }, 3, &result), 0);
		assert_int_equal(result.count, 6);
		assert_int_equal(graph.fetches, 0);
		assert_int_equal(resolve(&graph, (const char *[]){ BASE }, 1, &result), 0);
		assert_int_equal(result.count, 6);
		assert_int_equal(resolve(&graph, NULL, 0, &result), 0);
		assert_int_equal(result.count, 0);
	}
}

/* A ban on one fork takes back what the banned user did on the other. */
static void bans_win(void **state)
{
	for (size_t i = 0; i < HEARTH_COUNT(NEWER); i++) {
		struct graph graph = start(*state, NEWER[i]);

		add(&graph, "$ban", "m.room.member", "@ann:one", "@bob:one", "{'membership':'ban'}",
		    auth(&graph, "$ann $pl $bob"));
		add(&graph, "$topic", "m.room.topic", "@bob:one", "", "{}", auth(&graph, "$bob $pl"));
		assert_string_equal(resolved(&graph, BASE "$ban", BASE "$topic", "m.room.member", "@bob:one"), "$ban");
		assert_string_equal(resolved(&graph, BASE "$ban", BASE "$topic", "m.room.topic", ""), "-");
		assert_string_equal(resolved(&graph, BASE "$topic", BASE "$ban", "m.room.topic", ""), "-");
		assert_string_equal(resolved(&graph, BASE, BASE "$topic", "m.room.topic", ""), "$topic");
	}
}

/* Of two changes of the power levels the sender with more power comes first; what is left then decides on the other. */
static void power_before_time(void **state)
{
	for (size_t i = 0; i < HEARTH_COUNT(NEWER); i++) {
		struct graph graph = start(*state, NEWER[i]);
		const char *by_bob = graph.room.version->creator_power ?
					     "{'users':{'@bob:one':50,'@cid:two':50}}" :
					     "{'users':{'@ann:one':100,'@bob:one':50,'@cid:two':50}}";
		const char *by_ann = graph.room.version->creator_power ? "{'users':{}}" : "{'users':{'@ann:one':100}}";

		add(&graph, "$plbob", "m.room.power_levels", "@bob:one", "", by_bob, auth(&graph, "$bob $pl"));
		add(&graph, "$plann", "m.room.power_levels", "@ann:one", "", by_ann, auth(&graph, "$ann $pl"));
		assert_string_equal(resolved(&graph, BASE "$plbob", BASE "$plann", "m.room.power_levels", ""), "$plann");
	}
}

/* State that rests on later power levels comes later in the mainline, whatever its clock says. */
static void mainline_before_time(void **state)
{
	for (size_t i = 0; i < HEARTH_COUNT(NEWER); i++) {
		struct graph graph = start(*state, NEWER[i]);
		const char *levels = graph.room.version->creator_power ?
					     "{'users':{'@bob:one':60}}" :
					     "{'users':{'@ann:one':100,'@bob:one':60}}";
		struct hearth_event *early;

		add(&graph, "$pl2", "m.room.power_levels", "@ann:one", "", levels, auth(&graph, "$ann $pl"));
		early = add(&graph, "$new", "m.room.topic", "@bob:one", "", "{}", auth(&graph, "$bob $pl2"));
		early->origin_server_ts = 0;
		add(&graph, "$old", "m.room.topic", "@bob:one", "", "{}", auth(&graph, "$bob $pl"));
		assert_string_equal(resolved(&graph, BASE "$pl2 $new", BASE "$old", "m.room.topic", ""), "$new");
		early->auth_events = find(&graph, "$old")->auth_events;
		assert_string_equal(resolved(&graph, BASE "$pl2 $new", BASE "$old", "m.room.topic", ""), "$old");
	}
}

static void ties_go_by_id(void **state)
{
	struct graph graph = start(*state, "6");

	add(&graph, "$a", "m.room.topic", "@bob:one", "", "{}", auth(&graph, "$bob $pl"))->origin_server_ts = 7;
	add(&graph, "$b", "m.room.topic", "@bob:one", "", "{}", auth(&graph, "$bob $pl"))->origin_server_ts = 7;
	assert_string_equal(resolved(&graph, BASE "$a", BASE "$b", "m.room.topic", ""), "$b");
	assert_string_equal(resolved(&graph, BASE "$b", BASE "$a", "m.room.topic", ""), "$b");
}

static void rejected_and_unknown_events(void **state)
{
	struct graph graph = start(*state, "6");
	struct hearth_event *ban;

	add(&graph, "$topic", "m.room.topic", "@bob:one", "", "{}", auth(&graph, "$bob $pl $nowhere"));
	ban = add(&graph, "$ban", "m.room.member", "@ann:one", "@bob:one", "{'membership':'ban'}",
		  auth(&graph, "$ann $pl $bob"));
	assert_string_equal(resolved(&graph, BASE "$ban", BASE "$topic", "m.room.topic", ""), "-");
	ban->rejected = 1;
	assert_string_equal(resolved(&graph, BASE "$ban", BASE "$topic", "m.room.topic", ""), "$topic");
}

/*
 * Version 2.1 re-plays the conflicted subgraph: the members between two conflicted events are looked at again although
 * both forks have them in their auth chains.
 */
static void subgraph(void **state)
{
	struct graph v11 = start(*state, "11"), v12 = start(*state, "12");

	for (int i = 0; i < 2; i++) {
		struct graph *graph = i ? &v12 : &v11;
		const char *first = i ? "{'users':{'@bob:one':70}}" : "{'users':{'@ann:one':100,'@bob:one':70}}";
		const char *second = i ? "{'users':{'@bob:one':80}}" : "{'users':{'@ann:one':100,'@bob:one':80}}";

		add(graph, "$pl2", "m.room.power_levels", "@ann:one", "", first, auth(graph, "$ann $pl"));
		add(graph, "$pl3", "m.room.power_levels", "@ann:one", "", second, auth(graph, "$ann $pl2"));
		add(graph, "$topic", "m.room.topic", "@bob:one", "", "{}", auth(graph, "$bob $pl3"));
		/* One fork went back to $pl; the unconflicted topic puts all levels into both chains. */
		assert_string_equal(resolved(graph, BASE "$pl3 $topic", BASE "$pl $topic", "m.room.power_levels", ""), "$pl3");
	}
}

static void errors_are_handed_on(void **state)
{
	static const char *const versions[] = { "1", "6", "12" };

	for (size_t i = 0; i < HEARTH_COUNT(versions); i++) {
		struct graph graph = start(*state, versions[i]);
		struct hearth_state_set result;

		add(&graph, "$a", "m.room.topic", "@bob:one", "", "{}", auth(&graph, "$bob $pl"));
		add(&graph, "$b", "m.room.topic", "@bob:one", "", "{}", auth(&graph, "$bob $pl"));
		graph.fails = -EIO;
		assert_int_equal(resolve(&graph, (const char *[]){ BASE "$a", BASE "$b" }, 2, &result), -EIO);
	}
}

/* A store that knows the auth difference saves the walk, and changes nothing. */
static void difference_from_the_store(void **state)
{
	static const char *const ids[] = { "$pl2", "$new", "$old", "$ban" };

	for (size_t i = 0; i < HEARTH_COUNT(NEWER); i++)
		for (int asked = 0; asked < 2; asked++) {
			struct graph graph = start(*state, NEWER[i]);
			const char *levels = graph.room.version->creator_power ?
						     "{'users':{'@bob:one':60}}" :
						     "{'users':{'@ann:one':100,'@bob:one':60}}";

			add(&graph, "$pl2", "m.room.power_levels", "@ann:one", "", levels, auth(&graph, "$ann $pl"));
			add(&graph, "$new", "m.room.topic", "@bob:one", "", "{}", auth(&graph, "$bob $pl2"));
			add(&graph, "$old", "m.room.topic", "@bob:one", "", "{}", auth(&graph, "$bob $pl"));
			add(&graph, "$ban", "m.room.member", "@bob:one", "@cid:two", "{'membership':'ban'}",
			    auth(&graph, "$bob $pl $cid"));
			graph.difference = asked ? ids : NULL;
			graph.difference_count = HEARTH_COUNT(ids);
			assert_string_equal(resolved(&graph, BASE "$pl2 $new", BASE "$old $ban", "m.room.topic", ""), "$new");
			assert_string_equal(resolved(&graph, BASE "$pl2 $new", BASE "$old $ban", "m.room.member", "@cid:two"),
					    "$ban");
		}
}

/* The chosen ids of version 2 allow events that cite one another in a circle. */
static void circles_end(void **state)
{
	struct graph graph = start(*state, "2");

	add(&graph, "$x", "m.room.power_levels", "@ann:one", "", "{'users':{'@ann:one':100}}", "$create $ann $y");
	add(&graph, "$y", "m.room.power_levels", "@ann:one", "", "{'users':{'@ann:one':100}}", "$create $ann $x");
	add(&graph, "$a", "m.room.topic", "@ann:one", "", "{}", "$create $ann $x");
	add(&graph, "$b", "m.room.topic", "@ann:one", "", "{}", "$create $ann $pl");
	assert_string_not_equal(resolved(&graph, BASE "$x $a", BASE "$y $b", "m.room.topic", ""), "-");
	assert_string_not_equal(resolved(&graph, BASE "$x $a", BASE "$b", "m.room.power_levels", ""), "-");
}

/* --- version 1 --- */
static void version_1(void **state)
{
	struct graph graph = start(*state, "1");

	/* What only one fork has is no conflict. */
	add(&graph, "$name", "m.room.name", "@bob:one", "", "{}", "$create $bob $pl");
	assert_string_equal(resolved(&graph, BASE "$name", BASE, "m.room.name", ""), "$name");
	assert_int_equal(graph.fetches, 0);

	/* Other state: the deepest that is allowed. */
	add(&graph, "$low", "m.room.topic", "@bob:one", "", "{}", "$create $bob $pl");
	add(&graph, "$high", "m.room.topic", "@bob:one", "", "{}", "$create $bob $pl");
	assert_string_equal(resolved(&graph, BASE "$low", BASE "$high", "m.room.topic", ""), "$high");
	add(&graph, "$denied", "m.room.topic", "@cid:two", "", "{}", "$create $cid $pl");
	assert_string_equal(resolved(&graph, BASE "$low", BASE "$denied", "m.room.topic", ""), "$low");

	/* Power levels: upwards for as long as each is allowed after the one before. */
	add(&graph, "$pl2", "m.room.power_levels", "@ann:one", "", "{'users':{'@ann:one':100}}", "$create $ann $pl");
	add(&graph, "$pl3", "m.room.power_levels", "@bob:one", "", "{'users':{'@ann:one':100,'@bob:one':50},'ban':1}",
	    "$create $bob $pl");
	assert_string_equal(resolved(&graph, BASE "$pl3", BASE "$pl2", "m.room.power_levels", ""), "$pl2");
	assert_string_equal(resolved(&graph, BASE "$pl3", BASE, "m.room.power_levels", ""), "$pl3");

	/* The levels that won decide on the rest. */
	assert_string_equal(resolved(&graph, BASE "$pl2 $low", BASE "$high", "m.room.topic", ""), "$low");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ARENA(agreement_is_kept),         TEST_WITH_ARENA(bans_win),
		TEST_WITH_ARENA(power_before_time),         TEST_WITH_ARENA(mainline_before_time),
		TEST_WITH_ARENA(ties_go_by_id),             TEST_WITH_ARENA(rejected_and_unknown_events),
		TEST_WITH_ARENA(subgraph),                  TEST_WITH_ARENA(errors_are_handed_on),
		TEST_WITH_ARENA(difference_from_the_store), TEST_WITH_ARENA(circles_end),
		TEST_WITH_ARENA(version_1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
