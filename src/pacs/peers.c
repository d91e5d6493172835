#include "pacs/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "pacs/pdu.h"

enum { MAX_FILE = 1 << 20, ADDRESS = 16 };

// IPv4 addresses are kept as ::ffff:a.b.c.d.
struct peer {
    char title[BV_TITLE_ROOM];
    uint8_t address[ADDRESS];
    int bits;
    struct bv_rights rights;
};

struct bv_receiver_peers {
    struct peer *items;
    size_t n, room;
};

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool parse_address(const char *text, struct peer *p)
{
    char address[64];
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    char *end = NULL;
    long bits = slash ? strtol(slash + 1, &end, 10) : -1;
    if (n >= sizeof address || (slash && (end == slash + 1 || *end || bits < 0)))
        return false;
    memcpy(address, text, n);
    address[n] = 0;
    bool four = inet_pton(AF_INET, address, p->address + 12) == 1;
    if (four)
        memcpy(p->address, mapped, sizeof mapped);
    else if (inet_pton(AF_INET6, address, p->address) != 1)
        return false;
    long most = four ? 32 : 128;
    if (bits > most)
        return false;
    p->bits = (int)((bits < 0 ? most : bits) + (four ? 96 : 0));
    return true;
}

static bool parse_rights(const char *text, struct bv_rights *rights)
{
    while (*text) {
        size_t n = strcspn(text, ",");
        if (n == 5 && strncmp(text, "store", n) == 0)
            rights->store = true;
        else if (n == 6 && strncmp(text, "commit", n) == 0)
            rights->commit = true;
        else
            return false;
        text += n + (text[n] == ',');
    }
    return rights->store || rights->commit;
}

static enum bv_status add_line(struct bv_receiver_peers *peers, const char *path, int number,
                               char *line, struct bv_error *err)
{
    char title[32], address[64], rights[32], rest[2];
    line[strcspn(line, "#")] = 0;
    int n = sscanf(line, "%31s %63s %31s %1s", title, address, rights, rest);
    if (n <= 0)
        return BV_OK;
    struct peer peer = {.bits = 0};
    if (n != 3 || strlen(title) >= BV_TITLE_ROOM || !parse_address(address, &peer) ||
        !parse_rights(rights, &peer.rights))
        return bv_fail(err, BV_ERR_FORMAT,
                       "%s line %d: a peer is TITLE ADDRESS[/BITS] store,commit", path, number);
    strcpy(peer.title, title);
    if (peers->n == peers->room) {
        size_t room = peers->room ? 2 * peers->room : 16;
        struct peer *more = realloc(peers->items, room * sizeof *more);
        if (!more)
            return bv_fail_nomem(err, "peers");
        peers->items = more;
        peers->room = room;
    }
    peers->items[peers->n++] = peer;
    return BV_OK;
}

enum bv_status bv_peers_read(struct bv_receiver_peers **out, const char *path, struct bv_error *err)
{
    char *text = NULL;
    size_t size;
    BV_TRY(bv_read_all(path, MAX_FILE, &text, &size, err));
    struct bv_receiver_peers *peers = calloc(1, sizeof *peers);
    enum bv_status status = peers ? BV_OK : bv_fail_nomem(err, "peers");
    int number = 0;
    for (char *line = text; status == BV_OK && line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = 0;
        status = add_line(peers, path, ++number, line, err);
        line = end ? end + 1 : NULL;
    }
    free(text);
    if (status == BV_OK)
        *out = peers;
    else
        bv_peers_free(&peers);
    return status;
}

void bv_peers_free(struct bv_receiver_peers **peers)
{
    if (!peers || !*peers)
        return;
    free((*peers)->items);
    free(*peers);
    *peers = NULL;
}

static bool is_at(const struct peer *p, const struct sockaddr *address)
{
    uint8_t bytes[ADDRESS];
    if (address->sa_family == AF_INET) {
        memcpy(bytes, mapped, sizeof mapped);
        memcpy(bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, ADDRESS);
    } else {
        return false;
    }
    int whole = p->bits / 8, rest = p->bits % 8;
    if (memcmp(bytes, p->address, (size_t)whole) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00 >> rest);
    return rest == 0 || ((bytes[whole] ^ p->address[whole]) & mask) == 0;
}

bool bv_peers_know(const struct bv_receiver_peers *peers, const struct sockaddr *address)
{
    for (size_t i = 0; i < peers->n; i++) {
        if (is_at(&peers->items[i], address))
            return true;
    }
    return false;
}

struct bv_rights bv_peers_rights(const struct bv_receiver_peers *peers,
                                 const struct sockaddr *address, const char *title)
{
    struct bv_rights rights = {0};
    for (size_t i = 0; i < peers->n; i++) {
        const struct peer *p = &peers->items[i];
        if (strcmp(p->title, title) != 0 || !is_at(p, address))
            continue;
        rights.store = rights.store || p->rights.store;
        rights.commit = rights.commit || p->rights.commit;
    }
    return rights;
}
