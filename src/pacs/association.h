// association.h: an association between two application entities (PS3.8) and the messages on it
// (PS3.7). Used inside src/pacs only.
//
// Sizes and times are bounded before a byte is kept: what is received is handed out as bytes, and
// nothing of a data set is parsed here.
#ifndef BV_PACS_ASSOCIATION_H
#define BV_PACS_ASSOCIATION_H

#include "pacs/pdu.h"
#include "pacs/wire.h"

struct bv_association;

#define BV_MAX_PDU 131072

// Reasons of a rejection (PS3.8 9.3.4).
enum bv_rejection {
    BV_REJECT_TITLE = 0x010107,     // permanent: called title not recognised
    BV_REJECT_CALLER = 0x010103,    // permanent: calling title not recognised
    BV_REJECT_NO_REASON = 0x010101, // permanent
    BV_REJECT_BUSY = 0x020302,      // transient: local limit exceeded
};

// Reads the request of a peer that connected; *request's strings are in the arena. The wire is the
// association's in any case. Answer with one of the two calls below, or close.
enum bv_status bv_association_await(struct bv_association **association, struct bv_wire *wire,
                                    struct bv_arena *arena, struct bv_associate *request,
                                    int64_t deadline, struct bv_error *err);
// The contexts' results and first syntaxes are the answer.
enum bv_status bv_association_accept(struct bv_association *association,
                                     const struct bv_associate *answer, int64_t deadline,
                                     struct bv_error *err);
void bv_association_reject(struct bv_association *association, enum bv_rejection why);

// Asks the peer of a wire, which is the association's in any case. BV_ERR_REFUSED when it rejects;
// *rejection (may be NULL) then says how, 0 otherwise.
enum bv_status bv_association_request(struct bv_association **association, struct bv_wire *wire,
                                      const struct bv_associate *request, int64_t deadline,
                                      unsigned *rejection, struct bv_error *err);

struct bv_wire *bv_association_wire(struct bv_association *association);

// The id of an accepted context of a class, with one of its transfer syntaxes when syntax is not
// NULL; 0: none.
uint8_t bv_association_context(const struct bv_association *association, const char *abstract,
                               const char *syntax);
// Class and transfer syntax of an accepted context; NULL when it is none.
const char *bv_association_abstract(const struct bv_association *association, uint8_t context);
const char *bv_association_syntax(const struct bv_association *association, uint8_t context);

#define BV_MESSAGE_ROOM 512 // bytes before the data set, for the head of a file

// What was received. bv_message_free() releases.
struct bv_message {
    uint8_t context;
    struct bv_command command;
    uint8_t *block; // malloc'd; NULL without a data set
    uint8_t *data;  // block + BV_MESSAGE_ROOM
    size_t size, room;
    bool released; // the peer released the association instead
};

void bv_message_free(struct bv_message *message);

struct bv_receive_limits {
    size_t max_data;    // bytes of a data set
    int64_t message_ms; // from a message's first byte to its last
    // Asks for so many bytes more, or gives them back (negative); false: there are none left. May
    // be NULL.
    bool (*claim)(void *arg, int64_t bytes);
    void *arg;
};

// The next message, whose first byte comes before the deadline. A data set that is too large is
// BV_ERR_LIMIT; one for which no memory can be had is BV_ERR_NOMEM, but read to its end all the
// same, so that it can be answered: data is NULL. BV_ERR_FORMAT for what
// breaks the protocol, BV_ERR_IO when the peer aborts, closes or is too slow.
enum bv_status bv_association_receive(struct bv_association *association,
                                      const struct bv_receive_limits *limits, int64_t deadline,
                                      struct bv_message *message, struct bv_error *err);

// Sends a command and, where it announces one, a data set.
enum bv_status bv_association_send(struct bv_association *association, uint8_t context,
                                   const struct bv_command *command, const void *data, size_t size,
                                   int64_t deadline, struct bv_error *err);

// Releases, and waits for the answer until the deadline; or aborts. Both close.
void bv_association_release(struct bv_association **association, int64_t deadline);
void bv_association_abort(struct bv_association **association);
void bv_association_close(struct bv_association **association); // without a word; accepts NULL

#endif
