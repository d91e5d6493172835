// diffusion_model.h: a text-to-image model file (docs/file-format.md): its card, tokenizer and
// weights, and the graphs of its networks.
//
// The card's member "diffusion" holds {"text", "pad_id", "unet", "vae", "scheduler"}: the
// configuration objects of the published folder, and the token that prompts are filled up with.
#ifndef BV_DIFFUSION_DIFFUSION_MODEL_H
#define BV_DIFFUSION_DIFFUSION_MODEL_H

#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "graph/graph.h"
#include "text/tokenizer.h"

#define BV_LATENT_STEP 8    // pixels to a latent, as of every published autoencoder
#define BV_LATENT_DEPTH 4   // channels of latents
#define BV_PROMPT_TOKENS 77 // prompts are cut and filled up to these

struct bv_diffusion_model {
    struct bv_safetensors file;
    struct bv_weights *weights;
    struct bv_tokenizer *tokenizer;
    json_t *card;
    const char *name, *digest; // borrowed from card and file; digest: of the weights
    char settings[65];         // SHA-256 of the card: of equal weights, other pictures
};

// BV_ERR_MODEL where the file is another kind of model, and says which command runs that.
enum bv_status bv_diffusion_model_open(struct bv_diffusion_model **model, const char *path,
                                       struct bv_error *err);
void bv_diffusion_model_close(struct bv_diffusion_model **model); // accepts NULL

// Whether a card is of this kind.
bool bv_is_diffusion_card(const json_t *card);

// Checks configuration objects before graphs are built of them: sizes and counts within bounds.
// BV_ERR_UNSUPPORTED names what this library does not do.
enum bv_status bv_diffusion_check(const json_t *card, struct bv_error *err);

// ids i32 [B,77] to "states" [B,77,C].
enum bv_status bv_diffusion_text_graph(struct bv_weights *weights, const json_t *card, int64_t B,
                                       struct bv_graph **graph, struct bv_error *err);
// "latents" [N,H,W,4], "time" [1,T], "text" [N,77,C] to "prediction" [N,H,W,4].
enum bv_status bv_diffusion_unet_graph(struct bv_weights *weights, const json_t *card, int64_t N,
                                       int64_t H, int64_t W, struct bv_graph **graph,
                                       struct bv_error *err);
// "latents" [1,H,W,4] to "image" [1,8H,8W,3].
enum bv_status bv_diffusion_decoder_graph(struct bv_weights *weights, const json_t *card, int64_t H,
                                          int64_t W, struct bv_graph **graph, struct bv_error *err);
// "image" [1,8H,8W,3] to "moments" [1,H,W,8].
enum bv_status bv_diffusion_encoder_graph(struct bv_weights *weights, const json_t *card, int64_t H,
                                          int64_t W, struct bv_graph **graph, struct bv_error *err);
// Whether the file holds the encoder of the autoencoder.
bool bv_diffusion_has_encoder(const struct bv_weights *weights);

// The autoencoder's scale of latents (0.18215 where a file does not say).
float bv_diffusion_scaling(const json_t *card);

// The ids of a prompt, filled up to BV_PROMPT_TOKENS; *truncated: it was longer.
enum bv_status bv_diffusion_tokenize(const struct bv_diffusion_model *model, const char *text,
                                     int32_t ids[BV_PROMPT_TOKENS], bool *truncated,
                                     struct bv_error *err);

#endif
