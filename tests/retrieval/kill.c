// kill -9 at 200 random moments while items are added: the index opens, holds every committed item
// undamaged, and is completed to the same content by running the same command again.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "checkpoint/temporary.h"
#include "retrieval/synthetic.h"
#include "support/check.h"

enum { KILLS = 200, ITEMS = 1500, BATCH = 20 };

static const char *adder;

struct child {
    pid_t pid;
    FILE *progress;
};

static struct child start_adder(const char *index)
{
    int ends[2];
    char items[16], batch[16];
    (void)snprintf(items, sizeof items, "%d", ITEMS);
    (void)snprintf(batch, sizeof batch, "%d", BATCH);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        execl(adder, adder, index, items, batch, (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    return (struct child){pid, fdopen(ends[0], "r")};
}

// The last number of items it reported, after its end.
static unsigned long finish(struct child child, int *wait_status)
{
    char line[64];
    unsigned long committed = 0;
    assert_non_null(child.progress);
    while (fgets(line, sizeof line, child.progress)) {
        if (strchr(line, '\n')) // a line may be cut by the kill
            committed = strtoul(line, NULL, 10);
    }
    (void)fclose(child.progress);
    assert_int_equal(waitpid(child.pid, wait_status, 0), child.pid);
    return committed;
}

static void create(const char *path)
{
    struct bv_error err = {0};
    struct bv_store_info info = synthetic_info();
    (void)unlink(path);
    assert_ok(bv_store_create(path, &info, &err), err);
}

// What every surviving file must be: whole, and a prefix of the full sequence.
static size_t check_survivor(const char *path, unsigned long committed)
{
    struct bv_error err = {0};
    struct bv_store *store = NULL;
    struct bv_store_counts counts;
    assert_ok(bv_store_open(&store, path, false, &err), err);
    assert_ok(bv_store_verify(store, &err), err);
    assert_ok(bv_store_count(store, &counts, &err), err);
    size_t n = counts.items[0] + counts.items[1];
    assert_true(n >= committed);
    for (uint64_t i = 0; i < n; i++) {
        bool has = false;
        assert_ok(bv_store_has(store, synthetic_id(i), &has, &err), err);
        assert_true(has);
    }
    bv_store_close(&store);
    return n;
}

static uint32_t digest_of(const char *path)
{
    struct bv_error err = {0};
    struct bv_store *store = NULL;
    uint32_t digest = 0;
    assert_ok(bv_store_open(&store, path, false, &err), err);
    assert_ok(synthetic_digest(store, &digest, &err), err);
    bv_store_close(&store);
    return digest;
}

static double run_undisturbed(const char *path)
{
    struct timespec start, end;
    int status;
    create(path);
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    assert_int_equal(finish(start_adder(path), &status), ITEMS);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
}

static void test_kill(void **state)
{
    const char *whole = temporary_path(state, "whole"), *path = temporary_path(state, "killed");
    // Moments are drawn up to a third of a whole run, so that most runs are cut.
    double span = run_undisturbed(whole) / 3;
    uint32_t expected = digest_of(whole);
    int kills = 0, completed = 0, with_journal = 0;
    srand(20240);
    create(path);
    while (kills < KILLS) {
        struct child child = start_adder(path);
        double wait = span * rand() / RAND_MAX;
        struct timespec pause = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
        (void)nanosleep(&pause, NULL);
        (void)kill(child.pid, SIGKILL);
        int status;
        unsigned long committed = finish(child, &status);
        kills += WIFSIGNALED(status);
        char journal[4096];
        (void)snprintf(journal, sizeof journal, "%s-journal", path);
        with_journal += access(journal, F_OK) == 0;
        if (check_survivor(path, committed) == ITEMS) {
            assert_int_equal(digest_of(path), expected);
            completed++;
            create(path);
        }
    }
    int status;
    assert_int_equal(finish(start_adder(path), &status), ITEMS);
    assert_int_equal(digest_of(path), expected);
    printf("%d kills, %d with a transaction to roll back, %d files completed\n", kills,
           with_journal, completed + 1);
    assert_true(with_journal > 0); // else the moments missed every transaction
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    adder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kill, temporary_folder, temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
