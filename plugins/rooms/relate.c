/* SPDX-License-Identifier: Apache-2.0 */
/* What a relation must be before it is sent (spec "Forming relationships between events"). */
#include "api.h"

#include <string.h>

struct relate_params {
	const char *room_id, *parent, *rel_type, *type, *key, *sender, *txn_device, *txn_id;
};
struct relate_row {
	int64_t elsewhere, related, repeated;
};
#define PARAM(member) HEARTH_COLUMN(struct relate_params, member)
static const struct hearth_field RELATE_PARAMS[] = {
	PARAM(room_id), PARAM(parent), PARAM(rel_type), PARAM(type), PARAM(key), PARAM(sender), PARAM(txn_device),
			PARAM(txn_id),
	HEARTH_FIELDS_END
};
static const struct hearth_field RELATE_ROW[] = { HEARTH_COLUMNS(struct relate_row, elsewhere, related, repeated) };
/* A retry of the same transaction repeats nothing: it is answered with the first event's id. */
static const struct hearth_statement SELECT_RELATED = {
	.name = "rooms.select_related",
	.sql = "SELECT (r.room_id <> $1)::int::bigint, "
	       "(SELECT count(*) FROM event_relations own WHERE own.event = e.number), "
	       "(SELECT count(*) FROM event_relations l JOIN events c ON c.number = l.event WHERE l.parent = $2 "
	       "AND l.rel_type = $3 AND l.type = $4 AND l.key = $5 AND l.sender = $6 "
	       "AND (c.txn_id, c.txn_device) IS DISTINCT FROM ($8, $7)) "
	       "FROM events e JOIN rooms r ON r.number = e.room WHERE e.event_id = $2",
	.params = RELATE_PARAMS, .row = RELATE_ROW, .row_size = sizeof(struct relate_row),
};

int api_check_relation(struct rooms *r, struct hearth_task *task, const struct hearth_draft *draft, struct hearth_error *err)
{
	const struct hearth_json *relation = hearth_json_get_object(draft->content, "m.relates_to");
	struct relate_params params = { .room_id = draft->room_id, .parent = hearth_json_get_string(relation, "event_id"),
					.rel_type = hearth_json_get_string(relation, "rel_type"), .type = draft->type,
					.key = hearth_json_get_string(relation, "key"), .sender = draft->sender,
					.txn_device = draft->device_id ? draft->device_id : "", .txn_id = draft->txn_id };
	const struct relate_row *found;
	struct hearth_rows rows;
	int rc;

	if (!params.parent || !params.rel_type)
		return 0;
	rc = r->db->read(task, &SELECT_RELATED, &params, &rows, err);
	if (rc < 0 || !rows.count)
		return rc;
	found = rows.items;
	if (found->elsewhere)
		return hearth_refuse(err, 400, "M_UNKNOWN", "m.relates_to: an event of another room cannot be related to");
	if (found->related && !strcmp(params.rel_type, "m.thread"))
		return hearth_refuse(err, 400, "M_UNKNOWN",
				"m.relates_to: no thread starts at an event that relates to another one");
	if (found->repeated && params.key && !strcmp(params.rel_type, "m.annotation"))
		return hearth_refuse(err, 400, "M_DUPLICATE_ANNOTATION",
				"m.relates_to: you have sent the same annotation before");
	return 0;
}
