/* SPDX-License-Identifier: Apache-2.0 */
/* What is in memory of a room can be older than the database, where another writer was there: it is read again. */
#include <persist.h>
#include <string.h>

#include "model.h"

#define CREATOR "@u0:elsewhere"

struct room_params {
	const char *room_id;
};
static const struct hearth_field ROOM_PARAMS[] = { HEARTH_COLUMN(struct room_params, room_id), HEARTH_FIELDS_END };
static const struct hearth_statement MOVE_ROOM = {
	.name = "rooms_store_test.move_room",
	.sql = "UPDATE rooms SET last_ordering = last_ordering + 1 WHERE room_id = $1",
	.params = ROOM_PARAMS,
};
struct chains_row {
	int64_t chains, places;
};
static const struct hearth_field CHAINS_ROW[] = { HEARTH_COLUMN(struct chains_row, chains),
						  HEARTH_COLUMN(struct chains_row, places), HEARTH_FIELDS_END };
static const struct hearth_statement COUNT_CHAINS = {
	.name = "rooms_store_test.count_chains",
	.sql = "SELECT count(DISTINCT chain), count(DISTINCT (chain, chain_seq)) FROM events e "
	       "JOIN rooms r ON r.number = e.room WHERE r.room_id = $1 AND e.type = 'm.room.power_levels'",
	.params = ROOM_PARAMS, .row = CHAINS_ROW, .row_size = sizeof(struct chains_row),
};

/* Another writer has changed the room: what was made of its old picture is not stored, but made again. */
int rooms_of_other_writers_are_read_again(struct run *run)
{
	struct hearth_stored_event *event;
	const char *first, *second;

	must(test_create(run, "10", "shared"));
	must(test_send(run, ALICE, "m.room.topic", "", "{\"topic\":\"one\"}", &first));
	must(run->r->db->write(run->task, &MOVE_ROOM, &(struct room_params){ run->room_id }, NULL, run->err));
	must(test_send(run, ALICE, "m.room.topic", "", "{\"topic\":\"two\"}", &second));
	must(rooms_events(run->r, run->task, &second, 1, &event, run->err));
	expect(run, event->replaces_id && strcmp(event->replaces_id, first) == 0);
	return 0;
}

static int change_levels(struct model *model, size_t prev, int level)
{
	const struct model_draft draft = {
		"m.room.power_levels", CREATOR, "",
		hearth_arena_printf(model->run->arena, "{\"users\":{\"" CREATOR "\":100},\"ban\":%d}", level), NULL,
	};

	must(model_add(model, &draft, &prev, 1));
	return model_store(model, model->count - 1);
}

/* Memory says that the power levels are the last of their chain, and they are not any more: their follower goes elsewhere. */
int places_in_chains_are_taken_once(struct run *run)
{
	static const struct model_draft DRAFTS[] = {
		{ "m.room.create", CREATOR, "", "{\"creator\":\"" CREATOR "\",\"room_version\":\"10\"}", NULL },
		{ "m.room.member", CREATOR, CREATOR, "{\"membership\":\"join\"}", NULL },
		{ "m.room.power_levels", CREATOR, "", "{\"users\":{\"" CREATOR "\":100}}", NULL },
	};
	struct model *model = model_new(run, "10", 700);
	struct hearth_stored_event *levels;
	struct rooms_event *cached;
	struct hearth_rows rows;
	const char *id;

	for (size_t i = 0; i < HEARTH_COUNT(DRAFTS); i++) {
		size_t prev = i - 1;

		must(model_add(model, &DRAFTS[i], &prev, i ? 1 : 0));
		must(model_store(model, i));
	}
	must(change_levels(model, 2, 50));
	id = model->events[2].event->event_id;
	must(rooms_events(run->r, run->task, &id, 1, &levels, run->err));
	cached = rooms_lru_get(run->r->event_cache, NULL, &levels->number, sizeof(levels->number));
	expect(run, cached && cached->extended);
	cached->extended = false;
	must(change_levels(model, 2, 60));
	must(run->r->db->read(run->task, &COUNT_CHAINS, &(struct room_params){ model->room_id }, &rows, run->err));
	expect(run, ((const struct chains_row *)rows.items)->chains == 2);
	expect(run, ((const struct chains_row *)rows.items)->places == 3);
	return model_compare(model);
}
