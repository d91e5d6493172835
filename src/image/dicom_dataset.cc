extern "C" {
#include "image/dicom_dataset.h"
}

#include <charconv>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcbytstr.h>
#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcerror.h>
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
// stream notices how deep the stack has grown since parsing began and stops giving bytes. So it
// does after more reads than any object takes: an empty item is 8 bytes in a file, some 250 in
// memory.
const uintptr_t MAX_PARSER_STACK = 256 * 1024;
const size_t MAX_PARSER_READS = 4000000;

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
        n_reads_++;
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
        too_deep_ = too_deep_ || used > MAX_PARSER_STACK || n_reads_ > MAX_PARSER_READS;
    }

    struct bv_bytes bytes_;
    size_t at_;
    size_t n_reads_ = 0;
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

// With a factory, DCMTK skips a value of more than 4 KB instead of allocating the length
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
    DcmDataset items;
    struct bv_dicom_outline outline = {};
    std::string transfer_syntax;
    bv_dataset() = default;
    bv_dataset(const bv_dataset &) = delete;
    bv_dataset &operator=(const bv_dataset &) = delete;
    ~bv_dataset()
    {
        bv_dicom_outline_free(&outline);
    }
};

namespace
{

// DCMTK keeps its codecs, its settings and its logger in the process; all are set up once and stay.
void set_up()
{
    static std::once_flag once;
    std::call_once(once, [] {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL);
        // Y of YBR is the luma already; by way of RGB it would be clipped.
        DJDecoderRegistration::registerCodecs(EDC_never);
        // Archives that did not know an element wrote it as UN; the dictionary knows it.
        dcmEnableUnknownVRConversion.set(OFTrue);
    });
}

DcmTagKey key(uint32_t tag)
{
    return DcmTagKey(static_cast<Uint16>(tag >> 16), static_cast<Uint16>(tag & 0xffff));
}

DcmDataset *items(const bv_dataset *dataset)
{
    return &const_cast<bv_dataset *>(dataset)->items;
}

// An item that C code holds is a DcmItem by another name.
DcmItem *of(const bv_item *item)
{
    return reinterpret_cast<DcmItem *>(const_cast<bv_item *>(item));
}

const bv_item *as_item(DcmItem *item)
{
    return reinterpret_cast<const bv_item *>(item);
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

// Decimal String and Integer String (PS3.5 6.2): nothing but a number, and that finite.
enum bv_number parse_number(OFString text, double *value)
{
    size_t begin = text.find_first_not_of(" "), end = text.find_last_not_of(OFString(" \0", 2));
    if (begin == OFString_npos || end == OFString_npos || end < begin)
        return BV_NUMBER_NONE;
    text = text.substr(begin, end - begin + 1);
    enum bv_number how = BV_NUMBER_READ;
    size_t comma = text.find(',');
    if (comma != OFString_npos) {
        if (text.find('.') != OFString_npos || text.find(',', comma + 1) != OFString_npos)
            return BV_NUMBER_BAD;
        text[comma] = '.';
        how = BV_NUMBER_COMMA;
    }
    if (text.find_first_not_of("+-.0123456789eE") != OFString_npos)
        return BV_NUMBER_BAD;
    const char *first = text.c_str(), *last = first + text.size();
    first += *first == '+';
    auto parsed = std::from_chars(first, last, *value);
    return parsed.ec == std::errc() && parsed.ptr == last ? how : BV_NUMBER_BAD;
}

enum bv_number number_of(DcmElement *element, unsigned index, double *value)
{
    Uint16 us = 0;
    Sint16 ss = 0;
    Uint32 ul = 0;
    Sint32 sl = 0;
    Float32 fl = 0;
    Float64 fd = 0;
    OFString text;
    if (dynamic_cast<DcmByteString *>(element))
        return element->getOFString(text, index).good() ? parse_number(text, value)
                                                        : BV_NUMBER_NONE;
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
        return BV_NUMBER_NONE;
    return std::isfinite(*value) ? BV_NUMBER_READ : BV_NUMBER_BAD;
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

// The transfer syntax in which DCMTK is to read: how the elements are written, and whether there
// are fragments.
E_TransferSyntax syntax_of(const struct bv_dicom_outline *outline)
{
    // DCMTK takes an unknown name for some syntax or other.
    const struct bv_transfer_syntax *known = bv_transfer_syntax_find(outline->syntax);
    E_TransferSyntax named = known ? DcmXfer(outline->syntax).getXfer() : EXS_Unknown;
    bool fragments = known && known->codec != BV_CODEC_NATIVE;
    bool deflated = std::strcmp(outline->syntax, BV_DEFLATED_LITTLE_ENDIAN) == 0;
    if (named != EXS_Unknown && !outline->relabelled && !deflated &&
        fragments == outline->encapsulated)
        return named;
    if (outline->encapsulated && !outline->implicit && !outline->big)
        return EXS_RLELossless; // stands for any with fragments
    if (outline->implicit)
        return outline->big ? EXS_BigEndianImplicit : EXS_LittleEndianImplicit;
    return outline->big ? EXS_BigEndianExplicit : EXS_LittleEndianExplicit;
}

enum bv_status parse(struct bv_bytes bytes, bool bare, bv_dataset *dataset, struct bv_error *err)
{
    BV_TRY(bv_dicom_outline_find(bytes, bare, &dataset->outline, err));
    const struct bv_dicom_outline *outline = &dataset->outline;
    E_TransferSyntax syntax = syntax_of(outline);
    MemoryStream stream({bytes.data, outline->end}, outline->begin);
    dataset->items.transferInit();
    OFCondition read = dataset->items.read(stream, syntax);
    dataset->items.transferEnd();
    if (stream.too_deep())
        return bv_fail(err, BV_ERR_LIMIT,
                       "damaged DICOM: sequences are nested too deeply or have too many items");
    if (read.bad())
        return bv_fail(err, BV_ERR_FORMAT, "damaged or truncated DICOM: %s", read.text());
    dataset->transfer_syntax = outline->syntax;
    if (!outline->syntax[0] || (outline->relabelled && !outline->encapsulated))
        dataset->transfer_syntax = DcmXfer(syntax).getXferID();
    return BV_OK;
}

} // namespace

const char *bv_dcmtk_version(void)
{
    return OFFIS_DCMTK_VERSION_STRING;
}

enum bv_status bv_dataset_open(struct bv_bytes bytes, bool bare, struct bv_dataset **out,
                               struct bv_error *err)
{
    try {
        set_up();
        auto dataset = std::make_unique<bv_dataset>();
        BV_TRY(parse(bytes, bare, dataset.get(), err));
        *out = dataset.release();
        return BV_OK;
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

const struct bv_dicom_outline *bv_dataset_outline(const struct bv_dataset *dataset)
{
    return &dataset->outline;
}

const char *bv_dataset_transfer_syntax(const struct bv_dataset *dataset)
{
    return dataset->transfer_syntax.c_str();
}

const struct bv_item *bv_dataset_root(const struct bv_dataset *dataset)
{
    return as_item(items(dataset));
}

const struct bv_item *bv_item_child(const struct bv_item *item, uint32_t sequence, unsigned index)
{
    return guarded(static_cast<const bv_item *>(nullptr), [&]() -> const bv_item * {
        DcmItem *found = nullptr;
        if (!item || of(item)->findAndGetSequenceItem(key(sequence), found, index).bad())
            return nullptr;
        return as_item(found);
    });
}

const struct bv_item *bv_dataset_group(const struct bv_dataset *dataset, unsigned frame,
                                       uint32_t sequence)
{
    static const uint32_t shared = BV_TAG(0x5200, 0x9229), per_frame = BV_TAG(0x5200, 0x9230);
    const bv_item *root = bv_dataset_root(dataset);
    const bv_item *own = bv_item_child(bv_item_child(root, per_frame, frame), sequence, 0);
    return own ? own : bv_item_child(bv_item_child(root, shared, 0), sequence, 0);
}

bool bv_item_text(const struct bv_item *item, uint32_t tag, unsigned index, char *out, size_t size)
{
    return guarded(false, [&] { return text_of(of(item), tag, index, out, size); });
}

enum bv_number bv_item_number(const struct bv_item *item, uint32_t tag, unsigned index,
                              double *value)
{
    return guarded(BV_NUMBER_NONE, [&] {
        DcmElement *element = nullptr;
        if (!item || of(item)->findAndGetElement(key(tag), element).bad())
            return BV_NUMBER_NONE;
        return number_of(element, index, value);
    });
}

bool bv_dataset_text(const struct bv_dataset *dataset, uint32_t tag, unsigned index, char *out,
                     size_t size)
{
    return bv_item_text(bv_dataset_root(dataset), tag, index, out, size);
}

bool bv_dataset_number(const struct bv_dataset *dataset, uint32_t tag, unsigned index,
                       double *value)
{
    double read = 0;
    enum bv_number how = bv_item_number(bv_dataset_root(dataset), tag, index, &read);
    if (how != BV_NUMBER_READ && how != BV_NUMBER_COMMA)
        return false;
    *value = read;
    return true;
}

// The bytes of a table, whatever value representation they have.
static bool table_of(DcmElement *element, struct bv_bytes *bytes)
{
    Uint16 *words = nullptr;
    Uint8 *octets = nullptr;
    if (element->getUint16Array(words).good() && words)
        bytes->data = reinterpret_cast<const uint8_t *>(words);
    else if (element->getUint8Array(octets).good() && octets)
        bytes->data = octets;
    else
        return false;
    bytes->size = element->getLength();
    return true;
}

bool bv_item_lut(const struct bv_item *item, uint32_t descriptor_tag, uint32_t data_tag,
                 struct bv_lut_element *lut)
{
    return guarded(false, [&] {
        DcmElement *descriptor = nullptr, *data = nullptr;
        if (!item || of(item)->findAndGetElement(key(descriptor_tag), descriptor).bad() ||
            of(item)->findAndGetElement(key(data_tag), data).bad())
            return false;
        for (unsigned i = 0; i < 3; i++) {
            double value = 0;
            enum bv_number how = number_of(descriptor, i, &value);
            if (how != BV_NUMBER_READ || value < -65536 || value > 65536)
                return false;
            lut->descriptor[i] = static_cast<int32_t>(value);
        }
        return table_of(data, &lut->data);
    });
}

bool bv_dataset_native_pixels(const struct bv_dataset *dataset, struct bv_bytes *bytes)
{
    const struct bv_dicom_outline *outline = &dataset->outline;
    if (outline->has_pixels && !outline->encapsulated && !outline->big) {
        *bytes = outline->pixels;
        return true;
    }
    return guarded(false, [&] {
        DcmElement *element = nullptr;
        Uint16 *words = nullptr;
        Uint8 *octets = nullptr;
        if (outline->encapsulated ||
            items(dataset)->findAndGetElement(DCM_PixelData, element).bad())
            return false;
        // Words are in the host's order, so on a little-endian host their bytes are the pixels'.
        bool is_words = element->getVR() == EVR_OW;
        if (is_words ? element->getUint16Array(words).bad() : element->getUint8Array(octets).bad())
            return false;
        bytes->data = is_words ? reinterpret_cast<const uint8_t *>(words) : octets;
        bytes->size = bytes->data ? element->getLength() : 0;
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

// The transfer syntax that a JPEG process belongs to: it chooses DCMTK's codec.
static bool syntax_of_process(unsigned process, E_TransferSyntax *syntax)
{
    switch (process) {
    case 0xc0:
        *syntax = EXS_JPEGProcess1;
        return true;
    case 0xc1:
        *syntax = EXS_JPEGProcess2_4;
        return true;
    case 0xc2:
        *syntax = EXS_JPEGProcess10_12;
        return true;
    case 0xc3:
        *syntax = EXS_JPEGProcess14;
        return true;
    default:
        return false;
    }
}

// A data set that says what the stream is, so that no header that contradicts it is asked.
static OFCondition describe(DcmItem *item, const struct bv_jpeg_header *header)
{
    const Uint16 precision = static_cast<Uint16>(header->precision);
    const struct {
        DcmTagKey tag;
        unsigned value;
    } numbers[] = {
        {DCM_SamplesPerPixel, header->components},
        {DCM_Rows, header->height},
        {DCM_Columns, header->width},
        {DCM_BitsAllocated, precision > 8 ? 16U : 8U},
        {DCM_BitsStored, precision},
        {DCM_HighBit, precision - 1U},
        {DCM_PixelRepresentation, 0},
        {DCM_PlanarConfiguration, 0},
    };
    for (const auto &number : numbers) {
        OFCondition put = item->putAndInsertUint16(number.tag, static_cast<Uint16>(number.value));
        if (put.bad())
            return put;
    }
    return item->putAndInsertString(DCM_PhotometricInterpretation,
                                    header->components == 1 ? "MONOCHROME2" : "RGB");
}

static OFCondition decode_jpeg(struct bv_bytes stream, const struct bv_jpeg_header *header,
                               E_TransferSyntax syntax, void *out, size_t size)
{
    DcmDataset item;
    auto pixels = std::make_unique<DcmPixelData>(DCM_PixelData);
    auto fragments = std::make_unique<DcmPixelSequence>(DCM_PixelSequenceTag);
    auto table = std::make_unique<DcmPixelItem>(DCM_PixelItemTag);
    auto fragment = std::make_unique<DcmPixelItem>(DCM_PixelItemTag);
    Uint8 *copy = nullptr;
    OFCondition made = describe(&item, header);
    if (made.good())
        made = fragment->createUint8Array(static_cast<Uint32>(stream.size + stream.size % 2), copy);
    if (made.bad())
        return made;
    std::memcpy(copy, stream.data, stream.size);
    if (stream.size % 2)
        copy[stream.size] = 0;
    if (fragments->insert(table.get()).good())
        (void)table.release();
    if (fragments->insert(fragment.get()).good())
        (void)fragment.release();
    pixels->putOriginalRepresentation(syntax, nullptr, fragments.release());
    Uint32 first = 0;
    OFString colour;
    return pixels->getUncompressedFrame(&item, 0, first, out, static_cast<Uint32>(size), colour,
                                        nullptr);
}

enum bv_status bv_dcmtk_jpeg(struct bv_bytes stream, const struct bv_jpeg_header *header, void *out,
                             size_t size, struct bv_error *err)
{
    try {
        E_TransferSyntax syntax = EXS_Unknown;
        if (!syntax_of_process(header->process, &syntax))
            return bv_fail(err, BV_ERR_UNSUPPORTED, "JPEG of process SOF%u cannot be decoded",
                           header->process - 0xc0U);
        if (size > UINT32_MAX || stream.size > UINT32_MAX - 1)
            return bv_fail(err, BV_ERR_LIMIT, "a JPEG stream of more than 4 GiB");
        set_up();
        OFCondition decoded = decode_jpeg(stream, header, syntax, out, size);
        if (decoded.bad())
            return bv_fail(err, BV_ERR_FORMAT, "the pixel data cannot be decoded: %s",
                           decoded.text());
        return BV_OK;
    } catch (const std::bad_alloc &) {
        return bv_fail_nomem(err, "pixel decoder");
    } catch (...) {
        return bv_fail(err, BV_ERR_FORMAT, "the pixel data cannot be decoded");
    }
}
