/* SPDX-License-Identifier: Apache-2.0
 *
 * host/outbound/internal.h - what the files of host/outbound share.
 */
#ifndef HOST_OUTBOUND_INTERNAL_H
#define HOST_OUTBOUND_INTERNAL_H

#include "outbound.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <sys/socket.h>

/*
 * libcurl's multi handles on the loop: one for trusted requests, one for the others, so that a connection that was opened
 * without asking the block list is never used again by a request that has to. done is called from the loop, once, when a
 * transfer has ended by itself.
 */
int multi_start(void (*done)(CURL *easy, CURLcode result), struct hearth_error *err);
void multi_stop(void);
int multi_add(CURL *easy, bool trusted, struct hearth_error *err);
void multi_remove(CURL *easy, bool trusted); /* done is not called any more */

/* Whom requests may reach: ip_range_blocklist and ip_range_allowlist under their older and newer names. */
int policy_read(struct hearth_error *err);
void policy_finish(void);
bool policy_blocks(const struct sockaddr *address);
/* use_insecure_ssl_client_just_for_testing_do_not_use */
bool policy_insecure(void);

#endif
