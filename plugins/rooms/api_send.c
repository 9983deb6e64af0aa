/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: messages, state, redactions (spec client-server, "Sending events to a room" and "Redactions"). */
#include "api.h"

#include <string.h>

#include <hearth/matrix/id.h>

struct send_args {
	const char               *room_id, *type, *state_key, *txn_id, *event_id, *reason;
	int64_t                   ts;
	const struct hearth_json *body;
};

#define TYPE HEARTH_PATH(struct send_args, type, "eventType", .min = 1, .max = 255)
#define TXN_ID HEARTH_PATH(struct send_args, txn_id, "txnId", .max = 512)
#define BODY HEARTH_WHOLE_BODY(struct send_args, body)

static const struct hearth_field SEND_ARGS[] = { ROOMS_ROOM_ID(struct send_args), TYPE, TXN_ID, BODY, HEARTH_FIELDS_END };
static const struct hearth_field STATE_ARGS[] = { ROOMS_ROOM_ID(struct send_args), TYPE, BODY, HEARTH_FIELDS_END };
static const struct hearth_field STATE_KEY_ARGS[] = {
	ROOMS_ROOM_ID(struct send_args), TYPE, HEARTH_PATH(struct send_args, state_key, "stateKey", .max = 255), BODY,
	HEARTH_FIELDS_END
};
static const struct hearth_field REDACT_ARGS[] = {
	ROOMS_ROOM_ID(struct send_args), HEARTH_PATH(struct send_args, event_id, "eventId", .format = HEARTH_EVENT_ID), TXN_ID,
	HEARTH_BODY(struct send_args, reason, "reason"), HEARTH_FIELDS_END
};

void api_write_event_id(struct hearth_request *req, const char *event_id)
{
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "event_id", event_id);
	hearth_write_end(req->out);
}

static struct hearth_draft draft_of(const struct hearth_request *req, const struct send_args *args)
{
	return (struct hearth_draft){ .size = sizeof(struct hearth_draft), .room_id = args->room_id,
				      .sender = req->user->user_id, .type = args->type, .content = args->body,
				      .txn_id = args->txn_id, .device_id = req->user->device_id };
}

HEARTH_SUSPENDS static int send_draft(struct rooms *r, struct hearth_task *task, struct hearth_request *req,
				      const struct hearth_draft *draft, struct hearth_error *err)
{
	const char *event_id;
	int rc;

	if (api_is_humoured(req->user))
		return api_humour_event(r, task, req, err);
	rc = rooms_send(r, task, draft, &event_id, err);
	if (rc >= 0)
		api_write_event_id(req, event_id);
	return rc;
}

/*
 * Counts and checks a redaction. What makes the room what it is, is not for users to redact; an event that is not known
 * here may be known elsewhere.
 */
HEARTH_SUSPENDS static int check_redaction(struct rooms *r, struct hearth_task *task, const struct hearth_requester *user,
					   const struct hearth_draft *draft, struct hearth_error *err)
{
	struct hearth_stored_event *target;
	int rc = rooms_events(r, task, &draft->redacts, 1, &target, err);

	if (rc >= 0 && !(target->event_id && !strcmp(target->sender, draft->sender)))
		rc = api_check_standing(user, err);
	if (rc >= 0)
		rc = api_limit_redaction(r, draft->sender, target->event_id ? target->sender : NULL, err);
	if (rc < 0 || !target->event_id)
		return rc;
	if (strcmp(target->room_id, draft->room_id))
		return hearth_refuse(err, 400, "M_UNKNOWN", "an event of another room cannot be redacted");
	if (target->state_key && (!strcmp(target->type, "m.room.create") || !strcmp(target->type, "m.room.server_acl")))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "%s cannot be redacted", target->type);
	return 0;
}

/* A redaction that is sent as a message names its event in the content, whatever the version of the room. */
static int take_redacts(struct hearth_arena *arena, struct hearth_draft *draft, struct hearth_error *err)
{
	struct hearth_json *content;

	draft->redacts = hearth_json_get_string(draft->content, "redacts");
	if (!draft->redacts)
		return hearth_refuse(err, 400, "M_MISSING_PARAM", "redacts: missing");
	if (!hearth_id_is_event(draft->redacts))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "redacts: expected an event id");
	content = hearth_json_object_copy(arena, draft->content);
	hearth_json_remove(content, "redacts");
	draft->content = content;
	return 0;
}

HEARTH_SUSPENDS static int put_message(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				       struct hearth_error *err)
{
	struct hearth_draft draft = draft_of(req, fields);
	bool redaction = !strcmp(draft.type, "m.room.redaction");
	int rc = redaction ? take_redacts(req->arena, &draft, err) : api_check_standing(req->user, err);

	if (rc >= 0)
		rc = redaction ? check_redaction(self, task, req->user, &draft, err) : api_limit_message(self,
				draft.sender, err);
	if (rc >= 0)
		rc = api_check_relation(self, task, &draft, err);
	return rc < 0 ? rc : send_draft(self, task, req, &draft, err);
}

static bool is_text(const char *text, const char *wanted)
{
	return text && !strcmp(text, wanted);
}

/* Whether somebody leaves: that is open to everybody. */
static bool is_departure(const struct hearth_draft *draft)
{
	return !strcmp(draft->type, "m.room.member") && !strcmp(draft->state_key, draft->sender) &&
	       is_text(hearth_json_get_string(draft->content, "membership"), "leave");
}

HEARTH_SUSPENDS static int put_state(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	const struct send_args *args = fields;
	struct hearth_draft draft = draft_of(req, args);
	struct rooms *r = self;
	bool joins = false;
	int rc = 0;

	draft.state_key = args->state_key ? args->state_key : "";
	draft.unless_same = 1;
	if (!is_departure(&draft))
		rc = api_check_standing(req->user, err);
	if (rc >= 0 && api_is_humoured(req->user))
		return api_humour_event(r, task, req, err);
	if (rc < 0)
		return rc;
	if (!strcmp(draft.type, "m.room.member"))
		rc = api_check_member(r, task, req->user, &draft, &joins, err);
	else if (!strcmp(draft.type, "m.room.canonical_alias") && !*draft.state_key)
		rc = api_check_canonical(r, task, draft.room_id, draft.content, err);
	if (rc >= 0)
		rc = send_draft(r, task, req, &draft, err);
	if (rc >= 0 && !strcmp(draft.type, "m.room.guest_access") && !*draft.state_key &&
	    !is_text(hearth_json_get_string(draft.content, "guest_access"), "can_join"))
		rc = api_expel_guests(r, task, draft.room_id, err);
	if (rc < 0 || !joins)
		return rc;
	api_note_join(r, draft.room_id);
	return api_follow(r, task, draft.sender, draft.room_id, err);
}

HEARTH_SUSPENDS static int put_redaction(void *self, struct hearth_task *task, struct hearth_request *req,
					 const void *fields, struct hearth_error *err)
{
	const struct send_args *args = fields;
	struct hearth_json *content = hearth_json_object_new(req->arena);
	struct hearth_draft draft = draft_of(req, args);
	int rc;

	if (args->reason)
		hearth_json_set_string(content, "reason", args->reason);
	draft.type = "m.room.redaction";
	draft.content = content;
	draft.redacts = args->event_id;
	rc = check_redaction(self, task, req->user, &draft, err);
	return rc < 0 ? rc : send_draft(self, task, req, &draft, err);
}

#define SEND(suffix_, access_, limit_, fields_, handler_)                                                           \
	{ .method = "PUT", .path = "/_matrix/client/v3/rooms/{roomId}/" suffix_, .also = "api/v1 r0 unstable",      \
	  .access = HEARTH_ACCESS_##access_, .limit = limit_, .fields = fields_,                                        \
	  .args_size = sizeof(struct send_args), .handler = handler_ }

const struct hearth_endpoint SEND_ENDPOINTS[] = {
	SEND("send/{eventType}/{txnId}", GUEST, NULL, SEND_ARGS, put_message),
	SEND("state/{eventType}", GUEST, "rc_message", STATE_ARGS, put_state),
	SEND("state/{eventType}/{stateKey}", GUEST, "rc_message", STATE_KEY_ARGS, put_state),
	SEND("redact/{eventId}/{txnId}", USER, NULL, REDACT_ARGS, put_redaction),
	HEARTH_ENDPOINTS_END
};
