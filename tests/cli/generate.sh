#!/bin/bash
# generate: pictures from text with the reduced pipeline of the conformance folder.
. "$(dirname "$0")/lib.sh"
folder=${BIOVL_CONFORMANCE:-$root/../shared/conformance}/roentgen/small-roentgen
[ -d "$folder" ] || { echo "skipped: no $folder"; exit 77; }
model=$work/model.safetensors
small="--steps 3 --size 64 --seed 7"

expect 0 "$biovl" convert "$folder" -o "$model"
says '"system":"stable-diffusion"'

# The same seed is the same picture, on any number of threads; another seed another one.
expect 0 "$biovl" generate "$model" --text "pleural effusion" $small -o "$work/a.png"
says 'synthetic'
expect 0 "$biovl" generate "$model" --text "pleural effusion" $small --threads 1 -o "$work/b.png"
cmp -s "$work/a.png" "$work/b.png" || fail "threads changed a picture"
expect 0 "$biovl" generate "$model" --text "pleural effusion" --steps 3 --size 64 --seed 8 -o "$work/c.png"
cmp -s "$work/a.png" "$work/c.png" && fail "another seed gave the same picture"
LC_ALL=C grep -aq 'SYNTHETIC' "$work/a.png" || fail "the PNG does not say that it is synthetic"
LC_ALL=C grep -aq '"text":"pleural effusion"' "$work/a.png" || fail "the PNG does not hold its prompt"
LC_ALL=C grep -aq '"seed":7' "$work/a.png" || fail "the PNG does not hold its seed"

# What it wrote can be read; a guided run differs from one without guidance.
expect 0 "$biovl" classify "$work/a.png" --labels "$root/assets/labels/chest.txt"
expect 0 "$biovl" generate "$model" --text "pleural effusion" $small --guidance 1 -o "$work/plain.png"
cmp -s "$work/a.png" "$work/plain.png" && fail "guidance changed nothing"

# Several pictures, and a picture to start from.
expect 0 "$biovl" generate "$model" --text "normal" $small --count 2 -o "$work/n.png"
[ -s "$work/n-1.png" ] && [ -s "$work/n-2.png" ] || fail "two pictures"
expect 0 "$biovl" generate "$model" --text "normal" $small --from "$work/a.png" --strength 0.5 -o "$work/from.png"
expect 0 "$biovl" generate "$model" --text "normal" --size 64x128 --steps 2 --scheduler dpm++ -o "$work/tall.png"

for size in 0 -8 7 8x 99999999999 64x-64 4104 64x64x64; do
    expect 2 "$biovl" generate "$model" --text x --size "$size" -o "$work/size.png"
    says "4096, not \"$size\""
done
expect 2 "$biovl" generate "$model" --text x $small --seed 99999999999999999999 -o "$work/seed.png"

# DICOM: marked as derived and synthetic.
expect 0 "$biovl" generate "$model" --text "größe, 正常" $small -o "$work/a.dcm"
if command -v dcmdump >/dev/null; then
    expect 0 dcmdump +P 0008,0008 +P 0010,0010 +P 0008,103e +P 0020,4000 +U8 "$work/a.dcm"
    prints 'DERIVED.SECONDARY'
    prints 'SYNTHETIC'
    prints '正常'
fi

# A table of prompts; what is there stays, so that a run resumes.
printf 'text,seed,name\neffusion,1,one\nnormal,2,two\n' >"$work/prompts.csv"
expect 0 "$biovl" generate "$model" --prompts "$work/prompts.csv" --steps 2 --size 64 -o "$work/batch"
says '2 made, 0 there before, 0 failed'
rm "$work/batch/two.png"
expect 0 "$biovl" generate "$model" --prompts "$work/prompts.csv" --steps 2 --size 64 -o "$work/batch"
says '1 made, 1 there before, 0 failed'
grep -q '^two.png,normal,,2,2,4,pndm,' "$work/batch/images.csv" || fail "list of pictures"
expect 2 "$biovl" generate "$model" --prompts "$work/prompts.csv" --steps 3 --size 64 -o "$work/batch"
says 'other prompts, options or another model'
expect 2 "$biovl" generate "$model" --prompts "$work/prompts.csv" --steps 2 --size 128 -o "$work/batch"
says 'other prompts, options or another model'
expect 2 "$biovl" generate "$model" --prompts "$work/prompts.csv" --steps 2 --size 64 --from "$work/a.png" -o "$work/batch"
says 'other prompts, options or another model'

# The same weights with other settings are another model; a scheduler that is not here is named.
for edit in 's/PNDMScheduler/LMSDiscreteScheduler/' 's/"beta_end": 0.012/"beta_end": 0.013/'; do
    rm -rf "$work/folder"
    cp -r "$folder" "$work/folder"
    sed -i "$edit" "$work/folder/scheduler/scheduler_config.json"
    expect 0 "$biovl" convert "$work/folder" -o "$work/other.safetensors"
    expect 2 "$biovl" generate "$work/other.safetensors" --prompts "$work/prompts.csv" --steps 2 --size 64 --scheduler pndm -o "$work/batch"
    says 'other prompts, options or another model'
    case $edit in *LMS*)
        expect 3 "$biovl" generate "$work/other.safetensors" --text normal $small -o "$work/lms.png"
        says "the model's own scheduler is none of these: choose pndm" ;;
    esac
done
printf 'effusion and edema,3,three\n' >>"$work/prompts.csv"
expect 0 "$biovl" generate "$model" --prompts "$work/prompts.csv" --steps 2 --size 64 -o "$work/batch"
says '1 made, 2 there before, 0 failed'
printf 'text,Edema\na,1\n' >"$work/labelled.csv"
expect 0 "$biovl" generate "$model" --prompts "$work/labelled.csv" --steps 1 --size 64 -o "$work/labelled"
printf 'text,name\n%s,long\n' "$(printf 'word %.0s' {1..90})" >"$work/long.csv"
expect 0 "$biovl" generate "$model" --prompts "$work/long.csv" --steps 1 --size 64 -o "$work/long"
says 'long: the text was cut to 77 tokens'
expect 2 "$biovl" generate "$model" --prompts "$work/long.csv" --count 2 --steps 1 --size 64 -o "$work/long"
head -1 "$work/labelled/images.csv" | grep -q 'model_sha256,Edema$' || fail "labels of prompts"

# What a classifier finds in pictures of a table; one asked for by a column, the other by its text.
printf 'text,seed,Edema\nno effusion,1,1\nno effusion,2,0\nbig effusion,3,1\nbig effusion,4,0\n' >"$work/asked.csv"
expect 0 "$biovl" generate "$model" --prompts "$work/asked.csv" --steps 1 --size 168 -o "$work/asked"
printf 'Edema\nEffusion\n' >"$work/asked.txt"
printf 'path\n%s\n%s\n' "$root/assets/sample/cxr.dcm" "$work/a.png" >"$work/real.csv"
expect 0 "$biovl" eval synthetic "$work/asked" --labels "$work/asked.txt" --real "$work/real.csv"
prints '"asked_by":"column","asked":2,"not_asked":2,"auroc":'
prints '"asked_by":"text","asked":2,"not_asked":2,"auroc":'
prints '"measure":"ms-ssim","prompts":2,"pairs":2,"mean":'
prints '"measure":"frechet"'
rm "$work/asked/000001.png"
expect 0 "$biovl" eval synthetic "$work/asked" --labels "$work/asked.txt"
prints '"distance":null'
prints '"images":3,"failed":1'
expect 3 "$biovl" eval synthetic "$work" --labels "$work/asked.txt"
says 'images.csv'
sed 's/^000002.png,no effusion\(.*\),0$/000002.png,no effusion\1,maybe/' "$work/asked/images.csv" >"$work/asked/x" && mv "$work/asked/x" "$work/asked/images.csv"
expect 3 "$biovl" eval synthetic "$work/asked" --labels "$work/asked.txt"
says 'line 3'

printf 'text,name\na,x\nb,x\n' >"$work/twice.csv"
expect 3 "$biovl" generate "$model" --prompts "$work/twice.csv" -o "$work/batch2"
says 'two rows of the name "x"'
printf 'text,name\na,../x\n' >"$work/climb.csv"
expect 3 "$biovl" generate "$model" --prompts "$work/climb.csv" -o "$work/batch2"
says 'line 2'

# Bad input.
expect 2 "$biovl" generate "$model" --text x --size 100 -o "$work/x.png"
says 'multiples of 8'
expect 2 "$biovl" generate "$model" --text x --steps 0 -o "$work/x.png"
expect 2 "$biovl" generate "$model" --text x --scheduler heun -o "$work/x.png"
says 'heun'
expect 2 "$biovl" generate "$model" --text x --guidance nan -o "$work/x.png"
expect 3 "$biovl" generate "$root/assets/models/biovl-cxr-small.safetensors" --text x -o "$work/x.png"
says 'classify'
expect 3 "$biovl" classify "$work/a.png" --model "$model" --labels "$root/assets/labels/chest.txt"
says 'biovl generate'
long=$(printf 'effusion %.0s' $(seq 120))
expect 0 "$biovl" generate "$model" --text "$long" --steps 1 --size 64 --guidance 1 -o "$work/x.png"
says 'cut to 77 tokens'

# A U-Net in two shards is the same model; one of two is none.
if command -v python3 >/dev/null; then
    cp -rL "$folder" "$work/shards" && chmod -R u+w "$work/shards"
    python3 "$(dirname "$0")/shard.py" "$work/shards/unet"
    expect 0 "$biovl" convert "$work/shards" -o "$work/shards.safetensors"
    cmp -s "$work/shards.safetensors" "$model" || fail "shards changed a model"
    rm "$work/shards/unet/"*-00002-of-00002.safetensors
    expect 3 "$biovl" convert "$work/shards" -o "$work/x.safetensors"
    says '00002-of-00002'
fi

# Folders with parts missing are listed.
cp -rL "$folder" "$work/broken" && chmod -R u+w "$work/broken"
rm "$work/broken/unet/"*.safetensors "$work/broken/tokenizer/merges.txt"
expect 3 "$biovl" convert "$work/broken" -o "$work/x.safetensors"
says 'lacks: tokenizer/merges.txt, unet'
[ -e "$work/x.safetensors" ] && fail "a broken folder left a file"
# What would be read as a default, and what would make other steps, is refused.
cp -rL "$folder" "$work/kinds" && chmod -R u+w "$work/kinds"
sed -i 's/"attention_head_dim": 8/"attention_head_dim": [8]/' "$work/kinds/unet/config.json"
expect 3 "$biovl" convert "$work/kinds" -o "$work/x.safetensors"
says 'attention_head_dim'
cp "$folder/unet/config.json" "$work/kinds/unet/config.json"
sed -i 's/"trained_betas": null/"trained_betas": [0.1]/' "$work/kinds/scheduler/scheduler_config.json"
expect 0 "$biovl" convert "$work/kinds" -o "$work/betas.safetensors"
expect 3 "$biovl" generate "$work/betas.safetensors" --text x --steps 1 --size 64 -o "$work/x.png"
says 'trained_betas'
cp -rL "$folder" "$work/xl" && chmod -R u+w "$work/xl"
sed -i 's/StableDiffusionPipeline/FluxPipeline/' "$work/xl/model_index.json"
expect 3 "$biovl" convert "$work/xl" -o "$work/x.safetensors"
says 'FluxPipeline'
finish
