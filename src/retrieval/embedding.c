#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "model/encode.h"
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

enum bv_status bv_session_joint_dimension(const struct bv_session *session, size_t *dimension,
                                          struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(session);
    int64_t image = m->image_dim, text = m->text_dim;
    if ((bv_model_has_image(m) && image == 0) || (bv_model_has_text(m) && text == 0) ||
        (image > 0 && text > 0 && image != text) || (image == 0 && text == 0))
        return bv_fail(err, BV_ERR_ARG, "model %s has no joint space of images and texts", m->name);
    *dimension = (size_t)(image > 0 ? image : text);
    return BV_OK;
}

enum bv_status bv_embed_texts(struct bv_session *session, const char *const *texts, size_t n,
                              size_t dimension, float *out, struct bv_error *err)
{
    const struct bv_wanted wanted = {"global", out, n * dimension};
    BV_TRY(bv_encode_texts(session, texts, n, &wanted, NULL, NULL, err));
    bv_normalize_rows(out, n, dimension);
    return BV_OK;
}

enum bv_status bv_embed_image(struct bv_session *session, const struct bv_image *image,
                              size_t dimension, float *out, struct bv_error *err)
{
    const struct bv_wanted wanted = {"global", out, dimension};
    BV_TRY(bv_encode_images(session, &image, NULL, 1, &wanted, 1, NULL, err));
    bv_normalize_rows(out, 1, dimension);
    return BV_OK;
}
