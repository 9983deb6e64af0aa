/* SPDX-License-Identifier: Apache-2.0 */
/* The server-default push rules (spec "Predefined Rules"). */
#include <hearth/matrix/push.h>

#include <string.h>

/* clang-format off */
#define IF_EVENT(key, pattern) "{\"kind\":\"event_match\",\"key\":\"" key "\",\"pattern\":\"" pattern "\"}"
#define IF_TWO_MEMBERS         "{\"kind\":\"room_member_count\",\"is\":\"2\"}"
#define NOTIFY                 "\"notify\""
#define SOUND(name)            "{\"set_tweak\":\"sound\",\"value\":\"" name "\"}"
#define HIGHLIGHT              "{\"set_tweak\":\"highlight\"}"
#define RULE(id, enabled, conditions, actions) \
	"{\"rule_id\":\"" id "\",\"default\":true,\"enabled\":" enabled \
	",\"conditions\":[" conditions "],\"actions\":[" actions "]}"

/* %1$s: the user's id, as a JSON string. */
#define DEFAULT_RULES \
	"{\"override\":[" \
	RULE(".m.rule.master", "false", "", "") "," \
	RULE(".m.rule.suppress_notices", "true", IF_EVENT("content.msgtype", "m.notice"), "") "," \
	RULE(".m.rule.invite_for_me", "true", \
	     IF_EVENT("type", "m.room.member") "," IF_EVENT("content.membership", "invite") "," \
	     "{\"kind\":\"event_match\",\"key\":\"state_key\",\"pattern\":%1$s}", \
	     NOTIFY "," SOUND("default")) "," \
	RULE(".m.rule.member_event", "true", IF_EVENT("type", "m.room.member"), "") "," \
	RULE(".m.rule.is_user_mention", "true", \
	     "{\"kind\":\"event_property_contains\",\"key\":\"content.m\\\\.mentions.user_ids\",\"value\":%1$s}", \
	     NOTIFY "," SOUND("default") "," HIGHLIGHT) "," \
	RULE(".m.rule.is_room_mention", "true", \
	     "{\"kind\":\"event_property_is\",\"key\":\"content.m\\\\.mentions.room\",\"value\":true}," \
	     "{\"kind\":\"sender_notification_permission\",\"key\":\"room\"}", \
	     NOTIFY "," HIGHLIGHT) "," \
	RULE(".m.rule.tombstone", "true", IF_EVENT("type", "m.room.tombstone") "," IF_EVENT("state_key", ""), \
	     NOTIFY "," HIGHLIGHT) "," \
	RULE(".m.rule.reaction", "true", IF_EVENT("type", "m.reaction"), "") "," \
	RULE(".m.rule.room.server_acl", "true", \
	     IF_EVENT("type", "m.room.server_acl") "," IF_EVENT("state_key", ""), "") "," \
	RULE(".m.rule.suppress_edits", "true", \
	     "{\"kind\":\"event_property_is\",\"key\":\"content.m\\\\.relates_to.rel_type\",\"value\":\"m.replace\"}", \
	     "") \
	"],\"content\":[],\"room\":[],\"sender\":[],\"underride\":[" \
	RULE(".m.rule.call", "true", IF_EVENT("type", "m.call.invite"), NOTIFY "," SOUND("ring")) "," \
	RULE(".m.rule.encrypted_room_one_to_one", "true", IF_TWO_MEMBERS "," IF_EVENT("type", "m.room.encrypted"), \
	     NOTIFY "," SOUND("default")) "," \
	RULE(".m.rule.room_one_to_one", "true", IF_TWO_MEMBERS "," IF_EVENT("type", "m.room.message"), \
	     NOTIFY "," SOUND("default")) "," \
	RULE(".m.rule.message", "true", IF_EVENT("type", "m.room.message"), NOTIFY) "," \
	RULE(".m.rule.encrypted", "true", IF_EVENT("type", "m.room.encrypted"), NOTIFY) \
	"]}"
/* clang-format on */

const struct hearth_json *hearth_push_default_rules(struct hearth_arena *arena, const char *user_id)
{
	const struct hearth_json *rules = NULL;
	char *quoted, *text;
	int r;

	r = hearth_json_canonical(arena, hearth_json_string_new(arena, user_id), /* flags= */ 0, &quoted, NULL, NULL);
	hearth_assert(r == 0);
	text = hearth_arena_printf(arena, DEFAULT_RULES, quoted);
	r = hearth_json_parse(arena, text, strlen(text), /* flags= */ 0, &rules, NULL);
	hearth_assert(r == 0);
	return rules;
}
