/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/abi/promise.h - the words in which a promise is written (tests/abi/baseline/promise).
 */
#ifndef ABI_PROMISE_H
#define ABI_PROMISE_H

#include <stddef.h>

#define MEMBER(type, member, offset, ...)                                                                         \
	_Static_assert(offsetof(struct type, member) == (offset), "struct " #type ": " #member " has moved");     \
	_Static_assert(__builtin_types_compatible_p(__typeof__(((struct type *)0)->member), __VA_ARGS__),         \
		       "struct " #type ": " #member " has another type")
#define SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "struct " #type " has another size")
#define AT_LEAST(type, bytes) _Static_assert(sizeof(struct type) >= (bytes), "struct " #type " has shrunk")
#define NUMBER(name, value) _Static_assert((name) == (value), #name " has another value")
#define TEXT(name, text) _Static_assert(!__builtin_strcmp(name, text), #name " has another text")
#define FUNCTION(name, ...) \
	_Static_assert(__builtin_types_compatible_p(__typeof__(name), __VA_ARGS__), #name "() has another signature")

#endif
