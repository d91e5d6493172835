"""Expected logits of trained heads over BERT, from Hugging Face's implementations.

python heads.py > heads.inc        (torch and transformers from PyPI)

Weights are those of formula.py, which tests/model/text_heads.c repeats.
"""
import torch
import transformers as hf

from formula import fill_text


@torch.no_grad()
def show(case, model, ids, types):
    fill_text(case, model)
    out = model(torch.tensor([ids]), token_type_ids=torch.tensor([types])).logits
    numbers = ", ".join(f"{v:.9g}" for v in out.flatten().tolist())
    print(f"static const double logits_{case}[] = {{{numbers}}};")


def main():
    print("// Made by heads.py with transformers", hf.__version__ + ".")
    print("// clang-format off")
    config = hf.BertConfig(hidden_size=16, num_attention_heads=2, intermediate_size=24, vocab_size=10,
                           max_position_embeddings=20, num_hidden_layers=2, num_labels=3)
    config._attn_implementation = "eager"
    one, two = [2, 8, 5, 7, 9, 3], [2, 8, 5, 3, 6, 7, 9, 3]
    show("sequence", hf.BertForSequenceClassification(config), one, [0] * 6)
    show("pair", hf.BertForSequenceClassification(config), two, [0] * 4 + [1] * 4)
    show("token", hf.BertForTokenClassification(config), one, [0] * 6)


main()
