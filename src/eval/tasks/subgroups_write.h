// subgroups_write.h: the files of a look at groups.
#ifndef BV_EVAL_TASKS_SUBGROUPS_WRITE_H
#define BV_EVAL_TASKS_SUBGROUPS_WRITE_H

#include "eval/tasks/finished_run.h"
#include "eval/tasks/subgroups.h"

// Writes subgroups.json, subgroups.csv and subgroups.html; the caller owns *result.
enum bv_status bv_subgroups_write(const struct bv_subgroups *subgroups,
                                  const struct bv_subgroups_options *options,
                                  const struct bv_finished_run *run, json_t **result,
                                  struct bv_error *err);

#endif
