/* SPDX-License-Identifier: Apache-2.0
 *
 * host/http/fields.h - fills a handler's arguments from a request, as its table of fields says.
 */
#ifndef HOST_HTTP_FIELDS_H
#define HOST_HTTP_FIELDS_H

#include "head.h"
#include "route.h"

/* What a request offers. Everything may be NULL but the arena. */
struct field_source {
	struct hearth_arena *arena;
	const struct route_match *match;
	const struct url_query *query;
	const struct head *head;
	const struct hearth_json *body;
};

/*
 * Fills ret_args. M_MISSING_PARAM: a required field is not there; M_BAD_JSON: a member of the body has another type;
 * M_INVALID_PARAM: any other value that does not fit. The message names the field, and says what was expected.
 */
HEARTH_MUST_CHECK
int fields_fill(const struct field_source *source, const struct hearth_field *table, void *ret_args,
		struct hearth_error *err);

/* --- of the parts below fields_fill --- */

/* A value that came as text (path, query, header, default). */
HEARTH_MUST_CHECK
int field_from_text(const struct hearth_field *field, struct hearth_arena *arena, const struct url_text *text,
		    void *ret_member, struct hearth_error *err);
/* Every value of a repeated query parameter, into a list. */
HEARTH_MUST_CHECK
int field_from_texts(const struct hearth_field *field, struct hearth_arena *arena, const struct url_text *texts,
		     size_t count, void *ret_member, struct hearth_error *err);
/* A value of the JSON body. */
HEARTH_MUST_CHECK
int field_from_json(const struct hearth_field *field, struct hearth_arena *arena, const struct hearth_json *value,
		    void *ret_member, struct hearth_error *err);

/* Length, format and choices of a text; bounds of a number; size of a list. */
HEARTH_MUST_CHECK
int field_check_text(const struct hearth_field *field, const char *text, size_t length, struct hearth_error *err);
HEARTH_MUST_CHECK
int field_check_int(const struct hearth_field *field, int64_t number, struct hearth_error *err);
HEARTH_MUST_CHECK
int field_check_count(const struct hearth_field *field, size_t count, struct hearth_error *err);

#endif
