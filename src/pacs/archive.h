// archive.h: a picture archive, whatever protocol it speaks: DICOMweb or DIMSE.
//
// Everything that fails for a passing reason (no connection, a broken one, a slow or overloaded
// server) is tried again with growing pauses. Identifiers that an archive sends are checked: a UID
// is digits and dots, at most 64.
#ifndef BV_PACS_ARCHIVE_H
#define BV_PACS_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "pacs/elements.h"

struct bv_archive_options {
    const char *user_password; // "user:password" for HTTP basic authentication; NULL: none
    const char *token;         // bearer token; NULL: none
    const char *ca_file;       // certificates to trust beside the system's; NULL: none
    const char *tls_certificate, *tls_key; // our own certificate with its chain, PEM; NULL: none
    const char *proxy;                     // of HTTP, never used for this machine; NULL: none
    const char *own_title;                 // own application entity title (DIMSE); NULL: BIOVL
    int timeout_s;                         // without any progress; 0: 30
    int tries;                             // in all; 0: 4
    int pause_ms;      // before the second try, doubled for each further one; 0: 500
    size_t max_object; // bytes of one object; 0: 512 MiB
    int move_port;     // fetch by C-MOVE to this port of ours (DIMSE); 0: by C-GET
};

struct bv_archive_window {
    const char *from, *to;           // study dates YYYYMMDD, inclusive; NULL: open
    const char *modality;            // modality in the study; NULL: any
    const char *study;               // one study's UID; NULL: any
    const char *accession, *patient; // accession number, patient's identifier; NULL: any
};

enum { BV_ARCHIVE_TEXT = 65 }; // room of a text of 64 characters

// What an archive says of a study; texts it does not give are "", numbers -1. Texts are printable
// UTF-8.
struct bv_archive_study {
    char uid[BV_UID_SIZE];
    char date[16], modalities[BV_ARCHIVE_TEXT]; // "CR/SR"
    char description[4 * BV_ARCHIVE_TEXT];
    char accession[BV_ARCHIVE_TEXT], patient[BV_ARCHIVE_TEXT];
    long n_series, n_instances;
};

struct bv_archive_instance {
    char study[BV_UID_SIZE], series[BV_UID_SIZE], sop[BV_UID_SIZE];
    char sop_class[BV_UID_SIZE]; // empty when the archive does not say
};

struct bv_archive;

// url: dicomweb://host[:port]/root (HTTP), dicomwebs://… (HTTPS), dicom://TITLE@host:port (DIMSE),
// dicoms://… (DIMSE over TLS).
// No connection is made yet. BV_ERR_ARG for another form; options may be NULL, its strings are
// copied.
enum bv_status bv_archive_open(struct bv_archive **archive, const char *url,
                               const struct bv_archive_options *options, struct bv_error *err);
void bv_archive_close(struct bv_archive **archive); // accepts NULL

// Whether a text is the URL of an archive.
bool bv_archive_is_url(const char *text);

// Calls visit with each study in the window, in the archive's order, until it fails. One that the
// archive names beyond an accession number or patient that was asked for is left out.
typedef enum bv_status bv_study_visit(void *arg, const struct bv_archive_study *study,
                                      struct bv_error *err);
enum bv_status bv_archive_studies(struct bv_archive *archive,
                                  const struct bv_archive_window *window, bv_study_visit *visit,
                                  void *arg, struct bv_error *err);

// Calls visit with each instance of a study.
enum bv_status bv_archive_instances(struct bv_archive *archive, const char *study,
                                    enum bv_status (*visit)(void *arg,
                                                            const struct bv_archive_instance *one,
                                                            struct bv_error *err),
                                    void *arg, struct bv_error *err);

// Calls visit with the instances that arrived after change number since, in the order of their
// arrival: one page of Orthanc's change feed. *next is where the next page begins, *done whether
// there are no more. An archive that was set up again starts again at 0. BV_ERR_UNSUPPORTED where
// there is no such feed.
enum bv_status bv_archive_changes(struct bv_archive *archive, uint64_t since,
                                  enum bv_status (*visit)(void *arg,
                                                          const struct bv_archive_instance *one,
                                                          struct bv_error *err),
                                  void *arg, uint64_t *next, bool *done, struct bv_error *err);

// Fetches one instance as a DICOM file in memory; the caller frees *bytes. It comes as the archive
// stores it, or transcoded to explicit little endian when transcode is set.
enum bv_status bv_archive_fetch(struct bv_archive *archive, const struct bv_archive_instance *one,
                                bool transcode, uint8_t **bytes, size_t *size,
                                struct bv_error *err);

// Stores one DICOM file. BV_ERR_REFUSED when the archive does not take it.
enum bv_status bv_archive_store(struct bv_archive *archive, const uint8_t *bytes, size_t size,
                                struct bv_error *err);

// Tries that failed and were repeated since the archive was opened.
size_t bv_archive_retries(const struct bv_archive *archive);

// What the protocols implement; used inside src/pacs only.

struct bv_archive_protocol {
    void (*close)(void *self);
    enum bv_status (*studies)(void *self, const struct bv_archive_window *window,
                              bv_study_visit *visit, void *arg, struct bv_error *err);
    enum bv_status (*instances)(void *self, const char *study,
                                enum bv_status (*visit)(void *, const struct bv_archive_instance *,
                                                        struct bv_error *),
                                void *arg, struct bv_error *err);
    enum bv_status (*changes)(void *self, uint64_t since,
                              enum bv_status (*visit)(void *, const struct bv_archive_instance *,
                                                      struct bv_error *),
                              void *arg, uint64_t *next, bool *done,
                              struct bv_error *err); // NULL: there is no feed
    enum bv_status (*fetch)(void *self, const struct bv_archive_instance *one, bool transcode,
                            uint8_t **bytes, size_t *size, struct bv_error *err);
    enum bv_status (*store)(void *self, const uint8_t *bytes, size_t size, struct bv_error *err);
    size_t (*retries)(const void *self);
};

// Each makes its own state; options are complete (no zeros) and live as long as the archive.
enum bv_status bv_dicomweb_open(const struct bv_archive_protocol **protocol, void **self,
                                const char *url, const struct bv_archive_options *options,
                                struct bv_error *err);
enum bv_status bv_dimse_open(const struct bv_archive_protocol **protocol, void **self,
                             const char *url, const struct bv_archive_options *options,
                             struct bv_error *err);

// outbox.c: objects that wait in a folder until an archive has taken them.
//
// What is put there outlives the process: an archive that is down for a night gets its objects in
// the morning. The objects name patients, so the folder is its owner's alone.

struct bv_outbox;

// Makes the folder if need be. url and options are those of bv_archive_open(); options->pause_ms is
// how long the outbox rests after a failure (0: 5 s), twice as long after each further one, at most
// 64 times. BV_ERR_IO when the folder cannot be had.
enum bv_status bv_outbox_open(struct bv_outbox **outbox, const char *folder, const char *url,
                              const struct bv_archive_options *options, struct bv_error *err);
void bv_outbox_close(struct bv_outbox **outbox); // accepts NULL

// Writes an object durably under a name of letters and digits; one of that name that still waits is
// replaced.
enum bv_status bv_outbox_put(struct bv_outbox *outbox, const char *name, const uint8_t *bytes,
                             size_t size, struct bv_error *err);

// Tries once to store everything that waits, unless the outbox rests. An object that the archive
// does not take stays for a day, then goes to the folder "refused" within, and the others are
// tried; a lost connection ends the round. *n_sent is always set. Returns the last failure.
enum bv_status bv_outbox_send(struct bv_outbox *outbox, size_t *n_sent, struct bv_error *err);

// How many objects wait.
size_t bv_outbox_waiting(const struct bv_outbox *outbox);

#endif
