/* SPDX-License-Identifier: Apache-2.0 */
/* Hands events to the store as another server would, for test_forks.py: POST /_hearth/stranger/{roomId}. */
#include <stdlib.h>
#include <string.h>

#include <hearth/keys.h>
#include <hearth/plugin.h>
#include <hearth/services/rooms.h>

struct stranger {
	const struct hearth_rooms *rooms;
	const struct hearth_keys *keys;
};

struct pdu_args {
	const char *room_id;
	const struct hearth_json *pdu;
	bool outlier;
};

static const struct hearth_field PDU_ARGS[] = {
	HEARTH_PATH(struct pdu_args, room_id, "roomId", .format = HEARTH_ROOM_ID),
	HEARTH_BODY(struct pdu_args, pdu, "pdu", .required = 1, .shape = HEARTH_AN_OBJECT),
	HEARTH_BODY(struct pdu_args, outlier, "outlier"),
	HEARTH_FIELDS_END
};

/* Signs the event, so that it is whole, and tells its id and what has become of it. */
HEARTH_SUSPENDS static int post_pdu(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				    struct hearth_error *err)
{
	static const char *const RESULTS[] = { "", "stored", "already", "rejected", "soft_failed", "missing", "invalid" };
	const struct pdu_args *args = fields;
	struct stranger *stranger = self;
	struct hearth_json *json = hearth_json_object_copy(req->arena, args->pdu);
	struct hearth_pdu pdu = { .size = sizeof(pdu), .json = json, .outlier = args->outlier };
	const struct hearth_room_version *version;
	struct hearth_pdu_outcome outcome;
	const char *event_id;
	int rc = stranger->rooms->version(stranger->rooms, task, args->room_id, &version, err);

	if (rc < 0)
		return rc;
	if (!version)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "no such room");
	rc = hearth_event_sign(req->arena, version, json, "elsewhere", stranger->keys->signing(), &event_id, err);
	if (rc >= 0)
		rc = stranger->rooms->store_pdus(stranger->rooms, task, args->room_id, NULL, &pdu, 1, &outcome, err);
	if (rc < 0)
		return rc;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "event_id", event_id);
	hearth_write_string(req->out, "result", RESULTS[outcome.result]);
	hearth_write_string(req->out, "reason", outcome.reason ? outcome.reason : "");
	hearth_write_end(req->out);
	return 0;
}

static const struct hearth_endpoint ENDPOINTS[] = {
	{ .method = "POST", .path = "/_hearth/stranger/{roomId}", .fields = PDU_ARGS, .args_size = sizeof(struct pdu_args),
	  .handler = post_pdu, .about = "Stores an event of another server." },
	HEARTH_ENDPOINTS_END
};

static const struct hearth_need NEEDS[] = { HEARTH_NEED(HEARTH_ROOMS), HEARTH_NEED(HEARTH_KEYS), { .id = NULL } };

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct stranger *stranger = calloc(1, sizeof(*stranger));

	(void)err;
	hearth_assert(stranger);
	stranger->rooms = hearth_rooms(host);
	stranger->keys = hearth_keys(host);
	*ret_self = stranger;
	return 0;
}

HEARTH_PLUGIN(stranger, .version = "1.0.0", .license = "Apache-2.0", .summary = "Events of another server, for tests",
	      .needs = NEEDS, .endpoints = HEARTH_ENDPOINT_TABLES(ENDPOINTS), .load = load, .stop = free);
