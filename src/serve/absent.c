// What stands for the service in builds without libmicrohttpd.
#include "serve/serve.h"

enum bv_status bv_serve(const struct bv_serve_options *options, struct bv_error *err)
{
    (void)options;
    return bv_fail(err, BV_ERR_UNSUPPORTED,
                   "this build has no service: libmicrohttpd was not there when it was made");
}
