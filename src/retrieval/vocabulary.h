// vocabulary.h: the words that may be kept of a header: defined terms of the standard, nothing
// else.
#ifndef BV_RETRIEVAL_VOCABULARY_H
#define BV_RETRIEVAL_VOCABULARY_H

enum bv_vocabulary {
    BV_WORDS_MODALITY,
    BV_WORDS_VIEW,
    BV_WORDS_BODY_PART,
    BV_WORDS_SEX,
};

// The term that a value is, without regard to case and blanks around it; NULL when it is none.
const char *bv_vocabulary_term(enum bv_vocabulary vocabulary, const char *value);

#endif
