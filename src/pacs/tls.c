#include "pacs/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct bv_tls {
    SSL_CTX *context;
    BIO_METHOD *bytes;
    bool server;
};

static const char suites[] = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                             "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                             "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

static enum bv_status fail_file(const char *file, const char *what, struct bv_error *err)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    enum bv_status status = bv_fail(err, BV_ERR_FORMAT, "%s: no %s: %s", file, what,
                                    reason ? reason : "it cannot be read");
    ERR_clear_error();
    return status;
}

static enum bv_status load(struct bv_tls *tls, const struct bv_tls_options *o, struct bv_error *err)
{
    if (!o->certificate != !o->key || (o->server && !o->certificate))
        return bv_fail(err, BV_ERR_ARG, "TLS wants a certificate and its key");
    if (o->certificate && SSL_CTX_use_certificate_chain_file(tls->context, o->certificate) != 1)
        return fail_file(o->certificate, "certificate", err);
    if (o->key && (SSL_CTX_use_PrivateKey_file(tls->context, o->key, SSL_FILETYPE_PEM) != 1 ||
                   SSL_CTX_check_private_key(tls->context) != 1))
        return fail_file(o->key, "key of the certificate", err);
    if (o->ca_file) {
        if (SSL_CTX_load_verify_locations(tls->context, o->ca_file, NULL) != 1)
            return fail_file(o->ca_file, "authority", err);
        if (o->server)
            SSL_CTX_set_client_CA_list(tls->context, SSL_load_client_CA_file(o->ca_file));
    } else if (!o->server) {
        (void)SSL_CTX_set_default_verify_paths(tls->context);
    } else if (o->demand) {
        return bv_fail(err, BV_ERR_ARG, "certificates of clients want an authority");
    }
    return BV_OK;
}

// The bytes under TLS. OpenSSL's own sockets raise SIGPIPE when the peer is gone, which ends a
// program that does not expect it.

static int after_bytes(BIO *bio, ssize_t n, int retry)
{
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
    return (int)n;
}

static int fd_of(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

static int send_bytes(BIO *bio, const char *bytes, int n)
{
    return after_bytes(bio, send(fd_of(bio), bytes, (size_t)n, MSG_NOSIGNAL), BIO_FLAGS_WRITE);
}

static int receive_bytes(BIO *bio, char *bytes, int n)
{
    return after_bytes(bio, recv(fd_of(bio), bytes, (size_t)n, 0), BIO_FLAGS_READ);
}

static long control_bytes(BIO *bio, int what, long number, void *arg)
{
    (void)bio;
    (void)number;
    (void)arg;
    return what == BIO_CTRL_FLUSH; // nothing waits here
}

static bool make_bytes(struct bv_tls *tls)
{
    tls->bytes = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket without signals");
    return tls->bytes && BIO_meth_set_write(tls->bytes, send_bytes) &&
           BIO_meth_set_read(tls->bytes, receive_bytes) &&
           BIO_meth_set_ctrl(tls->bytes, control_bytes);
}

enum bv_status bv_tls_open(struct bv_tls **out, const struct bv_tls_options *options,
                           struct bv_error *err)
{
    struct bv_tls *tls = calloc(1, sizeof *tls);
    if (tls)
        tls->context = SSL_CTX_new(options->server ? TLS_server_method() : TLS_client_method());
    if (!tls || !tls->context || !make_bytes(tls)) {
        bv_tls_close(&tls);
        return bv_fail_nomem(err, "TLS");
    }
    tls->server = options->server;
    (void)SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    (void)SSL_CTX_set_cipher_list(tls->context, suites);
    (void)SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                                SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(tls->context,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
    int mode = !options->server                      ? SSL_VERIFY_PEER
               : options->demand || options->ca_file ? SSL_VERIFY_PEER
                                                     : SSL_VERIFY_NONE;
    if (options->server && options->demand)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(tls->context, mode, NULL);
    enum bv_status status = load(tls, options, err);
    if (status == BV_OK)
        *out = tls;
    else
        bv_tls_close(&tls);
    return status;
}

void bv_tls_close(struct bv_tls **tls)
{
    if (!tls || !*tls)
        return;
    SSL_CTX_free((*tls)->context);
    BIO_meth_free((*tls)->bytes);
    free(*tls);
    *tls = NULL;
}

SSL *bv_tls_new(struct bv_tls *tls, int fd, const char *host)
{
    SSL *ssl = SSL_new(tls->context);
    BIO *bytes = ssl ? BIO_new(tls->bytes) : NULL;
    if (!bytes) {
        SSL_free(ssl);
        return NULL;
    }
    BIO_set_data(bytes, (void *)(intptr_t)fd);
    BIO_set_init(bytes, 1);
    SSL_set_bio(ssl, bytes, bytes);
    if (!host)
        return ssl;
    unsigned char address[sizeof(struct in6_addr)];
    bool number = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    X509_VERIFY_PARAM *check = SSL_get0_param(ssl);
    if (number)
        (void)X509_VERIFY_PARAM_set1_ip_asc(check, host);
    else
        (void)SSL_set1_host(ssl, host);
    if (!number)
        (void)SSL_set_tlsext_host_name(ssl, host);
    return ssl;
}

enum bv_status bv_tls_fail(SSL *ssl, struct bv_error *err)
{
    long verified = SSL_get_verify_result(ssl);
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    if (verified != X509_V_OK)
        return bv_fail(err, BV_ERR_REFUSED, "TLS: the peer's certificate is not believed: %s",
                       X509_verify_cert_error_string(verified));
    return bv_fail(err, BV_ERR_REFUSED, "TLS: %s", reason ? reason : "the peer speaks none");
}
