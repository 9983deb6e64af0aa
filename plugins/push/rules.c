/* SPDX-License-Identifier: Apache-2.0
 *
 * The /pushrules endpoints, and m.push_rules in /sync.
 */
#include "push.h"

#include <string.h>

struct rule_args {
	const char               *kind, *rule_id;
	const char               *before, *after;
	const struct hearth_json *body, *actions;
	bool                      enabled;
};

#define KIND HEARTH_PATH(struct rule_args, kind, "kind", .choices = "override|content|room|sender|underride")
#define RULE_ID HEARTH_PATH(struct rule_args, rule_id, "ruleId", .max = 255)

static const struct hearth_field RULE_ARGS[] = { KIND, RULE_ID, HEARTH_FIELDS_END };
static const struct hearth_field KIND_ARGS[] = { KIND, HEARTH_FIELDS_END };
static const struct hearth_field PUT_ARGS[] = {
	KIND, RULE_ID, HEARTH_QUERY(struct rule_args, before, "before"), HEARTH_QUERY(struct rule_args, after, "after"),
	HEARTH_WHOLE_BODY(struct rule_args, body), HEARTH_FIELDS_END
};
static const struct hearth_field ENABLED_ARGS[] = {
	KIND, RULE_ID, HEARTH_BODY(struct rule_args, enabled, "enabled", .required = 1), HEARTH_FIELDS_END
};
static const struct hearth_field ACTIONS_ARGS[] = {
	KIND, RULE_ID, HEARTH_BODY(struct rule_args, actions, "actions", .required = 1, .shape = HEARTH_AN_ARRAY),
	HEARTH_FIELDS_END
};

/* --- statements --- */

struct stored_rule {
	const char               *user_id, *kind, *rule_id;
	double                    place;
	const struct hearth_json *rule;
	bool                      enabled;
	const struct hearth_json *actions;
	int64_t                   stream_id;
};

static const struct hearth_field KEY[] = { HEARTH_COLUMNS(struct stored_rule, user_id, kind, rule_id) };
static const struct hearth_field KEY_PLACE_RULE[] = {
	HEARTH_COLUMNS(struct stored_rule, user_id, kind, rule_id, place, rule)
};
static const struct hearth_field KEY_ENABLED[] = {
	HEARTH_COLUMNS(struct stored_rule, user_id, kind, rule_id, enabled)
};
static const struct hearth_field KEY_ACTIONS[] = {
	HEARTH_COLUMNS(struct stored_rule, user_id, kind, rule_id, actions)
};
static const struct hearth_field CHANGE[] = { HEARTH_COLUMNS(struct stored_rule, user_id, stream_id) };
static const struct hearth_field PLACE[] = { HEARTH_COLUMNS(struct stored_rule, rule_id, place) };
static const struct hearth_field KIND_OF_USER[] = { HEARTH_COLUMNS(struct stored_rule, user_id, kind) };

static const struct hearth_statement SELECT_PLACES = {
	.name = "push.select_places",
	.sql = "SELECT rule_id, place FROM push_rules WHERE user_id = $1 AND kind = $2 ORDER BY place FOR UPDATE",
	.params = KIND_OF_USER, .row = PLACE, .row_size = sizeof(struct stored_rule),
};
static const struct hearth_statement UPSERT_RULE = {
	.name = "push.upsert_rule",
	.sql = "INSERT INTO push_rules (user_id, kind, rule_id, place, rule) VALUES ($1, $2, $3, $4, $5)"
	       " ON CONFLICT (user_id, kind, rule_id) DO UPDATE SET place = excluded.place, rule = excluded.rule",
	.params = KEY_PLACE_RULE,
};
/* Replacing a rule gives it its own actions again. */
static const struct hearth_statement RESET_ACTIONS = {
	.name = "push.reset_actions",
	.sql = "UPDATE push_rule_settings SET actions = NULL WHERE user_id = $1 AND kind = $2 AND rule_id = $3",
	.params = KEY,
};
static const struct hearth_statement DELETE_RULE = {
	.name = "push.delete_rule",
	.sql = "WITH settings AS (DELETE FROM push_rule_settings WHERE user_id = $1 AND kind = $2 AND rule_id = $3)"
	       " DELETE FROM push_rules WHERE user_id = $1 AND kind = $2 AND rule_id = $3",
	.params = KEY,
};
static const struct hearth_statement SET_ENABLED = {
	.name = "push.set_enabled",
	.sql = "INSERT INTO push_rule_settings (user_id, kind, rule_id, enabled) VALUES ($1, $2, $3, $4)"
	       " ON CONFLICT (user_id, kind, rule_id) DO UPDATE SET enabled = excluded.enabled",
	.params = KEY_ENABLED,
};
static const struct hearth_statement SET_ACTIONS = {
	.name = "push.set_actions",
	.sql = "INSERT INTO push_rule_settings (user_id, kind, rule_id, actions) VALUES ($1, $2, $3, $4)"
	       " ON CONFLICT (user_id, kind, rule_id) DO UPDATE SET actions = excluded.actions",
	.params = KEY_ACTIONS,
};
static const struct hearth_statement NOTE_CHANGE = {
	.name = "push.note_change",
	.sql = "INSERT INTO push_rule_changes (user_id, stream_id) VALUES ($1, $2)"
	       " ON CONFLICT (user_id) DO UPDATE SET stream_id = excluded.stream_id",
	.params = CHANGE,
};
static const struct hearth_statement SELECT_CHANGE = {
	.name = "push.select_change",
	.sql = "SELECT user_id, stream_id FROM push_rule_changes WHERE user_id = $1 AND stream_id > $2",
	.params = CHANGE, .row = CHANGE, .row_size = sizeof(struct stored_rule),
};

/* --- changing --- */

struct changing {
	struct push                   *push;
	struct hearth_arena           *arena;
	struct stored_rule             rule;
	const struct hearth_statement *statement; /* what is done; NULL: the rule is put in its place */
	const char                    *before, *after;
};

static void on_end(void *argument, int committed)
{
	struct changing *changing = argument;

	(void)committed;
	push_cache_forget_user(changing->push->cache, changing->rule.user_id);
}

/*
 * A rule's place: in front of "before", behind "after", else where it stood, else in front of all others. Places are
 * fractions, so that nothing else has to move.
 */
static int find_place(struct changing *changing, const struct hearth_rows *rows, struct hearth_error *err)
{
	const struct stored_rule *rules = rows->items;
	const char *anchor = changing->before ? changing->before : changing->after;

	changing->rule.place = rows->count ? rules[0].place - 1 : 0;
	for (size_t i = 0; i < rows->count; i++) {
		if (!anchor && !strcmp(rules[i].rule_id, changing->rule.rule_id))
			changing->rule.place = rules[i].place;
		if (!anchor || strcmp(rules[i].rule_id, anchor))
			continue;
		if (changing->before)
			changing->rule.place = i ? (rules[i - 1].place + rules[i].place) / 2 : rules[i].place - 1;
		else
			changing->rule.place =
				i + 1 < rows->count ? (rules[i].place + rules[i + 1].place) / 2 : rules[i].place + 1;
		return 0;
	}
	return anchor ? hearth_refuse(err, 404, "M_NOT_FOUND", "before or after: there is no rule '%.80s'", anchor) : 0;
}

HEARTH_SUSPENDS static int place_rule(struct changing *changing, struct hearth_tx *tx, struct hearth_error *err)
{
	const struct hearth_db *db = changing->push->db;
	struct hearth_rows rows;
	int r;

	r = db->query(tx, &SELECT_PLACES, &changing->rule, &rows, err);
	if (r >= 0)
		r = find_place(changing, &rows, err);
	if (r >= 0)
		r = db->exec(tx, &UPSERT_RULE, &changing->rule, err);
	return r < 0 ? r : db->exec(tx, &RESET_ACTIONS, &changing->rule, err);
}

HEARTH_SUSPENDS static int change_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
					struct hearth_error *err)
{
	struct changing *changing = argument;
	struct push *push = changing->push;
	struct hearth_news news = { .users = &changing->rule.user_id, .user_count = 1 };
	int r;

	(void)task;
	push->db->on_end(tx, on_end, changing);
	r = push->streams->next(tx, push->stream, 1, &news, &changing->rule.stream_id, err);
	if (r < 0)
		return r;
	if (changing->statement)
		r = push->db->exec(tx, changing->statement, &changing->rule, err);
	else
		r = place_rule(changing, tx, err);
	return r < 0 ? r : push->db->exec(tx, &NOTE_CHANGE, &changing->rule, err);
}

static struct changing changing_of(struct push *push, const struct hearth_request *req, const struct rule_args *args)
{
	return (struct changing){ .push = push, .arena = req->arena, .before = args->before, .after = args->after,
				  .rule = { .user_id = req->user->user_id, .kind = args->kind, .rule_id = args->rule_id } };
}

/* The rule that a request names. */
HEARTH_SUSPENDS static int find_rule(struct push *push, struct hearth_task *task, const struct hearth_request *req,
				     const struct rule_args *args, const struct hearth_json **ret_rule,
				     struct hearth_error *err)
{
	const struct hearth_json *ruleset;
	int r;

	r = ruleset_load(push, task, req->user->user_id, &ruleset, err);
	if (r < 0)
		return r;
	*ret_rule = ruleset_find(ruleset, args->kind, args->rule_id);
	if (!*ret_rule)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "there is no push rule '%.80s'", args->rule_id);
	return 0;
}

static const struct hearth_json *rule_body(struct hearth_arena *arena, const struct rule_args *args)
{
	static const char *const members[] = { "actions", "conditions", "pattern" };
	struct hearth_json *rule = hearth_json_object_new(arena);

	for (size_t i = 0; i < HEARTH_COUNT(members); i++)
		hearth_json_set(rule, members[i], hearth_json_get(args->body, members[i]));
	return rule;
}

int rules_put(struct push *push, struct hearth_task *task, const char *user_id, const char *kind, const char *rule_id,
	      const struct hearth_json *rule, struct hearth_error *err)
{
	struct changing changing = { .push = push, .arena = push->tasks->arena(task),
				     .rule = { .user_id = user_id, .kind = kind, .rule_id = rule_id, .rule = rule } };

	return push->db->transact(task, HEARTH_TX_WRITE, change_in_tx, &changing, err);
}

HEARTH_SUSPENDS static int put_rule(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				    struct hearth_error *err)
{
	struct push *push = self;
	const struct rule_args *args = fields;
	struct changing changing = changing_of(push, req, args);
	int r;

	if (args->rule_id[0] == '.')
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "ruleId: names that start with a dot are the server's own");
	r = hearth_push_check_rule(args->kind, args->rule_id, args->body, err);
	if (r < 0)
		return r;
	changing.rule.rule = rule_body(req->arena, args);
	return push->db->transact(task, HEARTH_TX_WRITE, change_in_tx, &changing, err);
}

HEARTH_SUSPENDS static int delete_rule(void *self, struct hearth_task *task, struct hearth_request *req,
				       const void *fields, struct hearth_error *err)
{
	struct push *push = self;
	const struct rule_args *args = fields;
	struct changing changing = changing_of(push, req, args);
	const struct hearth_json *rule;
	int r;

	if (args->rule_id[0] == '.')
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "ruleId: the server's own rules can only be disabled");
	r = find_rule(push, task, req, args, &rule, err);
	if (r < 0)
		return r;
	changing.statement = &DELETE_RULE;
	return push->db->transact(task, HEARTH_TX_WRITE, change_in_tx, &changing, err);
}

HEARTH_SUSPENDS static int put_enabled(void *self, struct hearth_task *task, struct hearth_request *req,
				       const void *fields, struct hearth_error *err)
{
	struct push *push = self;
	const struct rule_args *args = fields;
	struct changing changing = changing_of(push, req, args);
	const struct hearth_json *rule;
	int r;

	r = find_rule(push, task, req, args, &rule, err);
	if (r < 0)
		return r;
	changing.rule.enabled = args->enabled;
	changing.statement = &SET_ENABLED;
	return push->db->transact(task, HEARTH_TX_WRITE, change_in_tx, &changing, err);
}

HEARTH_SUSPENDS static int put_actions(void *self, struct hearth_task *task, struct hearth_request *req,
				       const void *fields, struct hearth_error *err)
{
	struct push *push = self;
	const struct rule_args *args = fields;
	struct changing changing = changing_of(push, req, args);
	struct hearth_json *changed;
	const struct hearth_json *rule;
	int r;

	r = find_rule(push, task, req, args, &rule, err);
	if (r < 0)
		return r;
	changed = hearth_json_object_copy(req->arena, rule);
	hearth_json_set(changed, "actions", args->actions);
	r = hearth_push_check_rule(args->kind, args->rule_id, changed, err);
	if (r < 0)
		return r;
	changing.rule.actions = args->actions;
	changing.statement = &SET_ACTIONS;
	return push->db->transact(task, HEARTH_TX_WRITE, change_in_tx, &changing, err);
}

/* --- reading --- */

HEARTH_SUSPENDS static int get_all(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				   struct hearth_error *err)
{
	const struct hearth_json *ruleset;
	int r;

	(void)fields;
	r = ruleset_load(self, task, req->user->user_id, &ruleset, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_json(req->out, "global", ruleset);
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int get_global(void *self, struct hearth_task *task, struct hearth_request *req,
				      const void *fields, struct hearth_error *err)
{
	const struct hearth_json *ruleset;
	int r;

	(void)fields;
	r = ruleset_load(self, task, req->user->user_id, &ruleset, err);
	if (r >= 0)
		hearth_write_json(req->out, NULL, ruleset);
	return r;
}

/* A kind alone is no part of the specification; Synapse answers it, and clients of old ask. */
HEARTH_SUSPENDS static int get_kind(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				    struct hearth_error *err)
{
	const struct rule_args *args = fields;
	const struct hearth_json *ruleset;
	int r;

	r = ruleset_load(self, task, req->user->user_id, &ruleset, err);
	if (r >= 0)
		hearth_write_json(req->out, NULL, hearth_json_get_array(ruleset, args->kind));
	return r;
}

HEARTH_SUSPENDS static int get_rule(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				    struct hearth_error *err)
{
	const struct hearth_json *rule;
	int r;

	r = find_rule(self, task, req, fields, &rule, err);
	if (r >= 0)
		hearth_write_json(req->out, NULL, rule);
	return r;
}

HEARTH_SUSPENDS static int get_enabled(void *self, struct hearth_task *task, struct hearth_request *req,
				       const void *fields, struct hearth_error *err)
{
	const struct hearth_json *rule;
	int r;

	r = find_rule(self, task, req, fields, &rule, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_bool(req->out, "enabled", hearth_json_get_bool(rule, "enabled", 1));
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int get_actions(void *self, struct hearth_task *task, struct hearth_request *req,
				       const void *fields, struct hearth_error *err)
{
	const struct hearth_json *rule;
	int r;

	r = find_rule(self, task, req, fields, &rule, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_json(req->out, "actions", hearth_json_get_array(rule, "actions"));
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int rules_sync(void *self, struct hearth_task *task, const struct hearth_sync_query *query,
				      struct hearth_sync_sink *sink, struct hearth_error *err)
{
	struct push *push = self;
	struct stored_rule params = { .user_id = query->user_id, .stream_id = query->since };
	struct hearth_writer *w = hearth_writer_new(push->tasks->arena(task));
	const struct hearth_json *ruleset;
	struct hearth_rows rows;
	const char *text;
	size_t length;
	int r = 0;

	if (!query->initial)
		r = push->db->read(task, &SELECT_CHANGE, &params, &rows, err);
	if (r < 0 || (!query->initial && !rows.count))
		return r;
	r = ruleset_load(push, task, query->user_id, &ruleset, err);
	if (r < 0)
		return r;
	hearth_write_object(w, NULL);
	hearth_write_string(w, "type", "m.push_rules");
	hearth_write_object(w, "content");
	hearth_write_json(w, "global", ruleset);
	hearth_write_end(w);
	hearth_write_end(w);
	text = hearth_writer_text(w, &length);
	sink->add(sink, HEARTH_SYNC_ACCOUNT_DATA, NULL, NULL, "m.push_rules", NULL, text, length);
	return 0;
}

const struct hearth_stream PUSH_RULES_STREAM = {
	.name = "push_rules", .sequence = "push_rules_sequence", .writers = "push_rules", .sync_slot = 5, .sync = rules_sync,
	.about = "Users whose push rules have changed.",
};

#define RULE(method_, suffix_, fields_, handler_)                                                             \
	{ .method = method_, .path = "/_matrix/client/v3/pushrules" suffix_, .also = "api/v1 r0 unstable",    \
	  .access = HEARTH_ACCESS_USER, .fields = fields_, .args_size = sizeof(struct rule_args), .handler = handler_ }

const struct hearth_endpoint RULE_ENDPOINTS[] = {
	RULE("GET", "", NULL, get_all),
	RULE("GET", "/global", NULL, get_global),
	RULE("GET", "/global/{kind}", KIND_ARGS, get_kind),
	RULE("GET", "/global/{kind}/{ruleId}", RULE_ARGS, get_rule),
	RULE("PUT", "/global/{kind}/{ruleId}", PUT_ARGS, put_rule),
	RULE("DELETE", "/global/{kind}/{ruleId}", RULE_ARGS, delete_rule),
	RULE("GET", "/global/{kind}/{ruleId}/enabled", RULE_ARGS, get_enabled),
	RULE("PUT", "/global/{kind}/{ruleId}/enabled", ENABLED_ARGS, put_enabled),
	RULE("GET", "/global/{kind}/{ruleId}/actions", RULE_ARGS, get_actions),
	RULE("PUT", "/global/{kind}/{ruleId}/actions", ACTIONS_ARGS, put_actions),
	HEARTH_ENDPOINTS_END
};
