#include "serve/routes.h"

#include <string.h>

#include "serve/answers.h"
#include "serve/call.h"
#include "serve/metrics.h"

const struct bv_route bv_routes[] = {
    // method, path, open, body, reads
    {"GET", "/", true, false, false, bv_answer_page},
    {"POST", "/v1/session", false, false, false, bv_answer_session},
    {"GET", "/v1/openapi.json", false, false, false, bv_answer_description},
    {"GET", "/v1/models", false, false, false, bv_answer_models},
    {"POST", "/v1/classify", false, true, true, bv_answer_classify},
    {"POST", "/v1/embeddings", false, true, true, bv_answer_embeddings},
    {"POST", "/v1/search", false, true, true, bv_answer_search},
    {"POST", "/v1/match", false, true, true, bv_answer_match},
    {"POST", "/v1/ask", false, true, true, bv_answer_ask},
    {"POST", "/v1/explain", false, true, true, bv_answer_explain},
    {"POST", "/v1/images", false, true, true, bv_answer_keep_images},
    {"GET", "/v1/images/{image}/gray", false, false, true, bv_answer_gray},
    {"GET", "/v1/images/{image}/fed", false, false, true, bv_answer_fed},
    {"DELETE", "/v1/images/{image}", false, false, false, bv_answer_drop_image},
    {"GET", "/v1/files", false, false, true, bv_answer_files},
    {"GET", "/v2", false, false, false, bv_answer_server},
    {"GET", "/v2/health/live", true, false, false, bv_answer_live},
    {"GET", "/v2/health/ready", true, false, false, bv_answer_ready},
    {"GET", "/v2/models/{model}", false, false, false, bv_answer_model},
    {"GET", "/v2/models/{model}/ready", false, false, false, bv_answer_model_ready},
    {"POST", "/v2/models/{model}/infer", false, true, true, bv_answer_infer},
    {"GET", "/metrics", false, false, false, bv_answer_metrics},
};
const size_t bv_n_routes = sizeof bv_routes / sizeof *bv_routes;
_Static_assert(sizeof bv_routes / sizeof *bv_routes <= BV_ROUTES_MOST, "counts for each route");

// Whether a path is of a template; its variable segment goes to name.
static bool matches(const char *template, const char *path, char *name)
{
    const char *open = strchr(template, '{');
    if (!open)
        return strcmp(template, path) == 0;
    size_t before = (size_t)(open - template);
    const char *after = strchr(open, '}') + 1;
    if (strncmp(template, path, before) != 0)
        return false;
    size_t n = strcspn(path + before, "/");
    if (n == 0 || n >= BV_NAME_SIZE || strcmp(path + before + n, after) != 0)
        return false;
    memcpy(name, path + before, n);
    name[n] = 0;
    return true;
}

const struct bv_route *bv_route_find(const char *method, const char *path, char *name, bool *known)
{
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    *known = false;
    for (size_t i = 0; i < bv_n_routes; i++) {
        if (!matches(bv_routes[i].path, path, name))
            continue;
        *known = true;
        if (strcmp(bv_routes[i].method, method) == 0)
            return &bv_routes[i];
    }
    return NULL;
}
