extern "C" {
#include "image/dicom_dataset.h"
}

#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcerror.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcistrma.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcsequen.h>
#include <dcmtk/dcmdata/dcuid.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/oflog/oflog.h>

namespace
{

// DCMTK recurses into nested sequences without a bound, and a level costs a file 20 bytes. The
// stream notices how deep the stack has grown since parsing began and stops giving bytes.
const uintptr_t MAX_PARSER_STACK = 256 * 1024;

uintptr_t stack_position()
{
    return reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
}

class MemoryProducer : public DcmProducer
{
  public:
    MemoryProducer(struct bv_bytes bytes, size_t at)
        : bytes_(bytes), at_(at), base_(stack_position())
    {
    }
    OFBool good() const override
    {
        return !too_deep_;
    }
    OFCondition status() const override
    {
        return too_deep_ ? EC_InvalidStream : EC_Normal;
    }
    OFBool eos() override
    {
        return too_deep_ || at_ == bytes_.size;
    }
    offile_off_t avail() override
    {
        check_depth();
        return too_deep_ ? 0 : static_cast<offile_off_t>(bytes_.size - at_);
    }
    offile_off_t read(void *out, offile_off_t n) override
    {
        offile_off_t left = avail();
        n = n < left ? n : left;
        if (n <= 0)
            return 0;
        std::memcpy(out, bytes_.data + at_, static_cast<size_t>(n));
        at_ += static_cast<size_t>(n);
        return n;
    }
    offile_off_t skip(offile_off_t n) override
    {
        offile_off_t left = avail();
        n = n < left ? n : left;
        at_ += n > 0 ? static_cast<size_t>(n) : 0;
        return n > 0 ? n : 0;
    }
    void putback(offile_off_t n) override
    {
        if (n > 0 && static_cast<size_t>(n) <= at_)
            at_ -= static_cast<size_t>(n);
    }
    bool too_deep() const
    {
        return too_deep_;
    }
    size_t at() const
    {
        return at_;
    }

  private:
    void check_depth()
    {
        uintptr_t now = stack_position();
        uintptr_t used = now > base_ ? now - base_ : base_ - now;
        too_deep_ = too_deep_ || used > MAX_PARSER_STACK;
    }

    struct bv_bytes bytes_;
    size_t at_;
    uintptr_t base_;
    bool too_deep_ = false;
};

// A base class of its own, because DcmInputStream wants its producer when it is constructed.
struct ProducerHolder {
    ProducerHolder(struct bv_bytes bytes, size_t at) : producer(bytes, at)
    {
    }
    MemoryProducer producer;
};

class MemoryStream : private ProducerHolder, public DcmInputStream
{
  public:
    MemoryStream(struct bv_bytes bytes, size_t at)
        : ProducerHolder(bytes, at), DcmInputStream(&producer), bytes_(bytes)
    {
    }
    DcmInputStreamFactory *newFactory() const override;
    bool too_deep() const
    {
        return producer.too_deep();
    }

  private:
    struct bv_bytes bytes_;
};

// With a factory at hand, DCMTK skips a value of more than 4 KB instead of allocating the length
// that the file declares, and loads it when it is asked for. A length beyond the end fails the
// skip.
class MemoryFactory : public DcmInputStreamFactory
{
  public:
    MemoryFactory(struct bv_bytes bytes, size_t at) : bytes_(bytes), at_(at)
    {
    }
    DcmInputStream *create() const override
    {
        return new MemoryStream(bytes_, at_);
    }
    DcmInputStreamFactory *clone() const override
    {
        return new MemoryFactory(*this);
    }
    DcmInputStreamFactoryType ident() const override
    {
        return DFT_DcmInputFileStreamFactory;
    }

  private:
    struct bv_bytes bytes_;
    size_t at_;
};

DcmInputStreamFactory *MemoryStream::newFactory() const
{
    return new MemoryFactory(bytes_, producer.at());
}

} // namespace

struct bv_dataset {
    DcmFileFormat file;
    DcmPixelData *pixels = nullptr;
    DcmPixelSequence *fragments = nullptr;
    std::string transfer_syntax;
    bool encapsulated = false;
};

namespace
{

// DCMTK keeps its codecs and its logger in the process; both are set up once and stay.
void set_up()
{
    static std::once_flag once;
    std::call_once(once, [] {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL);
        // Y of YBR is the luma already; by way of RGB it would be clipped.
        DJDecoderRegistration::registerCodecs(EDC_never);
    });
}

DcmTagKey key(uint32_t tag)
{
    return DcmTagKey(static_cast<Uint16>(tag >> 16), static_cast<Uint16>(tag & 0xffff));
}

DcmDataset *items(const bv_dataset *dataset)
{
    return const_cast<bv_dataset *>(dataset)->file.getDataset();
}

// The data set itself for sequence 0.
DcmItem *item_of(const bv_dataset *dataset, uint32_t sequence, unsigned item)
{
    if (sequence == 0)
        return items(dataset);
    DcmItem *found = nullptr;
    if (items(dataset)->findAndGetSequenceItem(key(sequence), found, static_cast<long>(item)).bad())
        return nullptr;
    return found;
}

bool text_of(DcmItem *item, uint32_t tag, unsigned index, char *out, size_t size)
{
    OFString value;
    if (!item || item->findAndGetOFString(key(tag), value, index).bad())
        return false;
    size_t begin = value.find_first_not_of(" "), end = value.find_last_not_of(" ");
    if (begin == OFString_npos)
        return false;
    value = value.substr(begin, end - begin + 1);
    size_t n = value.size() < size - 1 ? value.size() : size - 1;
    std::memcpy(out, value.c_str(), n);
    out[n] = 0;
    return true;
}

bool number_of(DcmElement *element, unsigned index, double *value)
{
    Uint16 us = 0;
    Sint16 ss = 0;
    Uint32 ul = 0;
    Sint32 sl = 0;
    Float32 fl = 0;
    Float64 fd = 0;
    if (element->getUint16(us, index).good())
        *value = us;
    else if (element->getSint16(ss, index).good())
        *value = ss;
    else if (element->getUint32(ul, index).good())
        *value = ul;
    else if (element->getSint32(sl, index).good())
        *value = sl;
    else if (element->getFloat64(fd, index).good())
        *value = fd;
    else if (element->getFloat32(fl, index).good())
        *value = static_cast<double>(fl);
    else
        return false;
    return *value == *value;
}

// Calls body and turns what it throws into a status or into false.
template <typename Result, typename Body> Result guarded(Result on_throw, Body body)
{
    try {
        return body();
    } catch (...) {
        return on_throw;
    }
}

enum bv_status find_pixels(bv_dataset *dataset, struct bv_error *err)
{
    DcmElement *element = nullptr;
    E_TransferSyntax xfer = items(dataset)->getOriginalXfer();
    DcmXfer syntax(xfer);
    dataset->transfer_syntax = syntax.getXferID() ? syntax.getXferID() : "";
    dataset->encapsulated = syntax.isEncapsulated();
    if (items(dataset)->findAndGetElement(DCM_PixelData, element).bad())
        return BV_OK; // the caller decides what it misses
    dataset->pixels = dynamic_cast<DcmPixelData *>(element);
    if (!dataset->pixels)
        return bv_fail(err, BV_ERR_FORMAT, "the pixel data has an unexpected type");
    if (dataset->encapsulated &&
        dataset->pixels->getEncapsulatedRepresentation(xfer, nullptr, dataset->fragments).bad())
        return bv_fail(err, BV_ERR_FORMAT,
                       "the pixel data is not encapsulated as the transfer syntax says");
    return BV_OK;
}

} // namespace

static enum bv_status parse(struct bv_bytes bytes, bool bare, struct bv_dataset **out,
                            struct bv_error *err)
{
    auto dataset = std::make_unique<bv_dataset>();
    MemoryStream stream(bytes, 0);
    DcmObject *root = bare ? static_cast<DcmObject *>(items(dataset.get())) : &dataset->file;
    root->transferInit();
    OFCondition read = root->read(stream, bare ? EXS_LittleEndianExplicit : EXS_Unknown);
    root->transferEnd();
    if (stream.too_deep())
        return bv_fail(err, BV_ERR_LIMIT, "damaged DICOM: sequences are nested too deeply");
    if (read.bad())
        return bv_fail(err, BV_ERR_FORMAT, "damaged or truncated DICOM: %s", read.text());
    enum bv_status status = find_pixels(dataset.get(), err);
    if (status == BV_OK)
        *out = dataset.release();
    return status;
}

const char *bv_dcmtk_version(void)
{
    return OFFIS_DCMTK_VERSION_STRING;
}

enum bv_status bv_dataset_open(struct bv_bytes bytes, bool bare, struct bv_dataset **out,
                               struct bv_error *err)
{
    try {
        set_up();
        return parse(bytes, bare, out, err);
    } catch (const std::bad_alloc &) {
        return bv_fail_nomem(err, "DICOM data set");
    } catch (...) {
        return bv_fail(err, BV_ERR_FORMAT, "damaged DICOM: it cannot be parsed");
    }
}

void bv_dataset_close(struct bv_dataset **dataset)
{
    delete *dataset;
    *dataset = nullptr;
}

const char *bv_dataset_transfer_syntax(const struct bv_dataset *dataset)
{
    return dataset->transfer_syntax.c_str();
}

bool bv_dataset_is_encapsulated(const struct bv_dataset *dataset)
{
    return dataset->encapsulated;
}

bool bv_dataset_text(const struct bv_dataset *dataset, uint32_t tag, unsigned index, char *out,
                     size_t size)
{
    return guarded(false, [&] { return text_of(items(dataset), tag, index, out, size); });
}

bool bv_dataset_item_text(const struct bv_dataset *dataset, uint32_t sequence, unsigned item,
                          uint32_t tag, char *out, size_t size)
{
    return guarded(false,
                   [&] { return text_of(item_of(dataset, sequence, item), tag, 0, out, size); });
}

bool bv_dataset_number(const struct bv_dataset *dataset, uint32_t tag, unsigned index,
                       double *value)
{
    return guarded(false, [&] {
        DcmElement *element = nullptr;
        return items(dataset)->findAndGetElement(key(tag), element).good() &&
               number_of(element, index, value);
    });
}

bool bv_dataset_lut(const struct bv_dataset *dataset, uint32_t sequence, unsigned item,
                    uint32_t descriptor_tag, uint32_t data_tag, struct bv_lut_element *lut)
{
    return guarded(false, [&] {
        DcmItem *holder = item_of(dataset, sequence, item);
        DcmElement *descriptor = nullptr, *data = nullptr;
        if (!holder || holder->findAndGetElement(key(descriptor_tag), descriptor).bad() ||
            holder->findAndGetElement(key(data_tag), data).bad())
            return false;
        for (unsigned i = 0; i < 3; i++) {
            double value = 0;
            if (!number_of(descriptor, i, &value))
                return false;
            lut->descriptor[i] = static_cast<int32_t>(value);
        }
        Uint16 *words = nullptr;
        if (data->getUint16Array(words).bad() || !words)
            return false;
        lut->data = words;
        lut->n_words = data->getLength() / sizeof(Uint16);
        return true;
    });
}

bool bv_dataset_native_pixels(const struct bv_dataset *dataset, struct bv_bytes *bytes)
{
    return guarded(false, [&] {
        if (!dataset->pixels || dataset->encapsulated)
            return false;
        // Words are in the host's order, so on a little-endian host their bytes are the pixels'.
        Uint16 *words = nullptr;
        Uint8 *octets = nullptr;
        bool is_words = dataset->pixels->getVR() == EVR_OW;
        if (is_words ? dataset->pixels->getUint16Array(words).bad()
                     : dataset->pixels->getUint8Array(octets).bad())
            return false;
        bytes->data = is_words ? reinterpret_cast<const uint8_t *>(words) : octets;
        bytes->size = bytes->data ? dataset->pixels->getLength() : 0;
        return bytes->data != nullptr;
    });
}

bool bv_dataset_float_pixels(const struct bv_dataset *dataset, const float **values, size_t *n)
{
    return guarded(false, [&] {
        DcmElement *element = nullptr;
        Float32 *array = nullptr;
        if (items(dataset)->findAndGetElement(DCM_FloatPixelData, element).bad() ||
            element->getFloat32Array(array).bad() || !array)
            return false;
        *values = array;
        *n = element->getLength() / sizeof(Float32);
        return true;
    });
}

unsigned bv_dataset_n_fragments(const struct bv_dataset *dataset)
{
    return guarded(0U, [&] {
        unsigned long n = dataset->fragments ? dataset->fragments->card() : 0;
        return n ? static_cast<unsigned>(n - 1) : 0U;
    });
}

static bool pixel_item(const struct bv_dataset *dataset, unsigned index, struct bv_bytes *bytes)
{
    return guarded(false, [&] {
        DcmPixelItem *item = nullptr;
        Uint8 *octets = nullptr;
        if (!dataset->fragments || dataset->fragments->getItem(item, index).bad() || !item)
            return false;
        bytes->size = item->getLength();
        if (bytes->size && (item->getUint8Array(octets).bad() || !octets))
            return false;
        bytes->data = octets;
        return true;
    });
}

bool bv_dataset_fragment(const struct bv_dataset *dataset, unsigned index, struct bv_bytes *bytes)
{
    return pixel_item(dataset, index + 1, bytes);
}

bool bv_dataset_offset_table(const struct bv_dataset *dataset, struct bv_bytes *bytes)
{
    return pixel_item(dataset, 0, bytes);
}

enum bv_status bv_dataset_decode_frame(struct bv_dataset *dataset, unsigned frame, void *out,
                                       size_t size, char photometric[17], struct bv_error *err)
{
    try {
        Uint32 fragment = 0;
        OFString colour;
        if (!dataset->pixels || size > UINT32_MAX)
            return bv_fail(err, BV_ERR_FORMAT, "the file has no pixel data");
        OFCondition decoded = dataset->pixels->getUncompressedFrame(
            items(dataset), frame, fragment, out, static_cast<Uint32>(size), colour, nullptr);
        if (decoded.bad())
            return bv_fail(err, BV_ERR_FORMAT, "the pixel data cannot be decoded: %s",
                           decoded.text());
        (void)std::strncpy(photometric, colour.c_str(), 16);
        photometric[16] = 0;
        return BV_OK;
    } catch (const std::bad_alloc &) {
        return bv_fail_nomem(err, "pixel decoder");
    } catch (...) {
        return bv_fail(err, BV_ERR_FORMAT, "the pixel data cannot be decoded");
    }
}
