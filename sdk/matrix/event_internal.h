/* SPDX-License-Identifier: Apache-2.0 */
/* What the event_*.c files share. */
#ifndef HEARTH_EVENT_INTERNAL_H
#define HEARTH_EVENT_INTERNAL_H

#include <hearth/matrix/event.h>

/* The flags of hearth_json_canonical for events of a room version. */
static inline uint32_t canonical_flags(const struct hearth_room_version *version)
{
	return version->strict_canonical_json ? HEARTH_JSON_NO_FLOATS : HEARTH_JSON_BIG_INTS;
}

#endif
