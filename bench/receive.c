// bench_receive PORT FOLDER: the receiver without an index: every object becomes a file, as
// storescp does it. Until SIGTERM.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "pacs/listen.h"

static volatile sig_atomic_t stop;
static const char *folder;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void received(void *arg, struct bv_arrival *const *arrivals, size_t n)
{
    char path[4096];
    (void)arg;
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, arrivals[i]->sop);
        FILE *file = fopen(path, "wb");
        if (!file || fwrite(arrivals[i]->bytes, 1, arrivals[i]->size, file) != arrivals[i]->size)
            arrivals[i]->status = BV_ERR_IO;
        if (file && fclose(file) != 0)
            arrivals[i]->status = BV_ERR_IO;
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    const struct sigaction action = {.sa_handler = on_signal};
    struct bv_error err = {0};
    folder = argv[2];
    (void)sigaction(SIGTERM, &action, NULL);
    const struct bv_receiver_options options = {
        .title = "BIOVL", .port = atoi(argv[1]), .received = received, .stop = &stop};
    if (bv_listen(&options, &err) == BV_OK)
        return 0;
    (void)fprintf(stderr, "%s\n", err.text);
    return 1;
}
