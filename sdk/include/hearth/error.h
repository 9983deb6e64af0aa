/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/error.h - errors as values.
 *
 * A function that can fail returns 0 or a negative errno, to branch on, and fills a struct hearth_error, to tell
 * people. Nothing is allocated. The first error wins: filling one that is already set changes nothing. Who turns it
 * into a response or a log line does so once.
 *
 * 1.0  first version
 */
#ifndef HEARTH_ERROR_H
#define HEARTH_ERROR_H

#include <hearth/base.h>

HEARTH_BEGIN_DECLS

struct hearth_error {
	int32_t  code;           /* negative errno; 0 while unset */
	uint16_t http_status;    /* 0: derived from code */
	uint16_t soft_logout;    /* 1: the response carries "soft_logout": true */
	uint32_t retry_after_ms; /* not 0: sent as retry_after_ms and Retry-After (429) */
	char     errcode[48];    /* Matrix error code such as "M_FORBIDDEN"; "": derived from code */
	char     message[196];   /* one sentence for a person; never a secret */
};

/*
 * Records an error with the errcode and status that belong to the errno (-EINVAL 400 M_INVALID_PARAM, -EACCES 403
 * M_FORBIDDEN, -ENOENT 404 M_NOT_FOUND, -EFBIG 413 M_TOO_LARGE, -EBUSY and -ETIMEDOUT 503, all else 500 M_UNKNOWN).
 * Returns code. err may be NULL.
 */
HEARTH_EXPORT HEARTH_PRINTF(3, 4)
int hearth_fail(struct hearth_error *err, int code, const char *format, ...);

/*
 * Records a refusal that a client is to read: HTTP status and Matrix errcode named outright.
 * Returns the negative errno that stands for the status (400 -EINVAL, 401 and 403 -EACCES, 404 -ENOENT, 409 -EEXIST,
 * 413 -EFBIG, 429 -EAGAIN, else -EIO).
 */
HEARTH_EXPORT HEARTH_PRINTF(4, 5)
int hearth_refuse(struct hearth_error *err, int http_status, const char *errcode, const char *format, ...);

/* Puts "format: " in front of the message, to say what was being done. Returns err->code. */
HEARTH_EXPORT HEARTH_PRINTF(2, 3)
int hearth_error_prefix(struct hearth_error *err, const char *format, ...);

/* The status and errcode that a response carries, derived where they are unset. Borrowed from err or static. */
HEARTH_EXPORT int hearth_error_status(const struct hearth_error *err);
HEARTH_EXPORT const char *hearth_error_errcode(const struct hearth_error *err);

/* Makes it unset again. */
HEARTH_EXPORT void hearth_error_clear(struct hearth_error *err);

HEARTH_END_DECLS
#endif
