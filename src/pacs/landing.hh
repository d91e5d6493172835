// landing.hh: a storage SCP of our own on a thread of its own, where objects land that an archive
// was asked to move (C-MOVE). C++, used inside src/pacs only.
#ifndef BV_PACS_LANDING_HH
#define BV_PACS_LANDING_HH

#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

extern "C" {
#include "pacs/listen.h"
}

class bv_landing
{
  public:
    // title is our own, caller the archive's; other hosts than this one are answered when any_host
    // is set.
    bv_landing(const char *title, const char *caller, int port, bool any_host);
    ~bv_landing(); // returns when the association at hand has ended, within seconds
    bv_landing(const bv_landing &) = delete;
    bv_landing &operator=(const bv_landing &) = delete;

    // Returns when the port is open, or why it could not be opened.
    bv_status wait_open(bv_error *err);

    // Forgets what landed before.
    void clear();

    // The one object that landed since then, as a DICOM file; empty when none did.
    std::vector<uint8_t> take();

  private:
    static void received(void *self, bv_arrival *const *arrivals, size_t n);
    static void ready(void *self);
    void run();

    const std::string title, caller;
    bv_receiver_options options = {};
    volatile sig_atomic_t stop = 0;
    std::mutex mutex;
    std::condition_variable changed;
    bool is_open = false, ended = false;
    bv_error error = {};
    std::vector<uint8_t> object;
    std::thread thread; // the last member: it uses the others
};

#endif
