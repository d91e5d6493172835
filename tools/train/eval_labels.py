"""The labels file of the measurement: python eval_labels.py > labels.txt

Per finding: the shipped prompts, one prompt pair, and the shipped prompts with each phrase that was
never trained on. Labels beside the 15 findings have no column in the data: they are scored, and
measure.py reads them from predictions.csv."""

import lexicon


def line(name, positive, negative):
    return f"{name} = {' | '.join(positive)} ! {' | '.join(negative)}"


def lines():
    for f in lexicon.FINDINGS:
        yield line(f, *lexicon.prompts(f))
    for f in lexicon.FINDINGS:
        words = lexicon.PHRASES[f][0]
        yield line(f"{f} (single)", [words], ["no " + words])
        for i, words in enumerate(lexicon.HELD_OUT_PHRASES[f]):
            yield line(f"{f} (unseen {i + 1})", *lexicon.prompts(f, words))


if __name__ == "__main__":
    print("\n".join(lines()))
