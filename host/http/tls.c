/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate of TLS listeners, from tls_certificate_path and tls_private_key_path. */
#include "internal.h"

#include "config/config.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

static SSL_CTX *context;

static void free_contextp(SSL_CTX **candidate)
{
	SSL_CTX_free(*candidate);
}

static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_length, const unsigned char *offered,
			   unsigned int length, void *argument)
{
	static const unsigned char OURS[] = "\x08http/1.1";

	(void)ssl;
	(void)argument;
	return SSL_select_next_proto((unsigned char **)ret, ret_length, OURS, sizeof(OURS) - 1, offered, length) ==
			       OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_NOACK;
}

/* The file that a key names; ret_path NULL where the key is absent. */
static int find_path(const char *key, const char **ret_path, struct hearth_error *err)
{
	const struct config_node *node = config_find(NULL, key);
	int r = config_string(node, key, NULL, ret_path, err);

	if (r == 0 && !*ret_path)
		return hearth_fail(err, -EINVAL, "%s: a listener has tls: true, but %s is not set", config_place(node), key);
	if (r == 0)
		*ret_path = config_resolve(NULL, *ret_path);
	return r;
}

static int refuse_file(const char *key, const char *path, struct hearth_error *err)
{
	unsigned long error = ERR_peek_error();
	const char *reason = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);

	ERR_clear_error();
	return hearth_fail(err, -EINVAL, "%s: %s: %s: %s", config_place(config_find(NULL, key)), key, path,
			   reason ? reason : "cannot be used");
}

int tls_load(struct hearth_error *err)
{
	HEARTH_CLEANUP(free_contextp) SSL_CTX *candidate = SSL_CTX_new(TLS_server_method());
	const char *certificate, *key;
	int r = find_path("tls_certificate_path", &certificate, err);

	if (r == 0)
		r = find_path("tls_private_key_path", &key, err);
	if (r < 0)
		return r;
	if (!candidate)
		return hearth_fail(err, -ENOMEM, "TLS cannot be set up");
	SSL_CTX_set_min_proto_version(candidate, TLS1_2_VERSION);
	SSL_CTX_set_options(candidate, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(candidate, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(candidate, choose_protocol, NULL);
	if (SSL_CTX_use_certificate_chain_file(candidate, certificate) != 1)
		return refuse_file("tls_certificate_path", certificate, err);
	if (SSL_CTX_use_PrivateKey_file(candidate, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(candidate) != 1)
		return refuse_file("tls_private_key_path", key, err);
	SSL_CTX_free(context);
	context = candidate;
	candidate = NULL;
	return 0;
}

SSL_CTX *tls_context(void)
{
	return context;
}

void tls_finish(void)
{
	SSL_CTX_free(context);
	context = NULL;
}
