/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/http.h - hearth.http/1: endpoints. An endpoint is a declaration; its handler holds only what is particular to it.
 *
 *	static const struct hearth_endpoint ENDPOINTS[] = {
 *		{ .method = "GET", .path = "/_matrix/client/v3/rooms/{roomId}/messages", .also = "r0 api/v1 unstable",
 *		  .access = HEARTH_ACCESS_GUEST, .fields = MESSAGES_ARGS, .args_size = sizeof(struct messages_args),
 *		  .handler = messages },
 *		HEARTH_ENDPOINTS_END
 *	};
 *
 *	HEARTH_SUSPENDS static int messages(void *self, struct hearth_task *task, struct hearth_request *req,
 *					    const void *fields, struct hearth_error *err)
 *	{
 *		struct rooms *rooms = self;
 *		const struct messages_args *args = fields;
 *		...
 *		hearth_write_object(req->out, NULL);
 *		...
 *		return 0;
 *	}
 *
 * Before the handler runs the host has matched the route, found the caller, applied the rate limit, parsed and checked
 * every field; it has answered M_UNRECOGNIZED, M_MISSING_TOKEN, M_UNKNOWN_TOKEN, M_LIMIT_EXCEEDED, M_NOT_JSON,
 * M_BAD_JSON, M_MISSING_PARAM and M_INVALID_PARAM by itself, naming the field. A handler that returns 0 sends what it
 * wrote to req->out (nothing: {}) with req->status; one that returns an error sends err. A client that leaves cancels GET,
 * HEAD and long polls; other requests run on, since half of a change helps nobody.
 *
 * 1.0  first version
 */
#ifndef HEARTH_HTTP_H
#define HEARTH_HTTP_H

#include <hearth/task.h>
#include <hearth/writer.h>

HEARTH_BEGIN_DECLS

#define HEARTH_HTTP_ID "hearth.http"
#define HEARTH_HTTP_MAJOR 1
#define HEARTH_HTTP_MINOR 0

/* The listener resource that carries an endpoint. */
enum hearth_resource {
	HEARTH_RESOURCE_CLIENT = 0,
	HEARTH_RESOURCE_FEDERATION,
	HEARTH_RESOURCE_MEDIA,
	HEARTH_RESOURCE_KEYS,
	HEARTH_RESOURCE_REPLICATION,
	HEARTH_RESOURCE_METRICS,
	HEARTH_RESOURCE_ADMIN, /* with client, under /_synapse/admin */
};

/* Who may call. */
enum hearth_access {
	HEARTH_ACCESS_NONE = 0, /* anybody; a token is not looked at */
	HEARTH_ACCESS_OPTIONAL, /* anybody; a token, if there is one, must be valid */
	HEARTH_ACCESS_USER,     /* a user; guests get M_GUEST_ACCESS_FORBIDDEN */
	HEARTH_ACCESS_GUEST,    /* a user or a guest */
	HEARTH_ACCESS_ADMIN,    /* a server administrator */
};

/* Flags of an endpoint. */
#define HEARTH_ENDPOINT_RAW_BODY 1u      /* the body is no JSON; req->raw_body has it */
#define HEARTH_ENDPOINT_OPTIONAL_BODY 2u /* an empty body counts as {} (many clients send none) */
#define HEARTH_ENDPOINT_LOCKED_OK 4u     /* locked, expired and soft-logged-out accounts may call it (logout) */
#define HEARTH_ENDPOINT_NO_CORS 8u
#define HEARTH_ENDPOINT_LONG_POLL 16u    /* waits by design; cancelled as GET and HEAD are when its client leaves */

/* Who calls, as hearth.auth found out. As long as the request. */
struct hearth_requester {
	uint32_t    size;
	uint32_t    flags;      /* HEARTH_REQUESTER_ */
	const char *user_id;
	const char *device_id;  /* NULL: the token has none */
	const char *appservice; /* id of the application service whose token it is; NULL */
	int64_t     token_id;   /* 0: none */
};
#define HEARTH_REQUESTER_GUEST 1u
#define HEARTH_REQUESTER_ADMIN 2u
#define HEARTH_REQUESTER_SHADOW_BANNED 4u
#define HEARTH_REQUESTER_SUSPENDED 8u
#define HEARTH_REQUESTER_LOCKED 16u

struct hearth_endpoint;

/* One request. Everything in it lives until the request ends; the handler may write to status. */
struct hearth_request {
	uint32_t                       size;
	uint32_t                       status;   /* 200 until the handler says otherwise */
	const struct hearth_endpoint  *endpoint;
	const char                    *method;
	const char                    *path;     /* as received, without the query */
	const char                    *id;       /* of the request, in every log line */
	const char                    *ip;       /* the client's, x_forwarded applied */
	const char                    *user_agent; /* "" where absent */
	const char                    *access_token; /* as sent; NULL */
	const struct hearth_requester *user;     /* NULL: nobody */
	const struct hearth_json      *body;     /* the parsed body; NULL */
	const char                    *raw_body;
	size_t                         raw_body_length;
	struct hearth_arena           *arena;    /* the task's */
	struct hearth_writer          *out;      /* the JSON response */
	void                          *host;     /* the host's own */
};

struct hearth_endpoint {
	const char                *method;
	const char                *path;   /* template: {name} stands for one segment, a final {name...} for the rest */
	const char                *also;   /* "r0 api/v1 unstable": what may stand in place of the version segment */
	uint32_t                   resource; /* enum hearth_resource */
	uint32_t                   access;   /* enum hearth_access */
	uint32_t                   flags;    /* HEARTH_ENDPOINT_ */
	const char                *limit;    /* rate limit class, "rc_message": by user, or by address without one; NULL */
	const struct hearth_field *fields;
	size_t                     args_size;
	uint64_t                   body_max_bytes; /* 0: 1 MiB */
	uint32_t                   deadline_ms;    /* 0: 60 s */
	HEARTH_SUSPENDS int (*handler)(void *self, struct hearth_task *task, struct hearth_request *req,
				       const void *args, struct hearth_error *err);
	const char                *about; /* one sentence for the documentation */
};
#define HEARTH_ENDPOINTS_END { .method = NULL }

struct hearth_http {
	struct hearth_service base;

	/* A request header, borrowed; NULL where absent. name in any case. */
	const char *(*header)(const struct hearth_request *req, const char *name);
	/* A query parameter, decoded; NULL where absent. For what no field can declare. arena. */
	const char *(*query)(const struct hearth_request *req, const char *name);
	/* Adds a response header. Both copied; refuses CR and LF by dropping the header with a warning. */
	void (*add_header)(struct hearth_request *req, const char *name, const char *value);
	/* The response is this instead of req->out. bytes: copied. */
	void (*respond)(struct hearth_request *req, const char *content_type, const void *bytes, size_t size_bytes);
	/* 302 to location. */
	void (*redirect)(struct hearth_request *req, const char *location);
};

static inline const struct hearth_http *hearth_http(const struct hearth_host *host)
{
	return (const struct hearth_http *)host->service(host, HEARTH_HTTP_ID, HEARTH_HTTP_MAJOR, HEARTH_HTTP_MINOR);
}

/* --- rate limits: hearth.limits/1 --- */
#define HEARTH_LIMITS_ID "hearth.limits"
#define HEARTH_LIMITS_MAJOR 1
#define HEARTH_LIMITS_MINOR 0

struct hearth_limits {
	struct hearth_service base;
	/*
	 * Counts one action of key under the limiter of that configuration key ("rc_login.account", "rc_joins.local").
	 * 0, or -EAGAIN with M_LIMIT_EXCEEDED (429) and retry_after_ms. Unknown limiters are our mistake and abort.
	 */
	HEARTH_MUST_CHECK
	int (*check)(const char *limiter, const char *key, struct hearth_error *err);
	/* As check, without counting. */
	HEARTH_MUST_CHECK
	int (*peek)(const char *limiter, const char *key, struct hearth_error *err);
};

static inline const struct hearth_limits *hearth_limits(const struct hearth_host *host)
{
	return (const struct hearth_limits *)host->service(host, HEARTH_LIMITS_ID, HEARTH_LIMITS_MAJOR,
							   HEARTH_LIMITS_MINOR);
}

/* --- outbound HTTP: hearth.outbound/1 --- */
#define HEARTH_OUTBOUND_ID "hearth.outbound"
#define HEARTH_OUTBOUND_MAJOR 1
#define HEARTH_OUTBOUND_MINOR 0

struct hearth_outbound_request {
	const char *method;
	const char *url;            /* http or https; others are refused */
	const char *const *headers; /* "Name: value", NULL at the end; NULL: none */
	const void *body;
	size_t      body_size;
	uint32_t    timeout_ms;     /* 0: 60 s */
	uint32_t    flags;          /* HEARTH_OUTBOUND_ */
	uint64_t    response_max_bytes; /* 0: 1 MiB */
};
#define HEARTH_OUTBOUND_TRUSTED 1u /* the address comes from the configuration: no IP range block list */

struct hearth_outbound_response {
	uint32_t    status;
	const char *content_type; /* "" where absent */
	const char *body;         /* NUL-terminated */
	size_t      body_size;
};

struct hearth_outbound {
	struct hearth_service base;
	/*
	 * Sends a request and waits for the whole response (arena), redirects not followed. -EACCES: the address is in the
	 * IP range block list; -ETIMEDOUT; -EFBIG: larger than allowed; -EIO: no connection. Any HTTP status is success.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*request)(struct hearth_task *task, const struct hearth_outbound_request *request,
		       struct hearth_outbound_response *ret_response, struct hearth_error *err);
};

static inline const struct hearth_outbound *hearth_outbound(const struct hearth_host *host)
{
	return (const struct hearth_outbound *)host->service(host, HEARTH_OUTBOUND_ID, HEARTH_OUTBOUND_MAJOR,
							     HEARTH_OUTBOUND_MINOR);
}

/* --- who a token belongs to: hearth.auth/1, offered by a plugin and used by the host --- */
#define HEARTH_AUTH_ID "hearth.auth"
#define HEARTH_AUTH_MAJOR 1
#define HEARTH_AUTH_MINOR 0

struct hearth_auth {
	struct hearth_service base;
	/*
	 * Finds who a token belongs to, arena, and notes that the device was seen. 401 M_UNKNOWN_TOKEN (soft_logout where
	 * the token has expired), 401 M_USER_LOCKED, 403 M_USER_DEACTIVATED and the like. req->endpoint tells
	 * HEARTH_ENDPOINT_LOCKED_OK.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*authenticate)(const struct hearth_auth *service, struct hearth_task *task, struct hearth_request *req,
			    const char *token, const struct hearth_requester **ret_requester, struct hearth_error *err);
};

HEARTH_END_DECLS
#endif
