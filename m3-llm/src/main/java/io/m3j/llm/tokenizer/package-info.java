/**
 * From text to ids and back: a reader and byte-pair encoder for {@code tokenizer.model}
 * (SentencePiece), the behaviours that transformers' slow {@code LlamaTokenizer} lays over it, and
 * {@code tokenizer.json} by way of DJL. The facade is {@code io.m3j.llm.M3Tokenizer}.
 */
package io.m3j.llm.tokenizer;
