// The pickle machine on any bytes, and the walks over what it builds.
#include "target.h"

#include "checkpoint/pickle.h"
#include "checkpoint/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bv_pickle pickle = {0};
    struct bv_pickle_value *root = NULL;
    struct bv_state_dict found = {0};
    struct bv_error err = {0};
    size_t used = 0;
    if (bv_unpickle(&pickle, data, size, NULL, NULL, &root, &used, &err) == BV_OK) {
        json_decref(bv_pickle_json(root));
        (void)bv_state_dict_find(&pickle, root, &found, &err);
    }
    bv_pickle_free(&pickle);
    return 0;
}
