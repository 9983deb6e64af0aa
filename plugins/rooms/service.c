/* SPDX-License-Identifier: Apache-2.0 */
/* hearth.rooms/1: the table that other plugins call. */
#include "rooms.h"

#include <errno.h>

struct alias_params {
	const char *alias;
};
struct alias_row {
	const char *room_id;
};
static const struct hearth_field ALIAS_PARAMS[] = { HEARTH_COLUMNS(struct alias_params, alias) };
static const struct hearth_field ALIAS_ROW[] = { HEARTH_COLUMNS(struct alias_row, room_id) };
static const struct hearth_statement SELECT_ALIAS = {
	.name = "rooms.select_alias",
	.sql = "SELECT r.room_id FROM room_aliases a JOIN rooms r ON r.number = a.room WHERE a.alias = $1",
	.params = ALIAS_PARAMS, .row = ALIAS_ROW, .row_size = sizeof(struct alias_row),
};

int rooms_alias_to_room(struct rooms *r, struct hearth_task *task, const char *alias, const char **ret_room_id,
			struct hearth_error *err)
{
	struct hearth_rows rows;
	int rc = r->db->read(task, &SELECT_ALIAS, &(struct alias_params){ alias }, &rows, err);

	if (rc < 0)
		return rc;
	if (!rows.count)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "There is no alias %.200s", alias);
	*ret_room_id = ((const struct alias_row *)rows.items)->room_id;
	return 0;
}

HEARTH_SUSPENDS static int service_events(const struct hearth_rooms *service, struct hearth_task *task,
					  const char *const *ids, size_t count,
					  const struct hearth_stored_event **ret_events, struct hearth_error *err)
{
	struct hearth_stored_event *events;
	int rc = rooms_events(rooms_of(service), task, ids, count, &events, err);

	if (rc >= 0)
		*ret_events = events;
	return rc;
}

HEARTH_SUSPENDS static int service_timelines(const struct hearth_rooms *service, struct hearth_task *task,
					     const struct hearth_timeline_query *queries, size_t count,
					     struct hearth_timeline *ret_timelines, struct hearth_error *err)
{
	return rooms_timelines(rooms_of(service), task, queries, count, ret_timelines, err);
}

HEARTH_SUSPENDS static int service_filter_visible(const struct hearth_rooms *service, struct hearth_task *task,
						  const char *user_id, struct hearth_stored_event *events, size_t *count,
						  struct hearth_error *err)
{
	return rooms_filter_visible(rooms_of(service), task, user_id, events, count, err);
}

HEARTH_SUSPENDS static int service_version(const struct hearth_rooms *service, struct hearth_task *task,
					   const char *room_id, const struct hearth_room_version **ret_version,
					   struct hearth_error *err)
{
	struct rooms_facts facts;
	int rc = rooms_facts(rooms_of(service), task, &room_id, 1, &facts, err);

	if (rc >= 0)
		*ret_version = facts.version;
	return rc;
}

HEARTH_SUSPENDS static int service_states(const struct hearth_rooms *service, struct hearth_task *task,
					  const struct hearth_state_query *queries, size_t count,
					  struct hearth_state_result *ret_results, struct hearth_error *err)
{
	return rooms_states(rooms_of(service), task, queries, count, ret_results, err);
}

HEARTH_SUSPENDS static int service_state_before(const struct hearth_rooms *service, struct hearth_task *task,
						const char *event_id, const char *const *types,
						const char *const *state_keys, size_t pair_count,
						const struct hearth_stored_event **ret_events, size_t *ret_count,
						struct hearth_error *err)
{
	return rooms_state_before(rooms_of(service), task, event_id, types, state_keys, pair_count, ret_events,
		ret_count, err);
}

HEARTH_SUSPENDS static int service_state_deltas(const struct hearth_rooms *service, struct hearth_task *task,
						const struct hearth_delta_range *ranges, size_t range_count,
						const struct hearth_state_delta **ret_deltas, size_t *ret_count,
						struct hearth_error *err)
{
	return rooms_state_deltas(rooms_of(service), task, ranges, range_count, ret_deltas, ret_count, err);
}

HEARTH_SUSPENDS static int service_memberships(const struct hearth_rooms *service, struct hearth_task *task,
					       const char *user_id, int64_t at,
					       const struct hearth_membership **ret_memberships, size_t *ret_count,
					       struct hearth_error *err)
{
	return rooms_memberships(rooms_of(service), task, user_id, at, ret_memberships, ret_count, err);
}

HEARTH_SUSPENDS static int service_membership(const struct hearth_rooms *service, struct hearth_task *task,
					      const char *room_id, const char *user_id,
					      struct hearth_membership *ret_membership, struct hearth_error *err)
{
	return rooms_membership(rooms_of(service), task, room_id, user_id, ret_membership, err);
}

HEARTH_SUSPENDS static int service_members(const struct hearth_rooms *service, struct hearth_task *task,
					   const char *room_id, const char *membership, int local_only,
					   struct hearth_texts *ret_user_ids, struct hearth_error *err)
{
	return rooms_members(rooms_of(service), task, room_id, membership, local_only, ret_user_ids, err);
}

HEARTH_SUSPENDS static int service_sharing_users(const struct hearth_rooms *service, struct hearth_task *task,
						 const char *user_id, const char *const *candidates, size_t count,
						 struct hearth_texts *ret_user_ids, struct hearth_error *err)
{
	return rooms_sharing_users(rooms_of(service), task, user_id, candidates, count, ret_user_ids, err);
}

HEARTH_SUSPENDS static int service_summaries(const struct hearth_rooms *service, struct hearth_task *task,
					     const char *const *room_ids, size_t count, const char *viewer,
					     struct hearth_room_summary *ret_summaries, struct hearth_error *err)
{
	return rooms_summaries(rooms_of(service), task, room_ids, count, viewer, ret_summaries, err);
}

HEARTH_SUSPENDS static int service_send(const struct hearth_rooms *service, struct hearth_task *task,
					const struct hearth_draft *draft, const char **ret_event_id,
					struct hearth_error *err)
{
	return rooms_send(rooms_of(service), task, draft, ret_event_id, err);
}

HEARTH_SUSPENDS static int service_bundle(const struct hearth_rooms *service, struct hearth_task *task, const char *viewer,
					  const struct hearth_stored_event *events, size_t count, const void **ret_bundled,
					  struct hearth_error *err)
{
	return rooms_bundle(rooms_of(service), task, viewer, events, count, ret_bundled, err);
}

static void service_write(const struct hearth_rooms *service, struct hearth_writer *w, const char *key, const
		struct hearth_stored_event *event, const struct hearth_client_form *form)
{
	rooms_write_event(rooms_of(service), w, key, event, form);
}

HEARTH_SUSPENDS static int service_alias_to_room(const struct hearth_rooms *service, struct hearth_task *task,
						 const char *alias, const char **ret_room_id, struct hearth_error *err)
{
	return rooms_alias_to_room(rooms_of(service), task, alias, ret_room_id, err);
}

HEARTH_SUSPENDS static int service_published(const struct hearth_rooms *service, struct hearth_task *task,
					     const char *room_id, int *ret_published, struct hearth_error *err)
{
	return rooms_published(rooms_of(service), task, room_id, ret_published, err);
}

HEARTH_SUSPENDS static int service_publish(const struct hearth_rooms *service, struct hearth_task *task,
					   const char *room_id, int published, struct hearth_error *err)
{
	return rooms_publish(rooms_of(service), task, room_id, published, err);
}

HEARTH_SUSPENDS static int service_directory(const struct hearth_rooms *service, struct hearth_task *task,
					     const struct hearth_directory_query *query,
					     const struct hearth_directory_entry **ret_entries, size_t *ret_count,
					     int64_t *ret_total, struct hearth_error *err)
{
	return rooms_directory(rooms_of(service), task, query, ret_entries, ret_count, ret_total, err);
}

HEARTH_SUSPENDS static int service_aliases(const struct hearth_rooms *service, struct hearth_task *task,
					   const char *room_id, struct hearth_texts *ret_aliases, struct hearth_error *err)
{
	return rooms_aliases(rooms_of(service), task, room_id, ret_aliases, err);
}

HEARTH_SUSPENDS static int service_store_pdus(const struct hearth_rooms *service, struct hearth_task *task,
					      const char *room_id, const struct hearth_room_version *version,
					      const struct hearth_pdu *pdus, size_t count,
					      struct hearth_pdu_outcome *ret_outcomes, struct hearth_error *err)
{
	return rooms_store_pdus(rooms_of(service), task, room_id, version, pdus, count, ret_outcomes, err);
}

HEARTH_SUSPENDS static int service_left_at(const struct hearth_rooms *service, struct hearth_task *task,
					   const char *user_id, const char *const *room_ids, size_t count, int64_t at,
					   int64_t *ret_orderings, struct hearth_error *err)
{
	return rooms_left_at(rooms_of(service), task, user_id, room_ids, count, at, ret_orderings, err);
}

void rooms_service_init(struct rooms *r)
{
	r->service = (struct hearth_rooms){
		.base = { sizeof(struct hearth_rooms), HEARTH_ROOMS_MAJOR, HEARTH_ROOMS_MINOR, HEARTH_ROOMS_ID, r },
		.events = service_events,
		.timelines = service_timelines,
		.filter_visible = service_filter_visible,
		.version = service_version,
		.states = service_states,
		.state_before = service_state_before,
		.state_deltas = service_state_deltas,
		.memberships = service_memberships,
		.membership = service_membership,
		.members = service_members,
		.sharing_users = service_sharing_users,
		.summaries = service_summaries,
		.send = service_send,
		.bundle = service_bundle,
		.write = service_write,
		.alias_to_room = service_alias_to_room,
		.published = service_published,
		.publish = service_publish,
		.directory = service_directory,
		.aliases = service_aliases,
		.store_pdus = service_store_pdus,
		.left_at = service_left_at,
	};
}
