// fusion.h: encoders in which image and text attend to each other, by name.
//
// As src/vision/vision.h: a definition reads its sizes from the weights and the rest from the
// system card's "fusion" object; what it expects of that object stands at the head of its file.
//
//   single-stream   one transformer over image and text tokens together (VisualBERT, UNITER,
//                   PixelBERT, MedViLL, BERTHop)
//   dual-stream     two transformers whose layers read each other (M3AE, ARL, biovl-cxr-small)
//   co-attention    two encoders, then layers with one shared cross-attention (LXMERT)
//   lvit            a U-Net that reads text (LViT)
#ifndef BV_FUSION_FUSION_H
#define BV_FUSION_FUSION_H

#include "base/json.h"
#include "graph/graph.h"
#include "text/encoder.h"

// What a fusion encoder reads: one image and B texts. A tensor that the system does not use is
// NULL. The image side may keep a batch of 1 as long as no text has entered it: what depends on the
// image alone is computed once for all texts.
struct bv_fusion_inputs {
    struct bv_text_inputs words;   // ids, lengths and token types of the texts
    struct bv_tensor *joint;       // i32 [B]: lengths + the tokens that stand before the text
    struct bv_tensor *before_last; // i32 [B,1]: lengths - 2 (0 where that is negative)
    struct bv_tensor *text;        // [B,T,C]: hidden states of a text encoder of its own
    struct bv_tensor *image;       // [1,P,C]: image tokens, region features, or pixels (lvit)
    struct bv_tensor *boxes;       // [1,R,4] x1 y1 x2 y2 in 0…1, or [1,R,7] with w, h, w·h
    struct bv_tensor *positions;   // i32 [1,S]: which of the P image tokens are read, ascending
    struct bv_tensor *extra;       // [B,E,D]: entities (ARL), token features of the text (lvit)
    struct bv_tensor *places;      // [B,E,T]: 1 where entity e is mentioned by token t (ARL)
    int32_t cls, sep;              // ids of the tokenizer's special tokens, or -1
};

// Which inputs a system wants beyond ids, lengths and image.
struct bv_fusion_wants {
    bool text_tower;    // text: hidden states of the card's text encoder, or text ids at all
    bool regions;       // image holds detector regions that come from a file, not from pixels
    bool boxes;         // … with boxes
    bool pixels;        // image holds pixels, there is no image encoder
    bool knowledge;     // extra and places may be given
    bool text_features; // extra takes the place of the text
    int64_t sample;     // how many positions of the image are read; 0: all
    int64_t prefix;     // tokens of its own that a sequence has before the image's
    int64_t extra_count,
        extra_width;      // entities or token features: an example's number, their width
    int64_t region_width; // elements of a region's features, where the weights tell; else 0
};
struct bv_fusion_wants bv_fusion_wants(const json_t *config, struct bv_weights *weights,
                                       const char *prefix);

// Builds the encoder config["arch"] with the weights whose names start with prefix. Features, where
// the system has them: "text" [B,T,C], "image" [B,P,C], "first" [B,C] (the first token), "pooled"
// [B,C] or, of two streams, [B,2C], "answer" [B,C] (the token before the last), "mask" [B,H,W,1].
void bv_fusion_build(struct bv_graph *g, const json_t *config, const char *prefix,
                     const struct bv_fusion_inputs *in, struct bv_features *features);

// The longest text that the encoder's own position table allows; 0 when it has none.
int64_t bv_fusion_max_tokens(struct bv_weights *weights, const char *prefix);

// query_decoder.c: queries [B,Q,D] that look among the rows of memory [B,P,D]: decoded, [B,Q,D].
// map (may be NULL) receives where they looked, [B,Q,P], the mean over heads. What config tells
// stands at the head of the file.
struct bv_tensor *bv_fusion_query_decoder(struct bv_graph *g, const json_t *config,
                                          const char *prefix, struct bv_tensor *queries,
                                          struct bv_tensor *memory, struct bv_tensor **map);

typedef void bv_fusion_definition(struct bv_graph *g, const json_t *config, const char *prefix,
                                  const struct bv_fusion_inputs *in, struct bv_features *features);

bv_fusion_definition bv_fusion_single_stream, bv_fusion_dual_stream, bv_fusion_co_attention,
    bv_fusion_lvit;

#endif
