// routes.h: the paths that are answered. docs/schema/service.json describes them; a test holds
// one against the other.
#ifndef BV_SERVE_ROUTES_H
#define BV_SERVE_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

struct bv_call;

struct bv_route {
    const char *method;
    const char *path; // "/v2/models/{model}/infer": one segment may be variable
    bool open;        // needs no token
    bool body;        // reads one
    bool reads;       // answered on a reader's thread, else on the HTTP thread
    // Puts the answer into the call and returns true; false when items were handed to a model,
    // whose thread finishes the call: it may be gone then.
    bool (*answer)(struct bv_call *call);
};

extern const struct bv_route bv_routes[];
extern const size_t bv_n_routes;

// The route for a method and path; HEAD is GET. name (BV_NAME_SIZE bytes) receives the variable
// segment. NULL: *known tells whether the path has another method.
const struct bv_route *bv_route_find(const char *method, const char *path, char *name, bool *known);

#endif
