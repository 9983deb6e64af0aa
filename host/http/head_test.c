/* SPDX-License-Identifier: Apache-2.0 */
/* Request heads and chunked bodies, byte by byte; what a proxy could read otherwise is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <event2/buffer.h>

#include "chunked.h"
#include "head.h"
#include "url.h"

static struct hearth_arena *arena;
static struct head head;

static int set_up(void **state)
{
	(void)state;
	arena = hearth_arena_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hearth_arena_free(arena);
	return 0;
}

/* 0, or the status of the refusal. */
static int parse(const char *lines)
{
	const char *text = hearth_arena_printf(arena, "%s\r\n\r\n", lines);
	struct hearth_error err = { 0 };

	if (head_parse(arena, (char *)text, strlen(text), &head, &err) == 0)
		return 0;
	return err.http_status;
}

#define HOST "\r\nHost: a"

static void request_lines(void **state)
{
	(void)state;
	assert_int_equal(parse("GET /a?b=c?d HTTP/1.1" HOST), 0);
	assert_string_equal(head.method, "GET");
	assert_string_equal(head.path, "/a");
	assert_string_equal(head.query, "b=c?d");
	assert_true(head.keep_alive);
	assert_int_equal(parse("GET https://a:80?x HTTP/1.1" HOST), 0);
	assert_string_equal(head.path, "/");
	assert_int_equal(parse("OPTIONS * HTTP/1.1" HOST), 0);
	assert_int_equal(parse("GET * HTTP/1.1" HOST), 400);
	assert_int_equal(parse("GET a HTTP/1.1" HOST), 400);
	assert_int_equal(parse("GET /\x01 HTTP/1.1" HOST), 400);
	assert_int_equal(parse("GET  / HTTP/1.1" HOST), 400);
	assert_int_equal(parse("GET / HTTP/1.1 " HOST), 505);
	assert_int_equal(parse("GET / HTTP/3" HOST), 505);
	assert_int_equal(parse("G(T / HTTP/1.1" HOST), 400);
	assert_int_equal(parse("GET /"), 400);
	assert_int_equal(parse("GET ?a HTTP/1.1" HOST), 400);
	assert_int_equal(parse("GET http://x?a HTTP/1.1" HOST), 0);
	assert_string_equal(head.path, "/");
}

static void headers(void **state)
{
	(void)state;
	assert_int_equal(parse("GET / HTTP/1.1" HOST "\r\nX-A: \t b \t\r\nEmpty:"), 0);
	assert_string_equal(head_find(&head, "x-a"), "b");
	assert_string_equal(head_find(&head, "empty"), "");
	assert_null(head_find(&head, "x"));
	assert_int_equal(parse("GET / HTTP/1.1" HOST "\r\nX : a"), 400);
	assert_int_equal(parse("GET / HTTP/1.1" HOST "\r\n folded"), 400);
	assert_int_equal(parse("GET / HTTP/1.1" HOST "\r\nX: a\rb"), 400);
	assert_int_equal(parse("GET / HTTP/1.1" HOST "\r\nX: a\nb"), 400);
	assert_int_equal(parse("GET / HTTP/1.1" HOST HOST), 400);
	assert_int_equal(parse("GET / HTTP/1.1"), 400);
	assert_int_equal(parse("GET / HTTP/1.0"), 0);
}

static void framing(void **state)
{
	(void)state;
	assert_int_equal(parse("PUT / HTTP/1.1" HOST "\r\nContent-Length: 12"), 0);
	assert_int_equal(head.content_length, 12);
	assert_int_equal(parse("PUT / HTTP/1.1" HOST "\r\nTransfer-Encoding: Chunked"), 0);
	assert_true(head.chunked);
	assert_int_equal(parse("PUT / HTTP/1.1" HOST "\r\nContent-Length: 1\r\nContent-Length: 1"), 400);
	assert_int_equal(parse("PUT / HTTP/1.1" HOST "\r\nContent-Length: 1, 1"), 400);
	assert_int_equal(parse("PUT / HTTP/1.1" HOST "\r\nContent-Length: -1"), 400);
	assert_int_equal(parse("PUT / HTTP/1.1" HOST "\r\nContent-Length: 0x1"), 400);
	assert_int_equal(parse("PUT / HTTP/1.1" HOST "\r\nContent-Length:"), 400);
	assert_int_equal(parse("PUT / HTTP/1.1" HOST "\r\nContent-Length: 1\r\nTransfer-Encoding: chunked"), 400);
	assert_int_equal(parse("PUT / HTTP/1.1" HOST "\r\nTransfer-Encoding: gzip, chunked"), 501);
	assert_int_equal(parse("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked"), 400);
	assert_int_equal(parse("PUT / HTTP/1.1" HOST "\r\nExpect: 200-ok"), 417);
}

static void connections(void **state)
{
	(void)state;
	assert_int_equal(parse("GET / HTTP/1.1" HOST "\r\nConnection: Upgrade, Close"), 0);
	assert_false(head.keep_alive);
	assert_int_equal(parse("GET / HTTP/1.0\r\nConnection: keep-alive"), 0);
	assert_true(head.keep_alive);
	assert_int_equal(parse("GET / HTTP/1.1" HOST "\r\nConnection: closed"), 0);
	assert_true(head.keep_alive);
}

/* Feeds a body one byte at a time; the text that came out, or NULL where it was refused. */
static const char *unchunk(const char *bytes, uint64_t max_bytes, size_t *ret_left)
{
	struct evbuffer *in = evbuffer_new(), *out = evbuffer_new();
	struct chunked chunked = { 0 };
	const char *text = NULL;
	int r = 0;

	for (; *bytes && r == 0; bytes++) {
		(void)evbuffer_add(in, bytes, 1);
		r = chunked_take(&chunked, in, out, max_bytes, NULL);
	}
	if (r == 1)
		text = hearth_arena_strndup(arena, (const char *)evbuffer_pullup(out, -1), evbuffer_get_length(out));
	*ret_left = strlen(bytes);
	evbuffer_free(in);
	evbuffer_free(out);
	return text;
}

static void chunked_bodies(void **state)
{
	size_t left;

	(void)state;
	assert_string_equal(unchunk("3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n0\r\n\r\nGET", 100, &left), "abc0123456789");
	assert_int_equal(left, 3);
	assert_string_equal(unchunk("0\r\nA: b\r\nC: d\r\n\r\n", 100, &left), "");
	assert_null(unchunk("3;a\nb\r\nabc\r\n0\r\n\r\n", 100, &left));
	assert_null(unchunk("3;a\rb\r\nabc\r\n0\r\n\r\n", 100, &left));
	assert_null(unchunk("0\r\nA: b\n\r\n\r\n", 100, &left));
	assert_null(unchunk("0\r\nno colon\r\n\r\n", 100, &left));
	assert_null(unchunk("0\r\nA : b\r\n\r\n", 100, &left));
	assert_null(unchunk("3\r\nabcd\r\n0\r\n\r\n", 100, &left));
	assert_null(unchunk("3\nabc\n0\n\n", 100, &left));
	assert_null(unchunk(" 3\r\nabc\r\n0\r\n\r\n", 100, &left));
	assert_null(unchunk("-3\r\nabc\r\n0\r\n\r\n", 100, &left));
	assert_null(unchunk("\r\n", 100, &left));
	assert_null(unchunk("ffffffffffffff\r\n", 100, &left));
	assert_null(unchunk("3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n", 5, &left));
	assert_null(unchunk("3\r\nabc\r\n0\r\n", 100, &left));
}

static void decoding(void **state)
{
	struct url_query query = url_query_parse(arena, "a=1&b%3D=+%2B&&=x&c&a=2");

	(void)state;
	assert_int_equal(query.count, 5);
	assert_string_equal(url_query_find(&query, "a")->text, "1");
	assert_string_equal(url_query_find(&query, "b=")->text, " +");
	assert_string_equal(url_query_find(&query, "c")->text, "");
	assert_null(url_query_find(&query, "d"));
	assert_string_equal(url_decode(arena, "%zz%4", 5, false).text, "%zz%4");
	assert_string_equal(url_decode(arena, "a+b", 3, false).text, "a+b");
	assert_true(url_is_text("\xc3\xa4\xf0\x9f\x98\x80", 6));
	assert_false(url_is_text("\xc0\x80", 2));
	assert_false(url_is_text("\xed\xa0\x80", 3));
	assert_false(url_is_text("\xf4\x90\x80\x80", 4));
	assert_false(url_is_text("\xc3", 1));
	assert_false(url_is_text("a\0b", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_lines), cmocka_unit_test(headers),	   cmocka_unit_test(framing),
		cmocka_unit_test(connections),	 cmocka_unit_test(chunked_bodies), cmocka_unit_test(decoding),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
