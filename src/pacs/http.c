#include "pacs/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

// A whole answer may take so many times the time without progress; so often a redirect is followed;
// so long a server may ask us to wait.
enum { TOTAL_TIMES = 20, MAX_REDIRECTS = 5, MAX_WAIT_MS = 120000 };

struct bv_http {
    CURL *curl;
    const struct bv_archive_options *options;
    size_t n_retries;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum bv_status bv_http_open(struct bv_http **out, const struct bv_archive_options *options,
                            struct bv_error *err)
{
    (void)pthread_once(&once, init_curl);
    struct bv_http *http = calloc(1, sizeof *http);
    if (http)
        http->curl = curl_easy_init();
    if (!http || !http->curl) {
        free(http);
        return bv_fail_nomem(err, "a connection");
    }
    http->options = options;
    *out = http;
    return BV_OK;
}

void bv_http_close(struct bv_http **http)
{
    if (!http || !*http)
        return;
    curl_easy_cleanup((*http)->curl);
    free(*http);
    *http = NULL;
}

size_t bv_http_retries(const struct bv_http *http)
{
    return http->n_retries;
}

struct sink {
    uint8_t *data;
    size_t size, room, max;
    bool too_long;
};

static size_t take(char *bytes, size_t one, size_t n, void *arg)
{
    struct sink *sink = arg;
    n *= one;
    if (n > sink->max - sink->size) {
        sink->too_long = true;
        return 0;
    }
    if (sink->room - sink->size < n + 1) {
        size_t room = sink->room * 2 + n + 4096;
        uint8_t *data = realloc(sink->data, room);
        if (!data)
            return 0;
        sink->data = data;
        sink->room = room;
    }
    memcpy(sink->data + sink->size, bytes, n);
    sink->size += n;
    sink->data[sink->size] = 0;
    return n;
}

// Host and port, for messages: a path may hold the identifiers of a patient's study.
static const char *shown(const char *url, char out[512])
{
    const char *at = strstr(url, "://");
    const char *host = at ? at + 3 : url;
    (void)snprintf(out, 512, "%.*s", (int)strcspn(host, "/?"), host);
    return out;
}

static struct curl_slist *make_headers(const struct bv_http_request *r)
{
    struct curl_slist *headers = NULL;
    char line[512];
    if (r->accept) {
        (void)snprintf(line, sizeof line, "Accept: %s", r->accept);
        headers = curl_slist_append(headers, line);
    }
    if (r->body) {
        (void)snprintf(line, sizeof line, "Content-Type: %s", r->content_type);
        headers = curl_slist_append(headers, line);
        headers = curl_slist_append(headers, "Expect:");
    }
    return headers;
}

static void set_options(const struct bv_http *http, const struct bv_http_request *r,
                        struct curl_slist *headers, struct sink *sink)
{
    CURL *c = http->curl;
    const struct bv_archive_options *o = http->options;
    curl_easy_reset(c);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L); // follow() decides
    // Neither the environment's proxy, nor one for this machine.
    (void)curl_easy_setopt(c, CURLOPT_PROXY, o->proxy ? o->proxy : "");
    (void)curl_easy_setopt(c, CURLOPT_NOPROXY, "localhost,127.0.0.0/8,::1");
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, sink);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)o->timeout_s);
    // Less than 100 bytes a second for so long is a server that hangs.
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 100L);
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)o->timeout_s);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)TOTAL_TIMES * o->timeout_s);
    (void)curl_easy_setopt(c, CURLOPT_USERAGENT, "biovl");
    if (o->token) {
        (void)curl_easy_setopt(c, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        (void)curl_easy_setopt(c, CURLOPT_XOAUTH2_BEARER, o->token);
    }
    if (o->user_password) {
        (void)curl_easy_setopt(c, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        (void)curl_easy_setopt(c, CURLOPT_USERPWD, o->user_password);
    }
    if (o->ca_file)
        (void)curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file);
    if (o->tls_certificate) {
        (void)curl_easy_setopt(c, CURLOPT_SSLCERT, o->tls_certificate);
        (void)curl_easy_setopt(c, CURLOPT_SSLKEY, o->tls_key ? o->tls_key : o->tls_certificate);
    }
    if (r->body) {
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body);
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_size);
    }
}

static bool is_transient(CURLcode code, long http_code)
{
    switch (code) {
    case CURLE_OK:
        return http_code == 408 || http_code == 429 || http_code == 500 || http_code == 502 ||
               http_code == 503 || http_code == 504;
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return true;
    default:
        return false;
    }
}

static enum bv_status judge(const struct bv_http_request *r, CURLcode code, long http_code,
                            const struct sink *sink, int tries, struct bv_error *err)
{
    char where[512];
    if (sink->too_long)
        return bv_fail(err, BV_ERR_LIMIT, "%s: the answer is longer than %zu bytes",
                       shown(r->url, where), r->max_answer);
    if (code != CURLE_OK)
        return bv_fail(err, BV_ERR_IO, "%s: %s%s", shown(r->url, where), curl_easy_strerror(code),
                       tries > 1 ? ", several times" : "");
    if (http_code == 401 || http_code == 403)
        return bv_fail(err, BV_ERR_REFUSED, "%s: the server wants other credentials (HTTP %ld)",
                       shown(r->url, where), http_code);
    if (http_code >= 300 && http_code < 400)
        return bv_fail(err, BV_ERR_REFUSED,
                       "%s: the server leads to another host or away from TLS (HTTP %ld)",
                       shown(r->url, where), http_code);
    if ((http_code >= 200 && http_code < 300) || http_code == 404 || http_code == 406 ||
        http_code == 409)
        return BV_OK;
    return bv_fail(err, BV_ERR_IO, "%s: HTTP %ld%s", shown(r->url, where), http_code,
                   tries > 1 ? ", several times" : "");
}

static void wait_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

// Scheme, host and port of a URL, lower case; false when it is none.
static bool read_origin(const char *url, char origin[512])
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    bool right = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
                 curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                 curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                 curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    if (right)
        right = snprintf(origin, 512, "%s://%s:%s", scheme, host, port) < 512;
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return right;
}

// A redirect leads to the same host or nowhere: another one would get our credentials and the
// identifiers that the path holds. From http to https of the same host it may go, never back.
static bool may_follow(const char *from, const char *to)
{
    char a[512], b[512];
    if (!read_origin(from, a) || !read_origin(to, b))
        return false;
    if (strcasecmp(a, b) == 0)
        return true;
    size_t host = strcspn(a + sizeof "http://" - 1, ":");
    return strncmp(a, "http://", 7) == 0 && strncmp(b, "https://", 8) == 0 &&
           strncasecmp(a + 7, b + 8, host) == 0 && b[8 + host] == ':';
}

// Performs a request and follows its redirects; *http_code stays a redirect's when it may not be
// followed.
static CURLcode perform(struct bv_http *http, const struct bv_http_request *r,
                        struct curl_slist *headers, struct sink *sink, long *http_code)
{
    CURLcode code = CURLE_OK;
    char *url = strdup(r->url);
    for (int n = 0; url && n <= MAX_REDIRECTS; n++) {
        const char *next = NULL;
        sink->size = 0;
        sink->too_long = false;
        set_options(http, r, headers, sink);
        (void)curl_easy_setopt(http->curl, CURLOPT_URL, url);
        code = curl_easy_perform(http->curl);
        (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, http_code);
        (void)curl_easy_getinfo(http->curl, CURLINFO_REDIRECT_URL, &next);
        bool same = !r->body || *http_code == 307 || *http_code == 308;
        if (code != CURLE_OK || *http_code < 300 || *http_code > 399 || !next || !same ||
            !may_follow(url, next))
            break;
        char *copy = strdup(next);
        free(url);
        url = copy;
    }
    code = url ? code : CURLE_OUT_OF_MEMORY;
    free(url);
    return code;
}

// How long to wait before the next try: as the server says, within bounds.
static long pause_of(const struct bv_http *http, long pause)
{
    curl_off_t asked = 0;
    (void)curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &asked);
    if (asked > MAX_WAIT_MS / 1000)
        return MAX_WAIT_MS;
    return asked * 1000 > pause ? (long)(asked * 1000) : pause;
}

enum bv_status bv_http_run(struct bv_http *http, const struct bv_http_request *r,
                           struct bv_http_answer *answer, struct bv_error *err)
{
    struct curl_slist *headers = make_headers(r);
    struct sink sink = {.max = r->max_answer};
    CURLcode code = CURLE_OK;
    long http_code = 0;
    int tries = 0;
    for (long pause = http->options->pause_ms;; pause *= 2) {
        code = perform(http, r, headers, &sink, &http_code);
        if (++tries >= http->options->tries || sink.too_long || !is_transient(code, http_code))
            break;
        http->n_retries++;
        wait_ms(pause_of(http, pause));
    }
    curl_slist_free_all(headers);
    enum bv_status status = judge(r, code, http_code, &sink, tries, err);
    if (status != BV_OK) {
        free(sink.data);
        return status;
    }
    const char *type = NULL;
    (void)curl_easy_getinfo(http->curl, CURLINFO_CONTENT_TYPE, &type);
    *answer = (struct bv_http_answer){.code = http_code, .body = sink.data, .size = sink.size};
    (void)snprintf(answer->content_type, sizeof answer->content_type, "%s", type ? type : "");
    return BV_OK;
}
