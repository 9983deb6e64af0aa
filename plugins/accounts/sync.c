/* SPDX-License-Identifier: Apache-2.0 */
/* What /sync gets of account data and tags. */
#include "accounts.h"

#include <string.h>

struct change {
	const char         *user_id, *room_id, *type, *content;
	int64_t             since, upto;
	struct hearth_texts fresh;
};
static const struct hearth_field RANGE[] = { HEARTH_COLUMNS(struct change, user_id, since, upto, fresh) };
static const struct hearth_field CHANGE[] = { HEARTH_COLUMNS(struct change, room_id, type, content) };
/* Tags of a room stand together in one m.tag event, which is empty once the last is gone. */
static const struct hearth_statement SELECT_CHANGES = {
	.name = "accounts.select_data_changes",
	.sql = "SELECT room_id, type, content FROM account_data"
	       " WHERE user_id = $1 AND stream_id <= $3 AND (stream_id > $2 OR room_id = ANY($4))"
	       " UNION ALL SELECT c.room_id, 'm.tag', '{\"tags\":{'"
	       " || coalesce(string_agg(to_json(t.tag)::text || ':' || t.content, ','"
	       " ORDER BY t.tag), '') || '}}'"
	       " FROM account_tag_changes c LEFT JOIN account_tags t USING (user_id, room_id)"
	       " WHERE c.user_id = $1 AND c.stream_id <= $3 AND (c.stream_id > $2 OR c.room_id = ANY($4)) GROUP BY c.room_id",
	.params = RANGE, .row = CHANGE, .row_size = sizeof(struct change),
};

int accounts_sync(void *self, struct hearth_task *task, const struct hearth_sync_query *query, struct hearth_sync_sink *sink,
		  struct hearth_error *err)
{
	struct accounts *accounts = self;
	struct hearth_arena *arena = accounts->tasks->arena(task);
	const struct change asked = { .user_id = query->user_id, .since = query->initial ? 0 : query->since,
				      .upto = query->upto,
				      .fresh = { .items = query->fresh_rooms, .count = query->fresh_count } };
	const struct change *changes;
	struct hearth_rows rows;
	int r = accounts->db->read(task, &SELECT_CHANGES, &asked, &rows, err);

	if (r < 0)
		return r;
	changes = rows.items;
	for (size_t i = 0; i < rows.count; i++) {
		struct hearth_writer *w = hearth_writer_new(arena);
		const char *text;
		size_t length;

		hearth_write_object(w, NULL);
		hearth_write_string(w, "type", changes[i].type);
		hearth_write_raw(w, "content", changes[i].content, strlen(changes[i].content));
		hearth_write_end(w);
		text = hearth_writer_text(w, &length);
		sink->add(sink, HEARTH_SYNC_ACCOUNT_DATA, *changes[i].room_id ? changes[i].room_id : NULL, NULL,
			  changes[i].type,
			  query->user_id, text, length);
	}
	return 0;
}
