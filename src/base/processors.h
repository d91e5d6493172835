// processors.h: how many processors this process may use.
#ifndef BV_BASE_PROCESSORS_H
#define BV_BASE_PROCESSORS_H

// Processors that the CPU limits of a control group and of those around it leave, rounded up; 0
// without a limit. root: where cgroups are mounted ("/sys/fs/cgroup"); list: the text of
// /proc/self/cgroup. Knows version 2 (cpu.max) and version 1 (cpu.cfs_quota_us).
int bv_cgroup_processors(const char *root, const char *list);

#endif
