#include <math.h>
#include <string.h>

#include "image/step.h"

// Copies the part of in that falls on a width × height canvas when its corner is placed at
// (left, top), which may be negative; the rest is zero.
static enum bv_status place(struct bv_pixels *pixels, int width, int height, int left, int top,
                            struct bv_error *err)
{
    struct bv_pixels canvas = {0};
    BV_TRY(bv_pixels_create(&canvas, width, height, pixels->channels, pixels->sample, err));
    size_t pixel = (size_t)pixels->channels * bv_sample_size(pixels->sample);
    memset(canvas.data, 0, (size_t)width * (size_t)height * pixel);
    int x0 = left > 0 ? left : 0, x1 = left + pixels->width < width ? left + pixels->width : width;
    int y0 = top > 0 ? top : 0, y1 = top + pixels->height < height ? top + pixels->height : height;
    for (int y = y0; y < y1 && x1 > x0; y++) {
        size_t from = (size_t)(y - top) * (size_t)pixels->width + (size_t)(x0 - left);
        size_t to = (size_t)y * (size_t)width + (size_t)x0;
        memcpy((char *)canvas.data + to * pixel, (char *)pixels->data + from * pixel,
               (size_t)(x1 - x0) * pixel);
    }
    bv_pixels_replace(pixels, &canvas);
    return BV_OK;
}

// A canvas that a step puts an image on, and where its corner is placed.
struct canvas {
    int width, height, left, top;
};

static struct canvas square_canvas(const struct bv_step *step, int width, int height)
{
    int side = width > height ? width : height;
    side = side < (int)step->min ? (int)step->min : side;
    struct canvas c = {side, side, (side - width) / 2, (side - height) / 2};
    if (step->even) {
        c.width = width + c.left * 2;
        c.height = height + c.top * 2;
    }
    return c;
}

static struct canvas padded_canvas(const struct bv_step *step, int width, int height)
{
    struct canvas c = {step->size.width > width ? step->size.width : width,
                       step->size.height > height ? step->size.height : height, 0, 0};
    c.left = (c.width - width) / 2;
    c.top = (c.height - height) / 2;
    return c;
}

// Where a side of n lands on a centred side of size. torchvision rounds an odd padding down and an
// odd crop half to even.
static int crop_offset(int n, int size, bool down)
{
    if (down)
        return -(int)floor((n - size) / 2.0);
    return n < size ? (size - n) / 2 : -(int)rint((n - size) / 2.0);
}

static struct canvas cropped_canvas(const struct bv_step *step, int width, int height)
{
    if (step->square) { // torchxrayvision: start = n // 2 - side // 2
        int side = width < height ? width : height;
        return (struct canvas){side, side, side / 2 - width / 2, side / 2 - height / 2};
    }
    return (struct canvas){step->size.width, step->size.height,
                           crop_offset(width, step->size.width, step->floor),
                           crop_offset(height, step->size.height, step->floor)};
}

static enum bv_status put(struct bv_step_state *state, struct canvas c, struct bv_error *err)
{
    return place(&state->pixels, c.width, c.height, c.left, c.top, err);
}

enum bv_status bv_step_pad_square(struct bv_step_state *state, const struct bv_step *step,
                                  struct bv_error *err)
{
    return put(state, square_canvas(step, state->pixels.width, state->pixels.height), err);
}

enum bv_status bv_step_pad(struct bv_step_state *state, const struct bv_step *step,
                           struct bv_error *err)
{
    return put(state, padded_canvas(step, state->pixels.width, state->pixels.height), err);
}

enum bv_status bv_step_center_crop(struct bv_step_state *state, const struct bv_step *step,
                                   struct bv_error *err)
{
    return put(state, cropped_canvas(step, state->pixels.width, state->pixels.height), err);
}

static int scaled(int side, int to, int from, enum bv_rounding rounding)
{
    if (rounding == BV_ROUND_NEAREST)
        return (int)rint((double)side / ((double)from / (double)to));
    if (side == from && rounding != BV_ROUND_RATIO_ALL)
        return to;
    if (rounding == BV_ROUND_PRODUCT)
        return (int)((double)((int64_t)to * side) / (double)from);
    return (int)((double)side * ((double)to / (double)from));
}

static struct bv_size target_size(int width, int height, const struct bv_step *step)
{
    if (step->target == BV_TARGET_EXACT)
        return step->size;
    bool wide = width > height;
    int from = wide == (step->target == BV_TARGET_LONGER) ? width : height;
    return (struct bv_size){scaled(width, step->size.width, from, step->rounding),
                            scaled(height, step->size.width, from, step->rounding)};
}

static enum bv_status resize_float(const struct bv_pixels *in, struct bv_pixels *out,
                                   const struct bv_step *step, struct bv_error *err)
{
    struct bv_size from = {in->width, in->height}, to = {out->width, out->height};
    if (step->like == BV_LIKE_TORCH)
        return bv_resize_torch(in->data, from, in->channels, out->data, to,
                               (struct bv_torch_resize){.filter = step->filter,
                                                        .antialias = step->antialias,
                                                        .align_corners = step->align_corners},
                               err);
    if (step->like == BV_LIKE_OPENCV)
        return bv_resize_opencv_f32(in->data, from, in->channels, out->data, to, step->filter, err);
    if (in->channels != 1)
        return bv_fail(err, BV_ERR_ARG, "skimage resizes one channel");
    return bv_resize_skimage(in->data, from, out->data, to, err);
}

enum bv_status bv_step_resize(struct bv_step_state *state, const struct bv_step *step,
                              struct bv_error *err)
{
    struct bv_pixels *p = &state->pixels, out = {0};
    bool eight = p->sample == BV_SAMPLE_U8;
    bool in_float = step->like == BV_LIKE_TORCH || step->like == BV_LIKE_SKIMAGE ||
                    (step->like == BV_LIKE_OPENCV && !eight);
    if (in_float)
        BV_TRY(bv_pixels_to_float(p, err));
    else if (!eight)
        return bv_fail(err, BV_ERR_ARG, "%s resize wants an 8-bit image here",
                       step->like == BV_LIKE_TENSORFLOW    ? "TensorFlow's"
                       : step->like == BV_LIKE_TORCHVISION ? "torchvision's"
                                                           : "Pillow's");
    struct bv_size from = {p->width, p->height}, to = target_size(p->width, p->height, step);
    if (to.width < 1 || to.height < 1)
        return bv_fail(err, BV_ERR_REFUSED, "an image of %d × %d is too long and narrow", p->width,
                       p->height);
    BV_TRY(bv_pixels_create(&out, to.width, to.height, p->channels, p->sample, err));
    enum bv_status status = BV_OK;
    if (in_float)
        status = resize_float(p, &out, step, err);
    else if (step->like == BV_LIKE_TENSORFLOW)
        status = bv_resize_tensorflow(p->data, from, p->channels, out.data, to, step->filter, err);
    else if (step->like == BV_LIKE_PILLOW13)
        status = bv_resize_pillow13(p->data, from, p->channels, out.data, to,
                                    state->indexed ? BV_FILTER_NEAREST : step->filter, err);
    else if (step->like == BV_LIKE_TORCHVISION)
        status = bv_resize_torchvision(p->data, from, p->channels, out.data, to, step->filter, err);
    else if (step->like == BV_LIKE_OPENCV)
        status = bv_resize_opencv(p->data, from, p->channels, out.data, to, step->filter, err);
    else
        status = bv_resize_pillow(p->data, from, p->channels, out.data, to,
                                  state->indexed ? BV_FILTER_NEAREST : step->filter, err);
    if (status != BV_OK) {
        bv_pixels_free(&out);
        return status;
    }
    bv_pixels_replace(p, &out);
    state->untouched = false;
    return BV_OK;
}

static void frame_put(struct bv_frame *f, struct canvas c)
{
    f->width = c.width;
    f->height = c.height;
    f->left += c.left;
    f->top += c.top;
}

void bv_step_frame(const struct bv_step *step, struct bv_frame *f)
{
    if (step->run == bv_step_pad_square)
        frame_put(f, square_canvas(step, f->width, f->height));
    else if (step->run == bv_step_pad)
        frame_put(f, padded_canvas(step, f->width, f->height));
    else if (step->run == bv_step_center_crop)
        frame_put(f, cropped_canvas(step, f->width, f->height));
    if (step->run != bv_step_resize)
        return;
    const struct bv_size to = target_size(f->width, f->height, step);
    const double x = (double)to.width / f->width, y = (double)to.height / f->height;
    f->scale_x *= x;
    f->left *= x;
    f->scale_y *= y;
    f->top *= y;
    f->width = to.width;
    f->height = to.height;
}
