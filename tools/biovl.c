// biovl: the command. Each subcommand is a file of its own.
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"classify", "zero-shot scores of images for a list of labels", run_classify},
    {"explain", "where in an image an encoder looks for a text", run_explain},
    {"match", "how well texts match an image (fusion encoders)", run_match},
    {"ask", "answers to a question about an image", run_ask},
    {"segment", "a mask of what a text describes", run_segment},
    {"generate", "synthetic radiographs from text", run_generate},
    {"embed", "embeddings of images or texts", run_embed},
    {"label", "findings of reports, by a text classifier (CheXbert)", run_label},
    {"preprocess", "exactly the pixels that an image encoder sees", run_preprocess},
    {"tokenize", "token ids of texts", run_tokenize},
    {"convert", "a published checkpoint into a model file", run_convert},
    {"quantize", "which layers of a model stay above 8 bits", run_quantize},
    {"info", "a model file, the known systems, the devices", run_info},
    {"bench", "how long encoders take on a device", run_bench},
    {"eval", "metrics of a model on a labelled CSV file", run_eval},
    {"calibrate", "probabilities for scores, fitted to an evaluation", run_calibrate},
    {"verify", "re-check a model file's golden vectors", run_verify},
    {"index", "an index of images and reports: make, fill, check, merge", run_index},
    {"search", "what in an index is nearest to an image or a text", run_search},
    {"serve", "a page and an interface over HTTP", run_serve},
    {"pacs", "what an archive holds; storing objects in it", run_pacs},
};

static void print_help(FILE *stream)
{
    (void)fprintf(stream, "usage: biovl COMMAND … (biovl COMMAND --help)\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        (void)fprintf(stream, "  %-12s %s\n", commands[i].name, commands[i].summary);
    (void)fprintf(stream, "\n  --version    version, build options and libraries\n\n"
                          "For research; not a medical device.\n");
}

// "help eval vqa" is "eval vqa --help".
static int print_help_of(int argc, char **argv)
{
    char *words[4] = {argv[0], NULL};
    int n = argc < 2 ? argc : 2;
    for (int i = 1; i < n; i++)
        words[i] = argv[i];
    words[n] = "--help";
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, argv[0]) == 0)
            return commands[i].run(n + 1, words);
    (void)fprintf(stderr, "biovl: unknown command \"%s\"\n", argv[0]);
    print_help(stderr);
    return EXIT_USAGE;
}

static int print_version(void)
{
    char *json = NULL;
    if (bv_build_info(&json) != BV_OK)
        return EXIT_DEVICE;
    printf("biovl %s\n%s\n", bv_version(), json);
    bv_free(json);
    return EXIT_OK;
}

// Nothing half-written stays behind: the default action follows.
static void on_end(int number)
{
    bv_remove_unfinished();
    struct sigaction action = {.sa_handler = SIG_DFL};
    (void)sigaction(number, &action, NULL);
    (void)raise(number);
}

// A signal that the caller ignores (nohup) stays ignored. A file that grows past a limit is then
// an error of write().
static void prepare_signals(void)
{
    static const int ends[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE, SIGTERM,
                               SIGALRM, SIGXCPU, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct sigaction action = {.sa_handler = on_end}, before;
        if (sigaction(ends[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            (void)sigaction(ends[i], &action, NULL);
    }
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGXFSZ, &ignore, NULL);
}

int main(int argc, char **argv)
{
    prepare_signals();
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0) {
            int code = commands[i].run(argc - 1, argv + 1);
            if (fflush(stdout) != 0 && code == EXIT_OK) {
                (void)fprintf(stderr, "biovl: cannot write to standard output\n");
                code = EXIT_DEVICE;
            }
            return code;
        }
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0)
        return print_version();
    if (strcmp(name, "help") == 0 && argc > 2)
        return print_help_of(argc - 2, argv + 2);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return EXIT_OK;
    }
    if (*name)
        (void)fprintf(stderr, "biovl: unknown command \"%s\"\n", name);
    print_help(stderr);
    return EXIT_USAGE;
}
