extern "C" {
#include "retrieval/ann_index.h"

#include "base/dtype.h"
#include "retrieval/vectors.h"
}

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/impl/io.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>

struct bv_faiss {
    std::unique_ptr<faiss::Index> index;
};

namespace
{

// Runs a body that may throw and turns what it throws into a status.
template <typename Body> bv_status guarded(bv_error *err, Body body)
{
    try {
        return body();
    } catch (const std::bad_alloc &) {
        return bv_fail_nomem(err, "a FAISS index");
    } catch (const std::exception &e) {
        return bv_fail(err, BV_ERR_INTERNAL, "FAISS: %s", e.what());
    } catch (...) {
        return bv_fail(err, BV_ERR_INTERNAL, "FAISS failed for an unknown reason");
    }
}

void to_float(const bv_vectors *v, size_t first, size_t n, std::vector<float> *out)
{
    out->resize(n * v->dimension);
    for (size_t i = 0; i < n; i++)
        bv_f16_to_f32_array(v->rows + (first + i) * v->stride, out->data() + i * v->dimension,
                            v->dimension);
}

std::string description(const char *kind, size_t n)
{
    if (std::strcmp(kind, "flat") == 0)
        return "Flat";
    if (std::strcmp(kind, "hnsw") == 0)
        return "HNSW32_SQfp16";
    size_t lists = static_cast<size_t>(4.0 * std::sqrt(static_cast<double>(n)));
    // FAISS wants 39 vectors to train each list.
    lists = std::max<size_t>(1, std::min(lists, n / 39));
    return "IVF" + std::to_string(lists) + ",SQfp16";
}

void train(faiss::Index *index, const bv_vectors *v)
{
    // An even sample is enough: 64 vectors per list at the most FAISS would use.
    const size_t limit = 262144;
    size_t step = std::max<size_t>(1, v->n / limit);
    std::vector<float> sample, row;
    for (size_t i = 0; i < v->n; i += step) {
        to_float(v, i, 1, &row);
        sample.insert(sample.end(), row.begin(), row.end());
    }
    index->train(static_cast<int64_t>(sample.size() / v->dimension), sample.data());
}

void set_effort(faiss::Index *index, int effort)
{
    if (auto *ivf = dynamic_cast<faiss::IndexIVF *>(index))
        ivf->nprobe = effort > 0 ? static_cast<size_t>(effort) : 16;
    if (auto *hnsw = dynamic_cast<faiss::IndexHNSW *>(index))
        hnsw->hnsw.efSearch = effort > 0 ? effort : 128;
}

} // namespace

bv_status bv_faiss_build(bv_faiss **out, const char *kind, const bv_vectors *v, bv_error *err)
{
    if (std::strcmp(kind, "flat") != 0 && std::strcmp(kind, "ivf") != 0 &&
        std::strcmp(kind, "hnsw") != 0)
        return bv_fail(err, BV_ERR_ARG, "no FAISS index of kind \"%s\": flat, ivf or hnsw", kind);
    BV_TRY(bv_blas_load(err));
    return guarded(err, [&]() -> bv_status {
        std::unique_ptr<bv_faiss> made(new bv_faiss);
        made->index.reset(faiss::index_factory(static_cast<int>(v->dimension),
                                               description(kind, v->n).c_str(),
                                               faiss::METRIC_INNER_PRODUCT));
        if (!made->index->is_trained && v->n > 0)
            train(made->index.get(), v);
        std::vector<float> block;
        for (size_t i = 0; i < v->n; i += 65536) {
            size_t n = std::min<size_t>(65536, v->n - i);
            to_float(v, i, n, &block);
            made->index->add(static_cast<int64_t>(n), block.data());
        }
        *out = made.release();
        return BV_OK;
    });
}

bv_status bv_faiss_bytes(const bv_faiss *f, uint8_t **bytes, size_t *size, bv_error *err)
{
    return guarded(err, [&]() -> bv_status {
        faiss::VectorIOWriter writer;
        faiss::write_index(f->index.get(), &writer);
        auto *copy = static_cast<uint8_t *>(std::malloc(writer.data.size() + 1));
        if (!copy)
            throw std::bad_alloc();
        std::memcpy(copy, writer.data.data(), writer.data.size());
        *bytes = copy;
        *size = writer.data.size();
        return BV_OK;
    });
}

namespace
{

// Reads from memory that stays the caller's.
struct span_reader : faiss::IOReader {
    const uint8_t *next;
    size_t left;

    span_reader(const uint8_t *bytes, size_t size) : next(bytes), left(size)
    {
    }

    size_t operator()(void *out, size_t item, size_t n) override
    {
        size_t whole = item ? std::min(n, left / item) : 0;
        if (whole == 0) // an empty vector has no memory
            return 0;
        std::memcpy(out, next, whole * item);
        next += whole * item;
        left -= whole * item;
        return whole;
    }
};

} // namespace

bv_status bv_faiss_read(bv_faiss **out, const uint8_t *bytes, size_t size, size_t n_rows,
                        size_t dimension, bv_error *err)
{
    BV_TRY(bv_blas_load(err)); // for searching
    return guarded(err, [&]() -> bv_status {
        span_reader reader(bytes, size);
        std::unique_ptr<bv_faiss> made(new bv_faiss);
        made->index.reset(faiss::read_index(&reader));
        if (made->index->d != static_cast<int>(dimension) ||
            made->index->ntotal != static_cast<int64_t>(n_rows))
            return bv_fail(err, BV_ERR_FORMAT, "the FAISS file belongs to other vectors");
        *out = made.release();
        return BV_OK;
    });
}

bv_status bv_faiss_search(bv_faiss *f, const float *queries, size_t n, size_t k, int effort,
                          int64_t *rows, bv_error *err)
{
    return guarded(err, [&]() -> bv_status {
        set_effort(f->index.get(), effort);
        std::vector<float> scores(n * k);
        std::vector<int64_t> found(n * k);
        f->index->search(static_cast<int64_t>(n), queries, static_cast<int64_t>(k), scores.data(),
                         found.data());
        std::copy(found.begin(), found.end(), rows);
        return BV_OK;
    });
}

void bv_faiss_free(bv_faiss **f)
{
    if (!f || !*f)
        return;
    delete *f;
    *f = nullptr;
}

#define VERSION_TEXT_OF(number) #number
#define VERSION_TEXT(number) VERSION_TEXT_OF(number)

const char *bv_faiss_version()
{
    return VERSION_TEXT(FAISS_VERSION_MAJOR) "." VERSION_TEXT(FAISS_VERSION_MINOR) "." VERSION_TEXT(
        FAISS_VERSION_PATCH);
}
