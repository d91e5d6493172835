#include "base/observer.h"

#include <stdio.h>

void bv_observe_log(const struct bv_observer *observer, enum bv_log_level level, const char *format,
                    ...)
{
    char text[1024];
    if (!observer || !observer->log)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    observer->log(observer->arg, level, text);
}

void bv_observe_failed(const struct bv_observer *observer, const char *name, enum bv_status status,
                       const char *text)
{
    if (observer && observer->failed)
        observer->failed(observer->arg, name, status, text);
}

enum bv_status bv_observe_progress(const struct bv_observer *observer, size_t done, size_t total,
                                   struct bv_error *err)
{
    if (!observer || !observer->progress || observer->progress(observer->arg, done, total) == 0)
        return BV_OK;
    return bv_fail(err, BV_ERR_CANCELLED, "stopped by the caller");
}
