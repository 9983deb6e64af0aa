/* SPDX-License-Identifier: Apache-2.0 */
/* The authorisation rules, each both ways. Membership and power levels have files of their own. */
#include <errno.h>
#include <stdio.h>

#include "room_support.h"

/* --- rule 1 --- */
static void create_rules(void **state)
{
	struct room v1 = room_new(*state, "1"), v11 = room_new(*state, "11"), v12 = room_new(*state, "12");
	struct hearth_event *event;

	assert_true(allows(&v1, "m.room.create", "@ann:one", "", "{'creator':'@ann:one'}"));
	assert_false(allows(&v1, "m.room.create", "@ann:two", "", "{'creator':'@ann:two'}"));
	assert_false(allows(&v1, "m.room.create", "@ann:one", "", "{}"));
	assert_true(allows(&v11, "m.room.create", "@ann:one", "", "{}"));
	assert_true(allows(&v11, "m.room.create", "@ann:one", "", "{'room_version':'11'}"));
	assert_false(allows(&v11, "m.room.create", "@ann:one", "", "{'room_version':'unheard'}"));
	assert_false(allows(&v11, "m.room.create", "@ann:one", "", "{'room_version':11}"));
	assert_true(allows(&v11, "m.room.create", "@ann:one", "", "{'additional_creators':5}"));

	event = event_new(&v1, "$c", "m.room.create", "@ann:one", "", "{'creator':'@ann:one'}");
	event->prev_count = 1;
	assert_false(is_allowed(&v1, event));

	assert_true(allows(&v12, "m.room.create", "@ann:one", "", "{'additional_creators':['@bob:two']}"));
	assert_true(allows(&v12, "m.room.create", "@ann:one", "", "{'additional_creators':[]}"));
	assert_false(allows(&v12, "m.room.create", "@ann:one", "", "{'additional_creators':'@bob:two'}"));
	assert_false(allows(&v12, "m.room.create", "@ann:one", "", "{'additional_creators':['bob']}"));
	assert_false(allows(&v12, "m.room.create", "@ann:one", "", "{'additional_creators':[1]}"));
	event = event_new(&v12, "$c", "m.room.create", "@ann:one", "", "{}");
	event->json = parsed(*state, "{\"room_id\":\"!c\"}");
	assert_false(is_allowed(&v12, event));
}

/* --- rules 2 and 4 --- */
static void room_must_exist(void **state)
{
	struct room v12 = usual_room(*state, "12", "public"), empty = room_new(*state, "6");
	struct hearth_event *event = event_new(&v12, "$m", "m.room.message", "@bob:one", NULL, "{}");

	assert_true(is_allowed(&v12, event));
	event->room_id = "!other";
	assert_false(is_allowed(&v12, event));
	event->room_id = "!create";
	v12.events[0]->rejected = 1;
	assert_false(is_allowed(&v12, event));
	put_member(&empty, "@ann:one", "join");
	assert_false(allows(&empty, "m.room.message", "@ann:one", NULL, "{}"));
}

static void federation(void **state)
{
	struct room room = usual_room(*state, "6", "public");

	assert_true(allows(&room, "m.room.message", "@cid:two", NULL, "{}"));
	put(&room, "m.room.create", "@ann:one", "", "{'creator':'@ann:one','m.federate':false}");
	assert_false(allows(&room, "m.room.message", "@cid:two", NULL, "{}"));
	assert_true(allows(&room, "m.room.message", "@bob:one", NULL, "{}"));
	put(&room, "m.room.create", "@ann:one", "", "{'creator':'@ann:one','m.federate':true}");
	assert_true(allows(&room, "m.room.message", "@cid:two", NULL, "{}"));
}

/* --- rule 4 of versions 1 to 5 --- */
static void aliases(void **state)
{
	struct room v5 = usual_room(*state, "5", "public"), v6 = usual_room(*state, "6", "public");

	assert_true(allows(&v5, "m.room.aliases", "@stranger:three", "three", "{}"));
	assert_false(allows(&v5, "m.room.aliases", "@stranger:three", "one", "{}"));
	assert_false(allows(&v5, "m.room.aliases", "@stranger:three", NULL, "{}"));
	assert_false(allows(&v6, "m.room.aliases", "@stranger:three", "three", "{}"));
	assert_false(allows(&v6, "m.room.aliases", "@cid:two", "two", "{}"));
	assert_true(allows(&v6, "m.room.aliases", "@bob:one", "two", "{}"));
}

/* --- rules 6 to 9 --- */
static void sending(void **state)
{
	struct room room = usual_room(*state, "6", "public");

	assert_true(allows(&room, "m.room.message", "@cid:two", NULL, "{}"));
	assert_false(allows(&room, "m.room.message", "@dee:two", NULL, "{}"));
	put_member(&room, "@dee:two", "invite");
	assert_false(allows(&room, "m.room.message", "@dee:two", NULL, "{}"));

	assert_false(allows(&room, "m.room.topic", "@cid:two", "", "{}"));
	assert_true(allows(&room, "m.room.topic", "@bob:one", "", "{}"));
	assert_true(allows(&room, "m.room.topic", "@bob:one", "@bob:one", "{}"));
	assert_false(allows(&room, "m.room.topic", "@bob:one", "@cid:two", "{}"));
	assert_false(allows(&room, "m.room.topic", "@bob:one", "@", "{}"));

	put(&room, "m.room.power_levels", "@ann:one", "",
	    "{'users':{'@ann:one':100,'@bob:one':50},'invite':40,'events':{'m.room.message':50},'events_default':60}");
	assert_false(allows(&room, "m.room.message", "@cid:two", NULL, "{}"));
	assert_true(allows(&room, "m.room.message", "@bob:one", NULL, "{}"));
	assert_false(allows(&room, "m.room.other", "@bob:one", NULL, "{}"));
	assert_true(allows(&room, "m.room.third_party_invite", "@bob:one", "token", "{}"));
	assert_false(allows(&room, "m.room.third_party_invite", "@cid:two", "token", "{}"));
}

/* --- rule 11 of versions 1 and 2 --- */
static void redactions(void **state)
{
	struct room v2 = usual_room(*state, "2", "public"), v3 = usual_room(*state, "3", "public");
	struct hearth_event *event = event_new(&v2, "$r:two", "m.room.redaction", "@cid:two", NULL, "{}");

	event->redacts = "$m:two";
	assert_true(is_allowed(&v2, event));
	event->redacts = "$m:one";
	assert_false(is_allowed(&v2, event));
	event->redacts = NULL;
	assert_false(is_allowed(&v2, event));
	event->sender = "@bob:one";
	assert_true(is_allowed(&v2, event));
	assert_true(allows(&v3, "m.room.redaction", "@cid:two", NULL, "{}"));
}

/* --- auth events selection --- */
struct keys {
	char text[512];
};

static void note(void *context, const char *type, const char *state_key)
{
	struct keys *keys = context;
	size_t length = strlen(keys->text);

	snprintf(keys->text + length, sizeof(keys->text) - length, "%s|%s ", type + strlen("m.room."), state_key);
}

static void assert_selected(struct hearth_arena *arena, const char *version, const char *type, const char *state_key,
			    const char *content, const char *expected)
{
	struct keys keys = { "" };

	hearth_auth_select(hearth_room_version(version), type, "@a:x", state_key, parsed(arena, content), note, &keys);
	assert_string_equal(keys.text, expected);
}

static void selection(void **state)
{
	assert_selected(*state, "6", "m.room.create", "", "{}", "");
	assert_selected(*state, "6", "m.room.message", NULL, "{}", "create| power_levels| member|@a:x ");
	assert_selected(*state, "12", "m.room.message", NULL, "{}", "power_levels| member|@a:x ");
	assert_selected(*state, "6", "m.room.member", "@b:x", "{\"membership\":\"ban\"}",
			"create| power_levels| member|@a:x member|@b:x ");
	assert_selected(*state, "6", "m.room.member", "@a:x", "{\"membership\":\"join\"}",
			"create| power_levels| member|@a:x join_rules| ");
	assert_selected(*state, "6", "m.room.member", "@a:x",
			"{\"membership\":\"join\",\"join_authorised_via_users_server\":\"@c:x\"}",
			"create| power_levels| member|@a:x join_rules| ");
	assert_selected(*state, "8", "m.room.member", "@a:x",
			"{\"membership\":\"join\",\"join_authorised_via_users_server\":\"@c:x\"}",
			"create| power_levels| member|@a:x join_rules| member|@c:x ");
	assert_selected(*state, "12", "m.room.member", "@b:x",
			"{\"membership\":\"invite\",\"third_party_invite\":{\"signed\":{\"token\":\"t\"}}}",
			"power_levels| member|@a:x member|@b:x join_rules| third_party_invite|t ");
}

/* --- rule 3 --- */
static int cites(struct room *room, const struct hearth_event *event, const size_t *indices, size_t count)
{
	const struct hearth_event *events[8];
	struct hearth_error err = { 0 };

	for (size_t i = 0; i < count; i++)
		events[i] = room->events[indices[i]];
	return hearth_auth_check_citations(event, events, count, &err) == 0;
}

static void citations(void **state)
{
	struct room v6 = usual_room(*state, "6", "public"), v12 = usual_room(*state, "12", "public");
	struct hearth_event *event = event_new(&v6, "$m", "m.room.message", "@ann:one", NULL, "{}");

	assert_true(cites(&v6, event, (size_t[]){ 0, 1, 4 }, 3));
	assert_false(cites(&v6, event, (size_t[]){ 1, 4 }, 2));
	assert_false(cites(&v6, event, (size_t[]){ 0, 1, 1 }, 3));
	assert_false(cites(&v6, event, (size_t[]){ 0, 1, 2 }, 3));
	assert_false(cites(&v6, event, (size_t[]){ 0, 1, 5 }, 3));
	v6.events[1]->rejected = 1;
	assert_false(cites(&v6, event, (size_t[]){ 0, 1, 4 }, 3));
	v6.events[1]->rejected = 0;
	v6.events[1]->room_id = "!other:one";
	assert_false(cites(&v6, event, (size_t[]){ 0, 1, 4 }, 3));

	event = event_new(&v12, "$m", "m.room.message", "@ann:one", NULL, "{}");
	assert_true(cites(&v12, event, (size_t[]){ 1, 4 }, 2));
	assert_false(cites(&v12, event, (size_t[]){ 0, 1, 4 }, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ARENA(create_rules), TEST_WITH_ARENA(room_must_exist), TEST_WITH_ARENA(federation),
		TEST_WITH_ARENA(aliases),      TEST_WITH_ARENA(sending),         TEST_WITH_ARENA(redactions),
		TEST_WITH_ARENA(selection),    TEST_WITH_ARENA(citations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
