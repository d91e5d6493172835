// biovl/status.h: what a call of the library returns.
#ifndef BIOVL_STATUS_H
#define BIOVL_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BV_API __attribute__((visibility("default")))
#else
#define BV_API
#endif

// Every fallible function returns one of these. Out-parameters are written only on BV_OK.
// The error message of a failure is read with bv_last_error() of the context in use.
enum bv_status {
    BV_OK = 0,
    BV_ERR_NOMEM,       // host memory could not be allocated
    BV_ERR_IO,          // a file could not be opened, read or written
    BV_ERR_FORMAT,      // a file's content is damaged or is not what it says
    BV_ERR_UNSUPPORTED, // well-formed, but something this build does not do
    BV_ERR_ARG,         // the caller's argument is wrong
    BV_ERR_LIMIT,       // a declared limit (pixels, bytes, tensors, tokens) would be exceeded
    BV_ERR_MODEL,       // tensors, card or golden vectors of a model do not fit each other
    BV_ERR_DEVICE,      // no such device, or the device cannot do what is asked
    BV_ERR_DEVICE_LOST, // the device stopped answering; the session is dead
    BV_ERR_OOM_DEVICE,  // device memory could not be allocated
    BV_ERR_REFUSED,     // the input was understood and refused (unsafe pickle, wrong kind of image)
    BV_ERR_INTERNAL,    // a defect of the library
    BV_ERR_CANCELLED,   // the observer asked for the work to stop (observer.h)
};

// A short fixed name ("format", "limit"); never NULL.
BV_API const char *bv_status_name(enum bv_status status);

#ifdef __cplusplus
}
#endif
#endif
