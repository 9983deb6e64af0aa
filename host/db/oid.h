/* SPDX-License-Identifier: Apache-2.0
 *
 * host/db/oid.h - the OIDs of PostgreSQL's built-in types, fixed for ever in its catalogue, and what they fit.
 */
#ifndef HOST_DB_OID_H
#define HOST_DB_OID_H

#include <libpq-fe.h>
#include <stdbool.h>

#include <hearth/field.h>

enum {
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_NAME = 19,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_TEXT = 25,
	OID_JSON = 114,
	OID_FLOAT4 = 700,
	OID_FLOAT8 = 701,
	OID_INT2_ARRAY = 1005,
	OID_INT4_ARRAY = 1007,
	OID_TEXT_ARRAY = 1009,
	OID_VARCHAR_ARRAY = 1015,
	OID_INT8_ARRAY = 1016,
	OID_BPCHAR = 1042,
	OID_VARCHAR = 1043,
};

static inline bool oid_is_text(Oid oid)
{
	return oid == OID_TEXT || oid == OID_VARCHAR || oid == OID_BPCHAR || oid == OID_NAME || oid == OID_JSON;
}

/* Whether a column of that type can fill a member of an enum hearth_type. */
static inline bool oid_fits(Oid oid, uint32_t type)
{
	switch (type) {
	case HEARTH_TYPE_TEXT:
	case HEARTH_TYPE_JSON:  return oid_is_text(oid);
	case HEARTH_TYPE_INT:   return oid == OID_INT8 || oid == OID_INT4 || oid == OID_INT2;
	case HEARTH_TYPE_BOOL:  return oid == OID_BOOL;
	case HEARTH_TYPE_FLOAT: return oid == OID_FLOAT8 || oid == OID_FLOAT4;
	case HEARTH_TYPE_BYTES: return oid == OID_BYTEA;
	case HEARTH_TYPE_TEXTS: return oid == OID_TEXT_ARRAY || oid == OID_VARCHAR_ARRAY;
	case HEARTH_TYPE_INTS:  return oid == OID_INT8_ARRAY || oid == OID_INT4_ARRAY || oid == OID_INT2_ARRAY;
	default:                return false;
	}
}

#endif
