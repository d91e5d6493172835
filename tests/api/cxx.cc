// The public interface from C++17: handles in unique_ptr, options in place, exceptions of our own.
#include <biovl/bench.h>
#include <biovl/biovl.h>
#include <biovl/eval.h>
#include <biovl/fusion.h>
#include <biovl/generate.h>
#include <biovl/label.h>
#include <biovl/pacs.h>
#include <biovl/retrieval.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace
{

const char model_path[] = "assets/models/biovl-cxr-small.safetensors";
const char sample[] = "assets/sample/cxr.dcm";

template <typename T, void (*Close)(T **)> struct Closer {
    void operator()(T *handle) const
    {
        Close(&handle);
    }
};

using Context = std::unique_ptr<bv_context, Closer<bv_context, bv_context_close>>;
using Model = std::unique_ptr<bv_model, Closer<bv_model, bv_model_close>>;
using Image = std::unique_ptr<bv_image, Closer<bv_image, bv_image_close>>;
using Engine = std::unique_ptr<bv_engine, Closer<bv_engine, bv_engine_close>>;
using ZeroShot = std::unique_ptr<bv_zero_shot, Closer<bv_zero_shot, bv_zero_shot_close>>;
using Result = std::unique_ptr<bv_result, Closer<bv_result, bv_result_free>>;
using FusedImage = std::unique_ptr<bv_fused_image, Closer<bv_fused_image, bv_fused_image_close>>;

void check(bv_status status, const bv_context *context)
{
    if (status != BV_OK)
        throw std::runtime_error(std::string(bv_status_name(status)) + ": " +
                                 bv_last_error(context));
}

void expect(bool holds, const char *what)
{
    if (!holds)
        throw std::runtime_error(what);
}

template <typename T> T options()
{
    T made{};
    made.size = sizeof made;
    return made;
}

// A handle that an open call makes.
template <typename Handle, typename Open> Handle open(const bv_context *context, Open call)
{
    typename Handle::pointer made = nullptr;
    check(call(&made), context);
    return Handle(made);
}

struct Seen {
    size_t failed = 0, calls = 0;
};

std::vector<char> read(const char *path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Image gradient(bv_context *context, int width, int height)
{
    std::vector<uint8_t> gray(static_cast<size_t>(width) * static_cast<size_t>(height));
    for (size_t i = 0; i < gray.size(); i++)
        gray[i] = static_cast<uint8_t>(i % 251);
    auto pixels = options<bv_pixel_buffer>();
    pixels.data = gray.data();
    pixels.width = width;
    pixels.height = height;
    pixels.channels = 1;
    return open<Image>(context, [&](bv_image **out) {
        return bv_image_open_pixels(context, &pixels, nullptr, out);
    });
}

void embed(bv_context *context, bv_engine *engine, const std::vector<const bv_image *> &images)
{
    const size_t dim = bv_engine_image_dim(engine);
    std::vector<float> all(images.size() * dim), one(dim);
    std::vector<bv_status> statuses(images.size());
    check(bv_engine_embed_images(engine, images.data(), images.size(), BV_EMBED_NORMALIZED,
                                 all.data(), all.size(), statuses.data()),
          context);
    for (size_t i = 0; i < images.size(); i++) {
        check(bv_engine_embed_images(engine, &images[i], 1, 0, one.data(), dim, nullptr), context);
        expect(
            std::equal(one.begin(), one.end(), all.begin() + static_cast<std::ptrdiff_t>(i * dim)),
            "a batch has other bits than single images");
    }
}

void classify(bv_context *context, bv_engine *engine, const std::vector<const bv_image *> &images)
{
    auto labels = options<bv_zero_shot_options>();
    labels.labels = "Edema\nPleural effusion\n";
    const auto z = open<ZeroShot>(
        context, [&](bv_zero_shot **out) { return bv_zero_shot_open(engine, &labels, out); });
    std::vector<bv_result *> raw(images.size());
    check(bv_zero_shot_classify_batch(z.get(), images.data(), images.size(), raw.data(), nullptr),
          context);
    for (bv_result *r : raw) {
        const Result result(r);
        double scores[2];
        check(bv_result_scores(r, scores, 2), context);
        expect(scores[0] > 0 && scores[1] < 1 && bv_result_rule(r) == BV_SCORE_PAIR_SOFTMAX,
               "scores");
    }
}

void match(bv_context *context, bv_engine *engine, const bv_image *image)
{
    const auto fused = open<FusedImage>(
        context, [&](bv_fused_image **out) { return bv_fused_image_open(engine, image, out); });
    const char *text = "pleural effusion";
    double score = NAN;
    check(bv_fused_image_match(fused.get(), &text, 1, &score, 1, nullptr, nullptr), context);
    expect(score > 0 && score < 1, "a match");
}

// An image that fails is told, and a lambda without captures is an observer's function.
void observe(bv_context *context, bv_engine *engine, bv_image *plain)
{
    Seen seen;
    auto observer = options<bv_observer>();
    observer.arg = &seen;
    observer.failed = [](void *arg, const char *, bv_status, const char *) {
        static_cast<Seen *>(arg)->failed++;
    };
    observer.progress = [](void *arg, size_t, size_t) {
        static_cast<Seen *>(arg)->calls++;
        return 0;
    };
    check(bv_context_observe(context, &observer), context);
    auto with_prior = options<bv_image_options>();
    with_prior.prior = plain;
    const auto image = open<Image>(
        context, [&](bv_image **out) { return bv_image_open(context, sample, &with_prior, out); });
    const bv_image *list[] = {plain, image.get()};
    std::vector<float> out(2 * bv_engine_image_dim(engine));
    bv_status statuses[2];
    check(bv_engine_embed_images(engine, list, 2, 0, out.data(), out.size(), statuses), context);
    expect(statuses[0] == BV_OK && statuses[1] == BV_ERR_ARG && seen.failed == 1 && seen.calls > 0,
           "an item that fails");
    check(bv_context_observe(context, nullptr), context);
}

void run()
{
    expect(bv_abi_version() == BV_ABI_VERSION, "another library than the headers");
    bv_context *none = nullptr;
    expect(bv_context_open(&none, -1) == BV_ERR_ARG && *bv_last_error(nullptr), "no message");
    const auto context =
        open<Context>(nullptr, [](bv_context **out) { return bv_context_open(out, 1); });
    const auto bytes = read(model_path); // outlives the model
    const auto model = open<Model>(context.get(), [&](bv_model **out) {
        return bv_model_open_bytes(context.get(), bytes.data(), bytes.size(), out);
    });
    auto cpu = options<bv_engine_options>();
    cpu.device = "cpu";
    const auto engine = open<Engine>(context.get(), [&](bv_engine **out) {
        return bv_engine_open(context.get(), model.get(), &cpu, out);
    });
    const auto first = open<Image>(context.get(), [&](bv_image **out) {
        return bv_image_open(context.get(), sample, nullptr, out);
    });
    const auto second = gradient(context.get(), 120, 90);
    const std::vector<const bv_image *> images = {first.get(), second.get()};
    embed(context.get(), engine.get(), images);
    classify(context.get(), engine.get(), images);
    match(context.get(), engine.get(), first.get());
    observe(context.get(), engine.get(), first.get());
}

} // namespace

int main()
{
    try {
        run();
    } catch (const std::exception &error) {
        (void)std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
