// Milliseconds of processor time from a file's bytes to what an encoder reads, the best of REPEATS.
//
//   decode RECIPE.json FILE REPEATS OUT.f32
//
// Prints one JSON object; OUT.f32 receives the pixels, to be compared. One thread.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "image/image.h"
#include "image/recipe.h"

static double cpu_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static void must(enum bv_status status, const struct bv_error *err)
{
    if (status == BV_OK)
        return;
    (void)fprintf(stderr, "decode: %s\n", err->text);
    exit(1);
}

static void write_pixels(const char *path, const struct bv_pixels *pixels)
{
    FILE *f = fopen(path, "wb");
    size_t n = (size_t)pixels->width * (size_t)pixels->height * (size_t)pixels->channels;
    if (!f || fwrite(pixels->data, sizeof(float), n, f) != n || fclose(f) != 0)
        perror(path);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fprintf(stderr, "usage: decode RECIPE.json FILE REPEATS OUT.f32\n");
        return 2;
    }
    struct bv_error err = {0};
    struct bv_recipe *recipe = NULL;
    char *text = NULL;
    size_t size = 0;
    json_t *json = NULL;
    must(bv_read_all(argv[1], 1 << 20, &text, &size, &err), &err);
    must(bv_json_parse(&json, text, size, argv[1], &err), &err);
    must(bv_recipe_parse(json, &recipe, &err), &err);
    double decode = 1e30, prepare = 1e30;
    for (int i = 0; i < atoi(argv[3]); i++) {
        struct bv_image *image = NULL;
        struct bv_pixels pixels = {0};
        double start = cpu_ms();
        must(bv_image_load(argv[2], NULL, &image, &err), &err);
        double decoded = cpu_ms();
        must(bv_recipe_run(recipe, image, &pixels, &err), &err);
        double end = cpu_ms();
        decode = decoded - start < decode ? decoded - start : decode;
        prepare = end - decoded < prepare ? end - decoded : prepare;
        if (i == 0)
            write_pixels(argv[4], &pixels);
        bv_pixels_free(&pixels);
        bv_image_free(&image);
    }
    printf("{\"decode_ms\":%.3f,\"prepare_ms\":%.3f}\n", decode, prepare);
    bv_recipe_free(&recipe);
    json_decref(json);
    free(text);
    return 0;
}
