#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pacs/server.h"

void bv_server_ask(struct bv_server *s, struct bv_job *job)
{
    job->next = NULL;
    job->done = false;
    (void)pthread_mutex_lock(&s->mutex);
    *s->last = job;
    s->last = &job->next;
    (void)pthread_cond_signal(&s->asked);
    while (!job->done)
        (void)pthread_cond_wait(&s->answered, &s->mutex);
    (void)pthread_mutex_unlock(&s->mutex);
}

bool bv_server_claim(void *server, int64_t bytes)
{
    struct bv_server *s = server;
    (void)pthread_mutex_lock(&s->mutex);
    bool fits = bytes <= 0 || (uint64_t)bytes <= s->max_memory - s->memory;
    if (fits)
        s->memory = (size_t)((int64_t)s->memory + bytes);
    (void)pthread_mutex_unlock(&s->mutex);
    return fits;
}

const char *bv_event_text(const char *text, char out[80])
{
    size_t n = 0;
    for (; *text && n < 79; text++)
        out[n++] = *text >= 0x20 && *text < 0x7f && *text != '"' && *text != '\\' ? *text : '?';
    out[n] = 0;
    return out;
}

void bv_server_event(struct bv_server *s, const char *format, ...)
{
    char fields[768], line[896], day[32] = "";
    if (!s->options->event)
        return;
    va_list values;
    va_start(values, format);
    (void)vsnprintf(fields, sizeof fields, format, values);
    va_end(values);
    struct timespec now;
    struct tm utc;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &utc))
        (void)strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(line, sizeof line, "{\"time\":\"%s.%03ldZ\",%s}", day, now.tv_nsec / 1000000,
                   fields);
    char *copy = strdup(line);
    (void)pthread_mutex_lock(&s->mutex);
    if (copy && s->n_events < BV_SERVER_EVENTS) {
        s->events[s->n_events++] = copy;
        copy = NULL;
    } else {
        s->n_lost_events++;
    }
    (void)pthread_mutex_unlock(&s->mutex);
    free(copy);
}
