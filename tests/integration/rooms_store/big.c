/* SPDX-License-Identifier: Apache-2.0 */
/* A room with 10,000 joins: what its state takes, and what a fork in it costs. HEARTH_TEST_JOINS: another number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_test.h"

#define BATCH 100

struct room_params {
	const char *room_id;
};
struct size_row {
	int64_t group_bytes, groups, rows, longest;
};
#define SIZE(member) HEARTH_COLUMN(struct size_row, member)
static const struct hearth_field SIZE_PARAMS[] = { HEARTH_COLUMNS(struct room_params, room_id) };
static const struct hearth_field SIZE_ROW[] = { SIZE(group_bytes), SIZE(groups), SIZE(rows), SIZE(longest),
						HEARTH_FIELDS_END };
/* rows: of all tables that a join writes to. longest: how many groups the longest chain has. */
static const struct hearth_statement SELECT_SIZE = {
	.name = "rooms_store_test.select_size",
	.sql = "WITH RECURSIVE r AS (SELECT number FROM rooms WHERE room_id = $1), "
	       "chain AS (SELECT g.number, g.base, 1 AS length FROM state_groups g JOIN r ON r.number = g.room "
	       "WHERE g.base = 0 UNION ALL SELECT g.number, g.base, c.length + 1 "
	       "FROM chain c JOIN state_groups g ON g.base = c.number) "
	       "SELECT (SELECT sum(length(entries)) FROM state_groups g JOIN r ON r.number = g.room)::bigint, "
	       "(SELECT count(*) FROM state_groups g JOIN r ON r.number = g.room), "
	       "(SELECT count(*) FROM state_groups g JOIN r ON r.number = g.room) "
	       "+ (SELECT count(*) FROM events e JOIN r ON r.number = e.room) "
	       "+ (SELECT count(*) FROM current_state c JOIN r ON r.number = c.room) "
	       "+ (SELECT count(*) FROM current_state_deltas d JOIN r ON r.number = d.room) "
	       "+ (SELECT count(*) FROM memberships m JOIN r ON r.number = m.room), "
	       "(SELECT max(length) FROM chain)::bigint",
	.params = SIZE_PARAMS, .row = SIZE_ROW, .row_size = sizeof(struct size_row),
};

static int measure(struct run *run, struct size_row *ret_size)
{
	struct hearth_rows rows;

	must(run->r->db->read(run->task, &SELECT_SIZE, &(struct room_params){ run->room_id }, &rows, run->err));
	*ret_size = *(const struct size_row *)rows.items;
	return 0;
}

/* marked: the join of that number, from 0. */
static int join_many(struct run *run, long joins, long marked, const char **ret_last, const char **ret_marked)
{
	struct hearth_draft *drafts = hearth_arena_array_of(run->arena, struct hearth_draft, BATCH);
	const char *const *ids;

	for (long round = 0; round < joins / BATCH; round++) {
		for (long i = 0; i < BATCH; i++) {
			char *user = hearth_arena_printf(run->arena, "@user%ld:test", round * BATCH + i);

			drafts[i] = test_draft(run, user, "m.room.member", user, "{\"membership\":\"join\"}");
		}
		must(rooms_send_batch(run->r, run->task, &(struct rooms_batch){ .drafts = drafts, .count = BATCH }, NULL, &ids,
				      run->err));
		*ret_last = ids[0];
		if (marked / BATCH == round)
			*ret_marked = ids[marked % BATCH];
	}
	return 0;
}

/* A join from elsewhere, behind an event that is not the latest. */
static int fork_at(struct run *run, const char *prev, int number)
{
	static const char *const TYPES[] = { "m.room.create", "m.room.power_levels", "m.room.join_rules" };
	struct hearth_json *pdu = hearth_json_object_new(run->arena), *auth = hearth_json_array_new(run->arena);
	char *user = hearth_arena_printf(run->arena, "@late%d:elsewhere", number);
	struct hearth_pdu how = { .size = sizeof(how), .json = pdu };
	struct hearth_pdu_outcome outcome;
	const char *id;

	for (size_t i = 0; i < HEARTH_COUNT(TYPES); i++) {
		struct hearth_stored_event event;

		must(rooms_current(run->r, run->task, run->room_id, TYPES[i], "", &event, run->err));
		hearth_json_append(auth, hearth_json_string_new(run->arena, event.event_id));
	}
	hearth_json_set(pdu, "auth_events", auth);
	hearth_json_set(pdu, "prev_events", test_json(run, hearth_arena_printf(run->arena, "[\"%s\"]", prev)));
	hearth_json_set_int(pdu, "depth", 1000000);
	hearth_json_set_int(pdu, "origin_server_ts", 1700000000000);
	hearth_json_set_string(pdu, "type", "m.room.member");
	hearth_json_set_string(pdu, "sender", user);
	hearth_json_set_string(pdu, "state_key", user);
	hearth_json_set_string(pdu, "room_id", run->room_id);
	hearth_json_set(pdu, "content", test_json(run, "{\"membership\":\"join\"}"));
	must(hearth_event_sign(run->arena, hearth_room_version("10"), pdu, "elsewhere", run->r->keys->signing(), &id,
			       run->err));
	must(rooms_store_pdus(run->r, run->task, run->room_id, NULL, &how, 1, &outcome, run->err));
	expect(run, outcome.result == HEARTH_PDU_STORED);
	return 0;
}

int big_rooms_share_their_state(struct run *run)
{
	const char *number = getenv("HEARTH_TEST_JOINS"), *last = NULL, *below = NULL, *id;
	long joins = number ? strtol(number, NULL, 10) : 10000, height = 1;
	int64_t started_ms = run->r->tasks->monotonic_ms(), joined_ms, forked_ms;
	struct size_row before, after, deep;
	struct hearth_texts users;

	must(test_create(run, "10", "shared"));
	/* The room itself is five changes; what follows the change just below a power of two takes all over. */
	while (height * 2 <= joins)
		height *= 2;
	must(join_many(run, joins, height - 1 - 5 - 1, &last, &below));
	joined_ms = run->r->tasks->monotonic_ms();
	must(measure(run, &before));
	for (int i = 0; i < 10; i++)
		must(fork_at(run, last, i));
	must(test_send(run, ALICE, "m.room.message", NULL, "{\"body\":\"together\"}", &id));
	forked_ms = run->r->tasks->monotonic_ms();
	must(measure(run, &after));
	for (int i = 10; i < 20; i++)
		must(fork_at(run, below, i));
	must(measure(run, &deep));
	printf("rooms_store: %ld joins in %lld ms: state of %lld bytes in %lld groups (one list of the state: %ld bytes), "
	       "chains of at most %lld, %.2f rows a join; 10 forks in %lld ms and %lld bytes, below a whole list %lld bytes\n",
	       joins, (long long)(joined_ms - started_ms), (long long)before.group_bytes, (long long)before.groups, joins * 16,
	       (long long)before.longest, (double)before.rows / (double)joins, (long long)(forked_ms - joined_ms),
	       (long long)(after.group_bytes - before.group_bytes), (long long)(deep.group_bytes - after.group_bytes));
	must(rooms_members(run->r, run->task, run->room_id, "join", 0, &users, run->err));
	expect(run, (long)users.count == joins + 21);
	expect(run, before.group_bytes < joins * 16 * 16); /* n log n, not n * n */
	expect(run, before.longest <= 24 && before.rows < joins * 6);
	expect(run, after.group_bytes - before.group_bytes < joins * 16);
	/* what the first fork takes over serves the others; the states that join them are changes of one or the other */
	expect(run, deep.group_bytes - after.group_bytes < joins * 16 * 3);
	return 0;
}
