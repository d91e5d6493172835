// observer.h: telling the caller's observer. Every function accepts an observer that is NULL.
#ifndef BV_BASE_OBSERVER_H
#define BV_BASE_OBSERVER_H

#include "base/status.h"
#include "biovl/observer.h"

void bv_observe_log(const struct bv_observer *observer, enum bv_log_level level, const char *format,
                    ...) __attribute__((format(printf, 3, 4)));

void bv_observe_failed(const struct bv_observer *observer, const char *name, enum bv_status status,
                       const char *text);

// BV_ERR_CANCELLED when the observer wants the work to stop. total 0: not known.
enum bv_status bv_observe_progress(const struct bv_observer *observer, size_t done, size_t total,
                                   struct bv_error *err);

#endif
