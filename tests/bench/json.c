/* SPDX-License-Identifier: Apache-2.0 */
/* How fast JSON is parsed, made canonical and written, and what an event costs. Prints one line per subject. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <hearth/matrix/event.h>
#include <hearth/writer.h>

static const char EVENT[] =
	"{\"auth_events\":[\"$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk\",\"$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg\"],"
	"\"content\":{\"body\":\"Good morning, is the kettle on? \\\"Yes\\\", she said.\\nWell then.\",\"format\":"
	"\"org.matrix.custom.html\",\"formatted_body\":\"<b>Good morning</b>, is the kettle on?\",\"msgtype\":\"m.text\"},"
	"\"depth\":12345,\"hashes\":{\"sha256\":\"5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos\"},\"origin_server_ts\":"
	"1700000000000,\"prev_events\":[\"$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk\"],\"room_id\":\"!room:example.org\","
	"\"sender\":\"@alice:example.org\",\"signatures\":{\"example.org\":{\"ed25519:a_abcd\":\"KxwGjPSDEtvnFgU00fwFz+l6d2pJM6"
	"XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg\"}},\"type\":\"m.room.message\"}";

#define LENGTH (sizeof(EVENT) - 1)
#define ROUNDS 20000

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void parse_one(struct hearth_arena *arena)
{
	const struct hearth_json *value;

	hearth_assert(hearth_json_parse(arena, EVENT, LENGTH, HEARTH_JSON_NO_FLOATS, &value, NULL) == 0);
}

static void parse_and_canonicalise(struct hearth_arena *arena)
{
	const struct hearth_json *value;
	char *text;

	hearth_assert(hearth_json_parse(arena, EVENT, LENGTH, HEARTH_JSON_NO_FLOATS, &value, NULL) == 0);
	hearth_assert(hearth_json_canonical(arena, value, HEARTH_JSON_NO_FLOATS, &text, NULL, NULL) == 0);
}

static void read_with_id(struct hearth_arena *arena)
{
	const struct hearth_json *value;
	const struct hearth_event *event;

	hearth_assert(hearth_json_parse(arena, EVENT, LENGTH, HEARTH_JSON_NO_FLOATS, &value, NULL) == 0);
	hearth_assert(hearth_event_read(arena, hearth_room_version("10"), value, NULL, &event, NULL) == 0);
}

static void sign_one(struct hearth_arena *arena)
{
	static const uint8_t seed[32] = { 1 };
	struct hearth_signing_key key;
	const struct hearth_json *value;
	const char *event_id;

	hearth_assert(hearth_signing_key_from_seed(&key, "a", seed, NULL) == 0);
	hearth_assert(hearth_json_parse(arena, EVENT, LENGTH, HEARTH_JSON_NO_FLOATS, &value, NULL) == 0);
	hearth_assert(hearth_event_sign(arena, hearth_room_version("10"), hearth_json_object_copy(arena, value), "example.org",
					&key, &event_id, NULL) == 0);
}

static void write_one(struct hearth_arena *arena)
{
	struct hearth_writer *w = hearth_writer_new(arena);

	hearth_write_object(w, NULL);
	hearth_write_members(w, EVENT, LENGTH);
	hearth_write_string(w, "event_id", "$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk");
	hearth_write_object(w, "unsigned");
	hearth_write_int(w, "age", 1234);
	hearth_write_end(w);
	hearth_write_end(w);
	hearth_assert(hearth_writer_text(w, NULL));
}

static void measure(const char *subject, void (*run)(struct hearth_arena *arena))
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	double begun = seconds(), taken;

	for (int i = 0; i < ROUNDS; i++) {
		run(arena);
		hearth_arena_clear(arena);
	}
	taken = seconds() - begun;
	printf("%-32s %8.2f us %8.0f MB/s\n", subject, taken / ROUNDS * 1e6, (double)LENGTH * ROUNDS / taken / 1e6);
}

int main(void)
{
	printf("an event of %zu bytes\n", LENGTH);
	measure("parse", parse_one);
	measure("parse, canonical", parse_and_canonicalise);
	measure("parse, read, event id", read_with_id);
	measure("parse, hash, sign, event id", sign_one);
	measure("write with event_id and age", write_one);
	return 0;
}
