// transformer.h: the transformer blocks that encoders share (Vaswani et al. 2017): the pre-LN one
// of ViT and CLIP, and the post-LN one of BERT, whose attention may go to another sequence.
#ifndef BV_GRAPH_TRANSFORMER_H
#define BV_GRAPH_TRANSFORMER_H

#include "base/json.h"
#include "graph/graph.h"

struct bv_transformer {
    int heads;
    float eps;
    enum bv_activation activation;
    bool causal;
    bool twice;             // pre-LN: the activation also follows mlp.fc2 (LViT)
    struct bv_tensor *rope; // pre-LN: angles [T-1,D] of all tokens but the first, or NULL (op rope)
    const char *problem;    // with what the configuration says, static, or NULL
};

// Checks the configuration, and that the heads divide the width; a failure of the graph otherwise.
bool bv_transformer_fits(struct bv_graph *g, const struct bv_transformer *t, int64_t width);

// x [B,T,C]:  x += attn.proj(attention(attn.qkv(norm1(x))));
//             x += mlp.fc2(act(mlp.fc1(norm2(x))))
// with weights whose names start with prefix; attn.qkv stacks query, key and value, which may stand
// apart as attn.query, attn.key and attn.value (biases of which may go with a stacked weight).
// Where the weights are there: the branches times
// ls1.gamma and ls2.gamma [C] (LayerScale), and mlp.w3(silu(a) · b) in place of fc1 and fc2, where
// mlp.w12 stacks a and b or mlp.w1 and mlp.w2 make them (SwiGLU), a norm mlp.ffn_ln before w3.
struct bv_tensor *bv_transformer_block(struct bv_graph *g, const struct bv_transformer *t,
                                       struct bv_tensor *x, const char *prefix);

// Reads "heads" (width / 64), "eps" and "activation" ("gelu", "gelu_tanh", "quick_gelu", "relu",
// and other names that transformers has for them) of a configuration.
struct bv_transformer bv_transformer_config(const json_t *config, int64_t width, double eps);

// Which keys a query sees: the first lengths[b] (NULL: all), with a bias (NULL: none).
struct bv_keys {
    struct bv_tensor *bias, *lengths;
};

// LN(x + NAME.output.dense(attention(NAME.self.query x, NAME.self.key y, NAME.self.value y))),
// post-LN, with x [B,T,C] and y [B,S,D]; one of them may have a batch of 1 and serves all. y = x:
// attention to itself.
struct bv_tensor *bv_attend(struct bv_graph *g, const struct bv_transformer *t, struct bv_tensor *x,
                            struct bv_tensor *y, struct bv_keys keys, const char *name, ...)
    __attribute__((format(printf, 6, 7)));

// LN(x + OUT.dense(act(IN.dense x))), post-LN; in and out follow the prefix.
struct bv_tensor *bv_feed_forward(struct bv_graph *g, const struct bv_transformer *t,
                                  struct bv_tensor *x, const char *prefix, const char *in,
                                  const char *out);

// A layer of BERT: "attention", then "intermediate" and "output".
struct bv_tensor *bv_bert_layer(struct bv_graph *g, const struct bv_transformer *t,
                                struct bv_tensor *x, struct bv_keys keys, const char *prefix);

// x [1,…] repeated to a batch of B; x itself when it has that batch.
struct bv_tensor *bv_batch_of(struct bv_graph *g, struct bv_tensor *x, int64_t B);

#endif
