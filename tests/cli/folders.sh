#!/bin/bash
# Folders of Hugging Face's transformers: what is assumed is said, and what does not belong together
# is refused by name. The folders are those of the conformance files.
. "$(dirname "$0")/lib.sh"
conformance=${BIOVL_CONFORMANCE-$root/../shared/conformance}
siglip=$conformance/siglip/small-siglip-base-patch16-256
medsiglip=$conformance/siglip/small-medsiglip-448
[ -d "$siglip" ] && [ -d "$medsiglip" ] || {
    echo "skipped: no conformance files in $conformance"
    exit 77
}
out=$work/out.safetensors

# copy FOLDER: a copy that may be changed, in $work/f.
copy() {
    rm -rf "$work/f"
    cp -r "$1" "$work/f"
    chmod -R u+w "$work/f"
}

# converts / refuses PATTERN [OPTION…]: the copy does, and the message says so.
converts() {
    expect 0 "$biovl" convert "$work/f" -o "$out"
    says "$1"
    rm -f "$out"
}
refuses() {
    expect 3 "$biovl" convert "$work/f" -o "$out" "${@:2}"
    says "$1"
    [ -e "$out" ] && fail "a failed conversion left a file"
}

# A family says that no system is known; a system's own card does not.
copy "$siglip"
converts 'no system is known by these tensors alone.*SigLIP'
copy "$medsiglip"
converts '"system": ?"medsiglip"'
grep -q 'no system is known' "$work/err" && fail "MedSigLIP is a system"

# A configuration without hidden_act, as MedSigLIP's: the default of its class is told.
says 'vision_config.hidden_act: gelu_tanh'
copy "$siglip"
sed -i 's/"gelu_pytorch_tanh"/"gelu"/' "$work/f/config.json"
converts '"system": ?"siglip"'
grep -q 'hidden_act' "$work/err" && fail "hidden_act was there"
sed -i 's/"hidden_act": "gelu"/"hidden_act": "swish_of_mine"/' "$work/f/config.json"
refuses 'activation'

# Two tokenizers: SentencePiece's model is what the authors' code reads.
copy "$siglip"
echo '{}' >"$work/f/tokenizer.json"
converts 'spiece.model is read, tokenizer.json beside it is not'
rm "$work/f/spiece.model" "$work/f/tokenizer.json"
refuses 'spiece.model is not beside it'

# SigLIP 2: Gemma's tokenizer, told by its class, from either file, and texts in lower case.
gemma=$root/tests/text/spiece
copy "$siglip"
rm "$work/f/spiece.model"
echo '{"tokenizer_class": "GemmaTokenizerFast"}' >"$work/f/tokenizer_config.json"
python3 - "$gemma/gemma.json" "$work/f/tokenizer.json" <<'EOF'
import json, sys
document = json.load(open(sys.argv[1]))
vocab = document["model"]["vocab"]
while len(vocab) < 1200:
    vocab[f"<unused{len(vocab)}>"] = len(vocab)
json.dump(document, open(sys.argv[2], "w"))
EOF
converts '"system": ?"siglip2"'
expect 0 "$biovl" convert "$work/f" -o "$out"
expect 0 "$biovl" tokenize -m "$out" --text 'SMALL <eos>Effusion'
capitals=$(cut -d: -f3 "$work/out")
expect 0 "$biovl" tokenize -m "$out" --text 'small <eos>effusion'
[ "$capitals" = "$(cut -d: -f3 "$work/out")" ] || fail "capitals of SigLIP 2 count"
rm "$out"
cp "$gemma/gemma.model" "$work/f/tokenizer.model"
converts 'tokenizer.json is read, tokenizer.model beside it is not'
rm "$work/f/tokenizer.json"
refuses 'the vocabulary has [0-9]+ tokens, the model.s table 1200 rows'
rm "$work/f/tokenizer.model"
refuses 'tokenizer.json is not beside it'

# The processor of another model, and one that makes images of another size.
copy "$siglip"
sed -i 's/"SiglipImageProcessor"/"ConvNextImageProcessor"/' "$work/f/preprocessor_config.json"
refuses 'ConvNextImageProcessor'
copy "$siglip"
sed -i 's/256/224/' "$work/f/preprocessor_config.json"
refuses 'images of 224'
copy "$siglip"
sed -i 's/"height": 256,/"shortest_edge": 256,/' "$work/f/preprocessor_config.json"
refuses 'images of many sizes'
copy "$siglip"
sed -i 's/"do_resize": true/"do_resize": false/' "$work/f/preprocessor_config.json"
refuses 'images of many sizes'

# Members of another type, which are not as if they were not there.
for change in 's/"do_normalize": true/"do_normalize": 0/' 's/"do_resize": true/"do_resize": "no"/' \
    's/"resample": 3/"resample": 2.5/' 's/"rescale_factor": [0-9.]*/"rescale_factor": "1"/' \
    '1s/{/{"do_pad": 1,/'; do
    copy "$siglip"
    sed -i "$change" "$work/f/preprocessor_config.json"
    refuses 'is not what it should be'
    refuses 'is not what it should be' --processor torchvision
done
copy "$siglip"
rm "$work/f/preprocessor_config.json"
converts 'there is no preprocessor_config.json'

# The processor of transformers 5 in place of 4's: torchvision's resampling, scale and mean in one.
sample=$root/assets/sample/cxr.dcm
preprocess() {
    expect 0 "$biovl" convert "$work/f" -o "$out" "$@"
    expect 0 "$biovl" preprocess "$sample" -m "$out" -o "$work/pixels.npy"
    sha256sum <"$work/pixels.npy"
    rm "$out"
}
copy "$siglip"
own=$(preprocess) pillow=$(preprocess --processor pillow) torchvision=$(preprocess --processor torchvision)
[ "$own" = "$pillow" ] || fail "Pillow is not what runs a processor"
[ "$own" != "$torchvision" ] || fail "torchvision makes the pixels of Pillow"
expect 2 "$biovl" convert "$work/f" -o "$out" --processor opencv
says 'pillow and torchvision are known'
sed -i 's/"SiglipImageProcessor"/"ConvNextImageProcessor"/' "$work/f/preprocessor_config.json"
refuses 'ConvNextImageProcessor' --processor torchvision
copy "$siglip"
sed -i 's/"resample": [0-9]*/"resample": 1/' "$work/f/preprocessor_config.json"
refuses 'resample 1 is not supported with torchvision' --processor torchvision
copy "$medsiglip" # whose own recipe is not the folder's processor
[ "$(preprocess)" != "$(preprocess --processor pillow)" ] || fail "--processor did not reach MedSigLIP"
[ "$(preprocess --processor pillow)" = "$(preprocess --set preprocess=medsiglip-processor)" ] ||
    fail "the folder's processor is not medsiglip-processor"
rm -r "$work/f"
cp "$conformance/evax/small_eva_x_small_patch16_merged520k_mim.pt" "$work/f"
expect 2 "$biovl" convert "$work/f" -o "$out" --processor torchvision
says 'does not go with system eva-x'
rm "$work/f"
mkdir "$work/f"

# A file that cannot be read is not one that is absent.
for file in preprocessor_config.json config.json; do
    copy "$siglip"
    head -c 100 "$siglip/$file" >"$work/f/$file"
    refuses "$file: line"
done

# Numbers of a card that no encoder has.
copy "$siglip"
refuses 'skip_blocks 9 of' --set image.skip_blocks=9
refuses 'skip_blocks -2147483648 of' --set image.skip_blocks=-2147483648
rm -r "$work/f"
cp "$conformance/evax/small_eva_x_small_patch16_merged520k_mim.pt" "$work/f"
for rope in '{"theta":0}' '{"theta":-1}' '{"theta":1e300}' '{"grid":0}' '{"grid":1e300}' 14; do
    refuses 'rotary positions of theta|rope is no object' --set "image.rope=$rope"
done

# Downloads that are not whole.
copy "$siglip"
head -c 500000 "$siglip/model.safetensors" >"$work/f/model.safetensors"
refuses 'model.safetensors'
rm "$work/f/model.safetensors"
echo '{"metadata":{},"weight_map":{"logit_scale":"model-00001-of-00002.safetensors","logit_bias":"model-00002-of-00002.safetensors"}}' \
    >"$work/f/model.safetensors.index.json"
refuses 'model-00001-of-00002'
copy "$siglip"
rm "$work/f/config.json"
refuses 'config.json is not beside it'

# The text tower left out, as by saving the image tower alone.
copy "$siglip"
python3 - "$siglip/model.safetensors" "$work/f/model.safetensors" <<'EOF'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", data[:8])[0]
header = {k: v for k, v in json.loads(data[8:8 + n]).items() if not k.startswith(("text_model", "__"))}
body, at = b"", 0
for v in header.values():
    a, b = v["data_offsets"]
    body += data[8 + n + a:8 + n + b]
    v["data_offsets"] = [at, at + b - a]
    at += b - a
text = json.dumps(header).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + body)
EOF
refuses 'nearest is (med)?siglip with .*missing text_model'
finish
