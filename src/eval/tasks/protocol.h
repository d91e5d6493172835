// protocol.h: a benchmark as data: which columns, labels, rules and number, what others published,
// and what makes numbers of the same name differ.
#ifndef BV_EVAL_TASKS_PROTOCOL_H
#define BV_EVAL_TASKS_PROTOCOL_H

#include "base/json.h"
#include "eval/data/labelled.h"

// Zero-initialise; free in any state.
struct bv_protocol {
    json_t *json;
    char digest[65]; // of the file
    char *labels;    // text of a labels file; NULL: the protocol names no labels
    // Columns as the data has them; NULL: the data has none, or the usual ones serve.
    char *path, *patient, *study, *list, *text;
};

enum bv_protocol_task {
    BV_PROTOCOL_CLASSIFICATION,
    BV_PROTOCOL_RETRIEVAL,
    BV_PROTOCOL_VQA,
    BV_PROTOCOL_GROUNDING,
};

// Opens a protocol that is compiled in, or a file (its name ends in .json). An unknown name is
// BV_ERR_ARG and lists those that are there; a file that does not keep the form is BV_ERR_FORMAT.
enum bv_status bv_protocol_open(struct bv_protocol *protocol, const char *name,
                                struct bv_error *err);

// The same from the bytes of a file; name stands for it in messages.
enum bv_status bv_protocol_parse(struct bv_protocol *protocol, const uint8_t *bytes, size_t size,
                                 const char *name, struct bv_error *err);
void bv_protocol_free(struct bv_protocol *protocol);

const char *bv_protocol_name(const struct bv_protocol *protocol);
enum bv_protocol_task bv_protocol_task(const struct bv_protocol *protocol);

// The names of all that are compiled in, with their titles: [{"name", "title", "task"}].
enum bv_status bv_protocol_list(json_t **list, struct bv_error *err);

// Finds the columns in the data. One that the protocol needs and the data has not is BV_ERR_ARG;
// the message lists those that are there.
enum bv_status bv_protocol_match(struct bv_protocol *protocol, const char *data,
                                 struct bv_error *err);

// The result of a finished run in folder, or (metrics not NULL) of a task's JSON: {"protocol",
// "version", "protocol_sha256", "data", "list_sha256", "model", "metric", "published", "traps",
// "notes"}; list_sha256 is of the sorted paths of the rows evaluated, a line each. Writes
// protocol.json and protocol.csv to folder; the caller owns *result.
enum bv_status bv_protocol_report(const struct bv_protocol *protocol, const char *folder,
                                  const json_t *metrics, json_t **result, struct bv_error *err);

#endif
