/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that tests the event store inside a running host: it starts if everything is as it should be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_test.h"

struct store_test {
	const struct hearth_host *host;
	const struct hearth_rooms *service;
};

const struct hearth_json *test_json(const struct run *run, const char *text)
{
	const struct hearth_json *value = NULL;

	(void)!hearth_json_parse(run->arena, text, strlen(text), 0, &value, NULL);
	hearth_assert(value);
	return value;
}

struct hearth_draft test_draft(const struct run *run, const char *sender, const char *type, const char *state_key,
				 const char *content)
{
	return (struct hearth_draft){ .size = sizeof(struct hearth_draft), .room_id = run->room_id, .sender = sender,
				      .type = type, .state_key = state_key, .content = test_json(run, content) };
}

int test_create(struct run *run, const char *version, const char *visibility)
{
	char *history = hearth_arena_printf(run->arena, "{\"history_visibility\":\"%s\"}", visibility);
	const char *levels = strcmp(version, "12") ? "{\"users\":{\"" ALICE "\":100}}" : "{}";
	struct hearth_draft drafts[] = {
		test_draft(run, ALICE, "m.room.create", "", "{}"),
		test_draft(run, ALICE, "m.room.member", ALICE, "{\"membership\":\"join\"}"),
		test_draft(run, ALICE, "m.room.power_levels", "", levels),
		test_draft(run, ALICE, "m.room.join_rules", "", "{\"join_rule\":\"public\"}"),
		test_draft(run, ALICE, "m.room.history_visibility", "", history),
	};
	struct rooms_batch batch = { .drafts = drafts, .count = HEARTH_COUNT(drafts),
				     .create_version = hearth_room_version(version) };
	const char *const *ids;

	return rooms_send_batch(run->r, run->task, &batch, &run->room_id, &ids, run->err);
}

int test_send(struct run *run, const char *sender, const char *type, const char *state_key, const char *content,
		const char **ret_event_id)
{
	struct hearth_draft d = test_draft(run, sender, type, state_key, content);

	return rooms_send(run->r, run->task, &d, ret_event_id, run->err);
}

static int every_version_makes_rooms(struct run *run)
{
	char name[8];
	const char *id;

	for (int version = 1; version <= 12; version++) {
		struct hearth_stored_event *event;

		snprintf(name, sizeof(name), "%d", version);
		must(test_create(run, name, "shared"));
		must(test_send(run, ALICE, "m.room.message", NULL, "{\"body\":\"hi\"}", &id));
		must(rooms_events(run->r, run->task, &id, 1, &event, run->err));
		expect(run, event->event_id && strcmp(event->room_id, run->room_id) == 0 && event->depth == 6);
		expect(run, version < 12 || !strchr(run->room_id, ':'));
	}
	return 0;
}

static int transactions_are_idempotent(struct run *run)
{
	const char *first, *second, *other;
	struct hearth_draft d;

	must(test_create(run, "10", "shared"));
	d = test_draft(run, ALICE, "m.room.message", NULL, "{\"body\":\"once\"}");
	d.txn_id = "t1";
	d.device_id = "DEV";
	must(rooms_send(run->r, run->task, &d, &first, run->err));
	must(rooms_send(run->r, run->task, &d, &second, run->err));
	expect(run, strcmp(first, second) == 0);
	d.device_id = "OTHER";
	must(rooms_send(run->r, run->task, &d, &other, run->err));
	expect(run, strcmp(first, other) != 0);
	return 0;
}

static int outsiders_are_refused(struct run *run)
{
	struct hearth_error refusal = { 0 };
	struct hearth_draft d;
	const char *id;

	must(test_create(run, "10", "shared"));
	d = test_draft(run, BOB, "m.room.message", NULL, "{\"body\":\"no\"}");
	expect(run, rooms_send(run->r, run->task, &d, &id, &refusal) == -EACCES);
	expect(run, hearth_error_status(&refusal) == 403);
	must(test_send(run, ALICE, "m.room.message", NULL, "{\"body\":\"still works\"}", &id));
	return 0;
}

static int redactions_show(struct run *run)
{
	struct hearth_client_form form = { .size = sizeof(form) };
	struct hearth_writer *w = hearth_writer_new(run->arena);
	struct hearth_stored_event *event;
	struct hearth_draft d;
	const char *id, *redaction, *text;

	must(test_create(run, "11", "shared"));
	must(test_send(run, ALICE, "m.room.message", NULL, "{\"body\":\"secret\"}", &id));
	d = test_draft(run, ALICE, "m.room.redaction", NULL, "{}");
	d.redacts = id;
	must(rooms_send(run->r, run->task, &d, &redaction, run->err));
	must(rooms_events(run->r, run->task, &id, 1, &event, run->err));
	expect(run, event->redacted && !strstr(event->json, "secret"));
	rooms_write_event(run->r, w, NULL, event, &form);
	text = hearth_writer_text(w, NULL);
	expect(run, strstr(text, "redacted_because") && strstr(text, redaction));
	expect(run, strstr(text, "\"content\":{\"redacts\":") && strstr(text, "},\"redacts\":"));
	must(test_send(run, BOB, "m.room.member", BOB, "{\"membership\":\"join\"}", &text));
	must(test_send(run, ALICE, "m.room.message", NULL, "{\"body\":\"hers\"}", &id));
	d.sender = BOB;
	d.redacts = id;
	expect(run, rooms_send(run->r, run->task, &d, &redaction, NULL) == -EACCES);
	return 0;
}

static int state_rolls_back(struct run *run)
{
	const char *types[] = { "m.room.topic" }, *keys[] = { "" }, *id;
	struct hearth_state_query query = { .size = sizeof(query), .types = types, .state_keys = keys, .pair_count = 1 };
	struct hearth_state_result result;
	const struct hearth_stored_event *before;
	struct hearth_stored_event *first;
	size_t count;

	must(test_create(run, "10", "shared"));
	must(test_send(run, ALICE, "m.room.topic", "", "{\"topic\":\"one\"}", &id));
	must(rooms_events(run->r, run->task, &id, 1, &first, run->err));
	must(test_send(run, ALICE, "m.room.topic", "", "{\"topic\":\"two\"}", &id));
	query.room_id = run->room_id;
	query.at = first->stream_ordering;
	must(rooms_states(run->r, run->task, &query, 1, &result, run->err));
	expect(run, result.count == 1 && strstr(result.events->json, "\"one\""));
	query.at = INT64_MAX;
	must(rooms_states(run->r, run->task, &query, 1, &result, run->err));
	expect(run, result.count == 1 && strstr(result.events->json, "\"two\""));
	query.pair_count = 0;
	must(rooms_states(run->r, run->task, &query, 1, &result, run->err));
	expect(run, result.count == 6);
	must(rooms_state_before(run->r, run->task, id, types, keys, 1, &before, &count, run->err));
	expect(run, count == 1 && strstr(before->json, "\"one\""));
	return 0;
}

static int visible(struct run *run, const char *user_id, size_t *ret_count)
{
	struct hearth_timeline_query query = { .size = sizeof(query), .room_id = run->room_id, .from = INT64_MAX,
					       .to = INT64_MIN, .from_depth = INT64_MAX, .to_depth = INT64_MIN,
					       .backwards = 1, .limit = 100, .viewer = user_id };
	struct hearth_timeline timeline;

	must(rooms_timelines(run->r, run->task, &query, 1, &timeline, run->err));
	*ret_count = timeline.count;
	query.by_depth = 1;
	must(rooms_timelines(run->r, run->task, &query, 1, &timeline, run->err));
	expect(run, *ret_count == timeline.count && !timeline.limited);
	return 0;
}

/*
 * 5 events make the room: the history before the setting is shared, as is the event that sets it. Then alice speaks, bob is
 * invited, alice speaks, bob joins, alice speaks.
 */
static int visibility_follows_the_setting(struct run *run)
{
	static const struct {
		const char *visibility;
		size_t bob, carol;
	} CASES[] = { { "world_readable", 10, 6 }, { "shared", 10, 0 }, { "invited", 9, 0 }, { "joined", 7, 0 } };
	const char *id;
	size_t count;

	for (size_t i = 0; i < HEARTH_COUNT(CASES); i++) {
		must(test_create(run, "10", CASES[i].visibility));
		must(test_send(run, ALICE, "m.room.message", NULL, "{\"body\":\"1\"}", &id));
		must(test_send(run, ALICE, "m.room.member", BOB, "{\"membership\":\"invite\"}", &id));
		must(test_send(run, ALICE, "m.room.message", NULL, "{\"body\":\"2\"}", &id));
		must(test_send(run, BOB, "m.room.member", BOB, "{\"membership\":\"join\"}", &id));
		must(test_send(run, ALICE, "m.room.message", NULL, "{\"body\":\"3\"}", &id));
		must(visible(run, ALICE, &count));
		expect(run, count == 10);
		must(visible(run, BOB, &count));
		if (count != CASES[i].bob)
			return hearth_fail(run->err, -EIO, "%s: bob sees %zu events", CASES[i].visibility, count);
		must(visible(run, "@carol:test", &count));
		if (count != CASES[i].carol)
			return hearth_fail(run->err, -EIO, "%s: carol sees %zu events", CASES[i].visibility, count);
	}
	return 0;
}

static int memberships_and_summaries(struct run *run)
{
	struct hearth_room_summary summary;
	const struct hearth_membership *memberships;
	struct hearth_stored_event *joined;
	struct hearth_texts users;
	size_t count, then;
	const char *id;
	int64_t at;

	must(test_create(run, "10", "shared"));
	must(test_send(run, BOB, "m.room.member", BOB, "{\"membership\":\"join\"}", &id));
	must(rooms_events(run->r, run->task, &id, 1, &joined, run->err));
	must(rooms_summaries(run->r, run->task, &run->room_id, 1, ALICE, &summary, run->err));
	expect(run, summary.joined_count == 2 && summary.heroes.count == 1 && strcmp(summary.heroes.items[0], BOB) == 0);
	must(rooms_sharing_users(run->r, run->task, BOB, NULL, 0, &users, run->err));
	expect(run, users.count == 2);
	must(rooms_members(run->r, run->task, run->room_id, "join", 1, &users, run->err));
	expect(run, users.count == 2 || strcmp(run->r->server_name, "test"));
	must(rooms_memberships(run->r, run->task, BOB, joined->stream_ordering, &memberships, &then, run->err));
	must(test_send(run, BOB, "m.room.member", BOB, "{\"membership\":\"leave\"}", &id));
	must(rooms_memberships(run->r, run->task, BOB, joined->stream_ordering, &memberships, &count, run->err));
	expect(run, count == then && strcmp(memberships[count - 1].membership, "join") == 0);
	must(rooms_may_read(run->r, run->task, run->room_id, BOB, &at, run->err));
	expect(run, at > joined->stream_ordering && at < INT64_MAX);
	must(rooms_forget(run->r, run->task, run->room_id, BOB, run->err));
	expect(run, rooms_forget(run->r, run->task, run->room_id, ALICE, NULL) == -EINVAL);
	return 0;
}

static int relations_are_bundled(struct run *run)
{
	struct hearth_client_form form = { .size = sizeof(form), .bundle = 1 };
	struct hearth_writer *w = hearth_writer_new(run->arena);
	struct hearth_stored_event *root;
	const char *id, *reply, *text;

	must(test_create(run, "10", "shared"));
	must(test_send(run, ALICE, "m.room.message", NULL, "{\"body\":\"root\"}", &id));
	must(test_send(run, ALICE, "m.room.message", NULL,
		  hearth_arena_printf(run->arena,
				      "{\"m.relates_to\":{\"rel_type\":\"m.thread\",\"event_id\":\"%s\"}}", id),
		  &reply));
	must(test_send(run, ALICE, "m.room.message", NULL,
		  hearth_arena_printf(run->arena,
				      "{\"m.new_content\":{},"
				      "\"m.relates_to\":{\"rel_type\":\"m.replace\",\"event_id\":\"%s\"}}",
				      id),
		  &text));
	must(rooms_events(run->r, run->task, &id, 1, &root, run->err));
	must(rooms_bundle(run->r, run->task, ALICE, root, 1, &form.bundled, run->err));
	rooms_write_event(run->r, w, NULL, root, &form);
	text = hearth_writer_text(w, NULL);
	expect(run, strstr(text, "\"m.thread\"") && strstr(text, "\"m.replace\"") && strstr(text, reply));
	expect(run, strstr(text, "\"current_user_participated\":true"));
	return 0;
}

#define SENDERS 64
#define SENDS 50

struct senders {
	struct run run;
	struct hearth_signal *done;
	int left, failed;
};

static void send_many(struct hearth_task *task, void *argument)
{
	struct senders *senders = argument;
	struct rooms *r = senders->run.r;
	struct hearth_error err = { 0 };
	struct run run = { .r = r, .task = task, .arena = r->tasks->arena(task), .room_id = senders->run.room_id,
			   .err = &err };
	const char *id;

	for (int i = 0; i < SENDS; i++)
		senders->failed += test_send(&run, ALICE, "m.room.message", NULL, "{\"body\":\"load\"}", &id) < 0;
	senders->left--;
	r->tasks->wake_all(senders->done);
}

/* Many senders at once: nothing lost, one order, no forks. */
static int groups_keep_everything(struct run *run)
{
	struct senders senders = { .run = *run, .left = SENDERS };
	struct hearth_timeline_query query = { .size = sizeof(query), .from = INT64_MAX, .to = INT64_MIN, .backwards = 1,
					       .limit = 1 };
	struct hearth_timeline timeline;
	struct rooms_room *room;
	int rc = 0;

	must(test_create(&senders.run, "10", "shared"));
	senders.done = run->r->tasks->signal_new();
	for (int i = 0; i < SENDERS; i++)
		must(run->r->tasks->spawn(run->r->host, "rooms_store.sender", send_many, &senders, run->err));
	while (rc >= 0 && senders.left)
		rc = run->r->tasks->wait(run->task, senders.done, 0, run->err);
	run->r->tasks->signal_free(senders.done);
	must(rc);
	expect(run, senders.failed == 0);
	query.room_id = senders.run.room_id;
	must(rooms_timelines(run->r, run->task, &query, 1, &timeline, run->err));
	expect(run, timeline.count == 1 && timeline.limited && timeline.events->depth == 5 + SENDERS * SENDS);
	must(rooms_rooms_load(run->r, run->task, &query.room_id, 1, &room, run->err));
	expect(run, room->extremity_count == 1);
	return 0;
}

static int start(void *self, struct hearth_task *task, struct hearth_error *err)
{
	static const struct {
		const char *name;
		int (*fn)(struct run *run);
	} STEPS[] = {
		{ "every_version_makes_rooms", every_version_makes_rooms },
		{ "transactions_are_idempotent", transactions_are_idempotent },
		{ "outsiders_are_refused", outsiders_are_refused },
		{ "redactions_show", redactions_show },
		{ "state_rolls_back", state_rolls_back },
		{ "visibility_follows_the_setting", visibility_follows_the_setting },
		{ "memberships_and_summaries", memberships_and_summaries },
		{ "relations_are_bundled", relations_are_bundled },
		{ "groups_keep_everything", groups_keep_everything },
		{ "redactions_wait_for_their_events", redactions_wait_for_their_events },
		{ "gaps_are_told_and_filled", gaps_are_told_and_filled },
		{ "history_stays_in_the_past", history_stays_in_the_past },
		{ "bad_pdus_are_refused", bad_pdus_are_refused },
		{ "local_events_join_the_forks", local_events_join_the_forks },
		{ "forks_are_bounded", forks_are_bounded },
		{ "rooms_of_other_writers_are_read_again", rooms_of_other_writers_are_read_again },
		{ "places_in_chains_are_taken_once", places_in_chains_are_taken_once },
		{ "random_graphs_resolve_alike", random_graphs_resolve_alike },
		{ "big_rooms_share_their_state", big_rooms_share_their_state },
	};
	struct store_test *test = self;
	struct rooms *r = rooms_of(test->service);
	struct run run = { .r = r, .task = task, .arena = r->tasks->arena(task), .err = err };

	for (size_t i = 0; i < HEARTH_COUNT(STEPS); i++) {
		int64_t started_ms = r->tasks->monotonic_ms();
		int rc = STEPS[i].fn(&run);

		printf("rooms_store: %s: %s %s (%lld ms)\n", STEPS[i].name, rc < 0 ? "FAILED" : "ok",
		       rc < 0 ? err->message : "", (long long)(r->tasks->monotonic_ms() - started_ms));
		fflush(stdout);
		if (rc < 0)
			return hearth_error_prefix(err, "%s", STEPS[i].name);
	}
	return 0;
}

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct store_test *test = calloc(1, sizeof(*test));

	(void)err;
	hearth_assert(test);
	test->host = host;
	test->service = hearth_rooms(host);
	*ret_self = test;
	return 0;
}

static const struct hearth_need NEEDS[] = { HEARTH_NEED(HEARTH_ROOMS), { .id = NULL } };

HEARTH_PLUGIN(rooms_store_test, .version = "1.0.0", .license = "Apache-2.0", .summary = "Tests the event store",
	      .needs = NEEDS, .load = load, .start = start, .stop = free);
