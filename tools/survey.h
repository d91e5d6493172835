// survey.h: `biovl info --devices --compile`: what drivers make of the kernels.
#ifndef BV_TOOLS_SURVEY_H
#define BV_TOOLS_SURVEY_H

#include "command.h"

// Compiles the kernels for a device ("vulkan:1", …; NULL: for every usable one) and prints what its
// compiler says. allowed: a file of spills that are known, or NULL. Exit code 1 when the driver
// refuses a kernel, 2 when one spills more than is allowed.
int survey_kernels(struct bv_context *context, const char *device, const char *allowed,
                   bool as_json);

#endif
