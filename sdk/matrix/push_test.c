/* SPDX-License-Identifier: Apache-2.0 */
#include "test_support.h"

#include <errno.h>

#include <hearth/matrix/push.h>

/* Texts in this file write ' for ". */
static const struct hearth_json *json(struct hearth_arena *arena, const char *text)
{
	char *copy = hearth_arena_strdup(arena, text);

	for (char *at = copy; *at; at++)
		if (*at == '\'')
			*at = '"';
	return parsed(arena, copy);
}

struct room {
	int64_t sender_power, room_notification_power, member_count;
	const char *display_name;
};

static const struct room USUAL = { .room_notification_power = 50, .member_count = 10 };

static struct hearth_push_outcome outcome_of(struct hearth_arena *arena, const struct hearth_json *rules,
					     const struct room *room, const char *event_text)
{
	const struct hearth_push_event event = {
		.event = json(arena, event_text), .sender_power = room->sender_power,
		.room_notification_power = room->room_notification_power, .member_count = room->member_count,
	};
	const struct hearth_push_rules *compiled;
	struct hearth_push_outcome outcome;

	assert_int_equal(hearth_push_compile(arena, rules, &compiled, NULL), 0);
	hearth_push_evaluate(compiled, &event, room->display_name, &outcome);
	return outcome;
}

/* 1 where an override rule with this one condition matches. */
static int holds_in(struct hearth_arena *arena, const struct room *room, const char *condition, const char *event)
{
	const char *rules = hearth_arena_printf(arena, "{'override':[{'conditions':[%s],'actions':['notify']}]}", condition);

	return (int)outcome_of(arena, json(arena, rules), room, event).notify;
}

static int holds(struct hearth_arena *arena, const char *condition, const char *event)
{
	return holds_in(arena, &USUAL, condition, event);
}

/* --- event_match --- */
static int body_matches(struct hearth_arena *arena, const char *pattern, const char *body)
{
	return holds(arena,
		     hearth_arena_printf(arena, "{'kind':'event_match','key':'content.body','pattern':'%s'}", pattern),
		     hearth_arena_printf(arena, "{'content':{'body':'%s'}}", body));
}

static int topic_matches(struct hearth_arena *arena, const char *pattern, const char *topic)
{
	return holds(arena,
		     hearth_arena_printf(arena, "{'kind':'event_match','key':'content.topic','pattern':'%s'}", pattern),
		     hearth_arena_printf(arena, "{'content':{'topic':%s}}", topic));
}

/* The specification's own examples first. */
static void whole_values(void **state)
{
	assert_true(topic_matches(*state, "lunc?*", "'Lunch plans'"));
	assert_true(topic_matches(*state, "lunc?*", "'LUNCH'"));
	assert_false(topic_matches(*state, "lunc?*", "' lunch'"));
	assert_false(topic_matches(*state, "lunc?*", "'lunc'"));
	assert_false(topic_matches(*state, "*", "null"));
	assert_false(topic_matches(*state, "*", "5"));
	assert_true(topic_matches(*state, "*", "''"));
	assert_true(topic_matches(*state, "", "''"));
	assert_false(topic_matches(*state, "", "'x'"));
	assert_true(topic_matches(*state, "a*b*c", "'a--b--b--c'"));
	assert_false(topic_matches(*state, "a*b*c", "'a--b--b--cd'"));
	assert_true(topic_matches(*state, "a?c", "'aéc'"));
	assert_true(topic_matches(*state, "ÄÖ Σίγμα Привет", "'äö σίγμα пРИВЕТ'"));
	assert_false(topic_matches(*state, "a.c", "'abc'"));
	assert_true(topic_matches(*state, "[a-c]", "'[A-C]'"));
	assert_false(holds(*state, "{'kind':'event_match','key':'content.topic','pattern':'*'}", "{'content':{}}"));
	assert_false(holds(*state, "{'kind':'event_match','key':'content.topic'}", "{'content':{'topic':''}}"));
}

static void bodies_by_words(void **state)
{
	assert_true(body_matches(*state, "ex*ple", "An example event."));
	assert_true(body_matches(*state, "ex*ple", "exple"));
	assert_true(body_matches(*state, "ex*ple", "An exciting triple-whammy"));
	assert_true(body_matches(*state, "cake", "CAKE"));
	assert_true(body_matches(*state, "cake", "a (cake)!"));
	assert_true(body_matches(*state, "cake", "cakes, cake"));
	assert_false(body_matches(*state, "cake", "cakes"));
	assert_false(body_matches(*state, "cake", "cheesecake"));
	assert_false(body_matches(*state, "cake", "my_cake"));
	assert_true(body_matches(*state, "cake", "écake"));
	assert_true(body_matches(*state, "c?ke", "a c-ke"));
	assert_true(body_matches(*state, "*cake", "cheesecake"));
	assert_true(body_matches(*state, "cake*lie", "the cake is a lie."));
	assert_false(body_matches(*state, "cake*lie", "the cake is a liege"));
	assert_true(body_matches(*state, "@room", "hello @room"));
	assert_false(body_matches(*state, "@room", "hello@room"));
}

/* What would take a backtracking matcher longer than anyone can wait, and a pattern that is too long. */
static void hostile_patterns(void **state)
{
	char *body = hearth_arena_alloc(*state, 60001), *pattern = hearth_arena_alloc(*state, 601);

	memset(body, 'a', 60000);
	for (size_t i = 0; i < 500; i++)
		pattern[i] = i % 2 ? '*' : 'a';
	pattern[500] = 'b';
	assert_false(body_matches(*state, pattern, body));
	memset(pattern, 'a', 600);
	assert_false(body_matches(*state, pattern, pattern));
	pattern[512] = '\0';
	assert_true(body_matches(*state, pattern, pattern));
}

/* --- the other conditions --- */
static void properties(void **state)
{
	const char *is_true = "{'kind':'event_property_is','key':'content.m\\\\.federate','value':true}";
	const char *has = "{'kind':'event_property_contains','key':'content.list','value':'a'}";

	assert_true(holds(*state, is_true, "{'content':{'m.federate':true}}"));
	assert_false(holds(*state, is_true, "{'content':{'m.federate':'true'}}"));
	assert_false(holds(*state, is_true, "{'content':{'m.federate':1}}"));
	assert_false(holds(*state, is_true, "{'content':{'m':{'federate':true}}}"));
	assert_true(holds(*state, "{'kind':'event_property_is','key':'a','value':null}", "{'a':null}"));
	assert_false(holds(*state, "{'kind':'event_property_is','key':'a','value':null}", "{}"));
	assert_false(holds(*state, "{'kind':'event_property_is','key':'a','value':{}}", "{'a':{}}"));
	assert_true(holds(*state, "{'kind':'event_property_is','key':'a','value':'X'}", "{'a':'X'}"));
	assert_false(holds(*state, "{'kind':'event_property_is','key':'a','value':'X'}", "{'a':'x'}"));
	assert_true(holds(*state, has, "{'content':{'list':[1,'a']}}"));
	assert_false(holds(*state, has, "{'content':{'list':['ab',['a']]}}"));
	assert_false(holds(*state, has, "{'content':{'list':'a'}}"));
	assert_false(holds(*state, has, "{'content':{}}"));
}

static int counts(struct hearth_arena *arena, const char *is, int64_t members)
{
	const struct room room = { .member_count = members };

	return holds_in(arena, &room, hearth_arena_printf(arena, "{'kind':'room_member_count','is':'%s'}", is), "{}");
}

static void member_counts(void **state)
{
	assert_true(counts(*state, "2", 2) && !counts(*state, "2", 3));
	assert_true(counts(*state, "==2", 2) && !counts(*state, "==2", 1));
	assert_true(counts(*state, "<2", 1) && !counts(*state, "<2", 2));
	assert_true(counts(*state, ">2", 3) && !counts(*state, ">2", 2));
	assert_true(counts(*state, "<=2", 2) && !counts(*state, "<=2", 3));
	assert_true(counts(*state, ">=2", 2) && !counts(*state, ">=2", 1));
	assert_false(counts(*state, "two", 2) || counts(*state, "", 0) || counts(*state, "=2", 2) || counts(*state, "2x", 2));
}

static void display_names(void **state)
{
	const char *condition = "{'kind':'contains_display_name'}", *event = "{'content':{'body':'hi Bob (x*), ok'}}";
	struct room room = USUAL;

	assert_false(holds_in(*state, &room, condition, event));
	room.display_name = "bob";
	assert_true(holds_in(*state, &room, condition, event));
	room.display_name = "(x*)";
	assert_true(holds_in(*state, &room, condition, event));
	room.display_name = "h*";
	assert_false(holds_in(*state, &room, condition, event));
	room.display_name = "bo";
	assert_false(holds_in(*state, &room, condition, event));
	room.display_name = "";
	assert_false(holds_in(*state, &room, condition, event));
}

static void sender_power(void **state)
{
	struct room room = { .sender_power = 50, .room_notification_power = 50 };

	assert_true(holds_in(*state, &room, "{'kind':'sender_notification_permission','key':'room'}", "{}"));
	assert_false(holds_in(*state, &room, "{'kind':'sender_notification_permission','key':'other'}", "{}"));
	room.sender_power = 49;
	assert_false(holds_in(*state, &room, "{'kind':'sender_notification_permission','key':'room'}", "{}"));
}

static void unknown_conditions(void **state)
{
	assert_false(holds(*state, "{'kind':'org.example.new'}", "{}"));
	assert_false(holds(*state, "{}", "{}"));
	assert_false(holds(*state, "5", "{}"));
	assert_true(holds(*state, "", "{}"));
}

/* --- rules --- */
static void kinds_in_order(void **state)
{
	const struct hearth_json *rules =
		json(*state, "{'underride':[{'actions':[{'set_tweak':'sound','value':'u'},'notify']}],"
			     "'sender':[{'rule_id':'@a:b','actions':['notify',{'set_tweak':'sound','value':'s'}]}],"
			     "'room':[{'rule_id':'!r','actions':['notify',{'set_tweak':'sound','value':'r'}]}],"
			     "'content':[{'pattern':'cake','actions':['notify',{'set_tweak':'sound','value':'c'}]}],"
			     "'override':[{'enabled':false,'actions':[]},"
			     "{'conditions':[{'kind':'event_match','key':'type','pattern':'o'}],'actions':['dont_notify']}]}");

	assert_string_equal(outcome_of(*state, rules, &USUAL, "{'type':'m'}").sound, "u");
	assert_string_equal(outcome_of(*state, rules, &USUAL, "{'sender':'@a:b'}").sound, "s");
	assert_string_equal(outcome_of(*state, rules, &USUAL, "{'sender':'@a:b','room_id':'!r'}").sound, "r");
	assert_string_equal(
		outcome_of(*state, rules, &USUAL, "{'sender':'@a:b','room_id':'!r','content':{'body':'cake'}}").sound, "c");
	assert_int_equal(outcome_of(*state, rules, &USUAL, "{'type':'o','content':{'body':'cake'}}").notify, 0);
	assert_non_null(outcome_of(*state, rules, &USUAL, "{'type':'o'}").actions);
	assert_null(outcome_of(*state, json(*state, "{}"), &USUAL, "{'type':'o'}").actions);
}

static void tweaks(void **state)
{
	struct hearth_push_outcome outcome;

	outcome = outcome_of(*state, json(*state, "{'room':[{'rule_id':'!r','actions':['notify',{'set_tweak':'highlight'}]}]}"),
			     &USUAL, "{'room_id':'!r'}");
	assert_true(outcome.notify && outcome.highlight && !outcome.sound);
	outcome = outcome_of(*state,
			     json(*state, "{'room':[{'rule_id':'!r',"
					  "'actions':['notify',{'set_tweak':'highlight','value':false}]}]}"),
			     &USUAL, "{'room_id':'!r'}");
	assert_true(outcome.notify && !outcome.highlight);
	outcome = outcome_of(*state, json(*state, "{'room':[{'rule_id':'!r','actions':[{'set_tweak':'highlight'}]}]}"), &USUAL,
			     "{'room_id':'!r'}");
	assert_true(!outcome.notify && !outcome.highlight);
}

static void bad_rulesets(void **state)
{
	const struct hearth_push_rules *rules;

	assert_int_equal(hearth_push_compile(*state, json(*state, "[]"), &rules, NULL), -EINVAL);
	assert_int_equal(hearth_push_compile(*state, json(*state, "{'room':{}}"), &rules, NULL), -EINVAL);
	assert_int_equal(hearth_push_compile(*state, json(*state, "{'room':[5,{},{'rule_id':1}],'content':[{}]}"), &rules,
					     NULL),
			 0);
}

/* --- the defaults --- */
static void assert_default(struct hearth_arena *arena, const struct room *room, const char *event, const char *expected)
{
	const struct hearth_json *rules = hearth_push_default_rules(arena, "@bob:one");
	struct hearth_push_outcome outcome = outcome_of(arena, rules, room, event);

	assert_string_equal(hearth_arena_printf(arena, "%s%s%s", outcome.notify ? "notify" : "-",
						outcome.highlight ? " highlight" : "", outcome.sound ? outcome.sound : ""),
			    expected);
}

static void defaults(void **state)
{
	const struct room pair = { .member_count = 2, .room_notification_power = 50 };
	const struct room powerful = { .member_count = 9, .sender_power = 50, .room_notification_power = 50 };

	assert_default(*state, &USUAL, "{'type':'m.room.message','content':{'body':'hi'}}", "notify");
	assert_default(*state, &pair, "{'type':'m.room.message','content':{'body':'hi'}}", "notifydefault");
	assert_default(*state, &USUAL, "{'type':'m.room.encrypted','content':{}}", "notify");
	assert_default(*state, &pair, "{'type':'m.room.encrypted','content':{}}", "notifydefault");
	assert_default(*state, &USUAL, "{'type':'m.room.message','content':{'msgtype':'m.notice'}}", "-");
	assert_default(*state, &USUAL, "{'type':'m.room.member','state_key':'@bob:one','content':{'membership':'invite'}}",
		       "notifydefault");
	assert_default(*state, &USUAL, "{'type':'m.room.member','state_key':'@cid:one','content':{'membership':'invite'}}",
		       "-");
	assert_default(*state, &USUAL, "{'type':'m.room.message','content':{'m.mentions':{'user_ids':['@bob:one']}}}",
		       "notify highlightdefault");
	assert_default(*state, &USUAL, "{'type':'m.room.message','content':{'m.mentions':{'room':true}}}", "notify");
	assert_default(*state, &powerful, "{'type':'m.room.message','content':{'m.mentions':{'room':true}}}",
		       "notify highlight");
	assert_default(*state, &USUAL, "{'type':'m.room.tombstone','state_key':''}", "notify highlight");
	assert_default(*state, &USUAL, "{'type':'m.room.tombstone'}", "-");
	assert_default(*state, &pair, "{'type':'m.reaction'}", "-");
	assert_default(*state, &USUAL, "{'type':'m.room.server_acl','state_key':''}", "-");
	assert_default(*state, &pair, "{'type':'m.room.message','content':{'m.relates_to':{'rel_type':'m.replace'}}}", "-");
	assert_default(*state, &USUAL, "{'type':'m.call.invite'}", "notifyring");
	assert_default(*state, &USUAL, "{'type':'m.room.topic','state_key':''}", "-");
}

static void default_order(void **state)
{
	static const char *const override[] = {
		".m.rule.master", ".m.rule.suppress_notices", ".m.rule.invite_for_me", ".m.rule.member_event",
		".m.rule.is_user_mention", ".m.rule.is_room_mention", ".m.rule.tombstone", ".m.rule.reaction",
		".m.rule.room.server_acl", ".m.rule.suppress_edits",
	};
	const struct hearth_json *rules = hearth_push_default_rules(*state, "@\"odd\":one");
	const struct hearth_json *list = hearth_json_get(rules, "override"), *conditions;

	assert_int_equal(hearth_json_size(list), HEARTH_COUNT(override));
	for (size_t i = 0; i < HEARTH_COUNT(override); i++)
		assert_string_equal(hearth_json_get_string(hearth_json_at(list, i), "rule_id"), override[i]);
	assert_int_equal(hearth_json_get_bool(hearth_json_at(list, 0), "enabled", 1), 0);
	conditions = hearth_json_get(hearth_json_at(list, 4), "conditions");
	assert_string_equal(hearth_json_get_string(hearth_json_at(conditions, 0), "value"), "@\"odd\":one");
	assert_int_equal(hearth_json_size(hearth_json_get(rules, "underride")), 5);
}

/* --- rules as clients send them --- */
static int accepts(struct hearth_arena *arena, const char *kind, const char *rule_id, const char *rule)
{
	struct hearth_error err = { 0 };
	int r = hearth_push_check_rule(kind, rule_id, json(arena, rule), &err);

	if (r < 0) {
		assert_int_equal(r, -EINVAL);
		assert_true(err.message[0] != '\0');
	}
	return r == 0;
}

static void sent_rules(void **state)
{
	assert_true(accepts(*state, "content", "cake", "{'pattern':'cake*lie','actions':['notify']}"));
	assert_true(accepts(*state, "room", "!r:one", "{'actions':[]}"));
	assert_true(accepts(*state, "sender", "@a:one", "{'actions':['dont_notify',{'set_tweak':'sound','value':'x'}]}"));
	assert_true(accepts(*state, "override", "x", "{'actions':['notify'],'conditions':[{'kind':'org.example'}]}"));
	assert_true(accepts(*state, "underride", "x",
			    "{'actions':['notify'],'conditions':[{'kind':'room_member_count','is':'<=10'}]}"));
	assert_false(accepts(*state, "other", "x", "{'actions':[]}"));
	assert_false(accepts(*state, "override", ".x", "{'actions':[]}"));
	assert_false(accepts(*state, "override", "", "{'actions':[]}"));
	assert_false(accepts(*state, "override", "a/b", "{'actions':[]}"));
	assert_false(accepts(*state, "override", "a\\b", "{'actions':[]}"));
	assert_false(accepts(*state, "room", "r", "{'actions':[]}"));
	assert_false(accepts(*state, "sender", "a", "{'actions':[]}"));
	assert_false(accepts(*state, "override", "x", "[]"));
	assert_false(accepts(*state, "override", "x", "{}"));
	assert_false(accepts(*state, "override", "x", "{'actions':{}}"));
	assert_false(accepts(*state, "override", "x", "{'actions':['shout']}"));
	assert_false(accepts(*state, "override", "x", "{'actions':[{}]}"));
	assert_false(accepts(*state, "content", "x", "{'actions':[]}"));
	assert_false(accepts(*state, "content", "x", "{'actions':[],'pattern':5}"));
	assert_false(accepts(*state, "override", "x", "{'actions':[],'conditions':{}}"));
	assert_false(accepts(*state, "override", "x", "{'actions':[],'conditions':[{}]}"));
	assert_false(accepts(*state, "override", "x", "{'actions':[],'conditions':[{'kind':'event_match','key':'a'}]}"));
	assert_false(accepts(*state, "override", "x", "{'actions':[],'conditions':[{'kind':'event_match','pattern':'a'}]}"));
	assert_false(accepts(*state, "override", "x", "{'actions':[],'conditions':[{'kind':'event_property_is','key':'a'}]}"));
	assert_false(accepts(*state, "override", "x", "{'actions':[],'conditions':[{'kind':'room_member_count','is':'few'}]}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ARENA(whole_values),    TEST_WITH_ARENA(bodies_by_words), TEST_WITH_ARENA(hostile_patterns),
		TEST_WITH_ARENA(properties),      TEST_WITH_ARENA(member_counts),   TEST_WITH_ARENA(display_names),
		TEST_WITH_ARENA(sender_power),    TEST_WITH_ARENA(unknown_conditions), TEST_WITH_ARENA(kinds_in_order),
		TEST_WITH_ARENA(tweaks),          TEST_WITH_ARENA(bad_rulesets),    TEST_WITH_ARENA(defaults),
		TEST_WITH_ARENA(default_order),   TEST_WITH_ARENA(sent_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
