/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/value.c - scalars as numbers, truth values, durations and sizes, and the complaint where they are not.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"

#define SECOND_MS INT64_C(1000)
#define DAY_MS (24 * 3600 * SECOND_MS)

static bool one_of(const char *text, const char *const *words)
{
	while (*words && strcmp(*words, text) != 0)
		words++;
	return *words;
}

/* Digits of that base with '_' among them, at least one digit. ret: saturated, *ret_big set where it does not fit. */
static bool digits_only(const char *text, unsigned base, uint64_t *ret, bool *ret_big)
{
	uint64_t value = 0;
	bool any = false;

	*ret_big = false;
	for (; *text; text++) {
		unsigned digit;
		if (*text == '_')
			continue;
		if (*text >= '0' && *text <= '9')
			digit = (unsigned)(*text - '0');
		else if ((*text | 0x20) >= 'a' && (*text | 0x20) <= 'f')
			digit = (unsigned)((*text | 0x20) - 'a') + 10;
		else
			return false;
		if (digit >= base)
			return false;
		any = true;
		*ret_big |= __builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value);
	}
	*ret = value;
	return any;
}

static uint32_t integer_type(const char *text, int64_t *ret_int, double *ret_float)
{
	bool negative = *text == '-', big, fits;
	uint64_t value;

	if (*text == '-' || *text == '+')
		text++;
	if (*text < '0' || *text > '9')
		return SCALAR_TEXT;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'b'))
		fits = digits_only(text + 2, text[1] == 'x' ? 16 : 2, &value, &big);
	else
		fits = digits_only(text, text[0] == '0' && text[1] ? 8 : 10, &value, &big);
	if (!fits)
		return SCALAR_TEXT;
	if (big || value > (uint64_t)INT64_MAX) {
		*ret_float = negative ? -(double)value : (double)value;
		return SCALAR_FLOAT;
	}
	*ret_int = negative ? -(int64_t)value : (int64_t)value;
	return SCALAR_INT;
}

/* YAML 1.1: a float has a '.', and its exponent has a sign; "1e3" is a text. */
static uint32_t float_type(const char *text, double *ret_float)
{
	static const char *const INFINITY_WORDS[] = { ".inf", ".Inf", ".INF", NULL };
	static const char *const NAN_WORDS[] = { ".nan", ".NaN", ".NAN", NULL };
	const char *body = *text == '-' || *text == '+' ? text + 1 : text;
	size_t whole = strspn(body, "0123456789"), part;
	const char *at = body + whole;
	char *end;

	if (one_of(body, INFINITY_WORDS) || (body == text && one_of(body, NAN_WORDS))) {
		*ret_float = (body[1] | 0x20) == 'n' ? (double)NAN : *text == '-' ? -(double)INFINITY : (double)INFINITY;
		return SCALAR_FLOAT;
	}
	if (*at++ != '.')
		return SCALAR_TEXT;
	part = strspn(at, "0123456789");
	at += part;
	if (whole + part == 0)
		return SCALAR_TEXT;
	if (*at == 'e' || *at == 'E') {
		if (at[1] != '+' && at[1] != '-')
			return SCALAR_TEXT;
		at += 2;
		if (strspn(at, "0123456789") == 0)
			return SCALAR_TEXT;
		at += strspn(at, "0123456789");
	}
	if (*at)
		return SCALAR_TEXT;
	*ret_float = strtod(text, &end);
	return SCALAR_FLOAT;
}

uint32_t config_scalar_type(const struct config_node *node, int64_t *ret_int, double *ret_float)
{
	static const char *const NULLS[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const TRUTHS[] = { "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL };
	static const char *const LIES[] = { "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL };
	int64_t number = 0;
	double fraction = 0;
	uint32_t type;

	if (!node->plain)
		return SCALAR_TEXT;
	if (one_of(node->text, NULLS))
		return SCALAR_NULL;
	if (one_of(node->text, TRUTHS) || one_of(node->text, LIES)) {
		if (ret_int)
			*ret_int = one_of(node->text, TRUTHS);
		return SCALAR_BOOL;
	}
	type = integer_type(node->text, &number, &fraction);
	if (type == SCALAR_TEXT)
		type = float_type(node->text, &fraction);
	if (ret_int)
		*ret_int = number;
	if (ret_float)
		*ret_float = type == SCALAR_INT ? (double)number : fraction;
	return type;
}

static const char *found(const struct config_node *node)
{
	int64_t truth;

	switch (config_kind(node)) {
	case CONFIG_LIST: return "a list";
	case CONFIG_MAP: return "a map";
	case CONFIG_NULL: return "nothing";
	default: break;
	}
	switch (config_scalar_type(node, &truth, NULL)) {
	case SCALAR_BOOL: return truth ? "the truth value true" : "the truth value false";
	case SCALAR_INT: return "an integer";
	case SCALAR_FLOAT: return "a number with a fraction";
	default: return "a text";
	}
}

int config_wrong_type(const struct config_node *node, const char *name, const char *expected, struct hearth_error *err)
{
	return hearth_fail(err, -EINVAL, "%s: %.60s: found %s, expected %s", config_place(node), name, found(node),
			   expected);
}

static bool absent(const struct config_node *node)
{
	return config_kind(node) == CONFIG_ABSENT || config_kind(node) == CONFIG_NULL;
}

static bool is_scalar(const struct config_node *node, uint32_t type, int64_t *ret_int)
{
	return node->kind == CONFIG_SCALAR && config_scalar_type(node, ret_int, NULL) == type;
}

int config_int(const struct config_node *node, const char *name, int64_t min, int64_t max, int64_t fallback,
	       int64_t *ret, struct hearth_error *err)
{
	int64_t number = fallback;

	if (!absent(node)) {
		if (!is_scalar(node, SCALAR_INT, &number))
			return config_wrong_type(node, name, "an integer", err);
		if (number < min || number > max)
			return hearth_fail(err, -ERANGE, "%s: %.60s: %lld is not from %lld to %lld", node->place, name,
					   (long long)number, (long long)min, (long long)max);
	}
	*ret = number;
	return 0;
}

int config_float(const struct config_node *node, const char *name, double fallback, double *ret,
		 struct hearth_error *err)
{
	double number = fallback;

	if (!absent(node)) {
		uint32_t type = node->kind == CONFIG_SCALAR ? config_scalar_type(node, NULL, &number) : SCALAR_TEXT;
		if ((type != SCALAR_INT && type != SCALAR_FLOAT) || !isfinite(number))
			return config_wrong_type(node, name, "a number", err);
	}
	*ret = number;
	return 0;
}

int config_bool(const struct config_node *node, const char *name, int fallback, int *ret, struct hearth_error *err)
{
	int64_t truth = fallback;

	if (!absent(node) && !is_scalar(node, SCALAR_BOOL, &truth))
		return config_wrong_type(node, name, "true or false", err);
	*ret = truth != 0;
	return 0;
}

int config_string(const struct config_node *node, const char *name, const char *fallback, const char **ret,
		  struct hearth_error *err)
{
	if (absent(node)) {
		*ret = fallback;
		return 0;
	}
	if (!is_scalar(node, SCALAR_TEXT, NULL))
		return config_wrong_type(node, name,
					 node->kind == CONFIG_SCALAR ? "a text; put it in quotes" : "a text", err);
	*ret = node->text;
	return 0;
}

static int64_t unit_of(char suffix, uint32_t format)
{
	if (format == HEARTH_SIZE)
		switch (suffix) {
		case 'K': return INT64_C(1) << 10;
		case 'M': return INT64_C(1) << 20;
		case 'G': return INT64_C(1) << 30;
		case 'T': return INT64_C(1) << 40;
		default: return 0;
		}
	switch (suffix) {
	case 's': return SECOND_MS;
	case 'm': return 60 * SECOND_MS;
	case 'h': return 3600 * SECOND_MS;
	case 'd': return DAY_MS;
	case 'w': return 7 * DAY_MS;
	case 'y': return 365 * DAY_MS;
	default: return 0;
	}
}

int config_quantity(const char *text, uint32_t format, int64_t *ret)
{
	bool negative = *text == '-';
	size_t digits = strspn(text + negative, "0123456789");
	const char *end = text + negative + digits;
	int64_t unit = 1, value;

	if (digits == 0)
		return -EINVAL;
	if (*end) {
		unit = unit_of(*end, format);
		if (unit == 0 || end[1])
			return -EINVAL;
	}
	errno = 0;
	value = strtoll(text, NULL, 10);
	if (errno == ERANGE || __builtin_mul_overflow(value, unit, &value))
		return -ERANGE;
	*ret = value;
	return 0;
}

static int read_quantity(const struct config_node *node, const char *name, uint32_t format, int64_t fallback,
			 int64_t *ret, struct hearth_error *err)
{
	const char *expected = format == HEARTH_SIZE ? "bytes such as 1048576, 100K, 50M or 1G" :
						       "milliseconds, or a duration such as 30s, 5m, 2h, 7d, 1w or 1y";
	int64_t value = fallback;

	if (!absent(node)) {
		if (node->kind != CONFIG_SCALAR)
			return config_wrong_type(node, name, expected, err);
		int r = config_quantity(node->text, format, &value);
		if (r < 0)
			return hearth_fail(err, r, "%s: %.60s: found '%.30s', expected %s", node->place, name,
					   node->text, expected);
	}
	*ret = value;
	return 0;
}

int config_duration(const struct config_node *node, const char *name, int64_t fallback_ms, int64_t *ret_ms,
		    struct hearth_error *err)
{
	return read_quantity(node, name, HEARTH_DURATION, fallback_ms, ret_ms, err);
}

int config_bytes(const struct config_node *node, const char *name, int64_t fallback, int64_t *ret_bytes,
		 struct hearth_error *err)
{
	return read_quantity(node, name, HEARTH_SIZE, fallback, ret_bytes, err);
}
