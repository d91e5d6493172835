// The linker's digest of the object that this code is in (NT_GNU_BUILD_ID).
#define _GNU_SOURCE // dl_iterate_phdr()
#include <elf.h>
#include <link.h>
#include <string.h>

#include "base/sha256.h"

static bool holds(const struct dl_phdr_info *object, uintptr_t address)
{
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && address - object->dlpi_addr - part->p_vaddr < part->p_memsz)
            return true;
    }
    return false;
}

// Adds the linker's digest of the object of this very function.
static int add_object(struct dl_phdr_info *object, size_t size, void *arg)
{
    (void)size;
    if (!holds(object, (uintptr_t)&add_object))
        return 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        const char *at = (const char *)(object->dlpi_addr + part->p_vaddr),
                   *end = at + part->p_memsz;
        while (part->p_type == PT_NOTE && (size_t)(end - at) > sizeof(ElfW(Nhdr))) {
            const ElfW(Nhdr) *note = (const void *)at;
            size_t name = (note->n_namesz + 3U) & ~3U, content = (note->n_descsz + 3U) & ~3U;
            at += sizeof *note;
            if ((size_t)(end - at) < name + content)
                break;
            if (note->n_type == NT_GNU_BUILD_ID && name == 4 && memcmp(at, "GNU", 4) == 0) {
                bv_sha256_update(arg, at + name, note->n_descsz);
                return 1;
            }
            at += name + content;
        }
    }
    return 0;
}

bool bv_sha256_add_build(struct bv_sha256 *sha)
{
    return dl_iterate_phdr(add_object, sha) == 1;
}
