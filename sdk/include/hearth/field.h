/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/field.h - declares how the members of a plain struct are filled: from a request, a row, a parameter list or
 * the configuration. One table entry names one member; its C type says how it is read.
 *
 *	struct messages_args {
 *		const char *room_id;
 *		int64_t     limit;
 *	};
 *	static const struct hearth_field MESSAGES_ARGS[] = {
 *		HEARTH_PATH(struct messages_args, room_id, "roomId", .format = HEARTH_ROOM_ID),
 *		HEARTH_QUERY(struct messages_args, limit, "limit", .min = 1, .max = 1000, .fallback = "10"),
 *		HEARTH_FIELDS_END
 *	};
 *
 * 1.0  first version
 */
#ifndef HEARTH_FIELD_H
#define HEARTH_FIELD_H

#include <stdbool.h>

#include <hearth/json.h>

HEARTH_BEGIN_DECLS

struct hearth_bytes {
	const void *data;
	size_t      size;
};

struct hearth_texts {
	const char *const *items;
	size_t             count;
};

struct hearth_ints {
	const int64_t *items;
	size_t         count;
};

/* The C type of a member. */
enum hearth_type {
	HEARTH_TYPE_TEXT = 1, /* const char *: UTF-8 without NUL inside; NULL: absent, SQL NULL */
	HEARTH_TYPE_INT,      /* int64_t */
	HEARTH_TYPE_BOOL,     /* bool */
	HEARTH_TYPE_FLOAT,    /* double */
	HEARTH_TYPE_JSON,     /* const struct hearth_json *: any value; SQL: text that holds canonical JSON */
	HEARTH_TYPE_BYTES,    /* struct hearth_bytes: bytea; data NULL: SQL NULL */
	HEARTH_TYPE_TEXTS,    /* struct hearth_texts: text[]; a JSON array of strings; a repeated query parameter */
	HEARTH_TYPE_INTS,     /* struct hearth_ints: bigint[] */
};

#define HEARTH_TYPE_OF(type_, member_)                                                               \
	_Generic(((type_ *)0)->member_,                                                              \
		const char *: HEARTH_TYPE_TEXT,                                                      \
		int64_t: HEARTH_TYPE_INT,                                                            \
		_Bool: HEARTH_TYPE_BOOL,                                                             \
		double: HEARTH_TYPE_FLOAT,                                                           \
		const struct hearth_json *: HEARTH_TYPE_JSON,                                        \
		struct hearth_bytes: HEARTH_TYPE_BYTES,                                              \
		struct hearth_texts: HEARTH_TYPE_TEXTS,                                              \
		struct hearth_ints: HEARTH_TYPE_INTS)

/* Where a request's field stands. */
enum hearth_source {
	HEARTH_FROM_PATH = 1, /* a {name} of the path template, percent-decoded */
	HEARTH_FROM_QUERY,
	HEARTH_FROM_BODY,   /* a member of the JSON body: its whole name, or "a.b": b of object a */
	HEARTH_FROM_WHOLE_BODY, /* the JSON body itself, an object */
	HEARTH_FROM_HEADER,
};

/* What a text must be. The refusal names the field. */
enum hearth_format {
	HEARTH_ANY_TEXT = 0,
	HEARTH_USER_ID,
	HEARTH_ROOM_ID,
	HEARTH_ROOM_ALIAS,
	HEARTH_ROOM_ID_OR_ALIAS,
	HEARTH_EVENT_ID,
	HEARTH_SERVER_NAME,
	HEARTH_DURATION, /* int: configuration only: a number of ms, or "30s", "5m", "2h", "7d", "1w", "1y" */
	HEARTH_SIZE,     /* int: configuration only: bytes, or "100K", "50M", "1G" */
};

/* What a JSON value must be. */
enum hearth_shape {
	HEARTH_ANY_JSON = 0,
	HEARTH_AN_OBJECT,
	HEARTH_AN_ARRAY,
	HEARTH_A_STRING,
};

struct hearth_field {
	const char *name;
	uint32_t    offset;   /* of the member */
	uint16_t    type;     /* enum hearth_type */
	uint16_t    source;   /* enum hearth_source; 0 in rows, parameters and configuration */
	uint16_t    format;   /* enum hearth_format */
	uint16_t    shape;    /* enum hearth_shape, of HEARTH_TYPE_JSON */
	uint16_t    required; /* 1: M_MISSING_PARAM without it; path fields always are */
	uint16_t    secret;   /* 1: never logged or printed */
	int64_t     min, max; /* of an int: value; of text: bytes; of a list: elements. Both 0: unbounded (text: 64 KiB) */
	const char *fallback; /* the default, as text ("10", "true", "live"); NULL: zero, false, NULL */
	const char *choices;  /* text: "live|historic"; NULL: any */
	const char *about;    /* one sentence for the documentation; NULL where the specification says it all */
};

#define HEARTH_FIELD_(struct_, member_, name_, source_, ...)                                         \
	{ .name = (name_), .offset = offsetof(struct_, member_), .type = HEARTH_TYPE_OF(struct_, member_), \
	  .source = (source_), __VA_ARGS__ }

#define HEARTH_PATH(struct_, member_, name_, ...) \
	HEARTH_FIELD_(struct_, member_, name_, HEARTH_FROM_PATH, .required = 1, __VA_ARGS__)
#define HEARTH_QUERY(struct_, member_, name_, ...) \
	HEARTH_FIELD_(struct_, member_, name_, HEARTH_FROM_QUERY, __VA_ARGS__)
#define HEARTH_BODY(struct_, member_, name_, ...) HEARTH_FIELD_(struct_, member_, name_, HEARTH_FROM_BODY, __VA_ARGS__)
#define HEARTH_WHOLE_BODY(struct_, member_, ...) \
	HEARTH_FIELD_(struct_, member_, "body", HEARTH_FROM_WHOLE_BODY, .required = 1, .shape = HEARTH_AN_OBJECT, __VA_ARGS__)
#define HEARTH_HEADER(struct_, member_, name_, ...) \
	HEARTH_FIELD_(struct_, member_, name_, HEARTH_FROM_HEADER, __VA_ARGS__)

/* A configuration key: "media_retention.local_media_lifetime" is a key inside a mapping. */
#define HEARTH_CONFIG(struct_, member_, name_, ...) HEARTH_FIELD_(struct_, member_, name_, 0, __VA_ARGS__)

/* A column of a row, or a parameter of a statement, in the order of the SQL. */
#define HEARTH_COLUMN(struct_, member_) HEARTH_FIELD_(struct_, member_, #member_, 0, .format = 0)

/*
 * All columns of a row, or all parameters of a statement, with the end:
 *	static const struct hearth_field TOKEN[] = { HEARTH_COLUMNS(struct token, user_id, expires_ms) };
 */
#define HEARTH_COLUMNS(struct_, ...) HEARTH_EACH(HEARTH_COLUMNS_ONE_, struct_, __VA_ARGS__) HEARTH_FIELDS_END
#define HEARTH_COLUMNS_ONE_(struct_, member_) HEARTH_COLUMN(struct_, member_),

#define HEARTH_FIELDS_END { .name = NULL }

HEARTH_END_DECLS
#endif
