/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/base.h - attributes and the ABI version that every other header rests on.
 *
 * ABI history, newest first. A minor only appends; nothing is ever edited.
 *   1.0  first version
 */
#ifndef HEARTH_BASE_H
#define HEARTH_BASE_H

#include <stddef.h>
#include <stdint.h>

#define HEARTH_ABI_MAJOR 1
#define HEARTH_ABI_MINOR 0

#ifdef __cplusplus
#define HEARTH_BEGIN_DECLS extern "C" {
#define HEARTH_END_DECLS }
#else
#define HEARTH_BEGIN_DECLS
#define HEARTH_END_DECLS
#endif

#define HEARTH_EXPORT __attribute__((visibility("default")))
#define HEARTH_MUST_CHECK __attribute__((warn_unused_result))
#define HEARTH_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))

/* Runs fn(&variable) when the variable leaves its scope. Such functions never suspend. */
#define HEARTH_CLEANUP(fn) __attribute__((cleanup(fn)))

/*
 * Marks a function that may let other tasks run before it returns. Only such a function may call one;
 * tools/check-suspends proves it, and the host checks it at run time. After such a call, whatever was read
 * from shared state may have changed.
 */
#ifdef __clang__
#define HEARTH_SUSPENDS __attribute__((annotate("hearth_suspends")))
#else
#define HEARTH_SUSPENDS
#endif

#define HEARTH_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * HEARTH_EACH(macro, common, a, b, ...) is macro(common, a) macro(common, b) ... for up to 24 arguments: what
 * HEARTH_COLUMNS and HEARTH_NEEDS are made of.
 */
#define HEARTH_EACH(macro_, common_, ...) \
	HEARTH_EACH_PICK_(__VA_ARGS__, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, \
			  4, 3, 2, 1, 0) \
	(macro_, common_, __VA_ARGS__)
#define HEARTH_EACH_PICK_(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, _17, _18, _19, _20, \
			  _21, _22, _23, _24, count_, ...) HEARTH_EACH_##count_##_
#define HEARTH_EACH_1_(m_, c_, a_) m_(c_, a_)
#define HEARTH_EACH_2_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_1_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_3_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_2_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_4_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_3_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_5_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_4_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_6_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_5_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_7_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_6_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_8_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_7_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_9_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_8_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_10_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_9_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_11_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_10_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_12_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_11_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_13_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_12_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_14_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_13_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_15_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_14_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_16_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_15_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_17_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_16_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_18_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_17_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_19_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_18_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_20_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_19_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_21_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_20_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_22_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_21_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_23_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_22_(m_, c_, __VA_ARGS__)
#define HEARTH_EACH_24_(m_, c_, a_, ...) m_(c_, a_) HEARTH_EACH_23_(m_, c_, __VA_ARGS__)

/* Aborts with file and line. For what only a mistake in our own code can cause; input never reaches one. */
#define hearth_assert(condition) \
	((condition) ? (void)0 : hearth_assert_failed(#condition, __FILE__, __LINE__))

/*
 * Three words say how long a pointer lives, in every comment of the SDK:
 *   borrowed  until the call returns, or until the next suspension
 *   arena     until the arena (a task's, unless another is named) ends
 *   owned     the receiver frees it, with the function that is named
 */

HEARTH_BEGIN_DECLS

/* What hearth_assert calls: says where, and aborts. */
HEARTH_EXPORT __attribute__((noreturn))
void hearth_assert_failed(const char *condition, const char *file, int line);

HEARTH_END_DECLS
#endif
