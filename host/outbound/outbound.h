/* SPDX-License-Identifier: Apache-2.0
 *
 * host/outbound/outbound.h - outbound HTTP as the host starts it.
 */
#ifndef HOST_OUTBOUND_OUTBOUND_H
#define HOST_OUTBOUND_OUTBOUND_H

#include <hearth/http.h>

int outbound_start(struct hearth_error *err);
void outbound_stop(void);
const struct hearth_outbound *outbound_service(void);

#endif
