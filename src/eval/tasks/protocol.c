#include "eval/tasks/protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/sha256.h"
#include "model/card.h"
#include "table/csv.h"

static const char folder[] = "protocols/";
static const char ending[] = ".json";
static const size_t max_bytes = 1 << 20;

static const char *const tasks[] = {"classification", "retrieval", "vqa", "grounding"};

// ---- The form ----

static enum bv_status malformed(const char *name, const char *what, struct bv_error *err)
{
    return bv_fail(err, BV_ERR_FORMAT, "%s: not a protocol: %s", name, what);
}

static bool is_strings(const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (!json_is_string(json_array_get(array, i)))
            return false;
    return json_is_array(array);
}

// A line each in a labels file: what breaks one would bring labels of its own.
static bool are_prompts(const json_t *prompts)
{
    for (size_t i = 0; i < json_array_size(prompts); i++) {
        const char *text = json_string_value(json_array_get(prompts, i));
        if (!text || !text[strspn(text, " \t")] || strpbrk(text, "|!\r\n"))
            return false;
    }
    return !prompts || json_is_array(prompts);
}

static bool are_labels(const json_t *labels)
{
    for (size_t i = 0; i < json_array_size(labels); i++) {
        const json_t *label = json_array_get(labels, i);
        const char *name = bv_json_string(label, "name", "");
        if (!*name || strpbrk(name, "=#\r\n") || !are_prompts(json_object_get(label, "prompts")))
            return false;
    }
    return !labels || json_is_null(labels) || json_array_size(labels) > 0;
}

static bool are_paths(const json_t *paths)
{
    for (size_t i = 0; i < json_array_size(paths); i++)
        if (!is_strings(json_array_get(paths, i)))
            return false;
    return !paths || json_is_array(paths);
}

static bool are_published(const json_t *published)
{
    for (size_t i = 0; i < json_array_size(published); i++) {
        const json_t *one = json_array_get(published, i);
        if (!json_is_number(json_object_get(one, "value")) ||
            !json_is_string(json_object_get(one, "model")) ||
            !json_is_string(json_object_get(one, "source")))
            return false;
    }
    return json_is_array(published);
}

static enum bv_status check_columns(const json_t *columns, const char *name, struct bv_error *err)
{
    const char *key = NULL;
    const json_t *names = NULL;
    if (!json_is_object(columns))
        return malformed(name, "data.columns is missing", err);
    json_object_foreach(
        (json_t *)(uintptr_t)columns, key,
        names) if (!is_strings(names)) return malformed(name, "a column has a list of names", err);
    return json_array_size(json_object_get(columns, "path"))
               ? BV_OK
               : malformed(name, "data.columns.path is missing", err);
}

// What a run would take for a default, were it not refused here.
static enum bv_status check_rules(const json_t *data, const char *name, struct bv_error *err)
{
    const json_t *uncertain = json_object_get(data, "uncertain"),
                 *blank = json_object_get(data, "blank");
    const char *how = bv_json_string(data, "blank", "");
    enum bv_uncertain meaning;
    if (uncertain && bv_uncertain_parse(bv_json_string(data, "uncertain", ""), &meaning, err))
        return malformed(name, "data.uncertain is ignore, zero, one or policy", err);
    if (blank && strcmp(how, "ignore") != 0 && strcmp(how, "zero") != 0)
        return malformed(name, "data.blank is ignore or zero", err);
    if (json_object_get(data, "images") && bv_json_integer(data, "images", 0) < 1)
        return malformed(name, "data.images is how many there are", err);
    if (json_object_get(data, "exactly_one") &&
        !json_is_boolean(json_object_get(data, "exactly_one")))
        return malformed(name, "data.exactly_one is true or false", err);
    return BV_OK;
}

static enum bv_status check(const json_t *json, const char *name, struct bv_error *err)
{
    const json_t *data = json_object_get(json, "data"), *metric = json_object_get(json, "metric");
    const char *task = bv_json_string(json, "task", "");
    size_t t = 0;
    while (t < sizeof tasks / sizeof *tasks && strcmp(tasks[t], task) != 0)
        t++;
    if (t == sizeof tasks / sizeof *tasks)
        return malformed(name, "task is classification, retrieval, vqa or grounding", err);
    if (!*bv_json_string(json, "protocol", "") || bv_json_integer(json, "version", 0) < 1)
        return malformed(name, "protocol or version is missing", err);
    BV_TRY(check_columns(json_object_get(data, "columns"), name, err));
    BV_TRY(check_rules(data, name, err));
    if (!are_labels(json_object_get(json, "labels")))
        return malformed(name, "labels have a name without \"=\" or \"#\", and prompts of one line",
                         err);
    const json_t *interval = json_object_get(metric, "interval");
    if (!*bv_json_string(metric, "name", "") || !is_strings(json_object_get(metric, "value")) ||
        !are_paths(json_object_get(metric, "of")) || (interval && !is_strings(interval)))
        return malformed(name, "metric has a name and the places of its value and interval", err);
    if (!are_published(json_object_get(json, "published")))
        return malformed(name, "published numbers have a model, a value and a source", err);
    return is_strings(json_object_get(json, "traps"))
               ? BV_OK
               : malformed(name, "traps are a list of sentences", err);
}

// ---- Opening ----

static bool is_protocol(const struct bv_asset *asset)
{
    return strncmp(asset->path, folder, strlen(folder)) == 0;
}

static enum bv_status unknown(const char *name, struct bv_error *err)
{
    char names[600] = "";
    size_t used = 0;
    for (size_t i = 0; i < bv_n_assets && used < sizeof names; i++) {
        const char *own = bv_assets[i].path + strlen(folder);
        if (is_protocol(&bv_assets[i]))
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%.*s", used ? ", " : "",
                                     (int)(strlen(own) - strlen(ending)), own);
    }
    return bv_fail(err, BV_ERR_ARG, "no protocol \"%.80s\"; there are %s", name, names);
}

static enum bv_status write_labels(struct bv_protocol *p, struct bv_error *err)
{
    const json_t *labels = json_object_get(p->json, "labels");
    size_t size = 0;
    if (!json_is_array(labels))
        return BV_OK;
    FILE *f = open_memstream(&p->labels, &size);
    if (!f)
        return bv_fail_nomem(err, "the labels");
    for (size_t i = 0; i < json_array_size(labels); i++) {
        const json_t *label = json_array_get(labels, i);
        const json_t *prompts = json_object_get(label, "prompts");
        (void)fputs(bv_json_string(label, "name", ""), f);
        for (size_t k = 0; k < json_array_size(prompts); k++)
            (void)fprintf(f, "%s%s", k ? " | " : " = ",
                          json_string_value(json_array_get(prompts, k)));
        (void)putc('\n', f);
    }
    return fclose(f) == 0 && p->labels ? BV_OK : bv_fail_nomem(err, "the labels");
}

enum bv_status bv_protocol_parse(struct bv_protocol *p, const uint8_t *bytes, size_t size,
                                 const char *name, struct bv_error *err)
{
    if (size > max_bytes)
        return bv_fail(err, BV_ERR_LIMIT, "%s: a protocol has at most %zu bytes", name, max_bytes);
    BV_TRY(bv_json_parse(&p->json, (const char *)bytes, size, name, err));
    bv_sha256_hex(bytes, size, p->digest);
    BV_TRY(check(p->json, name, err));
    return write_labels(p, err);
}

static enum bv_status load_file(struct bv_protocol *p, const char *path, struct bv_error *err)
{
    struct bv_mapping mapping = {0};
    BV_TRY(bv_mapping_open(&mapping, path, 0, err));
    enum bv_status status = bv_protocol_parse(p, mapping.data, mapping.size, path, err);
    bv_mapping_close(&mapping);
    return status;
}

enum bv_status bv_protocol_open(struct bv_protocol *p, const char *name, struct bv_error *err)
{
    char path[160];
    size_t length = strlen(name);
    if (length > strlen(ending) && strcmp(name + length - strlen(ending), ending) == 0)
        return load_file(p, name, err);
    int n = snprintf(path, sizeof path, "%s%s%s", folder, name, ending);
    const struct bv_asset *asset = n > 0 && (size_t)n < sizeof path ? bv_asset_find(path) : NULL;
    if (!asset)
        return unknown(name, err);
    return bv_protocol_parse(p, asset->data, asset->size, name, err);
}

void bv_protocol_free(struct bv_protocol *p)
{
    json_decref(p->json);
    free(p->labels);
    free(p->path);
    free(p->patient);
    free(p->study);
    free(p->list);
    free(p->text);
    *p = (struct bv_protocol){0};
}

const char *bv_protocol_name(const struct bv_protocol *p)
{
    return bv_json_string(p->json, "protocol", "");
}

enum bv_protocol_task bv_protocol_task(const struct bv_protocol *p)
{
    const char *task = bv_json_string(p->json, "task", "");
    int t = 0;
    while (strcmp(tasks[t], task) != 0)
        t++;
    return (enum bv_protocol_task)t;
}

enum bv_status bv_protocol_list(json_t **list, struct bv_error *err)
{
    json_t *made = json_array();
    for (size_t i = 0; i < bv_n_assets; i++) {
        json_t *one = NULL;
        if (!is_protocol(&bv_assets[i]))
            continue;
        enum bv_status status = bv_json_parse(&one, (const char *)bv_assets[i].data,
                                              bv_assets[i].size, bv_assets[i].path, err);
        if (status != BV_OK) {
            json_decref(made);
            return status;
        }
        (void)json_array_append_new(
            made, json_pack("{s:O, s:O, s:O}", "name", json_object_get(one, "protocol"), "title",
                            json_object_get(one, "title"), "task", json_object_get(one, "task")));
        json_decref(one);
    }
    *list = made;
    return made ? BV_OK : bv_fail_nomem(err, "the protocols");
}

// ---- The data's columns ----

static bool equal_names(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char x = *a == '_' ? ' ' : *a, y = *b == '_' ? ' ' : *b;
        if (x != y && strncasecmp(&x, &y, 1) != 0)
            return false;
    }
    return *a == *b;
}

static const char *find_column(const struct bv_csv_row *header, const char *name)
{
    for (size_t i = 0; i < header->n; i++)
        if (equal_names(header->fields[i], name))
            return header->fields[i];
    return NULL;
}

// The first of the names that the data has, as the data spells it.
static enum bv_status choose(const struct bv_protocol *p, const struct bv_csv_row *header,
                             const char *key, char **column, struct bv_error *err)
{
    const json_t *columns = json_object_get(json_object_get(p->json, "data"), "columns");
    const json_t *names = json_object_get(columns, key);
    const char *found = NULL;
    for (size_t i = 0; i < json_array_size(names) && !found; i++)
        found = find_column(header, json_string_value(json_array_get(names, i)));
    free(*column);
    *column = found ? strdup(found) : NULL;
    return found && !*column ? bv_fail_nomem(err, "a column") : BV_OK;
}

// Says which columns are missing and which are there.
static enum bv_status refuse(const struct bv_protocol *p, const char *data, const char *missing,
                             const struct bv_csv_row *header, struct bv_error *err)
{
    char names[300] = "";
    size_t used = 0;
    for (size_t i = 0; i < header->n && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                                 header->fields[i]);
    return bv_fail(err, BV_ERR_ARG, "%s: protocol %s needs %s; there are %s", data,
                   bv_protocol_name(p), missing, names);
}

static enum bv_status need(const struct bv_protocol *p, const char *data,
                           const struct bv_csv_row *header, const char *key, const char *found,
                           struct bv_error *err)
{
    char text[200];
    size_t used = 0;
    const json_t *columns = json_object_get(json_object_get(p->json, "data"), "columns");
    const json_t *names = json_object_get(columns, key);
    if (found || !names)
        return BV_OK;
    used = (size_t)snprintf(text, sizeof text, "a column of the %s:", key);
    for (size_t i = 0; i < json_array_size(names) && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s %s", i ? " or" : "",
                                 json_string_value(json_array_get(names, i)));
    return refuse(p, data, text, header, err);
}

static enum bv_status need_labels(const struct bv_protocol *p, const char *data,
                                  const struct bv_csv_row *header, struct bv_error *err)
{
    const json_t *labels = json_object_get(p->json, "labels");
    char text[200];
    size_t used = 0;
    for (size_t i = 0; i < json_array_size(labels); i++) {
        const char *name = bv_json_string(json_array_get(labels, i), "name", "");
        if (!find_column(header, name) && used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s",
                                     used ? ", " : "the columns ", name);
    }
    return used && !p->list ? refuse(p, data, text, header, err) : BV_OK;
}

static enum bv_status match(struct bv_protocol *p, const char *data,
                            const struct bv_csv_row *header, struct bv_error *err)
{
    static const char *const of_task[] = {"question", "answer"};
    BV_TRY(choose(p, header, "path", &p->path, err));
    BV_TRY(need(p, data, header, "path", p->path, err));
    BV_TRY(choose(p, header, "patient", &p->patient, err));
    BV_TRY(choose(p, header, "study", &p->study, err));
    BV_TRY(choose(p, header, "list", &p->list, err));
    BV_TRY(choose(p, header, "text", &p->text, err));
    BV_TRY(need(p, data, header, "text", p->text, err));
    for (size_t i = 0; i < sizeof of_task / sizeof *of_task; i++) {
        char *found = NULL;
        enum bv_status status = choose(p, header, of_task[i], &found, err);
        if (status == BV_OK)
            status = need(p, data, header, of_task[i], found, err);
        free(found);
        BV_TRY(status);
    }
    return need_labels(p, data, header, err);
}

enum bv_status bv_protocol_match(struct bv_protocol *p, const char *data, struct bv_error *err)
{
    struct bv_csv_reader *csv = NULL;
    BV_TRY(bv_csv_open(&csv, data, bv_csv_separator(data), err));
    enum bv_status status = match(p, data, bv_csv_header(csv), err);
    bv_csv_close(&csv);
    return status;
}
