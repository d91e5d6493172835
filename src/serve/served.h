// served.h: a model at work: its engine on a thread of its own, and the items that wait for it.
// What waits is taken together, whoever asked: a batch is all items of one kind, with the same
// labels, up to the service's limit; nothing waits for a batch to fill.
#ifndef BV_SERVE_SERVED_H
#define BV_SERVE_SERVED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "biovl/retrieval.h"
#include "serve/call.h"

enum { BV_CLASSIFIERS = 16 };

// The prompts of a set of labels, embedded.
struct bv_prompted {
    char *key;
    struct bv_zero_shot *zero_shot;
    uint64_t used;
};

struct bv_served {
    struct bv_service *server;
    char name[BV_NAME_SIZE];
    struct bv_context *context; // of the thread, as are engine, index, classifiers
    struct bv_model *model;
    struct bv_engine *engine;
    struct bv_index *index; // NULL, or what /v1/search asks
    struct bv_model_info facts;
    json_t *evaluation; // of the file beside the model; NULL: none
    bool can_embed, can_match, can_ask;
    struct bv_prompted prepared[BV_CLASSIFIERS];
    uint64_t n_uses;

    pthread_mutex_t lock;
    pthread_cond_t some, room;
    struct bv_asked *first, *last;
    size_t n_waiting, bytes_waiting;
    bool stop;
    pthread_t thread;
    bool started;
};

// Opens a model file, with the service's index where that was made with this model, and starts its
// thread.
enum bv_status bv_served_start(struct bv_served *served, struct bv_service *server,
                               const char *path, struct bv_error *err);
void bv_served_stop(struct bv_served *served); // what waits fails; joins the thread

// Hands an item to the model; waits while its queue is full. The item is done sometime.
void bv_served_push(struct bv_served *served, struct bv_asked *item);

// What a model's thread does with items. Those in the plural take a batch of n, the others one.
// Each item is done or failed afterwards.
void bv_work_classify(struct bv_served *served, struct bv_asked *const *items, size_t n);
void bv_work_embed_images(struct bv_served *served, struct bv_asked *const *items, size_t n);
void bv_work_embed_texts(struct bv_served *served, struct bv_asked *const *items, size_t n);
void bv_work_search(struct bv_served *served, struct bv_asked *item);
enum { BV_MOST_MATCHED = 256, BV_MOST_EXPLAINED = 16 }; // texts of a request
void bv_work_match(struct bv_served *served, struct bv_asked *item);
void bv_work_ask(struct bv_served *served, struct bv_asked *item);
void bv_work_explain(struct bv_served *served, struct bv_asked *item);

#endif
