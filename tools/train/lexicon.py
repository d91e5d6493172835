"""Radiology phrasing: how each finding is named, affirmed, denied and combined.

Everything a caption is made of is here, written for this project. HELD_OUT_PHRASES and
HELD_OUT_TEMPLATES are never trained on: they measure what an unseen phrasing costs.
"""

FINDINGS = [
    "no finding", "atelectasis", "cardiomegaly", "consolidation", "edema", "effusion",
    "emphysema", "fibrosis", "hernia", "infiltration", "mass", "nodule",
    "pleural thickening", "pneumonia", "pneumothorax",
]

# Findings of the headline macro average.
HEADLINE = ["no finding", "edema", "effusion", "consolidation", "atelectasis", "cardiomegaly",
            "pneumonia", "pneumothorax"]

# The first phrase is the canonical prompt of the finding.
PHRASES = {
    "no finding": [
        "no finding", "no findings", "normal chest radiograph", "normal chest x-ray",
        "normal study", "clear lungs", "no acute cardiopulmonary abnormality",
        "no acute cardiopulmonary disease", "no acute cardiopulmonary process",
        "no active disease", "unremarkable chest radiograph", "lungs are clear",
        "normal heart and lungs", "negative chest radiograph", "healthy lungs",
        "normal heart size and clear lungs", "no abnormality", "no acute disease",
        "no significant abnormality", "no radiographic abnormality", "normal lungs",
        "normal", "within normal limits", "lungs are clear and heart size is normal",
        "unremarkable lungs", "no acute findings",
        "normal cardiomediastinal silhouette and clear lungs",
        "no pathology", "healthy chest", "no cardiopulmonary disease", "no acute pulmonary disease",
        "no evidence of acute disease", "unremarkable study",
        "the heart and lungs are normal", "normal radiograph of the chest",
    ],
    "atelectasis": [
        "atelectasis", "atelectatic change", "atelectatic changes", "lung collapse",
        "lobar collapse", "partial collapse of the lung", "volume loss", "collapsed lung segment",
        "subsegmental atelectasis", "plate-like atelectasis", "discoid atelectasis",
        "linear atelectasis", "bibasilar atelectasis", "basal atelectasis",
        "compressive atelectasis", "bandlike opacity with volume loss", "pulmonary collapse",
        "collapse of a lobe", "atelectatic lung", "segmental collapse", "loss of lung volume",
        "incomplete expansion of the lung", "airless lung", "dependent atelectasis",
        "lower lobe collapse", "collapsed lobe", "streaky atelectasis", "atelectases",
        "passive atelectasis", "subsegmental collapse", "underinflated lung",
        "collapse of the lung", "lower lobe volume loss",
        "basilar atelectatic opacity", "partial lung collapse",
    ],
    "cardiomegaly": [
        "cardiomegaly", "enlarged heart", "cardiac enlargement", "enlarged cardiac silhouette",
        "heart size is enlarged", "the heart is enlarged", "increased heart size",
        "increased cardiothoracic ratio", "widened cardiac silhouette", "big heart",
        "prominent cardiac silhouette", "the cardiac silhouette is enlarged",
        "cardiac silhouette enlargement", "heart is larger than normal", "large heart",
        "cardiomegaly is present", "globular heart", "dilated heart", "enlargement of the heart",
        "enlarged heart shadow", "heart enlargement", "cardiothoracic ratio above one half",
        "the heart size is increased", "enlarged cardiac contour", "massively enlarged heart",
        "the heart appears large", "enlarged cardiac shadow",
        "cardiac size is above normal", "increased size of the heart",
    ],
    "consolidation": [
        "consolidation", "airspace consolidation", "focal consolidation", "lobar consolidation",
        "pulmonary consolidation", "alveolar consolidation", "dense airspace opacity",
        "consolidated lung", "consolidative opacity", "air bronchograms",
        "confluent airspace opacity", "airspace disease", "consolidative change",
        "lung consolidation", "consolidation of the lung",
        "homogeneous opacity with air bronchograms",
        "airspace opacification", "filled alveoli", "alveolar filling", "consolidations",
        "parenchymal consolidation", "multifocal consolidation", "confluent consolidation",
        "opacification with air bronchogram", "dense consolidation",
        "consolidated airspace", "lobar airspace opacity",
        "dense opacity in the lung with air bronchograms", "consolidation in the lobe",
    ],
    "edema": [
        "edema", "pulmonary edema", "interstitial edema", "alveolar edema",
        "pulmonary vascular congestion", "vascular congestion", "fluid overload",
        "cardiogenic edema", "congestive heart failure", "pulmonary venous congestion",
        "interstitial pulmonary edema", "perihilar haze", "congestive changes", "kerley b lines",
        "cephalization of vessels", "engorged pulmonary vessels", "oedema", "pulmonary oedema",
        "lung edema", "batwing opacities", "volume overload", "congestion of the lungs",
        "congestive failure", "pulmonary congestion", "heart failure with edema",
        "edema of the lungs", "hydrostatic edema", "increased interstitial markings from edema",
        "wet lungs", "decompensated heart failure", "indistinct pulmonary vasculature",
        "fluid in the lungs", "edematous lungs",
        "congested pulmonary vessels", "pulmonary vascular engorgement",
    ],
    "effusion": [
        "pleural effusion", "effusion", "pleural effusions", "pleural fluid",
        "fluid in the pleural cavity", "blunting of the costophrenic angle",
        "blunted costophrenic angle", "costophrenic angle blunting", "hydrothorax",
        "layering effusion", "effusions", "fluid collection in the pleura",
        "loculated pleural effusion", "layering pleural fluid", "bilateral effusions",
        "obscured costophrenic sulcus", "subpulmonic effusion", "meniscus sign",
        "fluid at the lung base", "pleural fluid collection", "fluid surrounding the lung",
        "costophrenic sulcus blunting", "effusion in the pleural cavity", "hemothorax",
        "fluid between lung and chest wall", "free pleural fluid", "layering fluid",
        "fluid in the pleural space", "costophrenic blunting",
        "fluid around the lung", "pleural based fluid",
    ],
    "emphysema": [
        "emphysema", "hyperinflation", "hyperinflated lungs", "emphysematous changes",
        "chronic obstructive pulmonary disease", "copd", "flattened diaphragms",
        "bullous emphysema", "hyperexpanded lungs", "bullae", "pulmonary emphysema",
        "hyperlucent lungs", "flattening of the diaphragm", "emphysematous lungs", "bullous change",
        "overinflated lungs", "hyperexpansion", "air trapping", "obstructive lung disease",
        "centrilobular emphysema",
    ],
    "fibrosis": [
        "fibrosis", "pulmonary fibrosis", "fibrotic changes", "scarring", "interstitial fibrosis",
        "chronic interstitial changes", "fibrotic scarring", "honeycombing", "lung scarring",
        "interstitial lung disease", "reticular opacities", "scar", "parenchymal scarring",
        "chronic scarring", "fibrosis of the lung", "fibrotic lung disease", "apical scarring",
        "coarse reticular markings", "scar tissue", "architectural distortion",
    ],
    "hernia": [
        "hernia", "hiatal hernia", "hiatus hernia", "diaphragmatic hernia",
        "retrocardiac air-fluid level", "large hiatal hernia", "intrathoracic stomach",
        "herniation of the stomach", "stomach in the chest", "paraesophageal hernia",
        "sliding hiatal hernia", "hernia through the diaphragm",
    ],
    "infiltration": [
        "infiltration", "infiltrate", "infiltrates", "pulmonary infiltrate", "patchy opacity",
        "patchy opacities", "ill-defined opacity", "lung infiltrate", "interstitial infiltrate",
        "hazy opacity", "pulmonary infiltrates", "bilateral infiltrates", "patchy infiltrate",
        "infiltrative opacity", "interstitial opacities", "patchy airspace opacities",
        "diffuse infiltrates", "hazy infiltrate", "lung infiltration", "ground glass opacity",
    ],
    "mass": [
        "mass", "lung mass", "pulmonary mass", "large mass", "mass lesion", "tumor",
        "masslike opacity", "lung tumor", "suspicious mass", "hilar mass", "neoplasm",
        "malignancy", "lung cancer", "large rounded opacity", "masses", "bulky mass",
        "mediastinal mass", "spiculated mass", "lung malignancy", "bronchogenic carcinoma",
    ],
    "nodule": [
        "nodule", "lung nodule", "pulmonary nodule", "nodules", "nodular opacity",
        "small rounded opacity", "pulmonary nodules", "solitary pulmonary nodule",
        "nodular density", "calcified nodule", "granuloma", "multiple nodules",
        "nodular opacities", "coin lesion", "calcified granuloma", "nodular lesion",
        "small nodule", "round nodule",
    ],
    "pleural thickening": [
        "pleural thickening", "thickened pleura", "pleural scarring", "thickening of the pleura",
        "apical pleural thickening", "pleural plaque", "pleural plaques",
        "pleural parenchymal scarring", "apical cap", "chronic pleural thickening",
        "pleural peel", "calcified pleura", "biapical pleural thickening", "fibrothorax",
    ],
    "pneumonia": [
        "pneumonia", "lung infection", "pulmonary infection", "bacterial pneumonia",
        "lobar pneumonia", "bronchopneumonia", "infectious process", "infectious infiltrate",
        "infectious consolidation", "viral pneumonia", "community acquired pneumonia",
        "pneumonic infiltrate", "infection of the lung", "aspiration pneumonia",
        "multifocal pneumonia", "pneumonic consolidation", "acute infection", "pneumonias",
        "pneumonitis", "respiratory infection", "infected lung", "atypical pneumonia",
        "airspace infection", "pneumonic process", "bilateral pneumonia", "infectious opacity",
        "pulmonary infectious process", "lower respiratory tract infection",
        "infection in the lungs", "pneumonic opacity",
        "infective process in the lung", "lung inflammation from infection",
    ],
    "pneumothorax": [
        "pneumothorax", "pneumothoraces", "collapsed lung with pleural air",
        "air in the pleural cavity", "visible visceral pleural line", "tension pneumothorax",
        "apical pneumothorax", "hydropneumothorax", "pleural air", "free air in the pleura",
        "absent lung markings beyond the pleural line", "air collection in the pleural cavity",
        "pneumothorax with collapse of the lung", "pleural air collection",
        "visceral pleural line with no lung markings beyond it", "air surrounding the lung",
        "air between lung and chest wall", "spontaneous pneumothorax", "ptx",
        "air outside the lung", "basal pneumothorax",
        "air in the pleural space", "free pleural air",
        "air around the lung", "lung collapse from pleural air",
    ],
}

HELD_OUT_PHRASES = {
    "no finding": ["no acute process in the chest", "lungs and heart appear normal",
                   "no disease seen", "the chest is normal"],
    "atelectasis": ["collapsed lung tissue", "reduced lung volume with collapse",
                    "plate atelectasis at the base", "lung base collapse"],
    "cardiomegaly": ["heart is big", "the cardiac silhouette appears increased",
                     "cardiac size is increased", "abnormally large heart"],
    "consolidation": ["consolidating opacity in the lung", "solid airspace opacity",
                      "lung is consolidated", "segmental airspace consolidation"],
    "edema": ["lung congestion with edema", "fluid in the lung tissue",
              "pulmonary fluid overload", "congestive edema"],
    "effusion": ["liquid in the pleural cavity", "fluid collection at the costophrenic angle",
                 "excess fluid around the lungs", "pleural space fluid"],
    "emphysema": ["lungs are hyperinflated", "overexpanded lungs", "emphysematous lung disease",
                  "increased lung volumes with flat diaphragms"],
    "fibrosis": ["scarred lung", "fibrotic lung", "reticular scarring",
                 "chronic fibrosis of the lungs"],
    "hernia": ["stomach herniated into the chest", "herniated stomach", "hernia of the diaphragm",
               "retrocardiac hernia"],
    "infiltration": ["infiltrates in the lung", "ill defined infiltrate", "hazy opacities",
                     "infiltrated lung"],
    "mass": ["tumour of the lung", "big mass", "a mass in the lung", "neoplastic mass"],
    "nodule": ["a nodule in the lung", "small pulmonary nodule", "round nodular opacity",
               "nodular shadow"],
    "pleural thickening": ["thick pleura", "scarring of the pleura", "thickened pleural surface",
                           "pleural scar"],
    "pneumonia": ["infected lungs", "chest infection", "infectious airspace disease",
                  "signs of lung infection"],
    "pneumothorax": ["air within the pleural space", "air leak around the lung",
                     "a collapsed lung with air in the pleura", "pleural space air"],
}

POSITIVE_TEMPLATES = [
    "{}", "{}", "{}", "{} is present", "there is {}", "findings of {}", "evidence of {}",
    "chest radiograph showing {}", "chest x-ray with {}", "frontal chest radiograph with {}",
    "radiograph demonstrates {}", "{} is seen", "positive for {}", "impression: {}",
    "findings consistent with {}", "x-ray of a patient with {}", "an image of {}",
    "this chest radiograph shows {}", "{} noted", "diagnosis of {}", "{} identified",
]
NEGATIVE_TEMPLATES = [
    "no {}", "no {}", "no {}", "no evidence of {}", "without {}", "there is no {}",
    "negative for {}", "no {} is seen", "no sign of {}", "absence of {}", "{} is absent",
    "chest radiograph without {}", "no {} identified", "no radiographic evidence of {}",
    "free of {}", "no convincing {}", "{} is not seen", "no {} present", "resolved {}",
]
HELD_OUT_TEMPLATES = ["compatible with {}", "radiographic appearance of {}",
                      "the film reveals {}", "a radiograph in which {} is visible"]

# Zero-shot prompts of the shipped model: the mean of the normalised embeddings of each list.
PROMPT_POSITIVE = ["{}", "there is {}", "findings of {}", "chest radiograph showing {}"]
PROMPT_NEGATIVE = ["no {}", "there is no {}", "no evidence of {}", "chest radiograph without {}"]

# "no no finding" is no phrase of a report, so this finding is scored with texts of its own.
OWN_PROMPTS = {
    "no finding": (["no acute cardiopulmonary abnormality", "normal chest radiograph"],
                   ["abnormal chest radiograph"]),
}

MODIFIERS = ["mild", "moderate", "severe", "small", "large", "minimal", "marked", "bilateral",
             "unilateral", "left", "right", "left sided", "right sided", "new", "stable", "acute",
             "subtle", "extensive", "diffuse", "focal", "left lower lobe", "right lower lobe",
             "right upper lobe", "basilar", "bibasilar", "possible", "probable", "significant"]

ABNORMAL_PHRASES = [
    "abnormal chest radiograph", "abnormal study", "abnormality", "abnormal chest x-ray",
    "pathological finding", "disease is present", "abnormal lungs", "cardiopulmonary disease",
    "abnormal findings", "the chest radiograph is abnormal", "acute cardiopulmonary abnormality",
    "not normal", "no normal chest radiograph", "no no finding", "there is no no finding",
    "no evidence of no finding", "chest radiograph without no finding", "lungs are not clear",
]

# Attributes known for every training image; they are trained as text as well.
ATTRIBUTES = {
    "female": ["female patient", "woman", "a woman", "radiograph of a female", "female chest"],
    "male": ["male patient", "man", "a man", "radiograph of a male", "male chest"],
    "AP": ["ap view", "portable ap radiograph", "anteroposterior projection", "portable radiograph",
           "bedside chest radiograph", "ap projection", "supine portable film"],
    "PA": ["pa view", "posteroanterior projection", "upright pa radiograph", "pa projection",
           "erect pa chest radiograph", "standing pa film"],
    "old": ["elderly patient", "old patient", "older adult", "patient over sixty"],
    "young": ["young patient", "young adult", "child or young adult", "patient under thirty"],
}

# Broader words of which a finding is one kind.
GROUPS = {
    "lung opacity": ({"infiltration", "consolidation", "pneumonia", "edema", "atelectasis"},
                     ["lung opacity", "pulmonary opacity", "opacity", "airspace opacity",
                      "parenchymal opacity", "lung opacities", "increased lung density"]),
    "lung lesion": ({"nodule", "mass"},
                    ["lung lesion", "pulmonary lesion", "focal lung lesion", "lesion"]),
    "pleural disease": ({"effusion", "pleural thickening", "pneumothorax"},
                        ["pleural disease", "pleural abnormality", "abnormal pleura"]),
}


def prompts(finding, words=None):
    """Affirming and denying prompts of a finding; `words` replaces its canonical name."""
    if words is None and finding in OWN_PROMPTS:
        return OWN_PROMPTS[finding]
    words = words or PHRASES[finding][0]
    return ([t.format(words) for t in PROMPT_POSITIVE], [t.format(words) for t in PROMPT_NEGATIVE])


def positive_phrase(finding, rng):
    """A random affirming text of a finding, in a template and sometimes with a modifier."""
    words = rng.choice(PHRASES[finding])
    if rng.random() < 0.2:
        words = PHRASES[finding][0]
    if finding != "no finding" and rng.random() < 0.2:
        words = rng.choice(MODIFIERS) + " " + words
    return rng.choice(POSITIVE_TEMPLATES).format(words)


def negative_phrase(finding, rng):
    """A random denying text of a finding; of "no finding" it says that something is abnormal."""
    if finding == "no finding" and rng.random() < 0.6:
        return rng.choice(ABNORMAL_PHRASES)
    words = rng.choice(PHRASES[finding])
    if rng.random() < 0.2:
        words = PHRASES[finding][0]
    return rng.choice(NEGATIVE_TEMPLATES).format(words)


def join(items, rng):
    """Joins phrases as a sentence does: "a, b and c", or as separate sentences."""
    items = list(items)
    if len(items) == 1:
        return items[0]
    if rng.random() < 0.5:
        return ". ".join(items)
    return ", ".join(items[:-1]) + " " + rng.choice(["and", "with", "as well as"]) + " " + items[-1]


def caption(labels, attributes, rng):
    """A report-like text of an image: its findings in varied words, some of the absent findings
    denied, sometimes its attributes. Returns the text and the denied findings."""
    labels = list(labels)
    rng.shuffle(labels)
    template = rng.choice(POSITIVE_TEMPLATES)
    parts = [template.format(join([rng.choice(PHRASES[f]) for f in labels], rng))]
    denied = []
    if rng.random() < 0.5:
        absent = [f for f in FINDINGS[1:] if f not in labels]
        denied = rng.sample(absent, rng.choice([1, 1, 2, 3]))
        named = [rng.choice(PHRASES[f]) for f in denied]
        text = named[0] if len(named) == 1 else ", ".join(named[:-1]) + " or " + named[-1]
        parts.append(rng.choice(NEGATIVE_TEMPLATES).format(text))
    if attributes and rng.random() < 0.4:
        parts.insert(0 if rng.random() < 0.5 else len(parts),
                     rng.choice(ATTRIBUTES[rng.choice(attributes)]))
    return ". ".join(parts), denied


# Columns of the label grid: findings, groups of findings, then pairs of attributes.
ATTRIBUTE_PAIRS = [("female", "male"), ("AP", "PA"), ("old", "young")]
COLUMNS = FINDINGS + list(GROUPS) + [yes for yes, _ in ATTRIBUTE_PAIRS]


def column_texts(rng):
    """An affirming and a denying text for each column."""
    positive = [positive_phrase(f, rng) for f in FINDINGS]
    negative = [negative_phrase(f, rng) for f in FINDINGS]
    for _, phrases in GROUPS.values():
        positive.append(rng.choice(POSITIVE_TEMPLATES).format(rng.choice(phrases)))
        negative.append(rng.choice(NEGATIVE_TEMPLATES).format(rng.choice(phrases)))
    for yes, no in ATTRIBUTE_PAIRS:
        positive.append(rng.choice(ATTRIBUTES[yes]))
        negative.append(rng.choice(ATTRIBUTES[no]))
    return positive, negative
