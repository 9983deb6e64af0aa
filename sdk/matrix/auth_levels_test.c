/* SPDX-License-Identifier: Apache-2.0 */
/* Rule 10, and how power levels are read. */
#include <errno.h>

#include "room_support.h"

static int may_set(struct room *room, const char *sender, const char *content)
{
	return allows(room, "m.room.power_levels", sender, "", content);
}

static void defaults(void **state)
{
	struct room room = usual_room(*state, "6", "public");
	const struct hearth_event *create = room.events[0];

	assert_int_equal(hearth_power_of_user(room.version, NULL, create, "@ann:one"), 100);
	assert_int_equal(hearth_power_of_user(room.version, NULL, create, "@bob:one"), 0);
	assert_int_equal(hearth_power_of_user(room.version, NULL, NULL, "@bob:one"), 0);
	assert_int_equal(hearth_power_to_send(room.version, NULL, "m.room.topic", 1), 50);
	assert_int_equal(hearth_power_to_send(room.version, NULL, "m.room.message", 0), 0);
	assert_int_equal(hearth_power_to_act(room.version, NULL, "ban"), 50);
	assert_int_equal(hearth_power_to_act(room.version, NULL, "kick"), 50);
	assert_int_equal(hearth_power_to_act(room.version, NULL, "redact"), 50);
	assert_int_equal(hearth_power_to_act(room.version, NULL, "invite"), 0);
	assert_int_equal(hearth_power_to_act(room.version, NULL, "notifications.room"), 50);
}

static void reading(void **state)
{
	struct room room = usual_room(*state, "6", "public");
	const struct hearth_event *levels;

	levels = event_new(&room, "$p", "m.room.power_levels", "@ann:one", "",
			   "{'users':{'@bob:one':7},'users_default':3,'events':{'m.room.topic':9},'state_default':8,"
			   "'events_default':2,'ban':11,'notifications':{'room':12}}");
	assert_int_equal(hearth_power_of_user(room.version, levels, NULL, "@bob:one"), 7);
	assert_int_equal(hearth_power_of_user(room.version, levels, room.events[0], "@ann:one"), 3);
	assert_int_equal(hearth_power_to_send(room.version, levels, "m.room.topic", 1), 9);
	assert_int_equal(hearth_power_to_send(room.version, levels, "m.room.name", 1), 8);
	assert_int_equal(hearth_power_to_send(room.version, levels, "m.room.message", 0), 2);
	assert_int_equal(hearth_power_to_act(room.version, levels, "ban"), 11);
	assert_int_equal(hearth_power_to_act(room.version, levels, "notifications.room"), 12);
}

/* Spec, "m.room.power_levels events accept values as strings" and "as floats"; not from version 10 on. */
static void strings_and_floats(void **state)
{
	static const struct {
		const char *value;
		int64_t power;
	} cases[] = {
		{ "'100'", 100 },     { "'000100'", 100 },  { "'+100'", 100 },       { "'-100'", -100 },
		{ "' 100 '", 100 },   { "' -00100 '", -100 }, { "50.57", 50 },       { "5.114698E4", 51146 },
		{ "-1.9", -1 },       { "''", 5 },          { "' '", 5 },            { "'+'", 5 },
		{ "'1.5'", 5 },       { "'1 2'", 5 },       { "'0x10'", 5 },         { "'1\\u0000'", 5 },
		{ "true", 5 },        { "null", 5 },        { "'99999999999999999999'", INT64_C(1) << 62 },
		{ "1e300", INT64_C(1) << 62 },              { "-1e300", -(INT64_C(1) << 62) },
	};
	struct room v5 = room_new(*state, "5"), v10 = room_new(*state, "10");

	for (size_t i = 0; i < HEARTH_COUNT(cases); i++) {
		const char *content = hearth_arena_printf(*state, "{'users_default':5,'users':{'@a:b':%s}}",
							  cases[i].value);
		const struct hearth_event *levels = event_new(&v5, "$p", "m.room.power_levels", "@a:b", "", content);

		assert_int_equal(hearth_power_of_user(v5.version, levels, NULL, "@a:b"), cases[i].power);
		assert_int_equal(hearth_power_of_user(v10.version, levels, NULL, "@a:b"), 5);
	}
}

static void creators(void **state)
{
	struct room v10 = room_new(*state, "10"), v11 = room_new(*state, "11"), v12 = room_new(*state, "12");
	const char *content = "{'creator':'@bob:one','additional_creators':['@cid:two']}";
	const struct hearth_event *create10 = event_new(&v10, "$c", "m.room.create", "@ann:one", "", content);
	const struct hearth_event *create11 = event_new(&v11, "$c", "m.room.create", "@ann:one", "", content);
	const struct hearth_event *create12 = event_new(&v12, "$c", "m.room.create", "@ann:one", "", content);
	const struct hearth_event *levels;

	levels = event_new(&v12, "$p", "m.room.power_levels", "@ann:one", "", "{'users':{'@ann:one':1}}");
	assert_true(hearth_auth_is_creator(create10, "@bob:one"));
	assert_false(hearth_auth_is_creator(create10, "@ann:one"));
	assert_true(hearth_auth_is_creator(create11, "@ann:one"));
	assert_false(hearth_auth_is_creator(create11, "@cid:two"));
	assert_true(hearth_auth_is_creator(create12, "@ann:one"));
	assert_true(hearth_auth_is_creator(create12, "@cid:two"));
	assert_false(hearth_auth_is_creator(create12, "@bob:one"));
	assert_false(hearth_auth_is_creator(NULL, "@bob:one"));
	assert_true(hearth_power_of_user(v12.version, levels, create12, "@cid:two") == HEARTH_POWER_CREATOR);
	assert_true(hearth_power_of_user(v12.version, NULL, create12, "@ann:one") == HEARTH_POWER_CREATOR);
	assert_int_equal(hearth_power_of_user(v12.version, NULL, create12, "@bob:one"), 0);
	assert_int_equal(hearth_power_of_user(v11.version, levels, create11, "@ann:one"), 1);
}

/* Rules 10.1 to 10.3. */
static void shape(void **state)
{
	struct room v9 = usual_room(*state, "9", "public"), v10 = usual_room(*state, "10", "public");

	assert_true(may_set(&v10, "@ann:one", "{'users':{'@ann:one':100,'@bob:one':50}}"));
	assert_false(may_set(&v10, "@ann:one", "{'users':{'@ann:one':100,'@bob:one':50},'ban':'50'}"));
	assert_false(may_set(&v10, "@ann:one", "{'users':{'@ann:one':100,'@bob:one':50},'events':[]}"));
	assert_false(may_set(&v10, "@ann:one", "{'users':{'@ann:one':100,'@bob:one':50},'events':{'m.x':'5'}}"));
	assert_false(may_set(&v10, "@ann:one", "{'users':{'@ann:one':100,'@bob:one':50},'notifications':{'room':null}}"));
	assert_false(may_set(&v10, "@ann:one", "{'users':{'@ann:one':100,'@bob:one':'50'}}"));
	assert_false(may_set(&v10, "@ann:one", "{'users':[]}"));
	assert_false(may_set(&v10, "@ann:one", "{'users':{'@ann:one':100,'bob':50}}"));
	assert_true(may_set(&v9, "@ann:one", "{'users':{'@ann:one':'100','@bob:one':' +050 '},'ban':'50'}"));
	assert_false(may_set(&v9, "@ann:one", "{'users':{'@ann:one':100,'@bob:one':'many'}}"));
	assert_false(may_set(&v9, "@ann:one", "{'users':{'@ann:one':100,'@bob:one':50},'ban':'many'}"));
}

/* Rule 10.4. */
static void no_creators(void **state)
{
	struct room room = usual_room(*state, "12", "public");

	put(&room, "m.room.create", "@ann:one", "", "{'additional_creators':['@cid:two']}");
	assert_true(may_set(&room, "@ann:one", "{'users':{'@bob:one':50}}"));
	assert_false(may_set(&room, "@ann:one", "{'users':{'@ann:one':50}}"));
	assert_false(may_set(&room, "@ann:one", "{'users':{'@cid:two':50}}"));
}

/* Rule 10.5: without levels there is nothing to compare with. */
static void first_levels(void **state)
{
	struct room room = usual_room(*state, "6", "public");

	room.count = 4;
	assert_true(may_set(&room, "@ann:one", "{'users':{'@bob:one':1000},'ban':1000}"));
	assert_false(may_set(&room, "@bob:one", "{}"));
}

/* Rules 10.6 to 10.8. */
static void altered_levels(void **state)
{
	struct room room = usual_room(*state, "6", "public"), v5 = usual_room(*state, "5", "public");
	const char *before = "{'users':{'@ann:one':100,'@bob:one':50},'kick':60,'redact':40,'events':{'m.a':60,'m.b':40},"
			     "'notifications':{'room':60}}";

	put(&room, "m.room.power_levels", "@ann:one", "", before);
	put(&v5, "m.room.power_levels", "@ann:one", "", before);
#define USERS "{'users':{'@ann:one':100,'@bob:one':50},"
	assert_true(may_set(&room, "@bob:one", before));
	assert_true(may_set(&room, "@bob:one", USERS
			     "'kick':60,'redact':50,'events':{'m.a':60,'m.b':50},'notifications':{'room':60}}"));
	assert_false(may_set(&room, "@bob:one", USERS
			     "'kick':60,'redact':51,'events':{'m.a':60,'m.b':40},'notifications':{'room':60}}"));
	assert_false(may_set(&room, "@bob:one", USERS
			     "'kick':50,'redact':40,'events':{'m.a':60,'m.b':40},'notifications':{'room':60}}"));
	assert_false(may_set(&room, "@bob:one", USERS
			     "'redact':40,'events':{'m.a':60,'m.b':40},'notifications':{'room':60}}"));
	assert_true(may_set(&room, "@bob:one", USERS
			     "'kick':60,'events':{'m.a':60},'notifications':{'room':60}}"));
	assert_false(may_set(&room, "@bob:one", USERS
			     "'kick':60,'redact':40,'events':{'m.b':40},'notifications':{'room':60}}"));
	assert_false(may_set(&room, "@bob:one", USERS
			     "'kick':60,'redact':40,'events':{'m.a':40,'m.b':40},'notifications':{'room':60}}"));
	assert_false(may_set(&room, "@bob:one", USERS
			     "'kick':60,'redact':40,'events':{'m.a':60,'m.c':51},'notifications':{'room':60}}"));
	assert_false(may_set(&room, "@bob:one", USERS
			     "'kick':60,'redact':40,'events':{'m.a':60,'m.b':40},'notifications':{'room':50}}"));
	assert_true(may_set(&v5, "@bob:one", USERS
			     "'kick':60,'redact':40,'events':{'m.a':60,'m.b':40},'notifications':{'room':50}}"));
#undef USERS
	assert_true(may_set(&room, "@ann:one", "{'users':{'@ann:one':100}}"));
}

/* Rules 10.9 and 10.10. */
static void altered_users(void **state)
{
	struct room room = usual_room(*state, "6", "public");

	put(&room, "m.room.power_levels", "@ann:one", "",
	    "{'users':{'@ann:one':100,'@bob:one':50,'@cid:two':50,'@dee:two':49}}");
	assert_true(may_set(&room, "@bob:one", "{'users':{'@ann:one':100,'@bob:one':50,'@cid:two':50}}"));
	assert_true(may_set(&room, "@bob:one", "{'users':{'@ann:one':100,'@bob:one':0,'@cid:two':50,'@dee:two':50}}"));
	assert_true(may_set(&room, "@bob:one", "{'users':{'@ann:one':100,'@cid:two':50,'@dee:two':49}}"));
	assert_false(may_set(&room, "@bob:one", "{'users':{'@ann:one':100,'@bob:one':51,'@cid:two':50,'@dee:two':49}}"));
	assert_false(may_set(&room, "@bob:one", "{'users':{'@ann:one':100,'@bob:one':50,'@cid:two':49,'@dee:two':49}}"));
	assert_false(may_set(&room, "@bob:one", "{'users':{'@ann:one':100,'@bob:one':50,'@dee:two':49}}"));
	assert_false(may_set(&room, "@bob:one", "{'users':{'@ann:one':99,'@bob:one':50,'@cid:two':50,'@dee:two':49}}"));
	assert_false(may_set(&room, "@bob:one",
			     "{'users':{'@ann:one':100,'@bob:one':50,'@cid:two':50,'@dee:two':49,'@eve:two':51}}"));
	assert_true(may_set(&room, "@bob:one",
			    "{'users':{'@ann:one':100,'@bob:one':50,'@cid:two':50,'@dee:two':49,'@eve:two':50}}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ARENA(defaults),       TEST_WITH_ARENA(reading),       TEST_WITH_ARENA(strings_and_floats),
		TEST_WITH_ARENA(creators),       TEST_WITH_ARENA(shape),         TEST_WITH_ARENA(no_creators),
		TEST_WITH_ARENA(first_levels),   TEST_WITH_ARENA(altered_levels), TEST_WITH_ARENA(altered_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
