#include "serve/page.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/sha256.h"
#include "serve/assets.h"

const char *bv_page_file(const char *name, size_t *size)
{
    for (size_t i = 0; i < bv_n_page_assets; i++) {
        const struct bv_asset *asset = &bv_page_assets[i];
        const char *slash = strrchr(asset->path, '/');
        if (strcmp(slash ? slash + 1 : asset->path, name) == 0) {
            *size = asset->size;
            return (const char *)asset->data;
        }
    }
    return NULL;
}

// The digest of what stands between the tags, as a source of the policy.
static void print_hash(FILE *out, const char *text, size_t size)
{
    unsigned char digest[32];
    char coded[BV_BASE64_SIZE(32) + 1];
    struct bv_sha256 sha;
    bv_sha256_init(&sha);
    bv_sha256_update(&sha, text, size);
    bv_sha256_final(&sha, digest);
    bv_base64_encode(digest, sizeof digest, coded);
    (void)fprintf(out, " 'sha256-%s'", coded);
}

struct parts {
    FILE *html, *scripts, *styles;
};

// A line that stands for a file, or false.
static bool insert(const struct parts *p, const char *line, size_t n)
{
    char kind[8], name[64], copy[128];
    if (n >= sizeof copy)
        return false;
    memcpy(copy, line, n);
    copy[n] = 0;
    if (sscanf(copy, " <!-- %7[a-z] %63[a-z0-9_.] -->", kind, name) != 2)
        return false;
    size_t size = 0;
    const char *text = bv_page_file(name, &size);
    bool script = strcmp(kind, "script") == 0;
    if (!text || (!script && strcmp(kind, "style") != 0))
        return false;
    (void)fprintf(p->html, "<%s>", kind);
    (void)fwrite(text, 1, size, p->html);
    (void)fprintf(p->html, "</%s>\n", kind);
    print_hash(script ? p->scripts : p->styles, text, size);
    return true;
}

static void put_together(const struct parts *p, const char *text, size_t size)
{
    for (const char *line = text, *end = text + size; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t n = stop ? (size_t)(stop + 1 - line) : (size_t)(end - line);
        if (!insert(p, line, n))
            (void)fwrite(line, 1, n, p->html);
        line += n;
    }
}

static char *policy(const char *scripts, const char *styles)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    (void)fprintf(out,
                  "default-src 'none'; script-src%s; style-src%s; img-src 'self' blob: data:; "
                  "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                  "frame-ancestors 'none'",
                  *scripts ? scripts : " 'none'", *styles ? styles : " 'none'");
    return fclose(out) == 0 ? text : NULL;
}

enum bv_status bv_page_open(struct bv_page *page, struct bv_error *err)
{
    size_t size = 0, n_scripts = 0, n_styles = 0;
    char *scripts = NULL, *styles = NULL;
    const char *text = bv_page_file("index.html", &size);
    if (!text)
        return bv_fail(err, BV_ERR_INTERNAL, "the page is not in this build");
    struct parts p = {open_memstream(&page->html, &page->size),
                      open_memstream(&scripts, &n_scripts), open_memstream(&styles, &n_styles)};
    if (p.html && p.scripts && p.styles)
        put_together(&p, text, size);
    bool written = p.html && fclose(p.html) == 0;
    written = p.scripts && fclose(p.scripts) == 0 && written;
    written = p.styles && fclose(p.styles) == 0 && written;
    if (written)
        page->policy = policy(scripts, styles);
    free(scripts);
    free(styles);
    return page->policy ? BV_OK : bv_fail_nomem(err, "the page");
}

void bv_page_close(struct bv_page *page)
{
    free(page->html);
    free(page->policy);
}
