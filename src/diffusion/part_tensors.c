// Names and layouts of a pipeline's parts.
//
//   text_encoder  CLIP's as transformers writes it becomes src/text/clip_text.c's (query, key and
//                 value stacked); BERT's keeps its names
//   unet          diffusers' names
//   vae           diffusers' names; the attention of files from 2022 (query, key, value, proj_attn)
//                 is renamed to that of later ones (to_q, to_k, to_v, to_out.0)
//
// 1×1 convolutions become matrices, other convolutions have their channels last.
#include "diffusion/pipeline_folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const prefixes[BV_PARTS] = {"text.", "text.", "unet.", "vae."};

struct target {
    char name[256];
    int slot; // 0 … 2 of a stack, or -1
};

static bool starts(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static bool ends(const char *name, const char *with)
{
    size_t n = strlen(name), m = strlen(with);
    return n >= m && strcmp(name + n - m, with) == 0;
}

static const char *after(const char *name, const char *prefix)
{
    return starts(name, prefix) ? name + strlen(prefix) : name;
}

// Replaces the first `from` in name.
static void replace(char name[256], const char *from, const char *to)
{
    char *at = strstr(name, from), old[256];
    if (!at)
        return;
    (void)snprintf(old, sizeof old, "%s", at + strlen(from));
    (void)snprintf(at, 256 - (size_t)(at - name), "%s%s", to, old);
}

static bool clip_text_name(const char *name, struct target *t)
{
    static const char *const renames[][2] = {
        {"embeddings.token_embedding.weight", "token_embedding.weight"},
        {"embeddings.position_embedding.weight", "positional_embedding"},
        {"encoder.layers.", "blocks."},
        {"layer_norm1", "norm1"},
        {"layer_norm2", "norm2"},
        {"self_attn.out_proj", "attn.proj"},
        {"final_layer_norm", "ln_final"},
    };
    static const char *const stack[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
    name = after(name, "text_model.");
    if (ends(name, "position_ids") || starts(name, "text_projection."))
        return false;
    (void)snprintf(t->name, sizeof t->name, "%s", name);
    for (size_t i = 0; i < sizeof renames / sizeof *renames; i++)
        replace(t->name, renames[i][0], renames[i][1]);
    for (int i = 0; i < 3; i++)
        if (strstr(t->name, stack[i])) {
            t->slot = i;
            replace(t->name, stack[i], "attn.qkv");
        }
    return true;
}

static bool bert_text_name(const char *name, struct target *t)
{
    name = after(name, "bert.");
    if (ends(name, "position_ids") || starts(name, "pooler.") || starts(name, "cls."))
        return false;
    (void)snprintf(t->name, sizeof t->name, "%s", name);
    return true;
}

static bool vae_name(const char *name, struct target *t)
{
    static const char *const renames[][2] = {{".query.", ".to_q."},
                                             {".key.", ".to_k."},
                                             {".value.", ".to_v."},
                                             {".proj_attn.", ".to_out.0."}};
    (void)snprintf(t->name, sizeof t->name, "%s", name);
    for (size_t i = 0; strstr(name, ".attentions.") && i < sizeof renames / sizeof *renames; i++)
        replace(t->name, renames[i][0], renames[i][1]);
    return true;
}

// Where a tensor goes; false: nothing that is run needs it.
static bool name_target(enum bv_pipeline_part part, const char *name, struct target *t)
{
    t->slot = -1;
    if (part == BV_PART_CLIP)
        return clip_text_name(name, t);
    if (part == BV_PART_BERT)
        return bert_text_name(name, t);
    if (part == BV_PART_VAE)
        return vae_name(name, t);
    (void)snprintf(t->name, sizeof t->name, "%s", name);
    return true;
}

static void shape_of(struct bv_part_tensor *t)
{
    const struct bv_checkpoint_tensor *from = t->from[0];
    t->n_dims = from->n_dims;
    memcpy(t->shape, from->shape, sizeof t->shape);
    if (t->layout == BV_LAYOUT_STACKED)
        t->shape[0] *= 3;
    if (from->n_dims != 4)
        return;
    const int64_t *s = from->shape;
    if (s[2] == 1 && s[3] == 1) {
        t->n_dims = 2;
        return;
    }
    bool padded = t->part == BV_PART_VAE && strstr(t->name, ".downsamplers.");
    t->layout = padded ? BV_LAYOUT_PADDED : BV_LAYOUT_ROWS_LAST;
    t->shape[1] = s[2] + padded;
    t->shape[2] = s[3] + padded;
    t->shape[3] = s[1];
}

static struct bv_part_tensor *find(struct bv_part_tensors *list, const char *name)
{
    for (size_t i = list->n; i > 0; i--) // the parts of a stack are neighbours: from the end
        if (strcmp(list->item[i - 1].name, name) == 0)
            return &list->item[i - 1];
    return NULL;
}

static enum bv_status append(struct bv_part_tensors *list, struct bv_part_tensor **t,
                             struct bv_error *err)
{
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 256;
        struct bv_part_tensor *larger = realloc(list->item, room * sizeof *larger);
        if (!larger)
            return bv_fail_nomem(err, "the list of tensors");
        list->item = larger;
        list->room = room;
    }
    *t = &list->item[list->n++];
    memset(*t, 0, sizeof **t);
    return BV_OK;
}

static enum bv_status add(struct bv_part_tensors *list, enum bv_pipeline_part part,
                          const struct bv_checkpoint_tensor *from, const struct target *target,
                          struct bv_error *err)
{
    const char *name = bv_arena_printf(&list->arena, "%s%s", prefixes[part], target->name);
    if (!name)
        return bv_fail_nomem(err, "the list of tensors");
    struct bv_part_tensor *t = target->slot >= 0 ? find(list, name) : NULL;
    if (!t) {
        BV_TRY(append(list, &t, err));
        t->name = name;
        t->part = part;
        t->layout = target->slot >= 0 ? BV_LAYOUT_STACKED : BV_LAYOUT_AS_IS;
    }
    t->from[target->slot > 0 ? target->slot : 0] = from;
    return BV_OK;
}

static bool same_shape(const struct bv_checkpoint_tensor *a, const struct bv_checkpoint_tensor *b)
{
    return a->n_dims == b->n_dims &&
           memcmp(a->shape, b->shape, (size_t)a->n_dims * sizeof *a->shape) == 0;
}

enum bv_status bv_part_tensors_add(struct bv_part_tensors *list, enum bv_pipeline_part part,
                                   const struct bv_checkpoint *checkpoint, struct bv_error *err)
{
    size_t first = list->n;
    for (size_t i = 0; i < bv_checkpoint_count(checkpoint); i++) {
        const struct bv_checkpoint_tensor *from = bv_checkpoint_tensor(checkpoint, i);
        struct target target;
        bool is_float = from->dtype == BV_F32 || from->dtype == BV_F16 || from->dtype == BV_BF16 ||
                        from->dtype == BV_F64;
        if (strlen(from->name) >= sizeof target.name - 32)
            return bv_fail(err, BV_ERR_LIMIT, "a tensor's name of %zu bytes", strlen(from->name));
        if (!name_target(part, from->name, &target)) {
            list->n_ignored++;
            continue;
        }
        if (!is_float || from->is_complex)
            return bv_fail(err, BV_ERR_MODEL, "tensor \"%s\" is %s", from->name,
                           bv_dtype_name(from->dtype));
        BV_TRY(add(list, part, from, &target, err));
    }
    for (size_t i = first; i < list->n; i++) {
        struct bv_part_tensor *t = &list->item[i];
        bool stacked = t->layout == BV_LAYOUT_STACKED;
        if (stacked && (!t->from[0] || !t->from[1] || !t->from[2] ||
                        !same_shape(t->from[0], t->from[1]) || !same_shape(t->from[0], t->from[2])))
            return bv_fail(err, BV_ERR_MODEL, "query, key and value of \"%s\" do not fit together",
                           t->name);
        shape_of(t);
    }
    return BV_OK;
}

void bv_part_tensors_free(struct bv_part_tensors *list)
{
    free(list->item);
    bv_arena_free(&list->arena);
    memset(list, 0, sizeof *list);
}

static int64_t elements_of(const struct bv_checkpoint_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->n_dims; i++)
        n *= t->shape[i];
    return n;
}

// [O,C,H,W] to [O,H+pad,W+pad,C].
static void channels_last(const float *in, const int64_t shape[4], int64_t pad, float *out)
{
    int64_t O = shape[0], C = shape[1], H = shape[2], W = shape[3];
    memset(out, 0, (size_t)(O * (H + pad) * (W + pad) * C) * sizeof *out);
    for (int64_t o = 0; o < O; o++)
        for (int64_t c = 0; c < C; c++)
            for (int64_t y = 0; y < H; y++)
                for (int64_t x = 0; x < W; x++)
                    out[((o * (H + pad) + y + pad) * (W + pad) + x + pad) * C + c] = *in++;
}

static enum bv_status read_one(struct bv_checkpoint *checkpoint,
                               const struct bv_checkpoint_tensor *from, float *out,
                               struct bv_error *err)
{
    void *raw = malloc(from->bytes ? from->bytes : 1);
    if (!raw)
        return bv_fail_nomem(err, "a tensor");
    enum bv_status status = bv_checkpoint_read(checkpoint, from, raw, err);
    size_t n = (size_t)elements_of(from);
    if (status == BV_OK)
        bv_dtype_to_f32(from->dtype, raw, out, n);
    for (size_t i = 0; status == BV_OK && i < n; i++)
        if (!isfinite(out[i]))
            status = bv_fail(err, BV_ERR_MODEL, "tensor \"%s\" has NaN or infinite elements",
                             from->name);
    free(raw);
    return status;
}

enum bv_status bv_part_tensor_read(const struct bv_part_tensor *t, struct bv_checkpoint *checkpoint,
                                   float *out, struct bv_error *err)
{
    if (t->layout == BV_LAYOUT_STACKED) {
        for (int i = 0; i < 3; i++)
            BV_TRY(read_one(checkpoint, t->from[i], out + i * elements_of(t->from[0]), err));
        return BV_OK;
    }
    if (t->layout == BV_LAYOUT_AS_IS)
        return read_one(checkpoint, t->from[0], out, err);
    float *in = calloc((size_t)elements_of(t->from[0]) + 1, sizeof *in);
    if (!in)
        return bv_fail_nomem(err, "a tensor");
    enum bv_status status = read_one(checkpoint, t->from[0], in, err);
    if (status == BV_OK)
        channels_last(in, t->from[0]->shape, t->layout == BV_LAYOUT_PADDED, out);
    free(in);
    return status;
}
