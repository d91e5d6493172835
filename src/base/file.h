// file.h: whole files in memory, and files that are either written completely or not at all.
#ifndef BV_BASE_FILE_H
#define BV_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/memory.h"
#include "base/status.h"

// A read-only view of a file's bytes. data is NULL and size 0 for an empty file.
struct bv_mapping {
    const uint8_t *data;
    size_t size;
    dev_t device; // with inode, which file it is
    ino_t inode;
    int64_t modified; // when, in nanoseconds
    bool copied;      // read from a pipe into memory
};

// Maps a regular file; reads what comes out of a pipe, a terminal or /dev/stdin to its end.
// max_bytes 0 means no limit (of a pipe: 4 GiB); more is BV_ERR_LIMIT. Folders, other devices and
// missing files are BV_ERR_IO; the message names path.
enum bv_status bv_mapping_open(struct bv_mapping *mapping, const char *path, size_t max_bytes,
                               struct bv_error *err);

// Unmaps and zeroes; accepts a zeroed mapping.
void bv_mapping_close(struct bv_mapping *mapping);

// Whether path names, now, the file that was mapped.
bool bv_mapping_is(const struct bv_mapping *mapping, const char *path);

// Reads a stream ("-" is stdin) or file into malloc'd memory with a terminating zero byte that is
// not counted in *size. The caller frees *data. Longer than max_bytes is BV_ERR_LIMIT.
enum bv_status bv_read_all(const char *path, size_t max_bytes, char **data, size_t *size,
                           struct bv_error *err);

// Where an output named path goes. A regular file or a new one: *target is its name (malloc'd),
// with symbolic links followed, so that a link stays and what it points to is replaced. Anything
// else is written to as it is: *fd is open for "-" (standard output), /dev/stdout, /dev/fd/N, a
// device or a pipe, and *target NULL. A folder, a socket or a link to nothing is BV_ERR_IO.
enum bv_status bv_output_place(const char *path, char **target, int *fd, struct bv_error *err);

// A file under construction: bytes go to a temporary file beside path; commit makes them durable
// (fsync) and renames it over path; discard removes it. What is no regular file is written to at
// once (bv_output_place). Zero-initialise.
struct bv_new_file {
    FILE *stream;
    char *path, *temporary; // temporary is NULL for what is no regular file
    int number;             // of bv_unfinished_add()
};

enum bv_status bv_new_file_create(struct bv_new_file *file, const char *path, struct bv_error *err);
// The same for a file that none but its owner may read, and which takes the place of what path
// names, be that a link or a pipe.
enum bv_status bv_new_file_create_private(struct bv_new_file *file, const char *path,
                                          struct bv_error *err);
// On failure the temporary file is gone and path is as it was.
enum bv_status bv_new_file_commit(struct bv_new_file *file, struct bv_error *err);
// Accepts a zeroed or committed file.
void bv_new_file_discard(struct bv_new_file *file);

// Writes path completely and durably, or leaves it as it is. BV_ERR_IO names it.
enum bv_status bv_write_file(const char *path, const void *bytes, size_t size,
                             struct bv_error *err);

// cache_folder.c: what a program keeps to be faster the next time.

#define BV_CACHE_PATH 1024

// The folder $XDG_CACHE_HOME/biovl/NAME, or ~/.cache/biovl/NAME, made where it is missing; name may
// be "". False where there is no home, or where the folder is another user's or others may write
// to it.
bool bv_cache_folder(const char *name, char path[BV_CACHE_PATH]);

// Reads a file of exactly n bytes into out. False where it is not there, is no regular file, is
// another user's, or others may write to it. The time of its last use becomes now.
bool bv_cache_read(const char *path, void *out, size_t n);

// Removes the files of a folder that were not used for longest until it has at most max_files
// with at most max_bytes together. Files that are being written count.
void bv_cache_limit(const char *folder, size_t max_files, size_t max_bytes);

// The names in a folder that do not begin with a full stop, sorted. The names are the arena's; the
// caller frees *names. BV_ERR_IO names the folder.
enum bv_status bv_folder_names(const char *path, struct bv_arena *arena, char ***names,
                               size_t *n_names, struct bv_error *err);

// The names of files under construction, so that a program that is told to end can
// remove them from within a signal handler.

// Remembers a file's name until it is dropped. Returns its number, or -1 where the list (64) is
// full or the name too long: such a file is merely not removed. Any thread.
int bv_unfinished_add(const char *path);

// Forgets it; accepts -1.
void bv_unfinished_drop(int number);

// Removes every file remembered. Safe in a signal handler.
void bv_unfinished_remove(void);

// text_file.c: texts that people write, read by one rule: labels, reports, lists of texts,
// templates.
//
// A text is UTF-8. A byte order mark at its begin is left out. LF, CR LF and CR end a line, and all
// become LF. UTF-16, a byte of zero and anything that is not UTF-8 are refused, by the line: what
// another encoding means cannot be known, and a wrong guess would be scored.

// Applies the rule to text[0..*size) in place and ends it with a zero byte, for which there is
// room. name is that of the source. BV_ERR_FORMAT.
enum bv_status bv_text_tidy(char *text, size_t *size, const char *name, struct bv_error *err);

// Reads a file ("-" is stdin) as a text into malloc'd memory with a terminating zero byte that is
// not counted in *size. As bv_read_all() otherwise.
enum bv_status bv_text_read(const char *path, size_t max_bytes, char **text, size_t *size,
                            struct bv_error *err);

#endif
