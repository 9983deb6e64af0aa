/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519, SHA-256, and the signing of JSON and of events. */
#include "event_internal.h"

#include <hearth/matrix/id.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#define ALGORITHM_PREFIX "ed25519:"

/* A signature covers what any server may have written, floats included: the receiver would compute the same bytes. */
#define SIGNED_FLAGS HEARTH_JSON_BIG_INTS

/* --- primitives --- */

void hearth_sha256(const void *bytes, size_t size_bytes, uint8_t ret_hash[32])
{
	unsigned written;
	int done = EVP_Digest(bytes, size_bytes, ret_hash, &written, EVP_sha256(), NULL);

	hearth_assert(done == 1 && written == 32);
}

int hearth_equal_secret(const void *a, const void *b, size_t size_bytes)
{
	return CRYPTO_memcmp(a, b, size_bytes) == 0;
}

static void free_pkey(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}

static void free_context(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}

static void free_pkey_context(EVP_PKEY_CTX **context)
{
	EVP_PKEY_CTX_free(*context);
}

/* With both halves given OpenSSL does not derive the public one again, which takes as long as the signature itself. */
static EVP_PKEY *pkey_of(const struct hearth_signing_key *key)
{
	HEARTH_CLEANUP(free_pkey_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "ED25519", NULL);
	OSSL_PARAM halves[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, (void *)(uintptr_t)key->seed, sizeof(key->seed)),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)key->public_key,
						  sizeof(key->public_key)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *pkey = NULL;

	if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_KEYPAIR, halves) != 1)
		return NULL;
	return pkey;
}

void hearth_ed25519_sign(const struct hearth_signing_key *key, const void *message, size_t size_bytes,
			 uint8_t ret_signature[64])
{
	HEARTH_CLEANUP(free_pkey) EVP_PKEY *pkey = pkey_of(key);
	HEARTH_CLEANUP(free_context) EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t length = 64;
	int done;

	hearth_assert(pkey && context);
	done = EVP_DigestSignInit(context, NULL, NULL, NULL, pkey);
	hearth_assert(done == 1);
	done = EVP_DigestSign(context, ret_signature, &length, message, size_bytes);
	hearth_assert(done == 1 && length == 64);
}

int hearth_ed25519_verify(const uint8_t public_key[32], const void *message, size_t size_bytes,
			  const uint8_t signature[64])
{
	HEARTH_CLEANUP(free_pkey)
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
	HEARTH_CLEANUP(free_context) EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (!pkey || !context || EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) != 1)
		return 0;
	return EVP_DigestVerify(context, signature, 64, message, size_bytes) == 1;
}

/* --- keys --- */

static int is_key_version(const char *version)
{
	size_t length = strlen(version), allowed;

	allowed = strspn(version, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
	return length > 0 && allowed == length &&
	       length < sizeof(((struct hearth_signing_key *)NULL)->key_id) - strlen(ALGORITHM_PREFIX);
}

int hearth_signing_key_from_seed(struct hearth_signing_key *key, const char *version, const uint8_t seed[32],
				 struct hearth_error *err)
{
	HEARTH_CLEANUP(free_pkey) EVP_PKEY *pkey = NULL;
	size_t length = sizeof(key->public_key);
	int done;

	if (!is_key_version(version))
		return hearth_fail(err, -EINVAL, "a signing key's version is letters, digits and '_', not '%s'",
				   version);
	snprintf(key->key_id, sizeof(key->key_id), ALGORITHM_PREFIX "%s", version);
	memmove(key->seed, seed, sizeof(key->seed));
	pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->seed, sizeof(key->seed));
	hearth_assert(pkey);
	done = EVP_PKEY_get_raw_public_key(pkey, key->public_key, &length);
	hearth_assert(done == 1 && length == sizeof(key->public_key));
	return 0;
}

int hearth_signing_key_generate(struct hearth_signing_key *key, const char *version, struct hearth_error *err)
{
	uint8_t seed[32];
	int r;

	if (RAND_priv_bytes(seed, sizeof(seed)) != 1)
		return hearth_fail(err, -EIO, "no random bytes for a signing key");
	r = hearth_signing_key_from_seed(key, version, seed, err);
	OPENSSL_cleanse(seed, sizeof(seed));
	return r;
}

/* --- signed JSON --- */

static int signed_text(struct hearth_arena *arena, const struct hearth_json *object, char **ret_text,
		       size_t *ret_length, struct hearth_error *err)
{
	struct hearth_json *bare = hearth_json_object_copy(arena, object);

	hearth_json_remove(bare, "signatures");
	hearth_json_remove(bare, "unsigned");
	return hearth_json_canonical(arena, bare, SIGNED_FLAGS, ret_text, ret_length, err);
}

static void add_signature(struct hearth_arena *arena, struct hearth_json *object, const char *signer,
			  const char *key_id, const uint8_t signature[64])
{
	struct hearth_json *all = hearth_json_object_copy(arena, hearth_json_get_object(object, "signatures"));
	struct hearth_json *own = hearth_json_object_copy(arena, hearth_json_get_object(all, signer));

	hearth_json_set_string(own, key_id, hearth_base64_encode(arena, signature, 64));
	hearth_json_set(all, signer, own);
	hearth_json_set(object, "signatures", all);
}

static int sign_as(struct hearth_arena *arena, const struct hearth_json *covered, struct hearth_json *object,
		   const char *signer, const struct hearth_signing_key *key, struct hearth_error *err)
{
	uint8_t signature[64];
	char *text;
	size_t length;
	int r;

	r = signed_text(arena, covered, &text, &length, err);
	if (r < 0)
		return r;
	hearth_ed25519_sign(key, text, length, signature);
	add_signature(arena, object, signer, key->key_id, signature);
	return 0;
}

int hearth_json_sign(struct hearth_arena *arena, struct hearth_json *object, const char *signer,
		     const struct hearth_signing_key *key, struct hearth_error *err)
{
	return sign_as(arena, object, object, signer, key, err);
}

int hearth_json_verify(struct hearth_arena *arena, const struct hearth_json *object, const char *signer,
		       const char *key_id, const uint8_t public_key[32], struct hearth_error *err)
{
	const struct hearth_json *own = hearth_json_get_object(hearth_json_get_object(object, "signatures"), signer);
	const char *encoded = hearth_json_get_string(own, key_id);
	uint8_t *signature;
	size_t size_bytes, length;
	char *text;

	if (strncmp(key_id, ALGORITHM_PREFIX, strlen(ALGORITHM_PREFIX)) != 0 || !encoded)
		return hearth_refuse(err, 401, "M_UNAUTHORIZED", "no signature of %s with %s", signer, key_id);
	if (hearth_base64_decode(arena, encoded, &signature, &size_bytes) < 0 || size_bytes != 64 ||
	    signed_text(arena, object, &text, &length, NULL) < 0 ||
	    !hearth_ed25519_verify(public_key, text, length, signature))
		return hearth_refuse(err, 401, "M_UNAUTHORIZED", "the signature of %s with %s is not valid", signer,
				     key_id);
	return 0;
}

/* --- events --- */

static int add_content_hash(struct hearth_arena *arena, const struct hearth_room_version *version,
			    struct hearth_json *pdu, struct hearth_error *err)
{
	struct hearth_json *hashes = hearth_json_object_copy(arena, hearth_json_get_object(pdu, "hashes"));
	uint8_t hash[32];
	int r;

	r = hearth_event_content_hash(arena, version, pdu, hash, err);
	if (r < 0)
		return r;
	hearth_json_set_string(hashes, "sha256", hearth_base64_encode(arena, hash, sizeof(hash)));
	hearth_json_set(pdu, "hashes", hashes);
	return 0;
}

int hearth_event_sign(struct hearth_arena *arena, const struct hearth_room_version *version, struct hearth_json *pdu,
		      const char *signer, const struct hearth_signing_key *key, const char **ret_event_id,
		      struct hearth_error *err)
{
	int r;

	r = add_content_hash(arena, version, pdu, err);
	if (r < 0)
		return r;
	r = sign_as(arena, hearth_event_redact(arena, version, pdu), pdu, signer, key, err);
	if (r < 0)
		return r;
	return hearth_event_id(arena, version, pdu, ret_event_id, err);
}
