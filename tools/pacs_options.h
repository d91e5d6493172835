// pacs_options.h: the options of every command that talks to an archive.
#ifndef BV_TOOLS_PACS_OPTIONS_H
#define BV_TOOLS_PACS_OPTIONS_H

#include "biovl/pacs.h"
#include "command.h"

struct pacs_options {
    struct bv_pacs_options values;
    const char *auth_file, *token_file;
    char *auth, *token; // contents, owned
    const char *list;   // a file of names
    char *list_text;    // its contents, owned
    struct strings studies, accessions, patients;
    bool changes, retry;
};

// clang-format off
#define PACS_CONNECTION_OPTIONS(p)                                                                 \
    {"--auth-file", OPTION_STRING, &(p)->auth_file, "FILE", "user:password for the archive, in a file"}, \
    {"--token-file", OPTION_STRING, &(p)->token_file, "FILE", "bearer token for the archive, in a file"}, \
    {"--ca-file", OPTION_STRING, &(p)->values.ca_file, "FILE", "certificates to trust (PEM)"},     \
    {"--proxy", OPTION_STRING, &(p)->values.proxy, "URL", "HTTP proxy (default: none)"},           \
    {"--timeout", OPTION_INTEGER, &(p)->values.timeout_s, "S", "seconds without progress (default 30)"}

#define PACS_OPTIONS(p)                                                                            \
    PACS_CONNECTION_OPTIONS(p),                                                                    \
    {"--tls-cert", OPTION_STRING, &(p)->values.tls_certificate, "FILE", "own certificate with its chain (PEM)"}, \
    {"--tls-key", OPTION_STRING, &(p)->values.tls_key, "FILE", "its key (PEM)"},                   \
    {"--own-title", OPTION_STRING, &(p)->values.own_title, "TITLE", "own AE title (default BIOVL)"}, \
    {"--tries", OPTION_INTEGER, &(p)->values.tries, "N", "for transient errors (default 4)"},          \
    {"--since", OPTION_STRING, &(p)->values.from, "YYYYMMDD", "studies of this day or later"},     \
    {"--until", OPTION_STRING, &(p)->values.to, "YYYYMMDD", "studies of this day or earlier"},     \
    {"--modality", OPTION_STRING, &(p)->values.modality, "M", "studies with this modality"},       \
    {"--study", OPTION_LIST, &(p)->studies, "UID...", "these studies"},                            \
    {"--accession", OPTION_LIST, &(p)->accessions, "NUMBER...", "the studies of these accession numbers"}, \
    {"--patient", OPTION_LIST, &(p)->patients, "ID...", "the studies of these patients"},          \
    {"--list", OPTION_STRING, &(p)->list, "FILE", "lines of study UID, accession NUMBER, patient ID"}

// Of commands that fetch.
#define PULL_OPTIONS(p)                                                                            \
    {"--changes", OPTION_FLAG, &(p)->changes, NULL, "what Orthanc's change feed lists since the last time"}, \
    {"--window", OPTION_INTEGER, &(p)->values.window_days, "DAYS", "so many days at a time from --since on, resumed where it was"}, \
    {"--move", OPTION_INTEGER, &(p)->values.move_port, "PORT", "fetch by C-MOVE to this port, not by C-GET"}
// clang-format on

// Completes values: reads the files that hold secrets and names; false after printing why not.
bool read_secrets(struct pacs_options *options);
void free_secrets(struct pacs_options *options);

#endif
