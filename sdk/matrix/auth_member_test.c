/* SPDX-License-Identifier: Apache-2.0 */
/* Rule 5: every change of membership that is allowed, and its neighbours that are not. */
#include <errno.h>

#include "room_support.h"

#include <hearth/matrix/id.h>

static void shape(void **state)
{
	struct room room = usual_room(*state, "6", "public");

	assert_false(allows(&room, "m.room.member", "@dee:two", NULL, "{'membership':'join'}"));
	assert_false(allows(&room, "m.room.member", "@dee:two", "@dee:two", "{}"));
	assert_false(allows(&room, "m.room.member", "@dee:two", "@dee:two", "{'membership':1}"));
	assert_false(allows_member(&room, "@dee:two", "@dee:two", "sleep"));
	assert_false(allows_member(&room, "@dee:two", "@dee:two", "join\\u0000"));
}

static void first_join(void **state)
{
	static const char *const versions[] = { "1", "10", "11", "12" };

	for (size_t i = 0; i < HEARTH_COUNT(versions); i++) {
		struct room room = room_new(*state, versions[i]);
		struct hearth_event *join;
		const char *prev[] = { "$create", "$other" };

		put(&room, "m.room.create", "@ann:one", "", "{'creator':'@bob:one'}");
		join = event_new(&room, "$j", "m.room.member", "@ann:one", "@ann:one", "{'membership':'join'}");
		assert_false(is_allowed(&room, join));
		join->prev_events = prev;
		join->prev_count = 1;
		assert_int_equal(is_allowed(&room, join), i >= 2);
		join->sender = join->state_key = "@bob:one";
		assert_int_equal(is_allowed(&room, join), i < 2);
		join->sender = join->state_key = "@ann:one";
		join->prev_count = 2;
		assert_false(is_allowed(&room, join));
		join->prev_count = 1;
		prev[0] = "$other";
		assert_false(is_allowed(&room, join));
	}
}

static void join(void **state)
{
	struct room room = usual_room(*state, "6", "public"), closed = usual_room(*state, "6", "invite");

	assert_true(allows_member(&room, "@dee:two", "@dee:two", "join"));
	assert_false(allows_member(&room, "@ann:one", "@dee:two", "join"));
	put_member(&room, "@dee:two", "ban");
	assert_false(allows_member(&room, "@dee:two", "@dee:two", "join"));

	assert_false(allows_member(&closed, "@dee:two", "@dee:two", "join"));
	assert_true(allows_member(&closed, "@cid:two", "@cid:two", "join"));
	put_member(&closed, "@dee:two", "invite");
	assert_true(allows_member(&closed, "@dee:two", "@dee:two", "join"));
	put_member(&closed, "@dee:two", "leave");
	assert_false(allows_member(&closed, "@dee:two", "@dee:two", "join"));
	put(&closed, "m.room.join_rules", "@ann:one", "", "{'join_rule':'private'}");
	assert_false(allows_member(&closed, "@cid:two", "@cid:two", "join"));
	put(&closed, "m.room.join_rules", "@ann:one", "", "{}");
	assert_true(allows_member(&closed, "@cid:two", "@cid:two", "join"));
}

/* Which join rules let an invited user in, by version. */
static void join_rules_by_version(void **state)
{
	static const struct {
		const char *version, *rule;
		int invited;
	} cases[] = {
		{ "6", "knock", 0 },           { "7", "knock", 1 },      { "7", "restricted", 0 },
		{ "8", "restricted", 1 },      { "9", "knock_restricted", 0 }, { "10", "knock_restricted", 1 },
		{ "12", "knock_restricted", 1 }, { "12", "invite", 1 },
	};

	for (size_t i = 0; i < HEARTH_COUNT(cases); i++) {
		struct room room = usual_room(*state, cases[i].version, cases[i].rule);

		assert_false(allows_member(&room, "@dee:two", "@dee:two", "join"));
		put_member(&room, "@dee:two", "invite");
		assert_int_equal(allows_member(&room, "@dee:two", "@dee:two", "join"), cases[i].invited);
	}
}

static int allows_authorised_join(struct room *room, const char *by)
{
	return allows(room, "m.room.member", "@dee:two", "@dee:two",
		      hearth_arena_printf(room->arena,
					  "{'membership':'join','join_authorised_via_users_server':'%s'}", by));
}

static void restricted_join(void **state)
{
	struct room room = usual_room(*state, "8", "restricted"), older = usual_room(*state, "7", "restricted");

	assert_true(allows_authorised_join(&room, "@bob:one"));
	assert_false(allows_authorised_join(&room, "@nobody:one"));
	assert_false(allows_authorised_join(&older, "@bob:one"));
	put(&room, "m.room.power_levels", "@ann:one", "", "{'users':{'@ann:one':100,'@bob:one':50},'invite':50}");
	assert_true(allows_authorised_join(&room, "@bob:one"));
	assert_false(allows_authorised_join(&room, "@cid:two"));
	put_member(&room, "@bob:one", "leave");
	assert_false(allows_authorised_join(&room, "@bob:one"));
	put_member(&room, "@dee:two", "ban");
	assert_false(allows_authorised_join(&room, "@ann:one"));
}

static void invite(void **state)
{
	struct room room = usual_room(*state, "6", "invite");

	assert_true(allows_member(&room, "@cid:two", "@dee:two", "invite"));
	assert_false(allows_member(&room, "@dee:two", "@eve:two", "invite"));
	assert_false(allows_member(&room, "@ann:one", "@bob:one", "invite"));
	put_member(&room, "@dee:two", "ban");
	assert_false(allows_member(&room, "@ann:one", "@dee:two", "invite"));
	put_member(&room, "@dee:two", "knock");
	assert_true(allows_member(&room, "@ann:one", "@dee:two", "invite"));
	put(&room, "m.room.power_levels", "@ann:one", "", "{'users':{'@ann:one':100},'invite':1}");
	assert_false(allows_member(&room, "@cid:two", "@dee:two", "invite"));
	assert_true(allows_member(&room, "@ann:one", "@dee:two", "invite"));
}

static void leave(void **state)
{
	struct room room = usual_room(*state, "7", "public"), older = usual_room(*state, "6", "public");

	assert_true(allows_member(&room, "@cid:two", "@cid:two", "leave"));
	assert_false(allows_member(&room, "@dee:two", "@dee:two", "leave"));
	put_member(&room, "@dee:two", "invite");
	assert_true(allows_member(&room, "@dee:two", "@dee:two", "leave"));
	put_member(&room, "@dee:two", "knock");
	put_member(&older, "@dee:two", "knock");
	assert_true(allows_member(&room, "@dee:two", "@dee:two", "leave"));
	assert_false(allows_member(&older, "@dee:two", "@dee:two", "leave"));
	put_member(&room, "@dee:two", "ban");
	assert_false(allows_member(&room, "@dee:two", "@dee:two", "leave"));
}

static void kick_and_unban(void **state)
{
	struct room room = usual_room(*state, "6", "public");

	assert_true(allows_member(&room, "@bob:one", "@cid:two", "leave"));
	assert_false(allows_member(&room, "@cid:two", "@bob:one", "leave"));
	assert_false(allows_member(&room, "@bob:one", "@ann:one", "leave"));
	put(&room, "m.room.power_levels", "@ann:one", "", "{'users':{'@ann:one':100,'@bob:one':50,'@cid:two':50}}");
	assert_false(allows_member(&room, "@bob:one", "@cid:two", "leave"));

	put_member(&room, "@dee:two", "ban");
	assert_true(allows_member(&room, "@bob:one", "@dee:two", "leave"));
	put(&room, "m.room.power_levels", "@ann:one", "", "{'users':{'@ann:one':100,'@bob:one':50},'ban':60}");
	assert_false(allows_member(&room, "@bob:one", "@dee:two", "leave"));
	put_member(&room, "@bob:one", "leave");
	assert_false(allows_member(&room, "@bob:one", "@cid:two", "leave"));
}

static void ban(void **state)
{
	struct room room = usual_room(*state, "6", "public");

	assert_true(allows_member(&room, "@bob:one", "@cid:two", "ban"));
	assert_true(allows_member(&room, "@bob:one", "@nobody:two", "ban"));
	assert_false(allows_member(&room, "@cid:two", "@nobody:two", "ban"));
	assert_false(allows_member(&room, "@bob:one", "@ann:one", "ban"));
	put_member(&room, "@bob:one", "leave");
	assert_false(allows_member(&room, "@bob:one", "@cid:two", "ban"));
}

static void knock(void **state)
{
	struct room room = usual_room(*state, "7", "knock"), older = usual_room(*state, "6", "knock");
	struct room v9 = usual_room(*state, "9", "knock_restricted"), v10 = usual_room(*state, "10", "knock_restricted");

	assert_true(allows_member(&room, "@dee:two", "@dee:two", "knock"));
	assert_false(allows_member(&older, "@dee:two", "@dee:two", "knock"));
	assert_false(allows_member(&v9, "@dee:two", "@dee:two", "knock"));
	assert_true(allows_member(&v10, "@dee:two", "@dee:two", "knock"));
	assert_false(allows_member(&room, "@ann:one", "@dee:two", "knock"));
	assert_false(allows_member(&room, "@cid:two", "@cid:two", "knock"));
	put_member(&room, "@dee:two", "invite");
	assert_false(allows_member(&room, "@dee:two", "@dee:two", "knock"));
	put_member(&room, "@dee:two", "ban");
	assert_false(allows_member(&room, "@dee:two", "@dee:two", "knock"));
	put(&room, "m.room.join_rules", "@ann:one", "", "{'join_rule':'invite'}");
	assert_false(allows_member(&room, "@eve:two", "@eve:two", "knock"));
}

/* Version 12: a creator outranks every number, and no creator another. */
static void creators(void **state)
{
	struct room room = usual_room(*state, "12", "public");

	put(&room, "m.room.create", "@ann:one", "", "{'additional_creators':['@cid:two']}");
	put(&room, "m.room.power_levels", "@ann:one", "", "{'users':{'@bob:one':9007199254740991},'ban':100}");
	assert_true(allows_member(&room, "@ann:one", "@bob:one", "ban"));
	assert_true(allows_member(&room, "@cid:two", "@bob:one", "leave"));
	assert_false(allows_member(&room, "@ann:one", "@cid:two", "leave"));
	assert_false(allows_member(&room, "@cid:two", "@ann:one", "ban"));
	assert_false(allows_member(&room, "@bob:one", "@ann:one", "ban"));
}

/* --- rule 5.4.1 --- */
struct third_party {
	struct room room;
	struct hearth_signing_key key;
	char *public_key;
};

static struct third_party third_party_room(struct hearth_arena *arena, const char *before, const char *after)
{
	static const uint8_t seed[32] = { 7 };
	struct third_party made = { .room = usual_room(arena, "6", "invite") };

	assert_int_equal(hearth_signing_key_from_seed(&made.key, "0", seed, NULL), 0);
	made.public_key = hearth_base64_encode(arena, made.key.public_key, 32);
	put(&made.room, "m.room.third_party_invite", "@bob:one", "token",
	    hearth_arena_printf(arena, "%s%s%s", before, made.public_key, after));
	return made;
}

static int allows_third_party(struct third_party *made, const char *sender, const char *target, const char *mxid,
			      const char *token)
{
	struct hearth_arena *arena = made->room.arena;
	struct hearth_json *content = hearth_json_object_new(arena), *invite = hearth_json_object_new(arena);
	struct hearth_json *signed_part = hearth_json_object_new(arena);
	struct hearth_event *event = event_new(&made->room, "$i", "m.room.member", sender, target, "{}");

	if (mxid)
		hearth_json_set_string(signed_part, "mxid", mxid);
	if (token)
		hearth_json_set_string(signed_part, "token", token);
	assert_int_equal(hearth_json_sign(arena, signed_part, "identity", &made->key, NULL), 0);
	hearth_json_set(invite, "signed", signed_part);
	hearth_json_set(content, "third_party_invite", invite);
	hearth_json_set_string(content, "membership", "invite");
	event->content = content;
	return is_allowed(&made->room, event);
}

static void third_party_invite(void **state)
{
	struct third_party made = third_party_room(*state, "{'public_key':'", "'}");

	assert_true(allows_third_party(&made, "@bob:one", "@dee:two", "@dee:two", "token"));
	assert_false(allows_third_party(&made, "@ann:one", "@dee:two", "@dee:two", "token"));
	assert_false(allows_third_party(&made, "@bob:one", "@dee:two", "@eve:two", "token"));
	assert_false(allows_third_party(&made, "@bob:one", "@dee:two", "@dee:two", "other"));
	assert_false(allows_third_party(&made, "@bob:one", "@dee:two", NULL, "token"));
	assert_false(allows_third_party(&made, "@bob:one", "@dee:two", "@dee:two", NULL));
	assert_false(allows(&made.room, "m.room.member", "@bob:one", "@dee:two",
			    "{'membership':'invite','third_party_invite':{}}"));
	put_member(&made.room, "@dee:two", "ban");
	assert_false(allows_third_party(&made, "@bob:one", "@dee:two", "@dee:two", "token"));
}

static void third_party_keys(void **state)
{
	struct third_party made = third_party_room(*state, "{'public_keys':[{'public_key':'x'},{'public_key':'", "'}]}");

	assert_true(allows_third_party(&made, "@bob:one", "@dee:two", "@dee:two", "token"));
	made = third_party_room(*state, "{'public_key':'','comment':'", "'}");
	assert_false(allows_third_party(&made, "@bob:one", "@dee:two", "@dee:two", "token"));
	made = third_party_room(*state, "{'public_key':'", "'}");
	made.key.seed[0] ^= 1;
	assert_int_equal(hearth_signing_key_from_seed(&made.key, "0", made.key.seed, NULL), 0);
	assert_false(allows_third_party(&made, "@bob:one", "@dee:two", "@dee:two", "token"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ARENA(shape),
		TEST_WITH_ARENA(first_join),
		TEST_WITH_ARENA(join),
		TEST_WITH_ARENA(join_rules_by_version),
		TEST_WITH_ARENA(restricted_join),
		TEST_WITH_ARENA(invite),
		TEST_WITH_ARENA(leave),
		TEST_WITH_ARENA(kick_and_unban),
		TEST_WITH_ARENA(ban),
		TEST_WITH_ARENA(knock),
		TEST_WITH_ARENA(creators),
		TEST_WITH_ARENA(third_party_invite),
		TEST_WITH_ARENA(third_party_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
