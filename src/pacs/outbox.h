// outbox.h: objects that wait in a folder until an archive has taken them.
//
// What is put there outlives the process: an archive that is down for a night gets its objects in
// the morning. The objects name patients, so the folder is its owner's alone.
#ifndef BV_PACS_OUTBOX_H
#define BV_PACS_OUTBOX_H

#include "pacs/archive.h"

struct bv_outbox;

// Makes the folder if need be. url and options are those of bv_archive_open(); options->pause_ms is
// how long the outbox rests after a failure (0: 5 s), twice as long after each further one, at most
// 64 times. BV_ERR_IO when the folder cannot be had.
enum bv_status bv_outbox_open(struct bv_outbox **outbox, const char *folder, const char *url,
                              const struct bv_archive_options *options, struct bv_error *err);
void bv_outbox_close(struct bv_outbox **outbox); // accepts NULL

// Writes an object durably under a name of letters and digits; one of that name that still waits is
// replaced.
enum bv_status bv_outbox_put(struct bv_outbox *outbox, const char *name, const uint8_t *bytes,
                             size_t size, struct bv_error *err);

// Tries once to store everything that waits, unless the outbox rests. An object that the archive
// does not take stays for a day, then goes to the folder "refused" within, and the others are
// tried; a lost connection ends the round. *n_sent is always set. Returns the last failure.
enum bv_status bv_outbox_send(struct bv_outbox *outbox, size_t *n_sent, struct bv_error *err);

// How many objects wait.
size_t bv_outbox_waiting(const struct bv_outbox *outbox);

#endif
