/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All the ways in which a glob can match are followed at once, as bits: state n is set where the first n characters of
 * the pattern have matched. No pattern and no text make this go back.
 */
#include "push_pattern.h"

#include <string.h>

#include "text.h"

#define STATE_WORDS ((PUSH_PATTERN_MAX + 1 + 63) / 64)

struct letter {
	uint32_t character;
	uint64_t *states; /* states that this character leads to */
};

struct push_pattern {
	int by_words;
	uint32_t length; /* characters, without * */
	size_t words;    /* of a set of states */
	struct letter *letters; /* of the pattern, ascending */
	size_t letter_count;
	uint64_t *any;   /* states that ? leads to */
	uint64_t *loops; /* states that * keeps */
};

struct reader {
	const char *at, *end;
};

/* One character; bytes that are no UTF-8 count one each. */
static uint32_t next_character(struct reader *in)
{
	const unsigned char *bytes = (const unsigned char *)in->at;
	size_t length = hearth_utf8_length(in->at, (size_t)(in->end - in->at));
	uint32_t character;

	if (length <= 1) {
		in->at++;
		return bytes[0];
	}
	character = bytes[0] & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++)
		character = character << 6 | (bytes[i] & 0x3f);
	in->at += length;
	return character;
}

/* Lower case of the alphabets whose letters lie at a fixed distance: Latin, Greek, Cyrillic, Armenian. */
static uint32_t fold(uint32_t c)
{
	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c + 32 : c;
	if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
		return c + 32;
	if (c >= 0x400 && c <= 0x40f)
		return c + 80;
	if (c >= 0x531 && c <= 0x556)
		return c + 48;
	if ((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177) || (c >= 0x460 && c <= 0x4ff))
		return c | 1;
	if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
		return c + (c & 1);
	return c;
}

static uint32_t next_folded(struct reader *in)
{
	return fold(next_character(in));
}

static int is_word(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* A boundary: the start, the end, or a neighbour that belongs to no word. */
static int ends_here(const struct reader *in)
{
	return in->at == in->end || !is_word((unsigned char)*in->at);
}

static void set_bit(uint64_t *bits, size_t index)
{
	bits[index / 64] |= UINT64_C(1) << (index % 64);
}

static int has_bit(const uint64_t *bits, size_t index)
{
	return (int)(bits[index / 64] >> (index % 64) & 1);
}

static const struct letter *find_letter(const struct push_pattern *pattern, uint32_t character)
{
	size_t low = 0, high = pattern->letter_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pattern->letters[middle].character == character)
			return &pattern->letters[middle];
		if (pattern->letters[middle].character < character)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static void add_letter(struct hearth_arena *arena, struct push_pattern *pattern, uint32_t character)
{
	const struct letter *known = find_letter(pattern, character);
	size_t at = pattern->letter_count;

	if (known) {
		set_bit(known->states, pattern->length + 1);
		return;
	}
	while (at > 0 && pattern->letters[at - 1].character > character)
		at--;
	memmove(&pattern->letters[at + 1], &pattern->letters[at],
		(pattern->letter_count - at) * sizeof(*pattern->letters));
	pattern->letters[at].character = character;
	pattern->letters[at].states = hearth_arena_array_of(arena, uint64_t, pattern->words);
	set_bit(pattern->letters[at].states, pattern->length + 1);
	pattern->letter_count++;
}

static size_t count_characters(const char *glob, size_t length)
{
	struct reader in = { glob, glob + length };
	size_t count = 0;

	while (in.at < in.end)
		count += next_character(&in) != '*';
	return count;
}

const struct push_pattern *hearth_push_pattern_new(struct hearth_arena *arena, const char *glob, size_t length,
						   int by_words)
{
	struct reader in = { glob, glob + length };
	size_t count = count_characters(glob, length);
	struct push_pattern *pattern;

	if (count > PUSH_PATTERN_MAX)
		return NULL;
	pattern = hearth_arena_new_of(arena, struct push_pattern);
	pattern->by_words = by_words;
	pattern->words = (count + 1 + 63) / 64;
	pattern->letters = hearth_arena_array_of(arena, struct letter, count);
	pattern->any = hearth_arena_array_of(arena, uint64_t, pattern->words);
	pattern->loops = hearth_arena_array_of(arena, uint64_t, pattern->words);
	while (in.at < in.end) {
		uint32_t character = next_folded(&in);

		if (character == '*') {
			set_bit(pattern->loops, pattern->length);
			continue;
		}
		if (character == '?')
			set_bit(pattern->any, pattern->length + 1);
		else
			add_letter(arena, pattern, character);
		pattern->length++;
	}
	return pattern;
}

/* Every state one character on. */
static void advance(const struct push_pattern *pattern, uint64_t *states, uint32_t character)
{
	const struct letter *letter = find_letter(pattern, character);
	uint64_t carry = 0;

	for (size_t i = 0; i < pattern->words; i++) {
		uint64_t shifted = states[i] << 1 | carry;
		uint64_t reached = pattern->any[i] | (letter ? letter->states[i] : 0);

		carry = states[i] >> 63;
		states[i] = (shifted & reached) | (states[i] & pattern->loops[i]);
	}
}

int hearth_push_pattern_matches(const struct push_pattern *pattern, const char *text, size_t length)
{
	struct reader in = { text, text + length };
	uint64_t states[STATE_WORDS] = { 0 };
	int starts_here = 1;

	if (!pattern)
		return 0;
	for (;;) {
		uint32_t character;

		if (starts_here)
			set_bit(states, 0);
		if (has_bit(states, pattern->length) && (pattern->by_words ? ends_here(&in) : in.at == in.end))
			return 1;
		if (in.at == in.end)
			return 0;
		character = next_character(&in);
		starts_here = pattern->by_words && !is_word(character);
		advance(pattern, states, fold(character));
	}
}

static int starts_with(struct reader in, const char *literal)
{
	struct reader wanted = { literal, literal + strlen(literal) };

	while (wanted.at < wanted.end)
		if (in.at == in.end || next_folded(&in) != next_folded(&wanted))
			return 0;
	return ends_here(&in);
}

int hearth_push_has_words(const char *text, size_t length, const char *literal)
{
	struct reader in = { text, text + length };
	int starts_here = 1;

	while (literal[0] && in.at < in.end) {
		if (starts_here && starts_with(in, literal))
			return 1;
		starts_here = !is_word(next_character(&in));
	}
	return 0;
}
