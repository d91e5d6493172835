#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "retrieval/ingest.h"
#include "score/rules.h"

enum bv_status bv_model_fingerprint(const struct bv_model *model, char fingerprint[65],
                                    struct bv_error *err)
{
    char *card = json_dumps(model->card, JSON_COMPACT | JSON_SORT_KEYS);
    if (!card)
        return bv_fail_nomem(err, "a model's fingerprint");
    struct bv_sha256 sha;
    unsigned char digest[32];
    bv_sha256_init(&sha);
    bv_sha256_update(&sha, model->digest, strlen(model->digest));
    bv_sha256_update(&sha, card, strlen(card));
    bv_sha256_final(&sha, digest);
    bv_digest_hex(digest, fingerprint);
    free(card);
    return BV_OK;
}

enum bv_status bv_session_joint_dimension(struct bv_session *session, size_t *dimension,
                                          struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(session);
    struct bv_output_shape image = {0}, text = {0};
    int height = m->image_height > 0 ? m->image_height : 224;
    int width = m->image_width > 0 ? m->image_width : 224;
    if (bv_model_has_image(m))
        BV_TRY(bv_session_image_shape(session, "global", height, width, &image, err));
    if (bv_model_has_text(m))
        BV_TRY(bv_session_text_shape(session, "global", 8, &text, err));
    if ((image.rank && image.rank != 1) || (text.rank && text.rank != 1) ||
        (image.rank && text.rank && image.dim[0] != text.dim[0]))
        return bv_fail(err, BV_ERR_ARG, "model %s has no joint space of images and texts", m->name);
    *dimension = (size_t)(image.rank ? image.dim[0] : text.dim[0]);
    return BV_OK;
}

enum bv_status bv_embed_texts(struct bv_session *session, const char *const *texts, size_t n,
                              size_t dimension, float *out, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(session);
    if (!bv_model_has_text(m))
        return bv_fail(err, BV_ERR_ARG, "model %s has no text encoder", m->name);
    struct bv_tokens *tokens = calloc(n + 1, sizeof *tokens);
    const struct bv_tokens **list = calloc(n + 1, sizeof *list);
    enum bv_status status = tokens && list ? BV_OK : bv_fail_nomem(err, "texts");
    for (size_t i = 0; i < n && status == BV_OK; i++) {
        status = bv_tokenizer_encode(m->tokenizer, texts[i], strlen(texts[i]), &tokens[i], err);
        list[i] = &tokens[i];
    }
    if (status == BV_OK)
        status = bv_session_encode_tokens(session, list, n, "global", out, n * dimension, err);
    for (size_t i = 0; tokens && i < n; i++)
        bv_tokens_free(&tokens[i]);
    free(tokens);
    free(list);
    if (status == BV_OK)
        bv_normalize_rows(out, n, dimension);
    return status;
}

enum bv_status bv_embed_image(struct bv_session *session, const struct bv_image *image,
                              size_t dimension, float *out, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(session);
    struct bv_pixels pixels = {0};
    if (!bv_model_has_image(m))
        return bv_fail(err, BV_ERR_ARG, "model %s has no image encoder", m->name);
    BV_TRY(bv_recipe_run(m->recipe, image, &pixels, err));
    struct bv_wanted wanted = {"global", out, dimension};
    enum bv_status status = bv_session_encode_pixels(
        session, pixels.data, 1, pixels.height, pixels.width, pixels.channels, &wanted, 1, err);
    bv_pixels_free(&pixels);
    if (status == BV_OK)
        bv_normalize_rows(out, 1, dimension);
    return status;
}
