// crc32c.h: the Castagnoli checksum (RFC 3720, appendix B.4) that guards stored vectors.
#ifndef BV_RETRIEVAL_CRC32C_H
#define BV_RETRIEVAL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

// Continues a checksum over size more bytes; crc is 0 for the first. Uses the processor's
// instruction where there is one.
uint32_t bv_crc32c(uint32_t crc, const void *data, size_t size);

// The same from a table.
uint32_t bv_crc32c_portable(uint32_t crc, const void *data, size_t size);

#endif
