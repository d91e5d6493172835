// sender.h: results on their way to an archive, on a thread of their own: an archive that is slow,
// or away, holds up nothing else.
#ifndef BV_ARCHIVE_SENDER_H
#define BV_ARCHIVE_SENDER_H

#include "pacs/outbox.h"

struct bv_sender;

// Starts to send what is put into the folder, and what waits there. BV_ERR_IO when the folder
// cannot be had.
enum bv_status bv_sender_start(struct bv_sender **sender, const char *folder, const char *url,
                               const struct bv_archive_options *options, struct bv_error *err);

// Puts an object into the folder; it is durable when the call returns.
enum bv_status bv_sender_put(struct bv_sender *sender, const char *name, const uint8_t *bytes,
                             size_t size, struct bv_error *err);

// What could not be sent since the last call; BV_OK when everything could.
enum bv_status bv_sender_failure(struct bv_sender *sender, struct bv_error *err);

size_t bv_sender_sent(struct bv_sender *sender);
size_t bv_sender_waiting(const struct bv_sender *sender);

// Ends when the current transfer has ended; what waits stays. Accepts NULL.
void bv_sender_stop(struct bv_sender **sender);

#endif
