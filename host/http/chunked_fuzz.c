/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked bodies: what comes out does not depend on the pieces in which it arrives, and never exceeds its bound. */
#include "chunked.h"

#include <event2/buffer.h>
#include <string.h>

#define BODY_MAX 300u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	struct evbuffer *in, *out;
	int result; /* -1: refused, 0: unfinished, 1: complete */
	size_t read;
};

static struct outcome take(const uint8_t *data, size_t size, size_t step)
{
	struct outcome outcome = { .in = evbuffer_new(), .out = evbuffer_new() };
	struct chunked chunked = { 0 };

	hearth_assert(outcome.in && outcome.out);
	for (size_t at = 0; at < size && outcome.result == 0; at += step) {
		size_t length = step < size - at ? step : size - at;

		(void)evbuffer_add(outcome.in, data + at, length);
		outcome.read = at + length;
		outcome.result = chunked_take(&chunked, outcome.in, outcome.out, BODY_MAX, NULL);
		hearth_assert(evbuffer_get_length(outcome.out) <= BODY_MAX);
	}
	outcome.result = outcome.result < 0 ? -1 : outcome.result;
	outcome.read -= evbuffer_get_length(outcome.in);
	return outcome;
}

static void drop(struct outcome *outcome)
{
	evbuffer_free(outcome->in);
	evbuffer_free(outcome->out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole = take(data, size, size + 1), bytes = take(data, size, 1);
	size_t length = evbuffer_get_length(whole.out);

	hearth_assert(whole.result == bytes.result);
	if (whole.result == 1) {
		hearth_assert(whole.read == bytes.read && length == evbuffer_get_length(bytes.out));
		hearth_assert(length == 0 ||
			      memcmp(evbuffer_pullup(whole.out, -1), evbuffer_pullup(bytes.out, -1), length) == 0);
	}
	drop(&whole);
	drop(&bytes);
	return 0;
}
