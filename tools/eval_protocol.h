// eval_protocol.h: a protocol that an evaluation keeps to.
#ifndef BIOVL_TOOLS_EVAL_PROTOCOL_H
#define BIOVL_TOOLS_EVAL_PROTOCOL_H

#include "biovl/eval.h"

// Zero-initialise; close in any state.
struct opened_protocol {
    struct bv_context *context;
    struct bv_eval_protocol *protocol;
};

// EXIT_OK, or the code after the reason was printed: also for a protocol of another task than
// "classification", "retrieval", "vqa" or "grounding".
int open_protocol(struct opened_protocol *p, const char *name, const char *data, const char *task);

// Prints the result as JSON and leaves protocol.json and protocol.csv in folder. metrics: a task's
// JSON, or NULL for the evaluation in folder.
int report_protocol(struct opened_protocol *p, const char *folder, const char *metrics);
void close_protocol(struct opened_protocol *p);

#endif
