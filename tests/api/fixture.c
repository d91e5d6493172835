#include "api/fixture.h"

#include <unistd.h>

static char folder[] = "/tmp/biovl-api-XXXXXX";
static char path[4096];

int fixture_open(void **state)
{
    static struct fixture f;
    const struct bv_engine_options cpu = {.size = sizeof cpu, .device = "cpu", .precision = "f32"};
    must(NULL, bv_context_open(&f.context, 2));
    must(f.context, bv_model_open(f.context, MODEL, &f.model));
    must(f.context, bv_engine_open(f.context, f.model, &cpu, &f.engine));
    must(f.context, bv_image_open(f.context, SAMPLE, NULL, &f.image));
    *state = &f;
    return mkdtemp(folder) ? 0 : -1;
}

int fixture_close(void **state)
{
    struct fixture *f = *state;
    bv_image_close(&f->image);
    bv_engine_close(&f->engine);
    bv_model_close(&f->model);
    bv_context_close(&f->context);
    (void)rmdir(folder);
    return 0;
}

const char *fixture_path(const char *name)
{
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

int fixture_stop(void *arg, size_t done, size_t total)
{
    struct stop *stop = arg;
    assert_true(done <= total);
    return ++stop->looks == stop->at;
}
