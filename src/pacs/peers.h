// peers.h: who may call the receiver, by a file.
//
// One peer a line: TITLE ADDRESS RIGHTS. ADDRESS is an IPv4 or IPv6 address or network
// (192.168.1.0/24), RIGHTS store, commit or both joined by a comma. # begins a comment.
#ifndef BV_PACS_PEERS_H
#define BV_PACS_PEERS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/status.h"

struct bv_receiver_peers;

struct bv_rights {
    bool store, commit;
};

// BV_ERR_FORMAT names the line that cannot be read.
enum bv_status bv_peers_read(struct bv_receiver_peers **peers, const char *path,
                             struct bv_error *err);
void bv_peers_free(struct bv_receiver_peers **peers); // accepts NULL

// Whether any peer has this address: others are turned away before anything of theirs is read.
bool bv_peers_know(const struct bv_receiver_peers *peers, const struct sockaddr *address);

// What the peer of a title at an address may do; nothing when it is none.
struct bv_rights bv_peers_rights(const struct bv_receiver_peers *peers,
                                 const struct sockaddr *address, const char *title);

#endif
