#!/bin/sh
# Trains the tokenizer of m3j-tiny again: sh train-tokenizer.sh corpus.txt, with spm_train of sentencepiece 0.2.
# corpus.txt is written by io.m3j.train.synthetic.TokenizerCorpus (tests of m3-train) from free-text.txt.
# The settings are LLaMA's: BPE, bytes for what has no piece, digits apart, nothing normalised.
spm_train --input="$1" --model_prefix=tokenizer --vocab_size=1024 --model_type=bpe --byte_fallback=true \
    --character_coverage=0.9995 --split_digits=true --split_by_unicode_script=true --split_by_whitespace=true \
    --split_by_number=true --allow_whitespace_only_pieces=true --normalization_rule_name=identity \
    --add_dummy_prefix=true --remove_extra_whitespaces=false --unk_id=0 --bos_id=1 --eos_id=2 --pad_id=-1 \
    --unk_surface=' ⁇ ' --max_sentencepiece_length=16 --shuffle_input_sentence=false --input_sentence_size=0 \
    --num_threads=1 --hard_vocab_limit=true
