// Each rewrite: the rewritten graph gives what the plain one gives, and has fewer nodes.
#include "graph/rewrite.h"

#include <math.h>
#include <stdlib.h>

#include "graph/model.h"
#include "support/check.h"

static struct bv_weights *weights;

static int make_weights(void **state)
{
    (void)state;
    struct bv_error err = {0};
    assert_ok(bv_weights_create(&weights, &err), err);
    static const char *const linear[] = {"q", "k", "v", "o", "f"};
    for (int i = 0; i < 5; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%s.weight", linear[i]);
        model_weight(weights, name, -0.5f, 1, DIM(8, 8));
        (void)snprintf(name, sizeof name, "%s.bias", linear[i]);
        if (i != 1) // RoBERTa-style keys without a bias
            model_weight(weights, name, -1, 2, DIM(8));
    }
    model_weight(weights, "qkv.weight", -0.5f, 1, DIM(24, 8));
    model_weight(weights, "conv.weight", -0.5f, 1, DIM(8, 3, 3, 8));
    model_weight(weights, "conv.bias", -0.5f, 1, DIM(8));
    model_weight(weights, "bare.weight", -0.5f, 1, DIM(8, 1, 1, 8));
    model_weight(weights, "bn.running_mean", -1, 2, DIM(8));
    model_weight(weights, "bn.running_var", 0.5f, 2, DIM(8));
    model_weight(weights, "bn.weight", 0.5f, 1, DIM(8));
    model_weight(weights, "bn.bias", -1, 2, DIM(8));
    model_weight(weights, "plain.running_mean", -1, 2, DIM(8));
    model_weight(weights, "plain.running_var", 0.5f, 2, DIM(8));
    model_weight(weights, "ln.weight", 0.5f, 1, DIM(8));
    model_weight(weights, "ln.bias", -1, 2, DIM(8));
    model_weight(weights, "positions", -1, 2, DIM(5, 8));
    return 0;
}

static int free_weights(void **state)
{
    (void)state;
    bv_weights_destroy(&weights);
    model_free();
    return 0;
}

static struct bv_graph *new_graph(void)
{
    struct bv_error err = {0};
    struct bv_graph *g = NULL;
    assert_ok(bv_graph_create(&g, weights, &err), err);
    return g;
}

static int count(const struct bv_graph *g, enum bv_op op)
{
    int n = 0;
    for (const struct bv_node *node = g->first; node; node = node->next)
        n += node->op == op;
    return n;
}

typedef void define_graph(struct bv_graph *g);

// Defines the graph twice, rewrites one, and compares: n_nodes is what must be left.
static void check_rewrite(define_graph *define, void (*rewrite)(struct bv_graph *g), int n_nodes)
{
    struct bv_error err = {0};
    struct bv_graph *plain = new_graph(), *rewritten = new_graph();
    define(plain);
    define(rewritten);
    rewrite(rewritten);
    assert_ok(bv_graph_status(rewritten, &err), err);
    bv_graph_sweep(rewritten);
    if (rewritten->n_nodes != n_nodes)
        fail_msg("%d nodes of %d left, expected %d", rewritten->n_nodes, plain->n_nodes, n_nodes);
    int64_t n = bv_elements(plain->outputs[0]);
    assert_int_equal(bv_elements(rewritten->outputs[0]), n);
    float *a = model_run_plain(plain), *b = model_run_plain(rewritten);
    for (int64_t i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) <= 2e-6f * fmaxf(1, fabsf(a[i])))) // measured 6.2e-7
            fail_msg("element %lld: plain %.9g, rewritten %.9g", (long long)i, (double)a[i],
                     (double)b[i]);
    free(a);
    free(b);
}

static struct bv_tensor *image(struct bv_graph *g)
{
    return bv_graph_input(g, "x", BV_F32, DIM(2, 5, 5, 8));
}

static struct bv_tensor *tokens(struct bv_graph *g, const char *name)
{
    return bv_graph_input(g, name, BV_F32, DIM(2, 5, 8));
}

static void conv_norm(struct bv_graph *g)
{
    struct bv_tensor *x = bv_conv2d(g, image(g), 1, 1, "conv");
    (void)bv_graph_output(g, bv_batch_norm(g, x, 1e-5f, "bn"), "y");
}

static void bare_conv_plain_norm(struct bv_graph *g)
{
    struct bv_tensor *x = bv_conv2d(g, image(g), 1, 0, "bare");
    (void)bv_graph_output(g, bv_batch_norm(g, x, 1e-5f, "plain"), "y");
}

static void linear_norm(struct bv_graph *g)
{
    struct bv_tensor *x = bv_linear(g, tokens(g, "x"), "q");
    (void)bv_graph_output(g, bv_batch_norm(g, x, 1e-5f, "bn"), "y");
}

static void conv_read_twice(struct bv_graph *g)
{
    struct bv_tensor *x = bv_conv2d(g, image(g), 1, 1, "conv");
    (void)bv_graph_output(g, bv_mul(g, x, bv_batch_norm(g, x, 1e-5f, "bn")), "y");
}

static void test_fold_batch_norm(void **state)
{
    (void)state;
    check_rewrite(conv_norm, bv_rewrite_fold_batch_norm, 1);
    check_rewrite(bare_conv_plain_norm, bv_rewrite_fold_batch_norm, 1);
    check_rewrite(linear_norm, bv_rewrite_fold_batch_norm, 1);
    check_rewrite(conv_read_twice, bv_rewrite_fold_batch_norm, 3); // must stay
}

static const struct bv_attention_params heads = {.heads = 2, .head_dim = 4, .scale = 0.5f};

static void sliced_attention(struct bv_graph *g)
{
    struct bv_tensor *x = bv_linear(g, tokens(g, "x"), "qkv");
    struct bv_tensor *q = bv_slice(g, x, 2, 0, 8), *k = bv_slice(g, x, 2, 8, 8);
    struct bv_tensor *v = bv_slice(g, x, 2, 16, 8);
    (void)bv_graph_output(g, bv_attention(g, q, k, v, NULL, NULL, &heads), "y");
}

static void tokens_sliced(struct bv_graph *g)
{
    struct bv_tensor *x = tokens(g, "x");
    struct bv_tensor *q = bv_slice(g, x, 1, 2, 2);
    (void)bv_graph_output(g, bv_attention(g, q, x, x, NULL, NULL, &heads), "y");
}

static void test_fold_slices(void **state)
{
    (void)state;
    check_rewrite(sliced_attention, bv_rewrite_fold_slices, 2);
    check_rewrite(tokens_sliced, bv_rewrite_fold_slices, 2); // another axis: must stay
}

static struct bv_tensor *attend(struct bv_graph *g, struct bv_tensor *x, struct bv_tensor *y)
{
    struct bv_tensor *q = bv_linear(g, x, "q"), *k = bv_linear(g, y, "k");
    return bv_attention(g, q, k, bv_linear(g, y, "v"), NULL, NULL, &heads);
}

static void self_attention(struct bv_graph *g)
{
    struct bv_tensor *x = tokens(g, "x");
    (void)bv_graph_output(g, attend(g, x, x), "y");
}

static void cross_attention(struct bv_graph *g)
{
    struct bv_tensor *x = tokens(g, "x");
    (void)bv_graph_output(g, attend(g, x, tokens(g, "y")), "y");
}

static void values_before_queries(struct bv_graph *g)
{
    struct bv_tensor *x = tokens(g, "x"), *v = bv_linear(g, x, "v"), *k = bv_linear(g, x, "k");
    struct bv_tensor *q = bv_linear(g, x, "q");
    (void)bv_graph_output(g, bv_attention(g, q, k, v, NULL, NULL, &heads), "y");
}

static void keys_also_read(struct bv_graph *g)
{
    struct bv_tensor *x = tokens(g, "x"), *k = bv_linear(g, x, "k");
    struct bv_tensor *y =
        bv_attention(g, bv_linear(g, x, "q"), k, bv_linear(g, x, "v"), NULL, NULL, &heads);
    (void)bv_graph_output(g, bv_mul(g, y, k), "y");
}

static void test_fuse_qkv(void **state)
{
    (void)state;
    check_rewrite(self_attention, bv_rewrite_fuse_qkv, 2);
    check_rewrite(cross_attention, bv_rewrite_fuse_qkv, 3); // k with v
    check_rewrite(values_before_queries, bv_rewrite_fuse_qkv, 2);
    check_rewrite(keys_also_read, bv_rewrite_fuse_qkv, 4); // q with v
}

static void linear_plus(struct bv_graph *g)
{
    struct bv_tensor *x = tokens(g, "x");
    (void)bv_graph_output(g, bv_add(g, bv_linear(g, x, "o"), x), "y");
}

static void conv_plus_conv(struct bv_graph *g)
{
    struct bv_tensor *x = image(g), *y = bv_conv2d(g, x, 1, 1, "conv");
    y = bv_add(g, y, bv_conv2d(g, x, 1, 0, "bare"));
    (void)bv_graph_output(g, bv_activate(g, y, BV_ACT_RELU), "y");
}

static void plus_broadcast(struct bv_graph *g)
{
    struct bv_tensor *x = bv_linear(g, tokens(g, "x"), "o");
    (void)bv_graph_output(g, bv_add(g, x, bv_weight(g, "positions")), "y");
}

static void doubled(struct bv_graph *g)
{
    struct bv_tensor *x = bv_linear(g, tokens(g, "x"), "o");
    (void)bv_graph_output(g, bv_add(g, x, x), "y");
}

static void doubled_through_reshape(struct bv_graph *g)
{
    struct bv_tensor *x = bv_linear(g, tokens(g, "x"), "o");
    struct bv_tensor *flat = bv_reshape(g, x, DIM(2, 5, 8));
    (void)bv_graph_output(g, bv_add(g, x, flat), "y");
}

static void test_fuse_residual(void **state)
{
    (void)state;
    check_rewrite(linear_plus, bv_rewrite_fuse_residual, 1);
    check_rewrite(conv_plus_conv, bv_rewrite_fuse_residual, 3);
    check_rewrite(plus_broadcast, bv_rewrite_fuse_residual, 2); // must stay
    check_rewrite(doubled, bv_rewrite_fuse_residual, 2);        // must stay
    check_rewrite(doubled_through_reshape, bv_rewrite_fuse_residual, 2);
}

static void linear_gelu(struct bv_graph *g)
{
    struct bv_tensor *x = bv_linear(g, tokens(g, "x"), "f");
    (void)bv_graph_output(g, bv_activate(g, x, BV_ACT_GELU), "y");
}

static void activated_twice(struct bv_graph *g)
{
    struct bv_tensor *x = bv_activate(g, bv_linear(g, tokens(g, "x"), "f"), BV_ACT_GELU);
    (void)bv_graph_output(g, bv_activate(g, x, BV_ACT_TANH), "y");
}

static void norm_relu(struct bv_graph *g)
{
    struct bv_tensor *x = bv_batch_norm(g, image(g), 1e-5f, "bn");
    (void)bv_graph_output(g, bv_activate(g, x, BV_ACT_RELU), "y");
}

static void linear_also_an_output(struct bv_graph *g)
{
    struct bv_tensor *x = bv_linear(g, tokens(g, "x"), "f");
    (void)bv_graph_output(g, bv_activate(g, x, BV_ACT_RELU), "y");
    (void)bv_graph_output(g, x, "before");
}

static void test_fuse_activation(void **state)
{
    (void)state;
    check_rewrite(linear_gelu, bv_rewrite_fuse_activation, 1);
    check_rewrite(activated_twice, bv_rewrite_fuse_activation, 2);
    check_rewrite(norm_relu, bv_rewrite_fuse_activation, 1);
    check_rewrite(linear_also_an_output, bv_rewrite_fuse_activation, 2); // must stay
}

// What a rewrite puts in the place of an output that is a reshape stays in memory to the end.
static void test_reshaped_output_is_kept(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_graph *g = new_graph();
    struct bv_tensor *x = bv_activate(g, bv_linear(g, tokens(g, "x"), "f"), BV_ACT_RELU);
    int64_t flat = -1;
    (void)bv_graph_output(g, bv_reshape(g, x, 1, &flat), "y");
    assert_ok(bv_graph_status(g, &err), err);
    bv_rewrite_all(g);
    struct bv_tensor *y = bv_storage_of(g->outputs[0]);
    assert_int_equal(y->producer->op, BV_OP_linear);
    assert_true(y->is_output);
    bv_graph_destroy(&g);
}

static void add_norm(struct bv_graph *g)
{
    struct bv_tensor *x = bv_add(g, tokens(g, "x"), tokens(g, "y"));
    (void)bv_graph_output(g, bv_layer_norm(g, x, 1e-5f, "ln"), "y");
}

static void add_norm_kept(struct bv_graph *g)
{
    struct bv_tensor *x = bv_add(g, tokens(g, "x"), tokens(g, "y"));
    (void)bv_graph_output(g, bv_mul(g, bv_layer_norm(g, x, 1e-5f, "ln"), x), "y");
}

static void test_fuse_add_norm(void **state)
{
    (void)state;
    check_rewrite(add_norm, bv_rewrite_fuse_add_norm, 1);
    check_rewrite(add_norm_kept, bv_rewrite_fuse_add_norm, 3); // must stay
}

// A bottleneck as ResNet has it: the shortcut is a convolution with its own norm.
static void residual_block(struct bv_graph *g)
{
    struct bv_tensor *x = image(g);
    struct bv_tensor *y = bv_batch_norm(g, bv_conv2d(g, x, 1, 1, "conv"), 1e-5f, "bn");
    y = bv_activate(g, y, BV_ACT_RELU);
    y = bv_batch_norm(g, bv_conv2d(g, y, 1, 0, "bare"), 1e-5f, "plain");
    x = bv_batch_norm(g, bv_conv2d(g, x, 1, 0, "bare"), 1e-5f, "bn");
    (void)bv_graph_output(g, bv_activate(g, bv_add(g, y, x), BV_ACT_RELU), "y");
}

// A post-norm transformer layer as BERT has it.
static struct bv_tensor *bert_states(struct bv_graph *g)
{
    struct bv_tensor *x = bv_add(g, tokens(g, "x"), tokens(g, "types"));
    x = bv_layer_norm(g, x, 1e-12f, "ln");
    struct bv_tensor *y = bv_linear(g, attend(g, x, x), "o");
    x = bv_layer_norm(g, bv_add(g, y, x), 1e-12f, "ln");
    y = bv_activate(g, bv_linear(g, x, "f"), BV_ACT_GELU);
    return bv_layer_norm(g, bv_add(g, bv_linear(g, y, "o"), x), 1e-12f, "ln");
}

static void bert_layer(struct bv_graph *g)
{
    (void)bv_graph_output(g, bert_states(g), "y");
}

static void bert_first(struct bv_graph *g)
{
    struct bv_tensor *x = bv_slice(g, bert_states(g), 1, 0, 1);
    x = bv_reshape(g, x, 2, (int64_t[]){2, 8});
    (void)bv_graph_output(g, bv_linear(g, x, "q"), "y");
}

// Another reader takes all tokens: nothing moves.
static void first_and_all(struct bv_graph *g)
{
    struct bv_tensor *x = bert_states(g);
    (void)bv_graph_output(g, bv_slice(g, x, 1, 0, 1), "y");
    (void)bv_graph_output(g, x, "all");
}

// Different tokens of one tensor, a row added to all tokens, and an op that mixes tokens.
static void two_slices(struct bv_graph *g)
{
    struct bv_tensor *x = bv_linear(g, tokens(g, "x"), "q");
    struct bv_tensor *parts[] = {bv_slice(g, x, 1, 0, 2), bv_slice(g, x, 1, 3, 1)};
    (void)bv_graph_output(g, bv_concat(g, 2, parts, 1), "y");
}

static void broadcast_row(struct bv_graph *g)
{
    struct bv_tensor *row = bv_graph_input(g, "row", BV_F32, DIM(1, 1, 8));
    struct bv_tensor *x = bv_scale(g, bv_add(g, tokens(g, "x"), row), 0.5f, 1);
    x = bv_slice(g, bv_mul(g, x, tokens(g, "y")), 1, 2, 2);
    (void)bv_graph_output(g, x, "y");
}

static void causal_first(struct bv_graph *g)
{
    struct bv_attention_params causal = heads;
    causal.causal = true;
    struct bv_tensor *x = tokens(g, "x");
    x = bv_attention(g, x, x, x, NULL, NULL, &causal);
    (void)bv_graph_output(g, bv_slice(g, x, 1, 3, 2), "y");
}

static void test_push_slices(void **state)
{
    (void)state;
    check_rewrite(bert_first, bv_rewrite_push_slices, 17); // two slices for one: query, residual
    check_rewrite(first_and_all, bv_rewrite_push_slices, 15);
    check_rewrite(two_slices, bv_rewrite_push_slices, 4);
    check_rewrite(broadcast_row, bv_rewrite_push_slices, 5);
    check_rewrite(causal_first, bv_rewrite_push_slices, 2);
    check_rewrite(bert_first, bv_rewrite_all, 12);
    struct bv_graph *g = new_graph();
    bert_first(g);
    bv_rewrite_push_slices(g);
    int whole = 0; // linear layers over all tokens: key and value
    for (const struct bv_node *n = g->first; n; n = n->next)
        whole += n->op == BV_OP_linear && bv_rows(n->out) == 10;
    assert_int_equal(whole, 2);
    bv_graph_destroy(&g);
}

// Activations of a dense layer: the norm stands before its convolution, and is read alone.
static void dense_layer(struct bv_graph *g)
{
    struct bv_tensor *x = image(g);
    struct bv_tensor *y = bv_activate(g, bv_batch_norm(g, x, 1e-5f, "bn"), BV_ACT_RELU);
    y = bv_batch_norm(g, bv_conv2d(g, y, 1, 0, "bare"), 1e-5f, "plain");
    y = bv_conv2d(g, bv_activate(g, y, BV_ACT_RELU), 1, 1, "conv");
    (void)bv_graph_output(g, bv_concat(g, 2, (struct bv_tensor *[]){x, y}, 3), "y");
}

static void test_all(void **state)
{
    (void)state;
    check_rewrite(residual_block, bv_rewrite_all, 3);
    check_rewrite(bert_layer, bv_rewrite_all, 8);
    check_rewrite(dense_layer, bv_rewrite_all, 4);
    struct bv_graph *g = new_graph();
    bert_layer(g);
    bv_rewrite_all(g);
    assert_int_equal(count(g, BV_OP_linear), 4);
    assert_int_equal(count(g, BV_OP_layer_norm), 3);
    assert_int_equal(count(g, BV_OP_attention), 1);
    bv_graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fold_batch_norm),
        cmocka_unit_test(test_fold_slices),
        cmocka_unit_test(test_fuse_qkv),
        cmocka_unit_test(test_fuse_residual),
        cmocka_unit_test(test_fuse_activation),
        cmocka_unit_test(test_reshaped_output_is_kept),
        cmocka_unit_test(test_fuse_add_norm),
        cmocka_unit_test(test_push_slices),
        cmocka_unit_test(test_all),
    };
    return cmocka_run_group_tests(tests, make_weights, free_weights);
}
