// protocol.h: what the protocols implement; used inside src/pacs only.
#ifndef BV_PACS_PROTOCOL_H
#define BV_PACS_PROTOCOL_H

#include "pacs/archive.h"

struct bv_archive_protocol {
    void (*close)(void *self);
    enum bv_status (*studies)(void *self, const struct bv_archive_window *window,
                              enum bv_status (*visit)(void *, const char *, struct bv_error *),
                              void *arg, struct bv_error *err);
    enum bv_status (*instances)(void *self, const char *study,
                                enum bv_status (*visit)(void *, const struct bv_archive_instance *,
                                                        struct bv_error *),
                                void *arg, struct bv_error *err);
    enum bv_status (*changes)(void *self, uint64_t since,
                              enum bv_status (*visit)(void *, const struct bv_archive_instance *,
                                                      struct bv_error *),
                              void *arg, uint64_t *next, bool *done,
                              struct bv_error *err); // NULL: there is no feed
    enum bv_status (*fetch)(void *self, const struct bv_archive_instance *one, bool transcode,
                            uint8_t **bytes, size_t *size, struct bv_error *err);
    enum bv_status (*store)(void *self, const uint8_t *bytes, size_t size, struct bv_error *err);
    size_t (*retries)(const void *self);
};

// Each makes its own state; options are complete (no zeros) and live as long as the archive.
enum bv_status bv_dicomweb_open(const struct bv_archive_protocol **protocol, void **self,
                                const char *url, const struct bv_archive_options *options,
                                struct bv_error *err);
enum bv_status bv_dimse_open(const struct bv_archive_protocol **protocol, void **self,
                             const char *url, const struct bv_archive_options *options,
                             struct bv_error *err);

#endif
