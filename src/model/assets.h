// assets.h: the system cards, tensor rules and recipes that are compiled in.
#ifndef BV_MODEL_ASSETS_H
#define BV_MODEL_ASSETS_H

#include <stddef.h>

struct bv_asset {
    const char *path; // below assets/: "systems/chexzero.json"
    const unsigned char *data;
    size_t size;
};

// Generated from the files that CMakeLists.txt names.
extern const struct bv_asset bv_assets[];
extern const size_t bv_n_assets;

// NULL when there is none of that path.
const struct bv_asset *bv_asset_find(const char *path);

#endif
