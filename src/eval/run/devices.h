// devices.h: which device computed how many of the results: a run that loses its GPU goes on with
// the processor (device "auto"), and the results must say so.
#ifndef BV_EVAL_RUN_DEVICES_H
#define BV_EVAL_RUN_DEVICES_H

#include <stdint.h>

#include "base/json.h"
#include "model/session.h"

enum { BV_MOVED_CHARS = 768 };

// What took over from the device asked for, and why: "cpu|f32|the device was lost"; NULL while
// nothing did. The result points to text.
const char *bv_device_moved(const struct bv_session *session, char text[BV_MOVED_CHARS]);

// Zero-initialise.
struct bv_devices {
    uint64_t n_own; // on the device that the results name
    json_t *moved;  // {what bv_device_moved() said: images}
};
enum bv_status bv_devices_add(struct bv_devices *devices, const char *moved, struct bv_error *err);
void bv_devices_free(struct bv_devices *devices);

// [{"device", "precision", "images"}, …], those that took over with "fallback", the reason. model:
// the results' description, with "device" and "precision".
json_t *bv_devices_json(const struct bv_devices *devices, const json_t *model);

#endif
