/* SPDX-License-Identifier: Apache-2.0
 *
 * plugins/rooms/bundle.h - aggregations that stand in unsigned.m.relations.
 */
#ifndef ROOMS_BUNDLE_H
#define ROOMS_BUNDLE_H

#include "rooms.h"

/* The value of m.relations of an event, or NULL. bundled: from rooms_bundle; NULL: nothing. */
const char *rooms_bundled_text(const void *bundled, const char *event_id);

#endif
