/* SPDX-License-Identifier: Apache-2.0 */
/* Where the connection was lost in a COMMIT: what has become of the transaction. */
#include "persist.h"

#include <errno.h>
#include <string.h>

#define LOOK_FOR_MS 10000
#define LOOK_AGAIN_MS 250
#define NEW_ROOM_LOOKS 4

struct lock_params {
	struct hearth_ints rooms;
};
struct stored_params {
	struct hearth_texts ids;
};
struct count_row {
	int64_t count;
};
static const struct hearth_field LOCK_PARAMS[] = { HEARTH_COLUMNS(struct lock_params, rooms) };
static const struct hearth_field STORED_PARAMS[] = { HEARTH_COLUMNS(struct stored_params, ids) };
static const struct hearth_field COUNT_ROW[] = { HEARTH_COLUMNS(struct count_row, count) };
static const struct hearth_statement LOCK_ROOMS = {
	.name = "rooms.lock_rooms",
	.sql = "SELECT number FROM rooms WHERE number = ANY($1) ORDER BY number FOR UPDATE",
	.params = LOCK_PARAMS, .row = COUNT_ROW, .row_size = sizeof(struct count_row),
};
static const struct hearth_statement COUNT_STORED = {
	.name = "rooms.count_stored",
	.sql = "SELECT count(*) FROM events WHERE event_id = ANY($1) AND flags & 1 = 0",
	.params = STORED_PARAMS, .row = COUNT_ROW, .row_size = sizeof(struct count_row),
};
/* Outliers are told by their numbers: an earlier one of the same id may be another transaction's. */
static const struct hearth_statement COUNT_NUMBERS = {
	.name = "rooms.count_numbers",
	.sql = "SELECT count(*) FROM events WHERE number = ANY($1)",
	.params = LOCK_PARAMS, .row = COUNT_ROW, .row_size = sizeof(struct count_row),
};

struct open_tx {
	const struct hearth_db *db;
	struct hearth_tx *tx;
};

static void closep(struct open_tx *open)
{
	if (open->tx)
		open->db->rollback(&open->tx);
}

/* The lost transaction, if it is still under way, holds its rooms' rows: what is read behind their locks is its outcome. */
HEARTH_SUSPENDS static int look(struct rooms_group_work *work, const struct lock_params *rooms,
				const struct stored_params *placed, const struct lock_params *numbers,
				struct hearth_error *err)
{
	HEARTH_CLEANUP(closep) struct open_tx open = { work->r->db, NULL };
	struct hearth_rows by_id, by_number;
	int64_t stored;
	int rc = work->r->db->begin(work->task, HEARTH_TX_WRITE, &open.tx, err);

	if (rc >= 0)
		rc = work->r->db->query(open.tx, &LOCK_ROOMS, rooms, NULL, err);
	if (rc >= 0)
		rc = work->r->db->query(open.tx, &COUNT_STORED, placed, &by_id, err);
	if (rc >= 0)
		rc = work->r->db->query(open.tx, &COUNT_NUMBERS, numbers, &by_number, err);
	if (rc < 0)
		return rc;
	stored = ((const struct count_row *)by_id.items)->count + ((const struct count_row *)by_number.items)->count;
	return stored == (int64_t)work->made_count;
}

int rooms_find_outcome(struct rooms_group_work *work, struct hearth_error *err)
{
	int64_t *rooms = hearth_arena_array_of(work->arena, int64_t, work->touched_count);
	int64_t *numbers = hearth_arena_array_of(work->arena, int64_t, work->made_count);
	const char **ids = hearth_arena_array_of(work->arena, const char *, work->made_count);
	int64_t until_ms = work->r->tasks->monotonic_ms() + LOOK_FOR_MS;
	size_t id_count = 0, number_count = 0;
	int rc;

	for (size_t i = 0; i < work->touched_count; i++)
		rooms[i] = work->touched[i].room->number;
	for (size_t i = 0; i < work->made_count; i++) {
		if (work->made[i].known)
			ids[id_count++] = work->made[i].event->event_id;
		else
			numbers[number_count++] = work->made[i].number;
	}
	for (size_t looks = 0;; looks++) {
		hearth_error_clear(err);
		rc = look(work, &(struct lock_params){ { rooms, work->touched_count } },
			  &(struct stored_params){ { ids, id_count } },
			  &(struct lock_params){ { numbers, number_count } }, err);
		/* A room that was being made has no row to wait for. */
		if (rc > 0 || (rc == 0 && (!work->new_room_count || looks >= NEW_ROOM_LOOKS)))
			return rc;
		if ((rc < 0 && rc != -EBUSY && rc != -EAGAIN) || work->r->tasks->monotonic_ms() > until_ms)
			return rc < 0 ? rc : -EBUSY;
		if (work->r->tasks->sleep(work->task, LOOK_AGAIN_MS, err) < 0)
			return -EBUSY;
	}
}
