// A peers file of any bytes: what is accepted answers for any address and title.
#include "target.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "memory_file.h"
#include "pacs/listen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sockaddr_in four = {.sin_family = AF_INET,
                                     .sin_addr = {.s_addr = htonl(0xc0a80111)}};
    const struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    char path[64];
    struct bv_receiver_peers *peers = NULL;
    struct bv_error err = {0};
    int file = memory_file(data, size, path);
    if (bv_peers_read(&peers, path, &err) == BV_OK) {
        (void)bv_peers_know(peers, (const struct sockaddr *)&four);
        (void)bv_peers_know(peers, (const struct sockaddr *)&six);
        (void)bv_peers_rights(peers, (const struct sockaddr *)&four, "CT1");
        (void)bv_peers_rights(peers, (const struct sockaddr *)&six, "");
    }
    bv_peers_free(&peers);
    (void)close(file);
    return 0;
}
