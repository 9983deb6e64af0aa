/* SPDX-License-Identifier: Apache-2.0 */
/* Events as clients see them: members of the stored PDU are spliced, the server's own are left out. */
#include "bundle.h"

#include <string.h>

#include <hearth/matrix/filter.h>

/* Steps over one value of canonical JSON, which is known to be well formed. */
static const char *skip_value(const char *at, const char *end)
{
	int depth = 0;

	for (; at < end; at++) {
		if (*at == '"') {
			for (at++; at < end && *at != '"'; at++)
				at += *at == '\\';
		} else if (*at == '{' || *at == '[') {
			depth++;
		} else if (*at == '}' || *at == ']') {
			if (!depth--)
				return at;
		} else if (*at == ',' && !depth) {
			return at;
		}
	}
	return end;
}

struct member {
	const char *key, *value;
	size_t key_length, value_length;
};

/* at: behind '{' or ','. NULL behind the last member. */
static const char *next_member(const char *at, const char *end, struct member *member)
{
	const char *quote;

	if (at >= end || *at != '"')
		return NULL;
	for (quote = at + 1; quote < end && *quote != '"'; quote++)
		quote += *quote == '\\';
	member->key = at + 1;
	member->key_length = (size_t)(quote - at - 1);
	member->value = quote + 2;
	at = skip_value(member->value, end);
	member->value_length = (size_t)(at - member->value);
	return at + 1;
}

static bool key_is_one_of(const struct member *member, const char *const *keys)
{
	for (; *keys; keys++)
		if (strlen(*keys) == member->key_length && memcmp(*keys, member->key, member->key_length) == 0)
			return true;
	return false;
}

static bool find_member(const char *json, size_t length, const char *key, struct member *ret_member)
{
	const char *keys[] = { key, NULL };
	const char *end = json + length;

	for (const char *at = json + 1; (at = next_member(at, end, ret_member));)
		if (key_is_one_of(ret_member, keys))
			return true;
	return false;
}

static void splice(struct hearth_writer *w, const char *key, const char *json, size_t length, const char *member_key)
{
	struct member member;

	if (find_member(json, length, member_key, &member))
		hearth_write_raw(w, key, member.value, member.value_length);
}

static void write_unsigned(struct rooms *r, struct hearth_writer *w, const struct hearth_stored_event *event,
			   const struct hearth_client_form *form)
{
	const char *bundled = form && form->bundle ? rooms_bundled_text(form->bundled, event->event_id) : NULL;
	int64_t age = r ? r->tasks->now_ms() - event->origin_server_ts : 0;

	hearth_write_object(w, "unsigned");
	if (r)
		hearth_write_int(w, "age", age);
	if (bundled)
		hearth_write_raw(w, "m.relations", bundled, strlen(bundled));
	if (form && form->viewer && event->viewer_membership)
		hearth_write_string(w, "membership", event->viewer_membership);
	if (event->replaces_json) {
		splice(w, "prev_content", event->replaces_json, strlen(event->replaces_json), "content");
		splice(w, "prev_sender", event->replaces_json, strlen(event->replaces_json), "sender");
	}
	if (event->redacted_because)
		hearth_write_raw(w, "redacted_because", event->redacted_because, strlen(event->redacted_because));
	if (event->replaces_id)
		hearth_write_string(w, "replaces_state", event->replaces_id);
	if (form && form->viewer && event->txn_id && strcmp(form->viewer, event->sender) == 0 &&
	    strcmp(form->device_id ? form->device_id : "", event->txn_device ? event->txn_device : "") == 0)
		hearth_write_string(w, "transaction_id", event->txn_id);
	hearth_write_end(w);
}

/* Clients of every age find what a redaction redacts: at the top and in content. */
static void write_redacts(struct hearth_writer *w, const struct hearth_stored_event *event)
{
	struct member top = { 0 }, content = { 0 }, inner = { 0 };
	bool has_top = find_member(event->json, event->json_length, "redacts", &top);
	bool has_content = find_member(event->json, event->json_length, "content", &content);
	bool has_inner = has_content && content.value_length > 2 &&
			 find_member(content.value, content.value_length, "redacts", &inner);

	hearth_write_object(w, "content");
	if (has_content)
		hearth_write_members(w, content.value, content.value_length);
	if (has_top && !has_inner)
		hearth_write_raw(w, "redacts", top.value, top.value_length);
	hearth_write_end(w);
	if (has_top || has_inner)
		hearth_write_raw(w, "redacts", has_top ? top.value : inner.value,
				 has_top ? top.value_length : inner.value_length);
}

static void write_members(struct hearth_writer *w, const struct hearth_stored_event *event)
{
	static const char *const SERVERS_OWN[] = { "auth_events", "prev_events", "hashes", "signatures", "depth", "origin",
						   "unsigned", "prev_state", "event_id", "room_id", "age_ts",
						   "membership", NULL };
	static const char *const REDACTION[] = { "content", "redacts", NULL };
	bool redaction = event->type && strcmp(event->type, "m.room.redaction") == 0;
	const char *end = event->json + event->json_length;
	struct member member;

	for (const char *at = event->json + 1; (at = next_member(at, end, &member));) {
		char key[256];

		if (key_is_one_of(&member, SERVERS_OWN) || (redaction && key_is_one_of(&member, REDACTION)))
			continue;
		/* an escaped or overlong key is no member that clients know */
		if (member.key_length >= sizeof(key) || memchr(member.key, '\\', member.key_length))
			continue;
		memcpy(key, member.key, member.key_length);
		key[member.key_length] = '\0';
		hearth_write_raw(w, key, member.value, member.value_length);
	}
	if (redaction)
		write_redacts(w, event);
}

static void write_stripped(struct hearth_writer *w, const char *key, const struct hearth_stored_event *event)
{
	static const char *const KEYS[] = { "content", "sender", "state_key", "type" };

	hearth_write_object(w, key);
	for (size_t i = 0; i < HEARTH_COUNT(KEYS); i++)
		splice(w, KEYS[i], event->json, event->json_length, KEYS[i]);
	hearth_write_end(w);
}

static void write_whole(struct rooms *r, struct hearth_writer *w, const char *key,
			const struct hearth_stored_event *event, const struct hearth_client_form *form)
{
	hearth_write_object(w, key);
	write_members(w, event);
	hearth_write_string(w, "event_id", event->event_id);
	if (!form || !form->without_room_id)
		hearth_write_string(w, "room_id", event->room_id);
	write_unsigned(r, w, event, form);
	hearth_write_end(w);
}

static void write_projected(struct rooms *r, struct hearth_writer *w, const char *key,
			    const struct hearth_stored_event *event, const struct hearth_client_form *form)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	const struct hearth_filter filter = { .event_fields = form->event_fields };
	struct hearth_writer *whole = hearth_writer_new(arena);
	const struct hearth_json *json;
	size_t length;
	const char *text;

	write_whole(r, whole, NULL, event, form);
	text = hearth_writer_text(whole, &length);
	if (hearth_json_parse(arena, text, length, HEARTH_JSON_BIG_INTS, &json, NULL) < 0)
		return;
	hearth_write_json(w, key, hearth_filter_project(arena, &filter, json));
}

void rooms_write_event(struct rooms *r, struct hearth_writer *w, const char *key,
		       const struct hearth_stored_event *event, const struct hearth_client_form *form)
{
	if (form && form->stripped)
		write_stripped(w, key, event);
	else if (form && form->federation_format)
		hearth_write_raw(w, key, event->json, event->json_length);
	else if (form && form->event_fields)
		write_projected(r, w, key, event, form);
	else
		write_whole(r, w, key, event, form);
}
