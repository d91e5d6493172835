// pictures.h: the images that a command line names: files, one frame of each, or all of their
// frames.
#ifndef BV_TOOLS_PICTURES_H
#define BV_TOOLS_PICTURES_H

#include "command.h"

// clang-format off
#define FRAME_OPTION(target)                                                                       \
    {"--frame|--frames", OPTION_STRING, (target), "N",                                             \
     "of multi-frame files: this frame, from 1; or all, each as an image of its own"}
// clang-format on

struct picture {
    const char *path; // borrowed
    char *name;       // "cine.dcm#2" of a frame among several; NULL: the path
    int frame;        // 0: the only one
};

struct pictures {
    struct picture *items;
    size_t n;
};

// The value of FRAME_OPTION: a number from 1, -1 for all, 0 for NULL. False after printing what is
// wrong.
bool parse_frame(const char *frame, int *number);

// frame: the option's value, or NULL. With "all" every file is opened once to count its frames; one
// that cannot be opened stays, so that its failure is met where it is used. False after printing
// why not. close_pictures() in any case.
bool list_pictures(struct bv_context *context, const struct strings *paths, const char *frame,
                   struct pictures *out);
void close_pictures(struct pictures *pictures);

const char *picture_name(const struct picture *picture);

// bv_image_open() of one.
enum bv_status open_picture(struct bv_context *context, const struct picture *picture,
                            struct bv_image *prior, struct bv_image **image);

#endif
