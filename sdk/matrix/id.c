/* SPDX-License-Identifier: Apache-2.0 */
/* Identifier grammar (spec appendices). */
#include <hearth/matrix/id.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "text.h"

#define HASH_LENGTH     43 /* of a SHA-256 in unpadded base64 */
#define DNS_NAME_MAX    255
#define PORT_DIGITS_MAX 5

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool consists_of(const char *text, size_t length, bool (*is_allowed)(char c))
{
	for (size_t i = 0; i < length; i++)
		if (!is_allowed(text[i]))
			return false;
	return true;
}

static bool is_utf8(const char *text, size_t length)
{
	size_t step;

	for (size_t i = 0; i < length; i += step) {
		step = hearth_utf8_length(text + i, length - i);
		if (step == 0)
			return false;
	}
	return true;
}

/* --- server names --- */

static bool is_dns_char(char c)
{
	return is_digit(c) || is_letter(c) || c == '-' || c == '.';
}

static bool is_ipv6_char(char c)
{
	return is_hex(c) || c == ':' || c == '.';
}

static bool is_ipv6(const char *text, size_t length)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr parsed;

	if (length < 2 || length >= sizeof(address) || !consists_of(text, length, is_ipv6_char))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	return inet_pton(AF_INET6, address, &parsed) == 1;
}

/* What follows the host: nothing, or a colon and one to five digits. */
static bool is_port_suffix(const char *text)
{
	size_t digits;

	if (*text == '\0')
		return true;
	if (*text != ':')
		return false;
	digits = strlen(text + 1);
	return digits >= 1 && digits <= PORT_DIGITS_MAX && consists_of(text + 1, digits, is_digit);
}

int hearth_id_is_server_name(const char *text)
{
	const char *bracket;
	size_t host;

	if (!text)
		return 0;
	if (text[0] == '[') {
		bracket = strchr(text, ']');
		return bracket && is_ipv6(text + 1, (size_t)(bracket - text - 1)) && is_port_suffix(bracket + 1);
	}
	host = strcspn(text, ":");
	return host >= 1 && host <= DNS_NAME_MAX && consists_of(text, host, is_dns_char) && is_port_suffix(text + host);
}

/* --- ids with a sigil --- */

/* Sigil, localpart without a colon, colon, server name. */
static bool is_domain_id(const char *text, char sigil, size_t localpart_min)
{
	size_t localpart;

	if (!text || text[0] != sigil || strlen(text) > HEARTH_ID_MAX_BYTES)
		return false;
	localpart = strcspn(text + 1, ":");
	return localpart >= localpart_min && text[1 + localpart] == ':' && is_utf8(text + 1, localpart) &&
	       hearth_id_is_server_name(text + 2 + localpart);
}

static bool is_url_safe_char(char c)
{
	return is_digit(c) || is_letter(c) || c == '-' || c == '_';
}

static bool is_visible_ascii(char c)
{
	return c >= 0x21 && c <= 0x7e;
}

int hearth_id_is_user(const char *text)
{
	return is_domain_id(text, '@', 0);
}

int hearth_id_is_room(const char *text)
{
	if (text && text[0] == '!' && strlen(text + 1) == HASH_LENGTH &&
	    consists_of(text + 1, HASH_LENGTH, is_url_safe_char))
		return 1;
	return is_domain_id(text, '!', 0);
}

int hearth_id_is_alias(const char *text)
{
	return is_domain_id(text, '#', 1);
}

int hearth_id_is_event(const char *text)
{
	size_t length = text ? strlen(text) : 0;

	if (length < 2 || length > HEARTH_ID_MAX_BYTES || text[0] != '$')
		return 0;
	if (!strchr(text, ':'))
		return consists_of(text + 1, length - 1, is_visible_ascii);
	return is_domain_id(text, '$', 1);
}

static bool is_strict_localpart_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c != '\0' && strchr("._=-/+", c));
}

int hearth_id_localpart_is_strict(const char *localpart)
{
	return localpart && localpart[0] != '\0' && consists_of(localpart, strlen(localpart), is_strict_localpart_char);
}

static bool is_opaque_char(char c)
{
	return is_url_safe_char(c) || c == '.' || c == '~';
}

int hearth_id_is_opaque(const char *text)
{
	size_t length = text ? strlen(text) : 0;

	return length >= 1 && length <= HEARTH_ID_MAX_BYTES && consists_of(text, length, is_opaque_char);
}

/* --- parts --- */

const char *hearth_id_server(const char *id)
{
	const char *colon = id ? strchr(id, ':') : NULL;

	return colon ? colon + 1 : NULL;
}

char *hearth_id_localpart(struct hearth_arena *arena, const char *id)
{
	if (id[0] == '\0')
		return hearth_arena_strdup(arena, "");
	return hearth_arena_strndup(arena, id + 1, strcspn(id + 1, ":"));
}

int hearth_id_is_local(const char *id, const char *server_name)
{
	const char *server = hearth_id_server(id);

	return server && strcmp(server, server_name) == 0;
}

/* --- making --- */

void hearth_id_random(char *text, size_t length)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const unsigned fair = 256 / (sizeof(letters) - 1) * (sizeof(letters) - 1); /* beyond it some come too often */
	uint8_t random[64];
	size_t written = 0;

	hearth_assert(length > 0);
	while (written < length - 1) {
		ssize_t got = getrandom(random, sizeof(random), 0);

		hearth_assert(got > 0 || errno == EINTR);
		for (ssize_t i = 0; i < got && written < length - 1; i++)
			if (random[i] < fair)
				text[written++] = letters[random[i] % (sizeof(letters) - 1)];
	}
	text[written] = '\0';
}
