#include "cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/gemm.h"

static void destroy(struct bv_backend *backend)
{
    free(backend);
}

static void forget(struct bv_backend *backend)
{
    bv_weights_forget(((struct bv_cpu *)backend)->weights, bv_cpu_panels_key);
}

static const char *describe(const struct bv_backend *backend)
{
    return ((const struct bv_cpu *)backend)->reference ? "reference" : "cpu";
}

static enum bv_status create(struct bv_backend **backend, struct bv_weights *weights,
                             struct bv_pool *pool, bool reference, enum bv_cpu_format format,
                             struct bv_error *err)
{
    static const struct bv_backend_ops ops = {.compile = bv_cpu_compile,
                                              .prefers_items = bv_cpu_prefers_items,
                                              .compile_items = bv_cpu_compile_items,
                                              .run = bv_cpu_run,
                                              .destroy_program = bv_cpu_destroy_program,
                                              .destroy = destroy,
                                              .describe = describe,
                                              .forget = forget,
                                              .computes_weights = true};
    struct bv_cpu *cpu = calloc(1, sizeof *cpu);
    if (!cpu)
        return bv_fail_nomem(err, "the CPU backend");
    *cpu = (struct bv_cpu){{&ops}, weights, pool, reference, format};
    *backend = &cpu->base;
    return BV_OK;
}

enum bv_status bv_cpu_create(struct bv_backend **backend, struct bv_weights *weights,
                             struct bv_pool *pool, struct bv_error *err)
{
    return create(backend, weights, pool, false, BV_CPU_F32, err);
}

enum bv_status bv_cpu_create_precision(struct bv_backend **backend, struct bv_weights *weights,
                                       struct bv_pool *pool, const char *precision,
                                       struct bv_error *err)
{
    static const char *const names[] = {
        [BV_CPU_F32] = "f32", [BV_CPU_BF16] = "bf16", [BV_CPU_INT8] = "int8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(precision, names[i]) == 0 && bv_cpu_isa()->tile[i])
            return create(backend, weights, pool, false, (enum bv_cpu_format)i, err);
    return bv_fail(err, BV_ERR_UNSUPPORTED, "precision %s is not available on this processor (%s)",
                   precision, bv_cpu_isa()->name);
}

const char *bv_cpu_instructions(void)
{
    return bv_cpu_isa()->name;
}

bool bv_cpu_has_low_precision(void)
{
    return bv_cpu_isa()->to_bf16 != NULL;
}

enum bv_status bv_cpu_create_reference(struct bv_backend **backend, struct bv_weights *weights,
                                       struct bv_error *err)
{
    return create(backend, weights, NULL, true, BV_CPU_F32, err);
}
