// A protocol file of any bytes: what is accepted has labels that can be parsed, and is matched
// with a table.
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval/tasks/protocol.h"
#include "memory_file.h"
#include "score/prompts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char table[] = "path,PatientID,study,Labels,Edema,answer\na.png,1,2,['x'],1,yes\n";
    struct bv_protocol protocol = {0};
    struct bv_error err = {0};
    char path[64];
    int file = memory_file(table, sizeof table - 1, path);
    if (bv_protocol_parse(&protocol, data, size, "protocol", &err) == BV_OK) {
        struct bv_labels labels = {0};
        if (protocol.labels)
            (void)bv_labels_parse(&labels, protocol.labels, strlen(protocol.labels), "labels", NULL,
                                  &err);
        bv_labels_free(&labels);
        (void)bv_protocol_task(&protocol);
        if (!*bv_protocol_name(&protocol))
            abort();
        (void)bv_protocol_match(&protocol, path, &err);
    }
    bv_protocol_free(&protocol);
    (void)close(file);
    return 0;
}
