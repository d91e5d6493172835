// Whole programs on a device: split work, several submissions, barriers, timestamps, the pipeline
// cache. Every run under the validation layer where it is installed; any message fails.
#include "support/check.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vulkan/net.h"
#include "vulkan/program.h"

static int messages; // of the validation layer, of all backends here

static enum bv_status open_with(struct bv_backend **backend, const struct net *net,
                                enum bv_vk_precision precision, bv_vk_wrap *wrap,
                                struct bv_error *err)
{
    struct bv_vk_options options = {
        .precision = precision, .wrap = wrap, .message_count = &messages};
    return bv_vk_create_with(backend, net->weights, &options, err);
}

static void run_and_check(const struct net *net, enum bv_vk_precision precision, double limit)
{
    struct bv_error err = {0};
    struct bv_backend *backend = NULL;
    float out[16 * NET_OUTPUTS];
    assert_in_range(net->N, 1, 16);
    messages = 0;
    assert_ok(open_with(&backend, net, precision, NULL, &err), err);
    assert_ok(net_run(net, backend, out, &err), err);
    net_check(net, out, limit);
    bv_backend_destroy(&backend);
    assert_int_equal(messages, 0);
}

static void test_f32(void **state)
{
    (void)state;
    struct net net;
    net_create(&net, 3, 50);
    run_and_check(&net, BV_VK_F32, 1e-6); // measured 1.2e-7, 2.4e-7 in splits
    net_destroy(&net);
}

static void test_f16(void **state)
{
    (void)state;
    struct net net;
    net_create(&net, 3, 50);
    run_and_check(&net, BV_VK_F16, 1.5e-3); // measured 2.6e-4, 4.0e-4 in splits
    net_destroy(&net);
}

// The table (640 KB), the pixels and most activations exceed a range of 64 KiB.
static void test_small_ranges(void **state)
{
    (void)state;
    struct net net;
    net_create(&net, 16, 10000);
    (void)setenv("BIOVL_VK_MAX_RANGE", "65536", 1);
    (void)setenv("BIOVL_VK_MAX_GROUPS", "8", 1);
    run_and_check(&net, BV_VK_F32, 1e-6);
    run_and_check(&net, BV_VK_F16, 1.5e-3);
    (void)unsetenv("BIOVL_VK_MAX_GROUPS");
    // One image's activations do not fit: an error that names the node, not a wrong result.
    (void)setenv("BIOVL_VK_MAX_RANGE", "2048", 1);
    struct bv_error err = {0};
    struct bv_backend *backend = NULL;
    assert_ok(open_with(&backend, &net, BV_VK_F32, NULL, &err), err);
    assert_int_equal(net_run(&net, backend, NULL, &err), BV_ERR_LIMIT);
    assert_non_null(strstr(err.text, "binds at most"));
    bv_backend_destroy(&backend);
    (void)unsetenv("BIOVL_VK_MAX_RANGE");
    net_destroy(&net);
}

static int submissions;
static PFN_vkQueueSubmit real_submit;

static VKAPI_ATTR VkResult VKAPI_CALL counted_submit(VkQueue queue, uint32_t n,
                                                     const VkSubmitInfo *info, VkFence fence)
{
    submissions++;
    return real_submit(queue, n, info, fence);
}

static void count_submissions(struct bv_vk_api *api, void *arg)
{
    (void)arg;
    if (api->QueueSubmit) {
        real_submit = api->QueueSubmit;
        api->QueueSubmit = counted_submit;
    }
}

static int submissions_of(const struct net *net)
{
    struct bv_error err = {0};
    struct bv_backend *backend = NULL;
    float out[16 * NET_OUTPUTS];
    messages = submissions = 0;
    assert_ok(open_with(&backend, net, BV_VK_F32, count_submissions, &err), err);
    assert_ok(net_run(net, backend, out, &err), err);
    net_check(net, out, 1e-6);
    bv_backend_destroy(&backend);
    assert_int_equal(messages, 0);
    return submissions;
}

static void test_submissions(void **state)
{
    (void)state;
    struct net net;
    net_create(&net, 16, 50);
    assert_int_equal(submissions_of(&net), 1);
    (void)setenv("BIOVL_VK_SUBMIT_MFLOP", "1", 1);
    int several = submissions_of(&net);
    assert_in_range(several, 3, 12);
    (void)unsetenv("BIOVL_VK_SUBMIT_MFLOP");
    (void)setenv("BIOVL_VK_SERIAL", "1", 1);
    assert_in_range(submissions_of(&net), several + 1, 40);
    (void)unsetenv("BIOVL_VK_SERIAL");
    (void)setenv("BIOVL_VK_STAGE", "1", 1); // weights through staging
    assert_in_range(submissions_of(&net), 2, 40);
    (void)unsetenv("BIOVL_VK_STAGE");
    net_destroy(&net);
}

// A dispatch holds no more work than a submission may.
static void test_cut_by_work(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct net net;
    struct bv_backend *backend = NULL;
    struct bv_program *program = NULL;
    net_create(&net, 16, 50);
    (void)setenv("BIOVL_VK_SUBMIT_MFLOP", "1", 1);
    assert_ok(open_with(&backend, &net, BV_VK_F32, NULL, &err), err);
    struct bv_graph *g = net_graph(&net);
    assert_ok(bv_program_compile(backend, &g, &program, &err), err);
    const struct bv_vk_recorder *r = &((const struct bv_vk_program *)program)->recorder;
    double largest = 0;
    for (int i = 0; i < r->n; i++)
        largest = fmax(largest, r->dispatches[i].flops);
    assert_true(largest > 0.5e6 && largest <= 1e6); // 2.7e6 uncut
    bv_program_destroy(&program);
    bv_backend_destroy(&backend);
    (void)unsetenv("BIOVL_VK_SUBMIT_MFLOP");
    net_destroy(&net);
}

static int barriers;
static PFN_vkCmdPipelineBarrier real_barrier;

static VKAPI_ATTR void VKAPI_CALL counted_barrier(
    VkCommandBuffer c, VkPipelineStageFlags from, VkPipelineStageFlags to, VkDependencyFlags flags,
    uint32_t n, const VkMemoryBarrier *memory, uint32_t n_buffer,
    const VkBufferMemoryBarrier *buffer, uint32_t n_image, const VkImageMemoryBarrier *image)
{
    bool between = from == VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT && to == from;
    barriers += between;
    real_barrier(c, from, to, flags, n, memory, n_buffer, buffer, n_image, image);
}

static VKAPI_ATTR void VKAPI_CALL no_barrier(VkCommandBuffer c, VkPipelineStageFlags from,
                                             VkPipelineStageFlags to, VkDependencyFlags flags,
                                             uint32_t n, const VkMemoryBarrier *memory,
                                             uint32_t n_buffer, const VkBufferMemoryBarrier *buffer,
                                             uint32_t n_image, const VkImageMemoryBarrier *image)
{
    if (from != VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT || to != from)
        real_barrier(c, from, to, flags, n, memory, n_buffer, buffer, n_image, image);
}

static void count_barriers(struct bv_vk_api *api, void *arg)
{
    (void)arg;
    if (api->CmdPipelineBarrier) {
        real_barrier = api->CmdPipelineBarrier;
        api->CmdPipelineBarrier = counted_barrier;
    }
}

static void drop_barriers(struct bv_vk_api *api, void *arg)
{
    (void)arg;
    if (api->CmdPipelineBarrier) {
        real_barrier = api->CmdPipelineBarrier;
        api->CmdPipelineBarrier = no_barrier;
    }
}

// Two layers that read the same input and write outputs of their own.
static struct bv_graph *independent_layers(const struct net *net)
{
    struct bv_error err = {0};
    struct bv_graph *g = NULL;
    assert_ok(bv_graph_create(&g, net->weights, &err), err);
    struct bv_tensor *x = bv_graph_input(g, "x", BV_F32, 2, (int64_t[]){5, 16});
    (void)bv_graph_output(g, bv_linear(g, x, "qkv"), "a");
    (void)bv_graph_output(g, bv_linear(g, x, "head"), "b");
    assert_ok(bv_graph_status(g, &err), err);
    return g;
}

// The barriers between dispatches of a graph, which is taken.
static int barriers_of(const struct net *net, struct bv_graph *g, int *n_nodes)
{
    struct bv_error err = {0};
    struct bv_backend *backend = NULL;
    struct bv_program *program = NULL;
    barriers = 0;
    assert_ok(open_with(&backend, net, BV_VK_F32, count_barriers, &err), err);
    assert_ok(bv_program_compile(backend, &g, &program, &err), err);
    *n_nodes = program->plan.n_nodes;
    bv_program_destroy(&program);
    bv_backend_destroy(&backend);
    return barriers;
}

// Nodes that do not depend on each other run without a barrier between them; and the validation
// layer, which vouches for the barriers in all other tests, does notice when they are missing.
static void test_barriers(void **state)
{
    (void)state;
    struct net net;
    net_create(&net, 2, 50);
    int n = 0;
    assert_int_equal(barriers_of(&net, independent_layers(&net), &n), 0);
    assert_int_equal(n, 2);
    int chained = barriers_of(&net, net_graph(&net), &n);
    assert_in_range(chained, n / 2, n - 1);
    struct bv_error err = {0};
    struct bv_backend *backend = NULL;
    const char *first = NULL;
    messages = 0;
    assert_ok(open_with(&backend, &net, BV_VK_F32, drop_barriers, &err), err);
    bool validating = bv_vk_validation_messages(backend, &first) >= 0;
    assert_ok(net_run(&net, backend, NULL, &err), err);
    if (validating) {
        assert_in_range(bv_vk_validation_messages(backend, &first), 1, 1000);
        assert_non_null(strstr(first, "HAZARD"));
    } else {
        print_message("the validation layer is not installed: its watch was not tested\n");
    }
    bv_backend_destroy(&backend);
    net_destroy(&net);
}

static void test_timing(void **state)
{
    (void)state;
    struct net net;
    struct bv_error err = {0};
    struct bv_backend *backend = NULL;
    struct bv_program *program = NULL;
    const struct bv_vk_timing *timings = NULL;
    float out[2 * NET_OUTPUTS];
    int n = 0;
    messages = 0;
    net_create(&net, 2, 50);
    assert_ok(open_with(&backend, &net, BV_VK_F32, NULL, &err), err);
    enum bv_status status = bv_vk_enable_timing(backend, &err);
    if (status == BV_ERR_UNSUPPORTED)
        skip();
    assert_ok(status, err);
    struct bv_graph *g = net_graph(&net);
    assert_ok(bv_program_compile(backend, &g, &program, &err), err);
    const void *inputs[] = {net.pixels, net.ids};
    assert_ok(bv_program_run(program, inputs, (float *const[]){out}, &err), err);
    net_check(&net, out, 1e-6);
    assert_ok(bv_vk_timings(program, &timings, &n, &err), err);
    assert_int_equal(n, program->plan.n_nodes);
    double total = 0;
    bool saw_conv = false;
    for (int i = 0; i < n; i++) {
        assert_non_null(timings[i].op);
        assert_true(timings[i].seconds >= 0 && timings[i].seconds < 60);
        total += timings[i].seconds;
        if (strcmp(timings[i].op, "conv2d") == 0 && !saw_conv) {
            saw_conv = true;
            assert_true(timings[i].flops == 2.0 * 2 * 12 * 12 * 16 * 27);
        }
    }
    assert_true(saw_conv && total > 0);
    bv_program_destroy(&program);
    bv_backend_destroy(&backend);
    assert_int_equal(messages, 0);
    net_destroy(&net);
}

// The only file of the cache folder, or "".
static void cache_file(const char *home, char path[512])
{
    char folder[256];
    path[0] = '\0';
    (void)snprintf(folder, sizeof folder, "%s/biovl", home);
    DIR *d = opendir(folder);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        if (e->d_name[0] != '.')
            (void)snprintf(path, 512, "%s/%.200s", folder, e->d_name);
    if (d)
        (void)closedir(d);
}

static size_t loaded_cache(const struct net *net)
{
    struct bv_error err = {0};
    struct bv_backend *backend = NULL;
    assert_ok(open_with(&backend, net, BV_VK_F32, NULL, &err), err);
    size_t bytes = ((struct bv_vk *)backend)->cache_bytes;
    assert_ok(net_run(net, backend, NULL, &err), err);
    bv_backend_destroy(&backend);
    return bytes;
}

static void test_cache(void **state)
{
    (void)state;
    struct net net;
    char home[] = "/tmp/biovl-cache-XXXXXX", path[512];
    net_create(&net, 1, 50);
    assert_non_null(mkdtemp(home));
    (void)setenv("XDG_CACHE_HOME", home, 1);
    messages = 0;
    assert_int_equal(loaded_cache(&net), 0);
    cache_file(home, path);
    assert_string_not_equal(path, "");
    assert_true(loaded_cache(&net) > 0);
    // A flipped byte, a short file, and rubbish are not handed to the driver.
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, -1, SEEK_END), 0);
    int last = fgetc(f);
    assert_int_equal(fseek(f, -1, SEEK_END), 0);
    assert_int_not_equal(fputc(last ^ 1, f), EOF);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(loaded_cache(&net), 0);
    cache_file(home, path);
    assert_true(loaded_cache(&net) > 0); // written again
    assert_int_equal(truncate(path, 60), 0);
    assert_int_equal(loaded_cache(&net), 0);
    // A folder that cannot be written is no failure.
    (void)setenv("XDG_CACHE_HOME", "/proc/none", 1);
    assert_int_equal(loaded_cache(&net), 0);
    (void)unsetenv("XDG_CACHE_HOME");
    assert_int_equal(messages, 0);
    cache_file(home, path);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/biovl", home);
    (void)rmdir(path);
    (void)rmdir(home);
    net_destroy(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32),          cmocka_unit_test(test_f16),
        cmocka_unit_test(test_small_ranges), cmocka_unit_test(test_submissions),
        cmocka_unit_test(test_barriers),     cmocka_unit_test(test_timing),
        cmocka_unit_test(test_cache),        cmocka_unit_test(test_cut_by_work),
    };
    net_require_device();
    return cmocka_run_group_tests_name("vulkan.run", tests, NULL, NULL);
}
