#include "vulkan/kernel.h"

#include <stdlib.h>
#include <string.h>

static uint64_t element_bytes(const struct bv_vk_operand *o)
{
    return o->region.half ? 2 : 4;
}

enum bv_status bv_vk_operand(struct bv_vk_recorder *r, const struct bv_tensor *t, bool half,
                             uint64_t per_unit, struct bv_vk_operand *operand, struct bv_error *err)
{
    struct bv_vk_operand o = {.per_unit = per_unit};
    if (!t) {
        *operand = o;
        return BV_OK;
    }
    o.present = true;
    if (t->role == BV_ROLE_WEIGHT) {
        half = half && r->vk->precision == BV_VK_F16;
        BV_TRY(bv_vk_weight(r->vk, t, half, &o.region, err));
    } else {
        o.region = (struct bv_vk_region){
            .buffer = r->activations,
            .offset = r->plan->offset[t->id],
            .bytes = (uint64_t)bv_elements(t) * bv_dtype_size(t->dtype),
            .half = t->dtype == BV_F16,
        };
    }
    *operand = o;
    return BV_OK;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static enum bv_status too_large(const struct bv_vk_recorder *r, const struct bv_vk_job *job,
                                uint64_t bytes, struct bv_error *err)
{
    return bv_fail(err, BV_ERR_LIMIT,
                   "%s \"%s\" reads or writes %.1f MB at once; %s binds at most %.1f MB",
                   bv_op_name(job->node->op), job->node->out->name, (double)bytes / 1e6,
                   r->vk->info.name, (double)r->vk->max_range / 1e6);
}

enum bv_status bv_vk_job_step(struct bv_vk_recorder *r, const struct bv_vk_job *job, uint64_t *step,
                              struct bv_error *err)
{
    uint64_t most = job->units, multiple = 1;
    for (int i = 0; i < job->n_operands; i++) {
        const struct bv_vk_operand *o = &job->operand[i];
        uint64_t unit = o->per_unit * element_bytes(o);
        if (!o->present)
            continue;
        if (unit == 0) {
            if (o->region.bytes > r->vk->max_range)
                return too_large(r, job, o->region.bytes, err);
            continue;
        }
        uint64_t fits = r->vk->max_range / unit;
        uint64_t aligned = BV_VK_OFFSET_ALIGNMENT / common_divisor(unit, BV_VK_OFFSET_ALIGNMENT);
        if (fits < most)
            most = fits;
        if (aligned > multiple)
            multiple = aligned; // both are powers of two
        if (fits == 0)
            return too_large(r, job, unit, err);
    }
    if (most < job->units) {
        if (most < multiple)
            return too_large(r, job, r->vk->max_range + 1, err);
        most = most / multiple * multiple;
    }
    // Nor more work than a submission may hold, down to the fewest units that stay aligned.
    double unit_flops = job->flops / (double)job->units, cap = (double)r->vk->submit_flops;
    if (unit_flops * (double)most > cap) {
        uint64_t fits = (uint64_t)(cap / unit_flops) / multiple * multiple;
        if (fits < multiple)
            fits = multiple;
        most = fits < most ? fits : most;
    }
    *step = most;
    return BV_OK;
}

// Folds n workgroups into the three dimensions that the device allows.
static bool fold_grid(const struct bv_vk *vk, uint64_t n, uint32_t groups[3])
{
    for (int i = 0; i < 3; i++) {
        uint64_t most = vk->max_groups[i];
        groups[i] = (uint32_t)(n < most ? n : most);
        n = (n + groups[i] - 1) / groups[i];
    }
    return n == 1;
}

static struct bv_vk_dispatch *append(struct bv_vk_recorder *r)
{
    if (r->n == r->room) {
        int room = r->room ? 2 * r->room : 256;
        struct bv_vk_dispatch *list = realloc(r->dispatches, (size_t)room * sizeof *list);
        if (!list)
            return NULL;
        r->dispatches = list;
        r->room = room;
    }
    struct bv_vk_dispatch *d = &r->dispatches[r->n++];
    memset(d, 0, sizeof *d);
    return d;
}

static struct bv_vk_region part_of(const struct bv_vk_operand *o, uint64_t first, uint64_t count)
{
    struct bv_vk_region part = o->region;
    if (o->per_unit) {
        uint64_t unit = o->per_unit * element_bytes(o), skip = first * unit, bytes = count * unit;
        part.offset += skip;
        part.bytes = part.bytes - skip < bytes ? part.bytes - skip : bytes;
    }
    return part;
}

enum bv_status bv_vk_job_emit(struct bv_vk_recorder *r, const struct bv_vk_job *job, uint64_t first,
                              uint64_t count, uint64_t n_groups, const void *push,
                              size_t push_bytes, struct bv_error *err)
{
    struct bv_vk_dispatch *d = append(r);
    if (!d)
        return bv_fail_nomem(err, "a command list");
    d->node = job->node;
    d->kernel = job->kernel;
    d->n_bindings = job->n_operands;
    d->output = job->output;
    d->flops = job->flops * (double)count / (double)job->units;
    for (int i = 0; i < job->n_operands; i++) {
        const struct bv_vk_operand *o = &job->operand[i];
        d->binding[i] = part_of(o->present ? o : &job->operand[0], first, count);
        if (o->present && o->region.half)
            d->kernel.constant[0] |= 1u << i;
    }
    if (n_groups > UINT32_MAX || !fold_grid(r->vk, n_groups, d->groups))
        return bv_fail(err, BV_ERR_LIMIT, "%s \"%s\" needs %llu workgroups, too many for %s",
                       bv_op_name(job->node->op), job->node->out->name,
                       (unsigned long long)n_groups, r->vk->info.name);
    uint32_t groups = (uint32_t)n_groups;
    memcpy(d->push, push, push_bytes);
    memcpy(d->push, &groups, sizeof groups);
    d->push_bytes = (uint32_t)push_bytes;
    return bv_vk_pipeline_get(r->vk, &d->kernel, &d->pipeline, err);
}
