// asked.h: whether a prompt asks for a finding.
#ifndef BV_EVAL_TASKS_ASKED_H
#define BV_EVAL_TASKS_ASKED_H

#include <stdbool.h>

// Whether a text names a label: its words in this order (ASCII case ignored), not inside longer
// words, and without "no", "not" or "without" before them in the same part of the sentence (up to
// the last of . ; , : or "but"). "No edema, big effusion" asks for effusion.
bool bv_text_asks(const char *text, const char *label);

#endif
