"""python -m unittest test_recipe: what of the recipe can be checked without images."""

import dataclasses
import random
import unittest

import numpy as np
import torch

import data
import efficientnet
import lexicon
import measure
import metrics
import model
import wordpiece


def row(group, *labels, view="PA", sex="F", age=50):
    return data.Row("file", group, data.UNSELECTED, "train", view, labels, sex, age)


class Lexicon(unittest.TestCase):
    def test_unseen_phrases_are_never_composed(self):
        rng = random.Random(0)
        texts = set()
        for _ in range(2000):
            positive, negative = lexicon.column_texts(rng)
            texts.update(positive + negative)
            texts.add(lexicon.caption(rng.sample(lexicon.FINDINGS[1:], 2), ["AP"], rng)[0])
        for phrases in lexicon.HELD_OUT_PHRASES.values():
            for p in phrases:
                self.assertFalse([t for t in texts if p in t.split(". ")], p)
                self.assertNotIn(p, {q for qs in lexicon.PHRASES.values() for q in qs})

    def test_caption_denies_absent_findings_only(self):
        rng = random.Random(0)
        for _ in range(500):
            _, denied = lexicon.caption(["mass", "effusion"], [], rng)
            self.assertFalse({"mass", "effusion", "no finding"} & set(denied))


class Wordpiece(unittest.TestCase):
    def test_greedy_longest_match(self):
        vocabulary = wordpiece.SPECIAL + ["pleural", "pleu", "##ral", "##s", "effusion", "."]
        t = wordpiece.Tokenizer(vocabulary, 16)
        names = [vocabulary[i] for i in t.encode("Pleural EFFUSIONs. xyz")]
        self.assertEqual(names, ["[CLS]", "pleural", "effusion", "##s", ".", "[UNK]", "[SEP]"])

    def test_vocabulary_spells_all_counted_words(self):
        counts = {"edema": 9, "effusion": 5, "fusion": 1}
        t = wordpiece.Tokenizer(wordpiece.build_vocabulary(counts, 40), 16)
        self.assertEqual(len(t.word_ids("edema")), 1)
        self.assertNotIn(wordpiece.UNK, t.word_ids("fusion"))


class Pixels(unittest.TestCase):
    def test_folded_stem_reads_the_files_pixels(self):
        net = efficientnet.EfficientNetLite0().eval()
        state = {"image_encoder." + k: v for k, v in net.state_dict().items()}
        folded = {k[len("image_encoder."):]: v for k, v in model.fold_pixels(state).items()}
        other = efficientnet.EfficientNetLite0().eval()
        other.load_state_dict(folded)
        gray = torch.rand(1, 1, 32, 32)
        with torch.no_grad():
            a = net._bn0(net._conv_stem((gray - data.MEAN) / data.STD))
            b = other._bn0(other._conv_stem((gray - data.FILE_MEAN) / data.FILE_STD))
        # Zeros beyond the border are another gray: 0.5, not 0.498.
        self.assertLess((a - b)[..., 1:-1, 1:-1].abs().max().item(), 1e-5)


class Targets(unittest.TestCase):
    def test_findings_groups_and_unknown_attributes(self):
        grid = data.targets([row("g", "mass", sex="M", view="AP", age=50)])[0]
        value = dict(zip(lexicon.COLUMNS, grid))
        self.assertEqual((value["mass"], value["lung lesion"], value["edema"]), (1, 1, 0))
        self.assertEqual((value["female"], value["AP"]), (0, 1))
        self.assertTrue(np.isnan(value["old"]))

    def test_pneumonia_is_unknown_where_it_would_mean_the_source(self):
        place = lexicon.FINDINGS.index("pneumonia")
        seen = row("g", "pneumonia")
        picked = dataclasses.replace(seen, source=data.SELECTED)
        grid = data.targets([seen, picked])
        self.assertTrue(np.isnan(grid[0, place]))
        self.assertEqual(grid[1, place], 1)


class Calibration(unittest.TestCase):
    def test_scores_that_are_the_shares_have_no_error(self):
        truth = np.array([0, 0, 0, 1] * 5, bool)
        got = measure.calibration(np.full(20, 0.25), truth)
        self.assertEqual((got["ece"], got["brier"]), (0.0, 0.1875))
        self.assertEqual(measure.calibration(np.full(20, 0.75), truth)["ece"], 0.5)


class Metrics(unittest.TestCase):
    def test_auroc_counts_ties_half(self):
        self.assertEqual(metrics.auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 0.75)
        self.assertEqual(metrics.auroc([1.0, 1.0], [0, 1]), 0.5)

    def test_weights_repeat_rows(self):
        rng = np.random.default_rng(0)
        score, truth = rng.integers(0, 9, 50), rng.random(50) < 0.4
        weight = rng.integers(0, 3, (4, 50))
        repeated = [metrics.auroc(np.repeat(score, w), np.repeat(truth, w)) for w in weight]
        np.testing.assert_allclose(metrics.auroc(score, truth, weight), repeated)

    def test_resamples_keep_groups_together(self):
        weight = metrics.resamples(np.array(["a", "b", "a", "c"]), 20)
        np.testing.assert_array_equal(weight[:, 0], weight[:, 2])
        np.testing.assert_array_equal(weight[0], 1)


if __name__ == "__main__":
    unittest.main()
