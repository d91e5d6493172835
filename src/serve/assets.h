// assets.h: the files of the page, compiled in.
#ifndef BV_SERVE_ASSETS_H
#define BV_SERVE_ASSETS_H

#include "model/card.h"

// Generated from the files that CMakeLists.txt names.
extern const struct bv_asset bv_page_assets[];
extern const size_t bv_n_page_assets;

#endif
