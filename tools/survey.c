#include "survey.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "biovl/bench.h"

enum { REFUSED = 1, SPILLS = 2 };

// A line of the file: "SHADER MOST PART": the most that SHADER may spill on devices whose name or
// driver contains PART. "#" begins a remark.
struct allowance {
    char shader[64], part[64];
    double most;
};

struct allowances {
    struct allowance *list;
    size_t n;
};

static bool parse_allowance(char *line, struct allowance *a)
{
    line[strcspn(line, "#\n")] = '\0';
    return sscanf(line, "%63s %lf %63[^\n]", a->shader, &a->most, a->part) == 3;
}

static enum bv_status read_allowances(const char *path, struct allowances *all)
{
    char line[256];
    FILE *file = path ? fopen(path, "r") : NULL;
    if (path && !file) {
        (void)fprintf(stderr, "biovl: cannot read %s\n", path);
        return BV_ERR_IO;
    }
    while (file && all->n < 1000 && fgets(line, sizeof line, file)) {
        struct allowance a;
        if (!parse_allowance(line, &a))
            continue;
        struct allowance *longer = realloc(all->list, (all->n + 1) * sizeof *longer);
        if (!longer)
            break;
        all->list = longer;
        all->list[all->n++] = a;
    }
    if (file)
        (void)fclose(file);
    return BV_OK;
}

static double allowed(const struct allowances *all, const json_t *report, const char *shader)
{
    double most = 0;
    for (size_t i = 0; i < all->n; i++) {
        const struct allowance *a = &all->list[i];
        if (strcmp(a->shader, shader) == 0 && a->most > most &&
            (strstr(json_string_value(json_object_get(report, "device")), a->part) ||
             strstr(json_string_value(json_object_get(report, "driver")), a->part)))
            most = a->most;
    }
    return most;
}

static void print_pipeline(const json_t *p, bool beyond)
{
    char *constants = json_dumps(json_object_get(p, "constants"), JSON_COMPACT);
    printf("%-13s %s  subgroup %lld", json_string_value(json_object_get(p, "shader")),
           constants ? constants : "",
           (long long)json_integer_value(json_object_get(p, "subgroup")));
    bv_free(constants);
    if (json_is_true(json_object_get(p, "refused")))
        printf("  REFUSED");
    if (json_real_value(json_object_get(p, "spills")) > 0)
        printf("  %s %g", beyond ? "SPILLS" : "spills (allowed)",
               json_real_value(json_object_get(p, "spills")));
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(p, "statistics"), name, value)
        printf("  %s=%g", name, json_real_value(value));
    printf("  (%s)\n", json_string_value(json_object_get(p, "graph")));
}

// Prints a report; 0 or what is wrong.
static int judge(const json_t *report, const struct allowances *all, bool print)
{
    const json_t *list = json_object_get(report, "pipelines"), *p;
    int refused = 0, beyond = 0;
    size_t i;
    if (print)
        printf("%s (%s)\n", json_string_value(json_object_get(report, "device")),
               json_string_value(json_object_get(report, "driver")));
    json_array_foreach(list, i, p)
    {
        double spills = json_real_value(json_object_get(p, "spills"));
        bool more = spills > allowed(all, report, json_string_value(json_object_get(p, "shader")));
        refused += json_is_true(json_object_get(p, "refused"));
        beyond += more;
        if (print)
            print_pipeline(p, more);
    }
    if (print)
        printf("%zu pipelines, %d refused, %lld spill, %d beyond what is allowed%s\n",
               json_array_size(list), refused,
               (long long)json_integer_value(json_object_get(report, "spilling")), beyond,
               json_is_true(json_object_get(report, "statistics"))
                   ? ""
                   : " (this driver gives no figures)");
    return refused ? REFUSED : beyond ? SPILLS : 0;
}

static enum bv_status survey_device(struct bv_context *context, const char *device,
                                    const struct allowances *all, bool as_json, int *worst)
{
    char *json = NULL;
    enum bv_status status = bv_survey_kernels(context, device, &json);
    if (status != BV_OK)
        return status;
    json_t *report = json_loads(json, 0, NULL);
    if (as_json)
        printf("%s\n", json);
    int found = report ? judge(report, all, !as_json) : 0;
    if (found && (*worst == 0 || found < *worst))
        *worst = found;
    (void)fflush(stdout);
    json_decref(report);
    bv_free(json);
    return BV_OK;
}

static enum bv_status survey_each(struct bv_context *context, const struct allowances *all,
                                  bool as_json, int *worst)
{
    char *json = NULL;
    enum bv_status status = bv_devices(context, &json);
    json_t *devices = status == BV_OK ? json_loads(json, 0, NULL) : NULL;
    const json_t *device;
    size_t i;
    json_array_foreach(devices, i, device)
    {
        const char *name = json_string_value(json_object_get(device, "device"));
        if (status == BV_OK && strncmp(name, "vulkan:", 7) == 0 &&
            json_is_true(json_object_get(device, "usable")))
            status = survey_device(context, name, all, as_json, worst);
    }
    json_decref(devices);
    bv_free(json);
    return status;
}

int survey_kernels(struct bv_context *context, const char *device, const char *allowed_file,
                   bool as_json)
{
    struct allowances all = {0};
    int worst = 0;
    if (read_allowances(allowed_file, &all) != BV_OK)
        return EXIT_INPUT;
    enum bv_status status = device ? survey_device(context, device, &all, as_json, &worst)
                                   : survey_each(context, &all, as_json, &worst);
    free(all.list);
    return status == BV_OK ? worst : (int)report_failure(context, status);
}
