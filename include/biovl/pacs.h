// biovl/pacs.h: picture archives: fetching into an index, storing objects.
//
// Nothing here runs unless asked: no other call of the library uses the network.
#ifndef BIOVL_PACS_H
#define BIOVL_PACS_H

#include "biovl/retrieval.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bv_pacs_options {
    size_t size;               // sizeof (struct bv_pacs_options)
    const char *url;           // dicomweb://host[:port]/root, dicom://TITLE@host:port; over TLS
                               // dicomwebs://…, dicoms://…
    const char *user_password; // "user:password"; NULL: none
    const char *token;         // bearer token; NULL: none
    const char *ca_file;       // certificates to trust beside the system's; NULL: none
    const char *own_title;     // NULL: BIOVL
    int timeout_s;             // without progress; 0: 30
    int tries;                 // for transient errors; 0: 4
    const char *from, *to;     // study dates YYYYMMDD, inclusive; NULL: open
    const char *modality;      // in the study; NULL: any
    const char *study;         // one study's UID; NULL: any
    int move_port; // DIMSE: fetch by C-MOVE to this port of ours, where the archive knows own_title
                   // to be; 0: by C-GET
    int changes; // not 0: what Orthanc's change feed lists since the last pull, whatever the dates
    int window_days; // from from to to (NULL: today) so many days at a time, going on where the
                     // last pull with these options was; 0: all at once
    const char *tls_certificate, *tls_key; // our own, with its chain, PEM; NULL: none
    const char *proxy; // of HTTP, never used for this machine; NULL: none, whatever the environment
                       // says
    int frame;         // into an index, of multi-frame objects: as in bv_index_sources
    int retry;         // into an index, not 0: what it refused in an earlier pull is fetched again
    // Instead of all studies those of these names (n_studies UIDs, n_accessions accession numbers,
    // n_patients patient identifiers); one that leads to no study fails as an object does. Not with
    // changes and window_days.
    const char *const *studies, *const *accessions, *const *patients;
    size_t n_studies, n_accessions, n_patients;
    // bv_pacs_find(): not 0: identifiers as they are; else as hashes, as an index with the site key
    // of key_file names them (NULL: with a key of this call alone).
    int identifiers;
    const char *key_file;
};

// Whether a text is the address of an archive.
BV_API int bv_pacs_is_url(const char *text);

// Fetches every image and report that the archive has in the window and the index lacks, object by
// object, and adds it. Run again it goes on where it was interrupted. An object that fails goes to
// the observer's failed() and does not stop the rest; five failed connections in a row do
// (BV_ERR_IO). Its progress() counts studies; when it stops the pull, what was embedded is kept.
// counts may be NULL.
BV_API enum bv_status bv_index_pull(struct bv_index *index, struct bv_engine *engine,
                                    const struct bv_pacs_options *options,
                                    struct bv_index_counts *counts);

// Images of the index whose path it does not hold are read from an archive by this reranker: the
// archive's studies (of the options' dates, modality and names) are listed once and hashed, to find
// those that the index knows by their hashes alone. What the reranker's model made of an image is
// kept in the folder INDEX.rerank, without identifiers; bv_index_remove() empties it. options'
// texts are borrowed until bv_reranker_close(). No connection is made before the first such image.
BV_API enum bv_status bv_reranker_read_from(struct bv_reranker *reranker, struct bv_index *index,
                                            const struct bv_pacs_options *options);

struct bv_pacs_counts {
    size_t size;      // sizeof (struct bv_pacs_counts)
    uint64_t objects; // written
    uint64_t skipped; // there already
    uint64_t failed;
    uint64_t retries; // tries that failed and were repeated
};

// The same into files of a folder, which is made for its owner alone: NAME.dcm, NAME the keyed hash
// of the object's UID. The key is key_file, or FOLDER.key (NULL), made if missing. How far the
// pulls by changes and windows got is in FOLDER/.pull.json. counts may be NULL.
BV_API enum bv_status bv_pacs_pull(struct bv_context *context,
                                   const struct bv_pacs_options *options, const char *folder,
                                   const char *key_file, struct bv_pacs_counts *counts);

// The studies in the window, or of the names, as JSON lines {"study", "date", "description",
// "modality", "series", "instances", "accession", "patient"}; what the archive does not say is left
// out. Dates and descriptions are as the archive has them.
BV_API enum bv_status bv_pacs_find(struct bv_context *context,
                                   const struct bv_pacs_options *options, char **lines);

// Stores a DICOM file in the archive. BV_ERR_REFUSED when the archive does not take it.
BV_API enum bv_status bv_pacs_send(struct bv_context *context,
                                   const struct bv_pacs_options *options, const char *path);

struct bv_listen_options {
    size_t size;       // sizeof (struct bv_listen_options)
    const char *title; // own application entity title; calls to another are refused; NULL: BIOVL
    int port;
    int any_host;                          // 0: only this machine is answered
    const char *caller;                    // the one calling title that is accepted; NULL: any
    struct bv_zero_shot *zero_shot;        // of the same context; NULL: nothing goes back
    const struct bv_pacs_options *send_to; // the archive that results go to
    int captures;                          // not 0: with a Secondary Capture of each result
    // An address of this machine to listen on, "*": all. NULL: 127.0.0.1, or all with any_host.
    const char *bind;
    // A file of peers that may call, instead of any_host and caller, one a line: TITLE ADDRESS
    // RIGHTS. ADDRESS is an IPv4 or IPv6 address or network, RIGHTS store, commit or store,commit.
    const char *peers;
    // TLS (1.2 or later): certificate with its chain and key, PEM; NULL: none. With an authority,
    // callers must have a certificate of it.
    const char *tls_certificate, *tls_key, *tls_authority;
    int max_associations;              // at once; 0: 16. Others are told to try again later
    int max_object_mib;                // size of an object; 0: 512
    int associate_s, idle_s, object_s; // time for the request, between messages, for an object; 0:
                                       // 10, 60, 300
    int metrics_port; // numbers in Prometheus' text format at http://127.0.0.1:PORT/metrics; 0:
                      // none
    int frame;        // of multi-frame objects, as in bv_index_sources; 0: they are answered C000
};

// Receives objects (C-STORE) on a port and adds them to the index until the observer's progress(),
// which is asked about once a second, returns other than 0; that is the regular end, BV_OK.
// Success is answered when an object is committed, or was there already; a warning (B006) when it
// is neither image nor report and was not kept; A700 when the index cannot be written; 0111 when
// the index holds another object under its identifier; C000 when it cannot be read. Storage
// commitment answers for what is in the index. The observer's log() gets a line of JSON, of level
// BV_LOG_INFO, for the start and each association, object and commitment.
//
// With zero_shot and send_to every image is scored, and the scores go to that archive as
// bv_result_write_sr() writes them, with captures as bv_result_write_capture() does, too. They wait
// in the folder INDEX.outbox until the archive has taken them, beyond the end of this call if need
// be: the next one goes on. An image that cannot be scored goes to the observer's failed() and is
// kept. BV_ERR_IO when the port cannot be had; BV_ERR_ARG without a progress(). counts may be NULL.
BV_API enum bv_status bv_index_listen(struct bv_index *index, struct bv_engine *engine,
                                      const struct bv_listen_options *options,
                                      struct bv_index_counts *counts);

// Writes a result as a DICOM structured report (TID 1500, Comprehensive 3D SR) of the study that
// source, the DICOM file it is of, belongs to. Scores are numbers of private concepts that name the
// quantity. Like its source the object names the patient. BV_ERR_FORMAT or BV_ERR_ARG when source
// is no DICOM object.
BV_API enum bv_status bv_result_write_sr(struct bv_context *context, const struct bv_result *result,
                                         const char *source, const char *path);

// Writes a result as a Secondary Capture of the same study: the radiograph as a viewer shows it,
// the scores in writing beneath, and, where the model has local maps, the heat map of the label
// that scored highest over it. Failures as above.
BV_API enum bv_status bv_result_write_capture(struct bv_context *context,
                                              const struct bv_result *result, const char *source,
                                              const char *path);

// Writes the picture of map i (bv_explained_picture()) as a Secondary Capture of the study of a
// DICOM source, a file.
struct bv_explained;
BV_API enum bv_status bv_explained_write_capture(struct bv_context *context,
                                                 const struct bv_explained *explained, size_t i,
                                                 const char *source, const char *path);

// The same three objects in memory, of a source in memory; name stands for it in messages. *bytes
// is freed with bv_free().
BV_API enum bv_status bv_result_sr(struct bv_context *context, const struct bv_result *result,
                                   const void *source, size_t source_size, const char *name,
                                   uint8_t **bytes, size_t *size);
BV_API enum bv_status bv_result_sc(struct bv_context *context, const struct bv_result *result,
                                   const void *source, size_t source_size, const char *name,
                                   uint8_t **bytes, size_t *size);
BV_API enum bv_status bv_explained_sc(struct bv_context *context,
                                      const struct bv_explained *explained, size_t i,
                                      const void *source, size_t source_size, const char *name,
                                      uint8_t **bytes, size_t *size);

// Writes scores and regions of all maps as a TID 1500 report about the source: a group for each
// text, with the box of its map's peak or, where there is nothing, the whole image.
BV_API enum bv_status bv_explained_write_sr(struct bv_context *context,
                                            const struct bv_explained *explained,
                                            const char *source, const char *path);

// Writes all maps as a binary Segmentation of the source, a segment for each text: the cells that
// make the boxes. BV_ERR_ARG where the image has not the source's size.
BV_API enum bv_status bv_explained_write_seg(struct bv_context *context,
                                             const struct bv_explained *explained,
                                             const char *source, const char *path);

// Writes a picture (PNG, JPEG: a heat map over the image, say) as a Secondary Capture of the study
// that source belongs to; description says what it shows.
BV_API enum bv_status bv_pacs_capture(struct bv_context *context, const char *source,
                                      const char *picture, const char *description,
                                      const char *path);

#ifdef __cplusplus
}
#endif

#endif
