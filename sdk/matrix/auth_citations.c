/* SPDX-License-Identifier: Apache-2.0 */
/* Rule 3 (rule 2 before version 12): an event's own auth_events. */
#include "auth_private.h"

#include <string.h>

/* The keys that an event may cite: create, power levels, three members, join rules, a third-party invite. */
#define EXPECTED_MAX 8

struct expected {
	struct {
		const char *type, *state_key;
		int is_cited;
	} keys[EXPECTED_MAX];
	size_t count;
};

static void expect(void *context, const char *type, const char *state_key)
{
	struct expected *expected = context;

	hearth_assert(expected->count < EXPECTED_MAX);
	expected->keys[expected->count].type = type;
	expected->keys[expected->count].state_key = state_key;
	expected->count++;
}

/* Rules 3.1 and 3.2: cited once, and among what the selection algorithm names. */
static int check_key(const struct auth_check *check, struct expected *expected, const struct hearth_event *cited)
{
	for (size_t i = 0; cited->state_key && i < expected->count; i++) {
		if (strcmp(expected->keys[i].type, cited->type) != 0 ||
		    strcmp(expected->keys[i].state_key, cited->state_key) != 0)
			continue;
		if (expected->keys[i].is_cited)
			return hearth_auth_reject(check, "the event cites two auth events for the same state");
		expected->keys[i].is_cited = 1;
		return 0;
	}
	return hearth_auth_reject(check, "the event cites an auth event that it should not");
}

/* Rules 3.1 to 3.5 on one cited event. */
static int check_cited(const struct auth_check *check, struct expected *expected, const struct hearth_event *cited)
{
	if (cited->rejected)
		return hearth_auth_reject(check, "the event cites a rejected event");
	if (!cited->room_id || !check->event->room_id || strcmp(cited->room_id, check->event->room_id) != 0)
		return hearth_auth_reject(check, "the event cites an event of another room");
	return check_key(check, expected, cited);
}

int hearth_auth_check_citations(const struct hearth_event *event, const struct hearth_event *const *events,
				size_t count, struct hearth_error *err)
{
	const struct auth_check check = { .event = event, .err = err };
	struct expected expected = { .count = 0 };

	if (strcmp(event->type, "m.room.create") == 0)
		return 0;
	hearth_auth_select(event->version, event->type, event->sender, event->state_key, event->content, expect,
			   &expected);
	for (size_t i = 0; i < count; i++) {
		int r = events[i] ? check_cited(&check, &expected, events[i]) : 0;

		if (r < 0)
			return r;
	}
	/* Rule 2.4 before version 12; the create event is the first that the selection names. */
	if (!event->version->room_id_is_create_hash && !expected.keys[0].is_cited)
		return hearth_auth_reject(&check, "the event does not cite the create event");
	return 0;
}
