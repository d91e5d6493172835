"""Expected embeddings of the text encoder families, from the implementations that are their models.

python families.py > families.inc        (torch and transformers from PyPI)

Weights are the fixed formula of formula.py, which tests/model/text_families.c repeats. Names are Hugging Face's.
"""
import json

import torch
import transformers as hf

from formula import fill_text


class CXRBert(torch.nn.Module):
    """CXR-BERT as hi-ml's CXRBertModel: BERT without pooler, and a projection of its CLS."""

    def __init__(self, config, size=8):
        super().__init__()
        self.bert = hf.BertModel(config, add_pooling_layer=False)
        head = torch.nn.Module()
        head.dense_to_hidden = torch.nn.Linear(config.hidden_size, size)
        head.LayerNorm = torch.nn.LayerNorm(size, eps=1e-12)
        head.dense_to_output = torch.nn.Linear(size, size)
        self.cls_projection_head = head

    def forward(self, ids):
        out, head = self.bert(ids), self.cls_projection_head
        x = torch.nn.functional.gelu(head.dense_to_hidden(out.last_hidden_state[:, 0]))
        out.projected = head.dense_to_output(head.LayerNorm(x))
        return out


def show(case, module, config, ids):
    fill_text(case, module)
    out = module(torch.tensor([ids]))
    last = out.last_hidden_state
    pooled = getattr(out, "pooler_output", None)
    # C has no empty arrays: {0} stands for an output that the family lacks.
    keep = ["model_type", "num_attention_heads", "num_hidden_layers", "layer_norm_eps", "hidden_act"]
    text = json.dumps({k: getattr(config, k) for k in keep})
    print(f"static const char config_{case}[] =\n    {json.dumps(text)};")
    print(f"static const int ids_{case}[] = {{{', '.join(map(str, ids))}}};")
    for kind, y in (("mean", last.mean(1)), ("cls", last[:, 0]), ("pooler", pooled),
                    ("projected", getattr(out, "projected", None))):
        numbers = [] if y is None else y.flatten().tolist()
        print(f"static const double {kind}_{case}[] = {{" +
              (", ".join(f"{v:.9g}" for v in numbers) or "0") + "};")


@torch.no_grad()
def main():
    print("// Made by families.py with transformers", hf.__version__ + ".")
    print("// clang-format off")
    small = dict(hidden_size=16, num_attention_heads=2, intermediate_size=24, vocab_size=10,
                 max_position_embeddings=20)
    words, bytes_ = [2, 8, 5, 7, 9, 3], [0, 9, 7, 6, 2]
    for case, model, config, ids in [
        ("bert", hf.BertModel, hf.BertConfig(num_hidden_layers=2, **small), words),
        ("roberta", hf.RobertaModel,
         hf.RobertaConfig(num_hidden_layers=2, type_vocab_size=1, layer_norm_eps=1e-5, **small), bytes_),
        ("electra", hf.ElectraModel, hf.ElectraConfig(num_hidden_layers=2, embedding_size=8, **small),
         words),
        ("albert", hf.AlbertModel,
         hf.AlbertConfig(num_hidden_layers=4, num_hidden_groups=2, embedding_size=8, **small), words),
        ("megatron", hf.MegatronBertModel, hf.MegatronBertConfig(num_hidden_layers=2, **small), words),
        ("cxrbert", CXRBert, hf.BertConfig(num_hidden_layers=2, **small), words),
    ]:
        config._attn_implementation = "eager"
        show(case, model(config), config, ids)


main()
