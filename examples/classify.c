// Scores one radiograph against a few labels:  classify MODEL.safetensors IMAGE
#include <biovl/biovl.h>
#include <stdio.h>

static const struct bv_zero_shot_options options = {
    .size = sizeof options,
    .labels = "Cardiomegaly\nEdema\nPleural effusion\nPneumothorax\n",
};

int main(int argc, char **argv)
{
    struct bv_context *context = NULL;
    struct bv_model *model = NULL;
    struct bv_engine *engine = NULL;
    struct bv_zero_shot *zero_shot = NULL;
    struct bv_image *image = NULL;
    struct bv_result *result = NULL;
    if (argc != 3 || bv_context_open(&context, 0) != BV_OK)
        return 2;
    enum bv_status status = bv_model_open(context, argv[1], &model);
    if (status == BV_OK)
        status = bv_engine_open(context, model, NULL, &engine);
    if (status == BV_OK)
        status = bv_zero_shot_open(engine, &options, &zero_shot);
    if (status == BV_OK)
        status = bv_image_open(context, argv[2], NULL, &image);
    if (status == BV_OK)
        status = bv_zero_shot_classify(zero_shot, image, &result);
    for (size_t i = 0; status == BV_OK && i < bv_result_count(result); i++)
        printf("%-20s %.4f (%s)\n", bv_result_label(result, i), bv_result_score(result, i),
               bv_result_kind(result));
    for (size_t i = 0; status == BV_OK && i < bv_result_warning_count(result); i++)
        printf("warning: %s\n", bv_result_warning_text(result, i));
    if (status != BV_OK)
        fprintf(stderr, "%s\n", bv_last_error(context));
    bv_result_free(&result);
    bv_image_close(&image);
    bv_zero_shot_close(&zero_shot);
    bv_engine_close(&engine);
    bv_model_close(&model);
    bv_context_close(&context);
    return status == BV_OK ? 0 : 1;
}
