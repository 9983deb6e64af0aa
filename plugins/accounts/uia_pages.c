/* SPDX-License-Identifier: Apache-2.0 */
/* Pages in which a browser completes a stage that its client does not know (spec "Fallback"). */
#include "accounts.h"

#include <errno.h>
#include <string.h>

#define DUMMY "m.login.dummy"
#define TOKEN "m.login.registration_token"
#define HEAD "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Authentication</title>" \
	"<meta name=\"viewport\" content=\"width=device-width\"></head><body>"
#define DONE HEAD "<p>Thank you. You may close this window now.</p><script>" \
	"if (window.onAuthDone) window.onAuthDone();" \
	"else if (window.opener && window.opener.postMessage) window.opener.postMessage(\"authDone\", \"*\");" \
	"</script></body></html>"

struct page_args {
	const char *type, *session;
};
static const struct hearth_field PAGE_ARGS[] = {
	HEARTH_PATH(struct page_args, type, "type"),
	HEARTH_QUERY(struct page_args, session, "session", .required = 1, .max = 255), HEARTH_FIELDS_END
};

static void send_page(struct accounts *accounts, struct hearth_request *req, const char *html)
{
	accounts->http->add_header(req, "Content-Security-Policy", "default-src 'none'; script-src 'unsafe-inline';"
				   " form-action 'self'; frame-ancestors 'none'");
	accounts->http->respond(req, "text/html; charset=utf-8", html, strlen(html));
}

static void send_form(struct accounts *accounts, struct hearth_request *req, const char *type, const char *complaint)
{
	const char *field = strcmp(type, TOKEN) == 0
		? "<label>Registration token <input name=\"token\" required></label> " : "";

	send_page(accounts, req, hearth_arena_printf(req->arena,
						     HEAD "<form method=\"post\"><p>%s</p>%s<button>Continue</button>"
						     "</form></body></html>", complaint, field));
}

static int check_type(const char *type, struct hearth_error *err)
{
	if (strcmp(type, TOKEN) == 0 || strcmp(type, DUMMY) == 0)
		return 0;
	return hearth_refuse(err, 404, "M_UNRECOGNIZED", "There is no page for that stage");
}

HEARTH_SUSPENDS static int show(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				struct hearth_error *err)
{
	const struct page_args *args = fields;
	int r = check_type(args->type, err);

	(void)task;
	if (r == 0)
		send_form(self, req, args->type, "");
	return r;
}

/* The value of one field of a form body; arena, NULL where absent. */
static char *form_value(struct hearth_request *req, const char *name)
{
	static const char HEX[] = "0123456789abcdef";
	const char *at = req->raw_body, *end = at + req->raw_body_length;
	size_t length = strlen(name);
	char *value, *to;

	while (at < end && !((size_t)(end - at) > length && memcmp(at, name, length) == 0 && at[length] == '=')) {
		at = memchr(at, '&', (size_t)(end - at));
		if (!at)
			return NULL;
		at++;
	}
	if (at >= end)
		return NULL;
	at += length + 1;
	value = to = hearth_arena_alloc(req->arena, (size_t)(end - at) + 1);
	for (; at < end && *at != '&'; at++) {
		const char *high = at + 2 < end && *at == '%' ? strchr(HEX, at[1] | 0x20) : NULL;
		const char *low = high && at[1] ? strchr(HEX, at[2] | 0x20) : NULL;

		if (high && low) {
			*to++ = (char)((high - HEX) << 4 | (low - HEX));
			at += 2;
		} else {
			*to++ = *at == '+' ? ' ' : *at;
		}
	}
	return value;
}

HEARTH_SUSPENDS static int submit(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				  struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct page_args *args = fields;
	struct hearth_error wrong = { 0 };
	const char *token;
	int r = check_type(args->type, err);

	if (r < 0)
		return r;
	if (strcmp(args->type, DUMMY) == 0) {
		r = accounts_uia_complete(accounts, task, args->session, DUMMY, "true", err);
	} else {
		token = form_value(req, "token");
		r = accounts_uia_take_token(accounts, task, args->session, token ? token : "", &wrong);
		if (r < 0 && hearth_error_status(&wrong) == 401) {
			send_form(accounts, req, args->type, "That token is not valid.");
			return 0;
		}
		if (r < 0)
			*err = wrong;
	}
	if (r == 0)
		send_page(accounts, req, DONE);
	return r;
}

const struct hearth_endpoint ACCOUNTS_UIA_ENDPOINTS[] = {
	{ .method = "GET", .path = "/_matrix/client/v3/auth/{type}/fallback/web", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_NONE,
	  .fields = PAGE_ARGS, .args_size = sizeof(struct page_args), .handler = show,
	  .about = "A page for a stage that the client does not know." },
	{ .method = "POST", .path = "/_matrix/client/v3/auth/{type}/fallback/web", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_NONE, .flags = HEARTH_ENDPOINT_RAW_BODY, .fields = PAGE_ARGS,
	  .args_size = sizeof(struct page_args), .body_max_bytes = 8192, .handler = submit,
	  .about = "Completes a stage from its page." },
	HEARTH_ENDPOINTS_END
};
