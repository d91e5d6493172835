// The public calls that look into archives and store objects there.
#include "biovl/pacs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/index.h"
#include "api/result.h"
#include "archive/pull.h"
#include "archive/receive.h"
#include "pacs/listen.h"
#include "pacs/wire.h"

int bv_pacs_is_url(const char *text)
{
    assert(text);
    return bv_archive_is_url(text);
}

static struct bv_archive_options connection(const struct bv_pacs_options *o)
{
    return (struct bv_archive_options){
        .user_password = o->user_password,
        .token = o->token,
        .ca_file = o->ca_file,
        .own_title = o->own_title,
        .timeout_s = o->timeout_s,
        .tries = o->tries,
        .move_port = o->move_port,
        .tls_certificate = o->tls_certificate,
        .tls_key = o->tls_key,
        .proxy = o->proxy,
    };
}

static struct bv_archive_window window_of(const struct bv_pacs_options *o)
{
    return (struct bv_archive_window){
        .from = o->from, .to = o->to, .modality = o->modality, .study = o->study};
}

static struct bv_study_names names_of(const struct bv_pacs_options *o)
{
    return (struct bv_study_names){.studies = o->studies,
                                   .n_studies = o->n_studies,
                                   .accessions = o->accessions,
                                   .n_accessions = o->n_accessions,
                                   .patients = o->patients,
                                   .n_patients = o->n_patients};
}

static enum bv_status read_options(struct bv_pacs_options *o, const struct bv_pacs_options *theirs,
                                   struct bv_error *err)
{
    BV_TRY(bv_options_read(o, sizeof *o, theirs, "bv_pacs_options", err));
    return o->url ? BV_OK : bv_fail(err, BV_ERR_ARG, "bv_pacs_options: no url");
}

static struct bv_pull_options pull_options(const struct bv_pacs_options *o,
                                           const struct bv_context *context)
{
    return (struct bv_pull_options){
        .url = o->url,
        .archive = connection(o),
        .window = window_of(o),
        .changes = o->changes != 0,
        .window_days = o->window_days,
        .frame = o->frame,
        .retry = o->retry != 0,
        .names = names_of(o),
        .observer = &context->observer,
    };
}

static enum bv_status open_archive(struct bv_archive **archive, const struct bv_pacs_options *o,
                                   struct bv_error *err)
{
    const struct bv_archive_options options = connection(o);
    return bv_archive_open(archive, o->url, &options, err);
}

static enum bv_status count_instance(void *arg, const struct bv_archive_instance *one,
                                     struct bv_error *err)
{
    (void)one;
    (void)err;
    ++*(size_t *)arg;
    return BV_OK;
}

struct finding {
    const struct bv_pacs_options *options;
    struct bv_archive *archive;
    struct bv_sitekey key;
    FILE *out;
};

static void set_text(json_t *line, const char *key, const char *value)
{
    if (*value)
        (void)json_object_set_new(line, key, json_string(value));
}

// An identifier, or what an index calls it.
static void set_name(const struct finding *f, json_t *line, const char *key, const char *prefix,
                     const char *value)
{
    char text[256], hash[BV_SITEKEY_NAME];
    if (!*value)
        return;
    (void)snprintf(text, sizeof text, "%s%s", prefix, value);
    bv_sitekey_hash(&f->key, text, hash);
    (void)json_object_set_new(line, key, json_string(f->options->identifiers ? value : hash));
}

static enum bv_status print_study(const struct finding *f, const struct bv_archive_study *study,
                                  struct bv_error *err)
{
    size_t counted = 0;
    json_t *line = json_object();
    set_name(f, line, "study", "", study->uid);
    set_text(line, "date", study->date);
    set_text(line, "description", study->description);
    set_text(line, "modality", study->modalities);
    if (study->n_series >= 0)
        (void)json_object_set_new(line, "series", json_integer(study->n_series));
    enum bv_status status = BV_OK;
    if (study->n_instances >= 0)
        counted = (size_t)study->n_instances;
    else
        status = bv_archive_instances(f->archive, study->uid, count_instance, &counted, err);
    (void)json_object_set_new(line, "instances", json_integer((json_int_t)counted));
    set_name(f, line, "accession", "accession:", study->accession);
    set_name(f, line, "patient", "patient:", study->patient);
    char *text = json_dumps(line, JSON_COMPACT);
    json_decref(line);
    if (text && status == BV_OK)
        (void)fprintf(f->out, "%s\n", text);
    else if (status == BV_OK)
        status = bv_fail_nomem(err, "a list");
    free(text);
    return status;
}

static enum bv_status find_window(void *arg, const struct bv_archive_window *window,
                                  const char *name, struct bv_error *err)
{
    const struct finding *f = arg;
    struct bv_archive_study *studies = NULL;
    size_t n = 0;
    (void)name;
    BV_TRY(bv_archive_list_studies(f->archive, window, &studies, &n, err));
    enum bv_status status = BV_OK;
    for (size_t i = 0; i < n && status == BV_OK; i++)
        status = print_study(f, &studies[i], err);
    free(studies);
    return status;
}

static enum bv_status find_all(struct finding *f, struct bv_error *err)
{
    const struct bv_pacs_options *o = f->options;
    const struct bv_archive_window window = window_of(o);
    const struct bv_study_names names = names_of(o);
    if (o->key_file)
        BV_TRY(bv_sitekey_load(&f->key, o->key_file, false, err));
    else
        BV_TRY(bv_sitekey_random(&f->key, err));
    BV_TRY(open_archive(&f->archive, o, err));
    if (o->n_studies + o->n_accessions + o->n_patients > 0)
        return bv_each_named_window(&window, &names, find_window, f, err);
    return find_window(f, &window, NULL, err);
}

enum bv_status bv_pacs_find(struct bv_context *context, const struct bv_pacs_options *theirs,
                            char **lines)
{
    assert(context && lines);
    struct bv_error *err = bv_begin(context);
    struct bv_pacs_options options;
    BV_TRY(read_options(&options, theirs, err));
    struct finding finding = {.options = &options};
    char *text = NULL;
    size_t size = 0;
    finding.out = open_memstream(&text, &size);
    enum bv_status status = finding.out ? find_all(&finding, err) : bv_fail_nomem(err, "a list");
    bv_archive_close(&finding.archive);
    if (finding.out && fclose(finding.out) != 0 && status == BV_OK)
        status = bv_fail_nomem(err, "a list");
    if (status == BV_OK)
        *lines = text;
    else
        free(text);
    return status;
}

enum bv_status bv_pacs_send(struct bv_context *context, const struct bv_pacs_options *theirs,
                            const char *path)
{
    assert(context && path);
    struct bv_error *err = bv_begin(context);
    struct bv_pacs_options options;
    BV_TRY(read_options(&options, theirs, err));
    struct bv_archive *archive = NULL;
    struct bv_mapping file = {0};
    enum bv_status status = bv_mapping_open(&file, path, (size_t)1 << 30, err);
    if (status == BV_OK && bv_object_check(file.data, file.size, err) != BV_OK)
        status = bv_fail_prefix(err, "%s", path);
    if (status == BV_OK)
        status = open_archive(&archive, &options, err);
    if (status == BV_OK && bv_archive_store(archive, file.data, file.size, err) != BV_OK)
        status = bv_fail_prefix(err, "%s", path);
    bv_archive_close(&archive);
    bv_mapping_close(&file);
    return status;
}

static void write_counts(struct bv_index_counts *to, const struct bv_ingest_counts *counts,
                         size_t retries, size_t sent, size_t waiting)
{
    const struct bv_index_counts mine = {.images = counts->images,
                                         .reports = counts->reports,
                                         .skipped = counts->skipped,
                                         .failed = counts->failed,
                                         .updated = counts->updated,
                                         .apart = counts->apart,
                                         .retries = retries,
                                         .results_sent = sent,
                                         .results_waiting = waiting};
    bv_counts_write(to, &mine, sizeof mine);
}

enum bv_status bv_reranker_read_from(struct bv_reranker *reranker, struct bv_index *index,
                                     const struct bv_pacs_options *theirs)
{
    assert(reranker && index);
    struct bv_error *err = bv_begin(index->context);
    struct bv_pacs_options options;
    struct bv_refetch *refetch = NULL;
    BV_TRY(read_options(&options, theirs, err));
    BV_TRY(bv_index_need_key(index, err));
    const struct bv_pull_options from = pull_options(&options, index->context);
    BV_TRY(bv_refetch_open(&refetch, &from, &index->key, err));
    bv_refetch_close(&reranker->refetch);
    reranker->refetch = refetch;
    return BV_OK;
}

enum bv_status bv_index_pull(struct bv_index *index, struct bv_engine *engine,
                             const struct bv_pacs_options *theirs, struct bv_index_counts *counts)
{
    assert(index && engine);
    struct bv_error *err = bv_begin(index->context);
    struct bv_pacs_options options;
    struct bv_ingest_counts added = {0};
    size_t retries = 0;
    BV_TRY(read_options(&options, theirs, err));
    BV_TRY(bv_counts_check(counts, "bv_index_counts", err));
    BV_TRY(bv_index_need_key(index, err));
    bv_searcher_close(&index->searcher);
    const struct bv_pull_options pull = pull_options(&options, index->context);
    enum bv_status status = bv_pull_to_index(&pull, index->store, engine->session, &index->key,
                                             index->context->pool, &added, &retries, err);
    bv_index_settle(index);
    if (status == BV_OK)
        write_counts(counts, &added, retries, 0, 0);
    return status;
}

enum bv_status bv_pacs_pull(struct bv_context *context, const struct bv_pacs_options *theirs,
                            const char *folder, const char *key_file, struct bv_pacs_counts *counts)
{
    assert(context && folder);
    struct bv_error *err = bv_begin(context);
    struct bv_pacs_options options;
    struct bv_pull_counts got = {0};
    BV_TRY(read_options(&options, theirs, err));
    BV_TRY(bv_counts_check(counts, "bv_pacs_counts", err));
    const struct bv_pull_options pull = pull_options(&options, context);
    BV_TRY(bv_pull_to_folder(&pull, folder, key_file, &got, err));
    const struct bv_pacs_counts mine = {.objects = got.objects,
                                        .skipped = got.skipped,
                                        .failed = got.failed,
                                        .retries = got.retries};
    bv_counts_write(counts, &mine, sizeof mine);
    return BV_OK;
}

// What goes back for an image that was received.
static enum bv_status answer(void *arg, const uint8_t *bytes, size_t size, const char *name,
                             struct bv_answer answers[BV_ANSWERS], struct bv_error *err)
{
    const struct bv_listen_options *o = arg;
    struct bv_result *result = NULL;
    struct bv_answer *report = &answers[BV_ANSWER_REPORT], *capture = &answers[BV_ANSWER_CAPTURE];
    struct bv_image *image = NULL;
    struct bv_context *context = o->zero_shot->engine->context;
    const struct bv_image_options options = {.size = sizeof options, .name = name};
    enum bv_status status = bv_image_open_bytes(context, bytes, size, &options, &image);
    if (status == BV_OK)
        status = bv_zero_shot_classify(o->zero_shot, image, &result);
    bv_image_close(&image);
    if (status != BV_OK)
        return bv_fail(err, status, "%s", bv_last_error(context));
    status = bv_result_report(result, bytes, size, name, &report->bytes, &report->size, err);
    if (status == BV_OK && o->captures)
        status = bv_result_capture(result, bytes, size, name, &capture->bytes, &capture->size, err);
    bv_result_free(&result);
    return status;
}

static enum bv_status read_listen(const struct bv_context *context, struct bv_listen_options *o,
                                  struct bv_pacs_options *send_to, struct bv_receive_options *to,
                                  const struct bv_listen_options *theirs, struct bv_error *err)
{
    BV_TRY(bv_options_read(o, sizeof *o, theirs, "bv_listen_options", err));
    *to = (struct bv_receive_options){.observer = &context->observer, .arg = o};
    to->receiver.title = o->title ? o->title : "BIOVL";
    to->receiver.port = o->port;
    to->receiver.any_host = o->any_host != 0;
    to->receiver.caller = o->caller;
    to->receiver.bind = o->bind ? o->bind : o->any_host ? "*" : NULL;
    to->receiver.max_associations = (size_t)o->max_associations;
    to->receiver.max_object = (size_t)o->max_object_mib << 20;
    to->metrics_port = o->metrics_port;
    to->frame = o->frame;
    to->receiver.associate_s = o->associate_s;
    to->receiver.idle_s = o->idle_s;
    to->receiver.object_s = o->object_s;
    if (o->max_associations < 0 || o->max_associations > 1000 || o->max_object_mib < 0 ||
        o->max_object_mib > 16384 || o->associate_s < 0 || o->idle_s < 0 || o->object_s < 0)
        return bv_fail(err, BV_ERR_ARG, "a limit of the receiver that is out of range");
    if (o->frame < -1)
        return bv_fail(err, BV_ERR_ARG, "frame %d: frames are counted from 1", o->frame);
    if (o->port < 1 || o->port > 65535 || strlen(to->receiver.title) > 16)
        return bv_fail(err, BV_ERR_ARG, "a port is 1 to 65535, a title at most 16 characters");
    if (!context->observer.progress)
        return bv_fail(err, BV_ERR_ARG, "listening ends by the observer's progress(): none is set");
    if (!o->zero_shot != !o->send_to)
        return bv_fail(err, BV_ERR_ARG, "results need both labels and an archive to go to");
    if (!o->zero_shot)
        return BV_OK;
    BV_TRY(read_options(send_to, o->send_to, err));
    to->answer = answer;
    to->send_to = send_to->url;
    to->archive = connection(send_to);
    to->archive.own_title = to->receiver.title;
    to->archive.tries = 0;
    to->archive.move_port = 0;
    return BV_OK;
}

enum bv_status bv_index_listen(struct bv_index *index, struct bv_engine *engine,
                               const struct bv_listen_options *theirs,
                               struct bv_index_counts *counts)
{
    assert(index && engine);
    struct bv_error *err = bv_begin(index->context), mine = {0};
    struct bv_listen_options options;
    struct bv_pacs_options send_to;
    struct bv_receive_options receive;
    struct bv_receive_counts got = {0};
    struct bv_receiver_peers *peers = NULL;
    struct bv_tls_options tls = {.server = true};
    BV_TRY(read_listen(index->context, &options, &send_to, &receive, theirs, err));
    BV_TRY(bv_counts_check(counts, "bv_index_counts", err));
    BV_TRY(bv_index_need_key(index, err));
    bv_searcher_close(&index->searcher);
    tls.certificate = options.tls_certificate;
    tls.key = options.tls_key;
    tls.ca_file = options.tls_authority;
    tls.demand = options.tls_authority != NULL;
    if (tls.certificate || tls.key || tls.ca_file)
        receive.receiver.tls = &tls;
    if (options.peers)
        BV_TRY(bv_peers_read(&peers, options.peers, err));
    receive.receiver.peers = peers;
    // Classifying an image begins a call of its own: the message is kept apart.
    enum bv_status status = bv_receive(index->store, engine->session, &index->key,
                                       index->context->pool, &receive, &got, &mine);
    bv_peers_free(&peers);
    if (status != BV_OK)
        return bv_fail(err, status, "%s", mine.text);
    write_counts(counts, &got.ingest, 0, got.sent, got.waiting);
    return BV_OK;
}
