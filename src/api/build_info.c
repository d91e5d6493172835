// What this build can do, and on what it stands.
#include <assert.h>
#include <charls/charls.h>
#include <curl/curl.h>
#include <openjpeg.h>
#include <png.h>
#include <sqlite3.h>
#include <utf8proc.h>
#include <zlib.h>

#include "api/context.h"
#include "cpu/isa.h"
#include "image/dicom_dataset.h"
#include "retrieval/ann_index.h"

static json_t *libraries(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "dcmtk",
                     bv_dcmtk_version(), "openjpeg", opj_version(), "libpng",
                     png_get_libpng_ver(NULL), "charls", charls_get_version_string(), "zlib",
                     zlibVersion(), "jansson", jansson_version_str(), "utf8proc",
                     utf8proc_version(), "sqlite", sqlite3_libversion(), "faiss",
                     bv_faiss_version(), "curl", curl_version_info(CURLVERSION_NOW)->version);
}

// The decoders of images in DICOM files.
static json_t *transfer_syntaxes(void)
{
    json_t *list = json_array();
    size_t n;
    const struct bv_transfer_syntax *all = bv_transfer_syntaxes(&n);
    for (size_t i = 0; i < n; i++)
        if (all[i].codec != BV_CODEC_NONE)
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s}", "uid", all[i].uid, "name", all[i].name));
    return list;
}

static json_t *formats(void)
{
    json_t *list = json_array();
    for (int i = BV_IMAGE_DICOM; i < BV_IMAGE_PIXELS; i++)
        (void)json_array_append_new(list,
                                    json_string(bv_image_format_name((enum bv_image_format)i)));
    return list;
}

// The builds of the processor's kernels, best first, and the one that serves here.
static json_t *instructions(void)
{
    json_t *built = json_array();
    for (size_t i = 0; bv_cpu_isa_built(i); i++)
        (void)json_array_append_new(built, json_string(bv_cpu_isa_built(i)));
    return json_pack("{s:o, s:s}", "built", built, "used", bv_cpu_isa()->name);
}

enum bv_status bv_build_info(char **json)
{
    assert(json);
    json_t *info = json_pack(
        "{s:s, s:i, s:s, s:o, s:o, s:o, s:o, s:b, s:b, s:s}", "version", BIOVL_VERSION, "abi",
        BV_ABI_VERSION, "compiler", __VERSION__, "formats", formats(), "transfer_syntaxes",
        transfer_syntaxes(), "instructions", instructions(), "libraries", libraries(), "vulkan",
        bv_vk_built(), "faiss", bv_blas_load(NULL) == BV_OK, "intended_use", "research");
    return bv_json_text(info, json, NULL);
}
