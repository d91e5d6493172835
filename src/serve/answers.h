// answers.h: what the paths of routes.c answer. Each has the form of bv_route.answer.
#ifndef BV_SERVE_ANSWERS_H
#define BV_SERVE_ANSWERS_H

#include "serve/call.h"

// page_answers.c
bool bv_answer_page(struct bv_call *call);
void bv_answer_opening(struct bv_call *call, const char *token); // a cookie for a fresh token
bool bv_answer_session(struct bv_call *call);
bool bv_answer_description(struct bv_call *call);
bool bv_answer_metrics(struct bv_call *call);
bool bv_answer_files(struct bv_call *call);

// image_answers.c
bool bv_answer_keep_images(struct bv_call *call);
bool bv_answer_drop_image(struct bv_call *call);
bool bv_answer_gray(struct bv_call *call);
bool bv_answer_fed(struct bv_call *call);

// model_answers.c
bool bv_answer_models(struct bv_call *call);
bool bv_answer_live(struct bv_call *call);
bool bv_answer_ready(struct bv_call *call);
bool bv_answer_server(struct bv_call *call);
bool bv_answer_model(struct bv_call *call);
bool bv_answer_model_ready(struct bv_call *call);
bool bv_answer_infer(struct bv_call *call);

// classify.c, embeddings.c, search.c, fused.c, explain.c
bool bv_answer_classify(struct bv_call *call);
bool bv_answer_embeddings(struct bv_call *call);
bool bv_answer_search(struct bv_call *call);
bool bv_answer_match(struct bv_call *call);
bool bv_answer_ask(struct bv_call *call);
bool bv_answer_explain(struct bv_call *call);

// What they share (classify.c).
struct bv_parts;

// Refuses with what err says; true.
bool bv_refuse_error(struct bv_call *call, const struct bv_error *err);

// Opens the images of a request one after another and hands each to the call's model; those that
// cannot be opened fail. False, as bv_route.answer does.
bool bv_hand_images(struct bv_call *call, const struct bv_parts *parts);

// The same of anything: take fills item i, or fails.
typedef enum bv_status bv_take_item(struct bv_call *call, const struct bv_parts *parts, size_t i,
                                    struct bv_error *err);
bool bv_hand_items(struct bv_call *call, const struct bv_parts *parts, bv_take_item *take);

// Hands the one image of a request on; refuses none and several.
bool bv_hand_one(struct bv_call *call, const struct bv_parts *parts, enum bv_work work);

// What "as" asks for: "json", which is usual, "dicom-sr" where `report` says that this can be, or
// "dicom-sc"; of one image. False after refusing.
bool bv_take_object(struct bv_call *call, bool report);

// Reads a request with "texts", which become a list of at most `most`, and its model; false after
// refusing.
bool bv_take_texts(struct bv_call *call, struct bv_parts *parts, size_t most);

// The answer of a call with one item: its value, its object or its failure.
void bv_compose_one(struct bv_call *call);

// Sets the labels of a classification: an array of texts "label = prompt | prompt", or one text of
// such lines; and the prompt set.
bool bv_take_labels(struct bv_call *call, const char *key);

#endif
