#include "serve/evaluation.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

enum { MOST_BYTES = 1 << 20 };

static bool is_share(const json_t *value)
{
    return json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) <= 1;
}

static bool is_names(const json_t *list)
{
    bool good = json_is_array(list) && json_array_size(list) > 0;
    for (size_t i = 0; good && i < json_array_size(list); i++)
        good = json_is_string(json_array_get(list, i));
    return good;
}

static bool is_label(const json_t *label)
{
    const json_t *auroc = json_object_get(label, "auroc"), *low = json_object_get(label, "low"),
                 *high = json_object_get(label, "high");
    return is_names(json_object_get(label, "names")) && is_share(auroc) && is_share(low) &&
           is_share(high) && json_number_value(low) <= json_number_value(auroc) &&
           json_number_value(auroc) <= json_number_value(high) &&
           bv_json_integer(label, "positives", -1) >= 0;
}

static enum bv_status check(const json_t *value, const char *path, const char *sha256,
                            struct bv_error *err)
{
    const json_t *labels = json_object_get(value, "labels");
    bool good = json_is_string(json_object_get(value, "data")) &&
                json_is_string(json_object_get(value, "measure")) && json_is_array(labels);
    for (size_t i = 0; good && i < json_array_size(labels); i++)
        good = is_label(json_array_get(labels, i));
    if (!good)
        return bv_fail(err, BV_ERR_FORMAT, "%s: not an evaluation as docs/service.md describes it",
                       path);
    if (strcmp(bv_json_string(value, "sha256", ""), sha256) != 0)
        return bv_fail(err, BV_ERR_REFUSED, "%s: an evaluation of other tensors than the model's",
                       path);
    return BV_OK;
}

enum bv_status bv_evaluation_read(const char *model_path, const char *sha256, json_t **evaluation,
                                  struct bv_error *err)
{
    static const char ending[] = ".safetensors";
    char path[4096];
    char *text = NULL;
    size_t n = strlen(model_path), size = 0;
    *evaluation = NULL;
    if (n >= sizeof ending && strcmp(model_path + n - (sizeof ending - 1), ending) == 0)
        n -= sizeof ending - 1;
    if (snprintf(path, sizeof path, "%.*s.evaluation.json", (int)n, model_path) >=
            (int)sizeof path ||
        (access(path, F_OK) != 0 && errno == ENOENT))
        return BV_OK;
    BV_TRY(bv_read_all(path, MOST_BYTES, &text, &size, err));
    enum bv_status status = bv_json_parse(evaluation, text, size, path, err);
    free(text);
    if (status == BV_OK)
        status = check(*evaluation, path, sha256, err);
    if (status != BV_OK) {
        json_decref(*evaluation);
        *evaluation = NULL;
    }
    return status;
}
