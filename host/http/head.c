/* SPDX-License-Identifier: Apache-2.0 */
/* The request line, the headers, and how the body is framed. */
#include "head.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_token_byte(unsigned char byte)
{
	if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z'))
		return true;
	return byte && strchr("!#$%&'*+-.^_`|~", byte);
}

static bool is_token(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!is_token_byte((unsigned char)text[i]))
			return false;
	return length > 0;
}

/* Cuts the next line off, without its CRLF. NULL: a bare CR or LF, or a NUL, stands in it. */
static char *next_line(char **at, char *end)
{
	char *line = *at;
	char *stop = line + strcspn(line, "\r\n");

	if (stop + 1 >= end || stop[0] != '\r' || stop[1] != '\n')
		return NULL;
	*stop = '\0';
	*at = stop + 2;
	return line;
}

static char *cut(char *text, char separator)
{
	char *found = strchr(text, separator);

	if (!found)
		return NULL;
	*found = '\0';
	return found + 1;
}

static int parse_version(const char *version, struct head *head, struct hearth_error *err)
{
	if (strcmp(version, "HTTP/1.1") == 0)
		head->keep_alive = true;
	else if (strncmp(version, "HTTP/1.", 7) != 0 || version[7] < '0' || version[7] > '9' || version[8])
		return hearth_refuse(err, 505, "M_UNRECOGNIZED", "this server speaks HTTP/1.1");
	return 0;
}

static int parse_target(char *target, struct head *head, struct hearth_error *err)
{
	char *host = NULL;

	for (const char *at = target; *at; at++)
		if ((unsigned char)*at < 0x21 || *at == 0x7f)
			return hearth_refuse(err, 400, "M_UNRECOGNIZED", "the request target has a control character");
	if (strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0) {
		host = strchr(target, ':') + 3;
		target = host + strcspn(host, "/?");
		if (target == host)
			return hearth_refuse(err, 400, "M_UNRECOGNIZED", "the request target has no host");
	}
	head->query = cut(target, '?');
	head->path = host && !*target ? "/" : target;
	if (head->path[0] == '/' || (strcmp(head->path, "*") == 0 && strcmp(head->method, "OPTIONS") == 0))
		return 0;
	return hearth_refuse(err, 400, "M_UNRECOGNIZED", "the request target is no path");
}

static int parse_request_line(char *line, struct head *head, struct hearth_error *err)
{
	char *target = cut(line, ' ');
	char *version = target ? cut(target, ' ') : NULL;
	int r;

	if (!version || !*target || !is_token(line, strlen(line)) || strlen(line) > 32)
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "the request line is malformed");
	head->method = line;
	r = parse_version(version, head, err);
	if (r < 0)
		return r;
	return parse_target(target, head, err);
}

static int parse_header(char *line, struct head_header *ret_header, struct hearth_error *err)
{
	char *value = cut(line, ':');
	size_t length;

	if (!value || !is_token(line, strlen(line)))
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "a header line is malformed");
	value += strspn(value, " \t");
	length = strlen(value);
	while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
		value[--length] = '\0';
	for (const char *at = value; *at; at++)
		if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
			return hearth_refuse(err, 400, "M_UNRECOGNIZED", "a header has a control character");
	*ret_header = (struct head_header){ .name = line, .value = value };
	return 0;
}

static int parse_length(const char *value, struct head *head, struct hearth_error *err)
{
	uint64_t length = 0;
	size_t digits = strspn(value, "0123456789");

	if (head->has_length)
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "there is more than one Content-Length");
	if (digits == 0 || digits > 15 || value[digits])
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "Content-Length is no number");
	for (size_t i = 0; i < digits; i++)
		length = length * 10 + (uint64_t)(value[i] - '0');
	head->content_length = length;
	head->has_length = true;
	return 0;
}

static int parse_encoding(const char *value, struct head *head, struct hearth_error *err)
{
	if (head->chunked)
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "there is more than one Transfer-Encoding");
	if (strcasecmp(value, "chunked") != 0)
		return hearth_refuse(err, 501, "M_UNRECOGNIZED", "of transfer encodings only 'chunked' is understood");
	head->chunked = true;
	return 0;
}

/* Acts on the headers that belong to the connection. http_1_1 is what head->keep_alive started as. */
static int parse_connection_headers(struct head *head, struct hearth_error *err)
{
	bool http_1_1 = head->keep_alive;
	size_t hosts = 0;
	int r = 0;

	for (size_t i = 0; i < head->header_count && r == 0; i++) {
		const char *name = head->headers[i].name, *value = head->headers[i].value;

		if (strcasecmp(name, "Content-Length") == 0) {
			r = parse_length(value, head, err);
		} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
			r = parse_encoding(value, head, err);
		} else if (strcasecmp(name, "Host") == 0) {
			hosts++;
		} else if (strcasecmp(name, "Connection") == 0) {
			if (head_list_has(value, "close"))
				head->keep_alive = false;
			else if (head_list_has(value, "keep-alive"))
				head->keep_alive = true;
		} else if (strcasecmp(name, "Expect") == 0) {
			if (strcasecmp(value, "100-continue") != 0)
				r = hearth_refuse(err, 417, "M_UNRECOGNIZED", "of Expect only '100-continue' is understood");
			head->expects_continue = http_1_1;
		}
	}
	if (r < 0)
		return r;
	if (head->chunked && (head->has_length || !http_1_1))
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "Transfer-Encoding and Content-Length contradict each other");
	if (hosts > 1 || (http_1_1 && hosts == 0))
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "a request has one Host header");
	return 0;
}

int head_parse(struct hearth_arena *arena, char *bytes, size_t length, struct head *ret_head, struct hearth_error *err)
{
	struct head_header *headers = hearth_arena_array_of(arena, struct head_header, 16);
	size_t room = 16, count = 0;
	struct head head = { 0 };
	char *at = bytes, *end = bytes + length, *line;
	int r;

	hearth_assert(length >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0);
	line = next_line(&at, end);
	if (!line)
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "the request line is malformed");
	r = parse_request_line(line, &head, err);
	if (r < 0)
		return r;
	while ((line = next_line(&at, end)) && *line) {
		if (count == HEAD_MAX_HEADERS)
			return hearth_refuse(err, 431, "M_TOO_LARGE", "more than %u headers", HEAD_MAX_HEADERS);
		if (count == room) {
			headers = hearth_arena_grow(arena, headers, room * sizeof(*headers), 2 * room * sizeof(*headers));
			room *= 2;
		}
		r = parse_header(line, &headers[count++], err);
		if (r < 0)
			return r;
	}
	if (!line || at != end)
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "a header line is malformed");
	head.headers = headers;
	head.header_count = count;
	r = parse_connection_headers(&head, err);
	if (r < 0)
		return r;
	*ret_head = head;
	return 0;
}

bool head_is_field(const char *line)
{
	const char *colon = strchr(line, ':');

	return colon && is_token(line, (size_t)(colon - line));
}

const char *head_find(const struct head *head, const char *name)
{
	for (size_t i = 0; i < head->header_count; i++)
		if (strcasecmp(head->headers[i].name, name) == 0)
			return head->headers[i].value;
	return NULL;
}

bool head_list_has(const char *list, const char *element)
{
	size_t wanted = strlen(element);

	while (*list) {
		size_t length;

		list += strspn(list, " \t,");
		length = strcspn(list, " \t,;");
		if (length == wanted && strncasecmp(list, element, length) == 0)
			return true;
		list += length;
		list += strcspn(list, ",");
	}
	return false;
}
