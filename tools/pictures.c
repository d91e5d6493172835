#include "pictures.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool add(struct pictures *out, const char *path, int frame, bool named)
{
    char *name = NULL;
    size_t room = strlen(path) + 16;
    struct picture *items = realloc(out->items, (out->n + 1) * sizeof *items);
    if (items)
        out->items = items;
    if (items && named)
        name = malloc(room);
    if (!items || (named && !name)) {
        (void)fprintf(stderr, "biovl: out of memory\n");
        return false;
    }
    if (name)
        (void)snprintf(name, room, "%s#%d", path, frame);
    items[out->n++] = (struct picture){path, name, frame};
    return true;
}

// How many frames of a file are to choose from: 1 where it has one or the path names one; 0 where
// it cannot be opened.
static int count_frames(struct bv_context *context, const char *path)
{
    struct bv_image_options options = {.size = sizeof options};
    struct bv_image_facts facts = {.size = sizeof facts};
    struct bv_image *image = NULL;
    enum bv_status status = bv_image_open(context, path, &options, &image);
    bool chosen = status == BV_OK;
    options.frame = 1;
    if (status == BV_ERR_REFUSED)
        status = bv_image_open(context, path, &options, &image);
    if (status == BV_OK)
        status = bv_image_describe(image, &facts);
    bv_image_close(&image);
    return status != BV_OK ? 0 : chosen ? 1 : facts.n_frames;
}

static bool add_all_frames(struct bv_context *context, const char *path, struct pictures *out)
{
    bool once = strcmp(path, "-") == 0; // can be read once only
    int n = once ? 0 : count_frames(context, path);
    for (int frame = 1; frame <= n && n > 1; frame++)
        if (!add(out, path, frame, true))
            return false;
    // Why a file cannot be opened, its first frame says; that of a stream is chosen when it is
    // read.
    return n > 1 || add(out, path, n == 0 && !once, false);
}

bool parse_frame(const char *frame, int *number)
{
    char *end = NULL;
    bool all = frame && strcmp(frame, "all") == 0;
    errno = 0;
    long value = frame && !all ? strtol(frame, &end, 10) : 0;
    if (frame && !all && (errno || end == frame || *end || value < 1 || value > INT_MAX)) {
        (void)fprintf(stderr, "biovl: --frame takes a number from 1, or all; not \"%s\"\n", frame);
        return false;
    }
    *number = all ? -1 : (int)value;
    return true;
}

bool list_pictures(struct bv_context *context, const struct strings *paths, const char *frame,
                   struct pictures *out)
{
    int number = 0;
    bool fine = parse_frame(frame, &number);
    for (size_t i = 0; i < paths->n && fine; i++)
        fine = number < 0 ? add_all_frames(context, paths->items[i], out)
                          : add(out, paths->items[i], number, false);
    return fine;
}

void close_pictures(struct pictures *pictures)
{
    for (size_t i = 0; i < pictures->n; i++)
        free(pictures->items[i].name);
    free(pictures->items);
    *pictures = (struct pictures){0};
}

const char *picture_name(const struct picture *picture)
{
    return picture->name ? picture->name : picture->path;
}

enum bv_status open_picture(struct bv_context *context, const struct picture *picture,
                            struct bv_image *prior, struct bv_image **image)
{
    const struct bv_image_options options = {
        .size = sizeof options, .name = picture->name, .prior = prior, .frame = picture->frame};
    return bv_image_open(context, picture->path, &options, image);
}
