/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes the response (spec client-server, GET /sync).
 */
#include "sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct hearth_client_form form_of(const struct sync_build *build)
{
	return (struct hearth_client_form){
		.size = sizeof(struct hearth_client_form),
		.viewer = build->user_id,
		.device_id = build->device_id,
		.without_room_id = 1,
		.federation_format = build->filter->federation_format,
		.bundle = 1,
		.event_fields = build->filter->event_fields,
		.bundled = build->bundled,
	};
}

static void write_section(struct hearth_writer *w, const struct sync_items *items, uint32_t section, const char *key)
{
	bool open = false;

	for (const struct sync_item *item = items->first; item; item = item->next) {
		if (item->section != section)
			continue;
		if (!open) {
			hearth_write_object(w, key);
			hearth_write_array(w, "events");
			open = true;
		}
		hearth_write_raw(w, NULL, item->json, item->length);
	}
	if (open) {
		hearth_write_end(w);
		hearth_write_end(w);
	}
}

static void write_members(struct hearth_writer *w, const struct sync_items *items, uint32_t section)
{
	for (const struct sync_item *item = items->first; item; item = item->next)
		if (item->section == section)
			hearth_write_raw(w, item->key, item->json, item->length);
}

static void write_timeline(const struct sync_build *build, struct hearth_writer *w, const struct sync_room *room)
{
	const struct hearth_rooms *rooms = build->sync->rooms;
	struct hearth_client_form form = form_of(build);
	char point[48];

	hearth_write_object(w, "timeline");
	hearth_write_array(w, "events");
	for (size_t i = 0; i < room->timeline_count; i++)
		rooms->write(rooms, w, NULL, &room->timeline[i], &form);
	hearth_write_end(w);
	hearth_write_bool(w, "limited", room->limited);
	if (room->timeline_count)
		snprintf(point, sizeof(point), "t%" PRId64 "-%" PRId64, room->timeline[0].depth,
			 room->timeline[0].stream_ordering);
	else
		snprintf(point, sizeof(point), "s%" PRId64, room->upto);
	hearth_write_string(w, "prev_batch", point);
	hearth_write_end(w);
}

static void write_state(const struct sync_build *build, struct hearth_writer *w, const struct sync_room *room)
{
	const struct hearth_rooms *rooms = build->sync->rooms;
	struct hearth_client_form form = form_of(build);

	form.bundle = 0;
	hearth_write_object(w, build->state_key);
	hearth_write_array(w, "events");
	for (size_t i = 0; i < room->block_count; i++)
		rooms->write(rooms, w, NULL, room->block[i], &form);
	hearth_write_end(w);
	hearth_write_end(w);
}

static void write_summary(struct hearth_writer *w, const struct hearth_room_summary *summary)
{
	hearth_write_object(w, "summary");
	if (summary->heroes.count) {
		hearth_write_array(w, "m.heroes");
		for (size_t i = 0; i < summary->heroes.count; i++)
			hearth_write_string(w, NULL, summary->heroes.items[i]);
		hearth_write_end(w);
	}
	hearth_write_int(w, "m.joined_member_count", summary->joined_count);
	hearth_write_int(w, "m.invited_member_count", summary->invited_count);
	hearth_write_end(w);
}

static void write_room(const struct sync_build *build, struct hearth_writer *w, const struct sync_room *room)
{
	hearth_write_object(w, room->room_id);
	write_timeline(build, w, room);
	write_state(build, w, room);
	write_section(w, &room->items, HEARTH_SYNC_ACCOUNT_DATA, "account_data");
	if (room->joined) {
		write_section(w, &room->items, HEARTH_SYNC_EPHEMERAL, "ephemeral");
		if (room->summary)
			write_summary(w, room->summary);
		write_members(w, &room->items, HEARTH_SYNC_ROOM);
	}
	hearth_write_end(w);
}

static void write_rooms(const struct sync_build *build, struct hearth_writer *w, const char *key, bool joined)
{
	bool open = false;

	for (size_t i = 0; i < build->room_count; i++) {
		if (!build->rooms[i].active || build->rooms[i].joined != joined)
			continue;
		if (!open)
			hearth_write_object(w, key);
		open = true;
		write_room(build, w, &build->rooms[i]);
	}
	if (open)
		hearth_write_end(w);
}

static void write_stripped(const struct sync_build *build, struct hearth_writer *w, const char *key, const char *state_key,
			   const struct hearth_membership *const *memberships, const struct hearth_state_result *states,
			   size_t count)
{
	const struct hearth_rooms *rooms = build->sync->rooms;
	struct hearth_client_form form = { .size = sizeof(form), .stripped = 1, .without_room_id = 1 };

	if (!count)
		return;
	hearth_write_object(w, key);
	for (size_t i = 0; i < count; i++) {
		hearth_write_object(w, memberships[i]->room_id);
		hearth_write_object(w, state_key);
		hearth_write_array(w, "events");
		for (size_t j = 0; j < states[i].count; j++)
			rooms->write(rooms, w, NULL, &states[i].events[j], &form);
		hearth_write_end(w);
		hearth_write_end(w);
		hearth_write_end(w);
	}
	hearth_write_end(w);
}

void sync_write(struct sync_build *build, struct hearth_writer *w)
{
	hearth_write_object(w, NULL);
	hearth_write_string(w, "next_batch", sync_token_write(build->sync, build->arena, build->upto));
	write_section(w, &build->items, HEARTH_SYNC_ACCOUNT_DATA, "account_data");
	write_section(w, &build->items, HEARTH_SYNC_PRESENCE, "presence");
	write_section(w, &build->items, HEARTH_SYNC_TO_DEVICE, "to_device");
	write_members(w, &build->items, HEARTH_SYNC_TOP);
	hearth_write_object(w, "rooms");
	write_rooms(build, w, "join", true);
	write_rooms(build, w, "leave", false);
	write_stripped(build, w, "invite", "invite_state", build->invites, build->invite_states, build->invite_count);
	write_stripped(build, w, "knock", "knock_state", build->knocks, build->knock_states, build->knock_count);
	hearth_write_end(w);
	hearth_write_end(w);
}
