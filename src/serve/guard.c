#include "serve/guard.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOKEN_LEAST = 16, TOKEN_MOST = 4096 };

bool bv_same_secret(const char *secret, const char *given, size_t n_given)
{
    size_t n = strlen(secret);
    unsigned difference = n != n_given;
    for (size_t i = 0; i < n_given; i++)
        difference |= (unsigned char)(given[i] ^ secret[n ? i % n : 0]);
    return difference == 0 && n > 0;
}

enum bv_status bv_random_hex(char *out, size_t n, struct bv_error *err)
{
    unsigned char bytes[32];
    if (n > sizeof bytes || getrandom(bytes, n, 0) != (ssize_t)n)
        return bv_fail(err, BV_ERR_IO, "no random numbers: %s", strerror(errno));
    for (size_t i = 0; i < n; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return BV_OK;
}

// The token file.

static enum bv_status make_token_file(const char *path, struct bv_error *err)
{
    char token[BV_TOKEN_SIZE];
    BV_TRY(bv_random_hex(token, 32, err));
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    token[BV_TOKEN_SIZE - 1] = '\n';
    bool written = write(fd, token, sizeof token) == (ssize_t)sizeof token;
    if (close(fd) == 0 && written)
        return BV_OK;
    (void)unlink(path);
    return bv_fail(err, BV_ERR_IO, "%s: cannot be written", path);
}

static enum bv_status take_token(struct bv_guard *guard, const char *path, const char *text,
                                 size_t n, struct bv_error *err)
{
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    for (size_t i = 0; i < n; i++)
        if (!isgraph((unsigned char)text[i]))
            return bv_fail(err, BV_ERR_FORMAT, "%s: a token is one line of printable characters",
                           path);
    if (n < TOKEN_LEAST || n > TOKEN_MOST)
        return bv_fail(err, BV_ERR_FORMAT, "%s: a token has %d to %d characters, this one %zu",
                       path, TOKEN_LEAST, TOKEN_MOST, n);
    guard->bearer = strndup(text, n);
    return guard->bearer ? BV_OK : bv_fail_nomem(err, "a token");
}

static enum bv_status read_token_file(struct bv_guard *guard, const char *path,
                                      struct bv_error *err)
{
    char text[TOKEN_MOST + 3];
    if (access(path, F_OK) != 0 && errno == ENOENT)
        BV_TRY(make_token_file(path, err));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat facts;
    if (fd < 0)
        return bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    ssize_t n = -1;
    enum bv_status status = BV_OK;
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode))
        status = bv_fail(err, BV_ERR_IO, "%s: not a file", path);
    else if (facts.st_mode & 077 || facts.st_uid != geteuid())
        status = bv_fail(err, BV_ERR_REFUSED,
                         "%s: a token file belongs to who serves and has the mode 0600", path);
    else if ((n = read(fd, text, sizeof text)) < 0)
        status = bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    (void)close(fd);
    return status == BV_OK ? take_token(guard, path, text, (size_t)n, err) : status;
}

enum bv_status bv_guard_open(struct bv_guard *guard, const char *token_file, struct bv_error *err)
{
    BV_TRY(bv_random_hex(guard->session, 32, err));
    BV_TRY(bv_random_hex(guard->opening, 32, err));
    return token_file ? read_token_file(guard, token_file, err) : BV_OK;
}

void bv_guard_close(struct bv_guard *guard)
{
    for (size_t i = 0; i < guard->n_hosts; i++)
        free(guard->hosts[i]);
    free(guard->bearer);
}

// Names.

static bool has_port(const char *host)
{
    const char *colon = strrchr(host, ':');
    return colon && (!strchr(host, ']') ? strchr(host, ':') == colon : colon[-1] == ']');
}

static enum bv_status add_host(struct bv_guard *guard, const char *name, int port,
                               struct bv_error *err)
{
    char text[300];
    bool bare = strchr(name, ':') && name[0] != '[' && !has_port(name); // an IPv6 address
    int n = has_port(name) || port == 0
                ? snprintf(text, sizeof text, "%s", name)
                : snprintf(text, sizeof text, bare ? "[%s]:%d" : "%s:%d", name, port);
    if (n < 1 || (size_t)n >= sizeof text ||
        guard->n_hosts == sizeof guard->hosts / sizeof *guard->hosts)
        return bv_fail(err, BV_ERR_ARG, "\"%.40s\": a name too long, or one too many", name);
    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    char *copy = strdup(text);
    if (!copy)
        return bv_fail_nomem(err, "a name");
    guard->hosts[guard->n_hosts++] = copy;
    return BV_OK;
}

enum bv_status bv_guard_name(struct bv_guard *guard, const char *address, int port, bool loopback,
                             const char *const *hosts, size_t n_hosts, struct bv_error *err)
{
    static const char *const mine[] = {"127.0.0.1", "localhost", "[::1]"};
    (void)snprintf(guard->cookie, sizeof guard->cookie, "biovl-%d", port);
    for (size_t i = 0; loopback && i < sizeof mine / sizeof *mine; i++)
        BV_TRY(add_host(guard, mine[i], port, err));
    BV_TRY(add_host(guard, address, port, err));
    for (size_t i = 0; i < n_hosts; i++) {
        BV_TRY(add_host(guard, hosts[i], port, err));
        if (!has_port(hosts[i])) // behind a proxy at its scheme's usual port
            BV_TRY(add_host(guard, hosts[i], 0, err));
    }
    return BV_OK;
}

static bool is_host(const struct bv_guard *guard, const char *host)
{
    for (size_t i = 0; i < guard->n_hosts; i++)
        if (strcasecmp(guard->hosts[i], host) == 0)
            return true;
    return false;
}

// Whether an origin is that of the page that host serves.
static bool is_origin(const char *origin, const char *host)
{
    const char *rest = strstr(origin, "://");
    bool http = strncmp(origin, "http://", 7) == 0 || strncmp(origin, "https://", 8) == 0;
    return http && rest && strcasecmp(rest + 3, host) == 0;
}

// Tokens.

static bool has_cookie(const struct bv_guard *guard, const char *cookies)
{
    size_t n = strlen(guard->cookie);
    for (const char *at = cookies; at && *at;) {
        at += strspn(at, "; ");
        size_t length = strcspn(at, ";");
        if (length > n && strncmp(at, guard->cookie, n) == 0 && at[n] == '=' &&
            bv_same_secret(guard->session, at + n + 1, length - n - 1))
            return true;
        at += length;
    }
    return false;
}

static bool has_bearer(const struct bv_guard *guard, const char *authorization)
{
    if (!guard->bearer || !authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
        return false;
    const char *given = authorization + 7 + strspn(authorization + 7, " ");
    return bv_same_secret(guard->bearer, given, strlen(given));
}

bool bv_guard_opens(struct bv_guard *guard, const char *token)
{
    (void)pthread_mutex_lock(&guard->lock);
    bool opens = bv_same_secret(guard->opening, token, strlen(token));
    if (opens)
        guard->opening[0] = 0;
    (void)pthread_mutex_unlock(&guard->lock);
    return opens;
}

// The checks, in their order.

static unsigned check_place(const struct bv_guard *guard, const struct bv_asker *a,
                            const char **why)
{
    *why = "a header stands twice";
    if (a->repeated)
        return 400;
    *why = "the Host header names another service";
    if (!a->host || !is_host(guard, a->host))
        return 403;
    *why = "asked from another site";
    if (a->site && strcmp(a->site, "same-origin") != 0 &&
        (strcmp(a->site, "none") != 0 || a->changes))
        return 403;
    return a->origin && !is_origin(a->origin, a->host) ? 403 : 0;
}

static unsigned check_right(const struct bv_guard *guard, const struct bv_asker *a,
                            const char **why)
{
    if (a->open || has_bearer(guard, a->authorization))
        return 0;
    *why = "no token: open the address that the service printed, or send Authorization: Bearer";
    if (a->authorization || !has_cookie(guard, a->cookie))
        return 401;
    *why = "a browser's request without Origin";
    return a->changes && !a->origin ? 403 : 0;
}

static bool begins_type(const char *type, const char *name)
{
    size_t n = strlen(name);
    return strncasecmp(type, name, n) == 0 && (type[n] == 0 || type[n] == ';' || type[n] == ' ');
}

static unsigned check_body(const struct bv_asker *a, const char **why)
{
    *why = "both Content-Length and Transfer-Encoding";
    if (a->length && a->transfer)
        return 400;
    *why = "a Transfer-Encoding other than chunked";
    if (a->transfer && strcasecmp(a->transfer, "chunked") != 0)
        return 400;
    *why = "a compressed body";
    if (a->encoding && strcasecmp(a->encoding, "identity") != 0)
        return 415;
    *why = "a body is application/json or multipart/form-data";
    if (a->body && (!a->type || (!begins_type(a->type, "application/json") &&
                                 !begins_type(a->type, "multipart/form-data"))))
        return 415;
    return 0;
}

unsigned bv_guard_check(const struct bv_guard *guard, const struct bv_asker *asker,
                        const char **why)
{
    unsigned status = check_place(guard, asker, why);
    if (status == 0)
        status = check_right(guard, asker, why);
    return status ? status : check_body(asker, why);
}
