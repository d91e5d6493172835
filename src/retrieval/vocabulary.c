#include "retrieval/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

// PS3.3 C.7.3.1.1.1.
static const char *const modalities[] = {
    "AR",   "AS",   "AU",  "BDUS",  "BI",     "BMD",     "CR",     "CT",       "DG",  "DOC",
    "DX",   "ECG",  "EPS", "ES",    "GM",     "HC",      "HD",     "IO",       "IOL", "IVOCT",
    "IVUS", "KER",  "KO",  "LEN",   "LS",     "MG",      "MR",     "M3D",      "NM",  "OAM",
    "OCT",  "OP",   "OPM", "OPT",   "OPV",    "OSS",     "OT",     "PR",       "PT",  "PX",
    "REG",  "RESP", "RF",  "RG",    "RTDOSE", "RTIMAGE", "RTPLAN", "RTSTRUCT", "SEG", "SM",
    "SMR",  "SR",   "SRF", "STAIN", "TG",     "US",      "VA",     "XA",       "XC",  NULL};

// PS3.3 C.8.11.5.1.1, C.8.1.1 and words that sites write.
static const char *const views[] = {
    "AP",         "PA",       "LL",        "RL",       "RLD",          "LLD",
    "RLO",        "LLO",      "LATERAL",   "LAT",      "LEFT LATERAL", "RIGHT LATERAL",
    "OBLIQUE",    "FRONTAL",  "DECUBITUS", "LORDOTIC", "SUPINE",       "ERECT",
    "AP SUPINE",  "AP ERECT", "AP AXIAL",  "AXIAL",    "TANGENTIAL",   "CC",
    "MLO",        "ML",       "LM",        "LMO",      "XCCL",         "XCCM",
    "FB",         "SIO",      "ISO",       "CV",       "SWIMMERS",     "ANTEGRADE",
    "RETROGRADE", "LPO",      "RPO",       "LAO",      "RAO",          NULL};

// PS3.16 annex L, defined terms.
static const char *const body_parts[] = {"ABDOMEN",
                                         "ABDOMENPELVIS",
                                         "ADRENAL",
                                         "ANKLE",
                                         "AORTA",
                                         "ARM",
                                         "AXILLA",
                                         "BACK",
                                         "BLADDER",
                                         "BRAIN",
                                         "BREAST",
                                         "BRONCHUS",
                                         "BUTTOCK",
                                         "CALCANEUS",
                                         "CALF",
                                         "CAROTID",
                                         "CEREBELLUM",
                                         "CERVIX",
                                         "CHEEK",
                                         "CHEST",
                                         "CHESTABDOMEN",
                                         "CHESTABDPELVIS",
                                         "CIRCLEOFWILLIS",
                                         "CLAVICLE",
                                         "COCCYX",
                                         "COLON",
                                         "CORNEA",
                                         "CORONARYARTERY",
                                         "CSPINE",
                                         "CTSPINE",
                                         "DUODENUM",
                                         "EAR",
                                         "ELBOW",
                                         "ESOPHAGUS",
                                         "EXTREMITY",
                                         "EYE",
                                         "EYELID",
                                         "FACE",
                                         "FEMUR",
                                         "FINGER",
                                         "FOOT",
                                         "FOREARM",
                                         "GALLBLADDER",
                                         "HAND",
                                         "HEAD",
                                         "HEADNECK",
                                         "HEART",
                                         "HIP",
                                         "HUMERUS",
                                         "ILEUM",
                                         "ILIUM",
                                         "IAC",
                                         "JAW",
                                         "JEJUNUM",
                                         "KIDNEY",
                                         "KNEE",
                                         "LARYNX",
                                         "LEG",
                                         "LIVER",
                                         "LSPINE",
                                         "LSSPINE",
                                         "LUNG",
                                         "MANDIBLE",
                                         "MAXILLA",
                                         "MEDIASTINUM",
                                         "MOUTH",
                                         "NECK",
                                         "NECKCHEST",
                                         "NECKCHESTABDOMEN",
                                         "NOSE",
                                         "ORBIT",
                                         "OVARY",
                                         "PANCREAS",
                                         "PAROTID",
                                         "PATELLA",
                                         "PELVIS",
                                         "PENIS",
                                         "PHARYNX",
                                         "PROSTATE",
                                         "RECTUM",
                                         "RIB",
                                         "RIBS",
                                         "SCALP",
                                         "SCAPULA",
                                         "SCLERA",
                                         "SCROTUM",
                                         "SHOULDER",
                                         "SKULL",
                                         "SPINE",
                                         "SPLEEN",
                                         "SSPINE",
                                         "STERNUM",
                                         "STOMACH",
                                         "SUBMANDIBULAR",
                                         "TESTIS",
                                         "THIGH",
                                         "THORAX",
                                         "THUMB",
                                         "THYMUS",
                                         "THYROID",
                                         "TLSPINE",
                                         "TMJ",
                                         "TOE",
                                         "TONGUE",
                                         "TRACHEA",
                                         "TSPINE",
                                         "URETER",
                                         "URETHRA",
                                         "UTERUS",
                                         "VAGINA",
                                         "VULVA",
                                         "WHOLEBODY",
                                         "WRIST",
                                         "ZYGOMA",
                                         "PORT CHEST",
                                         "CHEST PORT",
                                         "THORACIC",
                                         NULL};

static const char *const sexes[] = {"F", "M", "O", NULL};

const char *bv_vocabulary_term(enum bv_vocabulary vocabulary, const char *value)
{
    static const char *const *const lists[] = {modalities, views, body_parts, sexes};
    while (*value == ' ')
        value++;
    size_t n = strlen(value);
    while (n > 0 && value[n - 1] == ' ')
        n--;
    for (const char *const *term = lists[vocabulary]; *term; term++) {
        if (strlen(*term) == n && strncasecmp(*term, value, n) == 0)
            return *term;
    }
    return NULL;
}
