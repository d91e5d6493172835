#include "pacs/landing.hh"

#include <new>

bv_landing::bv_landing(const char *own_title, const char *peer_title, int port, bool any_host)
    : title(own_title), caller(peer_title)
{
    options.title = title.c_str();
    options.caller = caller.c_str();
    options.port = port;
    options.any_host = any_host;
    options.bind = any_host ? "*" : nullptr;
    options.received = received;
    options.ready = ready;
    options.arg = this;
    options.stop = &stop;
    thread = std::thread(&bv_landing::run, this);
}

bv_landing::~bv_landing()
{
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    thread.join();
}

void bv_landing::run()
{
    bv_error mine = {};
    (void)bv_listen(&options, &mine);
    std::lock_guard<std::mutex> lock(mutex);
    error = mine;
    ended = true;
    changed.notify_all();
}

void bv_landing::ready(void *self)
{
    auto *landing = static_cast<bv_landing *>(self);
    std::lock_guard<std::mutex> lock(landing->mutex);
    landing->is_open = true;
    landing->changed.notify_all();
}

bv_status bv_landing::wait_open(bv_error *err)
{
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [this] { return is_open || ended; });
    return ended ? bv_fail(err, BV_ERR_IO, "%s", error.text) : BV_OK;
}

void bv_landing::received(void *self, bv_arrival *const *arrivals, size_t n)
{
    auto *landing = static_cast<bv_landing *>(self);
    std::lock_guard<std::mutex> lock(landing->mutex);
    for (size_t i = 0; i < n; i++) {
        try {
            landing->object.assign(arrivals[i]->bytes, arrivals[i]->bytes + arrivals[i]->size);
        } catch (const std::bad_alloc &) {
            arrivals[i]->status = BV_ERR_NOMEM;
        }
    }
}

void bv_landing::clear()
{
    std::lock_guard<std::mutex> lock(mutex);
    object.clear();
}

std::vector<uint8_t> bv_landing::take()
{
    std::lock_guard<std::mutex> lock(mutex);
    return std::move(object);
}
