/* SPDX-License-Identifier: Apache-2.0 */
#include <hearth/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hearth_assert_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
	abort();
}

/* What an errno means to a client where nobody said otherwise. */
struct meaning {
	int         code;
	int         status;
	const char *errcode;
};

static const struct meaning MEANINGS[] = {
	{ -EINVAL, 400, "M_INVALID_PARAM" }, { -EACCES, 403, "M_FORBIDDEN" },   { -ENOENT, 404, "M_NOT_FOUND" },
	{ -EFBIG, 413, "M_TOO_LARGE" },      { -EAGAIN, 429, "M_LIMIT_EXCEEDED" }, { -EBUSY, 503, "M_UNKNOWN" },
	{ -ETIMEDOUT, 503, "M_UNKNOWN" },    { -ECANCELED, 503, "M_UNKNOWN" },
};

static const struct meaning *meaning_of(int code)
{
	static const struct meaning unknown = { 0, 500, "M_UNKNOWN" };

	for (size_t i = 0; i < HEARTH_COUNT(MEANINGS); i++)
		if (MEANINGS[i].code == code)
			return &MEANINGS[i];
	return &unknown;
}

int hearth_fail(struct hearth_error *err, int code, const char *format, ...)
{
	va_list arguments;

	if (!err || err->code)
		return code;
	err->code = code;
	va_start(arguments, format);
	vsnprintf(err->message, sizeof(err->message), format, arguments);
	va_end(arguments);
	return code;
}

static int code_of_status(int status)
{
	switch (status) {
	case 400: return -EINVAL;
	case 401:
	case 403: return -EACCES;
	case 404: return -ENOENT;
	case 409: return -EEXIST;
	case 413: return -EFBIG;
	case 429: return -EAGAIN;
	default:  return -EIO;
	}
}

int hearth_refuse(struct hearth_error *err, int http_status, const char *errcode, const char *format, ...)
{
	int code = code_of_status(http_status);
	va_list arguments;

	if (!err || err->code)
		return code;
	err->code = code;
	err->http_status = (uint16_t)http_status;
	snprintf(err->errcode, sizeof(err->errcode), "%s", errcode);
	va_start(arguments, format);
	vsnprintf(err->message, sizeof(err->message), format, arguments);
	va_end(arguments);
	return code;
}

int hearth_error_prefix(struct hearth_error *err, const char *format, ...)
{
	char prefixed[sizeof(err->message)];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(prefixed, sizeof(prefixed), format, arguments);
	va_end(arguments);
	if (length >= 0 && (size_t)length < sizeof(prefixed))
		snprintf(prefixed + length, sizeof(prefixed) - (size_t)length, ": %s", err->message);
	memcpy(err->message, prefixed, sizeof(prefixed));
	return err->code;
}

int hearth_error_status(const struct hearth_error *err)
{
	return err->http_status ? err->http_status : meaning_of(err->code)->status;
}

const char *hearth_error_errcode(const struct hearth_error *err)
{
	return err->errcode[0] ? err->errcode : meaning_of(err->code)->errcode;
}

void hearth_error_clear(struct hearth_error *err)
{
	memset(err, 0, sizeof(*err));
}
