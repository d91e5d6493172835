// biovl serve: models behind HTTP, with a page to look at.
#include <signal.h>
#include <stdio.h>

#include "command.h"
#include "serve/serve.h"

struct serve {
    struct bv_serve_options options;
    struct strings models, hosts;
};

static volatile sig_atomic_t stop;

// The first signal ends the service when its requests are answered, the second at once.
static void on_stop(int number)
{
    if (stop) {
        const struct sigaction end = {.sa_handler = SIG_DFL};
        (void)sigaction(number, &end, NULL);
        (void)raise(number);
    }
    stop = 1;
}

static void tell(void *arg, const char *line)
{
    FILE *stream = arg;
    (void)fprintf(stream, "%s\n", line);
    (void)fflush(stream);
}

static int run(struct serve *s)
{
    const char *one = model_path(NULL);
    struct bv_error err = {0};
    if (s->models.n == 0 && !one) {
        (void)fprintf(stderr, "biovl: no model: give --model FILE or set BIOVL_MODEL\n");
        return EXIT_USAGE;
    }
    s->options.models = s->models.n ? s->models.items : &one;
    s->options.n_models = s->models.n ? s->models.n : 1;
    s->options.hosts = s->hosts.items;
    s->options.n_hosts = s->hosts.n;
    s->options.stop = &stop;
    s->options.tell = tell;
    s->options.arg = stdout;
    static const int ends[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const struct sigaction action = {.sa_handler = on_stop};
        (void)sigaction(ends[i], &action, NULL);
    }
    (void)fprintf(stderr, "biovl: for research; not a medical device\n");
    enum bv_status status = bv_serve(&s->options, &err);
    if (status != BV_OK)
        (void)fprintf(stderr, "biovl: %s\n", err.text);
    return (int)exit_code_of(status);
}

int run_serve(int argc, char **argv)
{
    struct serve s = {.options = {.models = NULL}};
    struct bv_serve_options *o = &s.options;
    const struct option options[] = {
        {"--model|-m", OPTION_LIST, &s.models, "FILE...",
         "model files (default: $BIOVL_MODEL, then the one that ships)"},
        {"--index", OPTION_STRING, &o->index, "INDEX", "what /v1/search asks"},
        {"--key-file", OPTION_STRING, &o->index_key, "FILE",
         "the index's site key (default: INDEX.key)"},
        {"--root", OPTION_STRING, &o->root, "DIR",
         "the folder whose files requests may name (default: none may)"},
        {"--read-only", OPTION_FLAG, &o->read_only, NULL,
         "have the kernel refuse every change of a file (Linux 5.13)"},
        {"--port", OPTION_INTEGER, &o->port, "P", "default: a free one"},
        {"--bind", OPTION_STRING, &o->address, "ADDRESS",
         "default 127.0.0.1; others than loopback need --cert, --key and --token-file"},
        {"--host", OPTION_LIST, &s.hosts, "NAME...",
         "further names by which this service is called"},
        {"--token-file", OPTION_STRING, &o->token_file, "FILE",
         "the token that programs send, mode 0600; made when missing"},
        {"--cert", OPTION_STRING, &o->certificate, "FILE", "TLS: certificate with its chain, PEM"},
        {"--key", OPTION_STRING, &o->key, "FILE", "TLS: its key, PEM"},
        {"--queue", OPTION_INTEGER, &o->queue, "N", "requests that may wait (default 64)"},
        {"--batch", OPTION_INTEGER, &o->batch, "N",
         "images that a model takes at once, across requests (default 16)"},
        {"--connections", OPTION_INTEGER, &o->connections, "N", "default 256"},
        {"--max-body", OPTION_INTEGER, &o->body_mb, "MB", "of a request (default 64)"},
        {"--idle-stop", OPTION_INTEGER, &o->idle_minutes, "MINUTES",
         "end after so long without a request"},
        {"--log", OPTION_FLAG, &o->access_log, NULL,
         "a line on standard output for each request, without names of files or patients"},
        {"--device", OPTION_STRING, &o->device, "DEVICE",
         "auto, cpu, vulkan, vulkan:1, vulkan:NAME"},
        {"--precision", OPTION_STRING, &o->precision, "P", "auto, f32; GPU: f16; CPU: bf16, int8"},
        {"--threads", OPTION_INTEGER, &o->threads, "N",
         "processor threads of each model (default: all)"},
    };
    const struct usage usage = {"serve", "[options]",
                                "Serves a page and an interface over HTTP, and prints the address "
                                "that opens the page once.",
                                options, sizeof options / sizeof *options};
    struct strings rest = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        if (rest.n)
            (void)fprintf(stderr, "usage: biovl serve %s\n", usage.synopsis);
        else
            code = run(&s);
    }
    free_strings(&s.models);
    free_strings(&s.hosts);
    free_strings(&rest);
    return code;
}
