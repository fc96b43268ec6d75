package io.m3j.llm;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.llm.tokenizer.JsonTextCodec;
import io.m3j.llm.tokenizer.LlamaTextCodec;
import io.m3j.llm.tokenizer.StreamingDecoder;
import io.m3j.llm.tokenizer.TextCodec;
import io.m3j.llm.tokenizer.TokenizerSettings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * The tokenizer of a checkpoint. Gives the ids that transformers' {@code LlamaTokenizer} gives for
 * the same files, or for a {@code tokenizer.json} those of Hugging Face's tokenizers.
 *
 * <p>May hold native memory: whoever loads it closes it, and encoding or decoding with a {@code
 * tokenizer.json} afterwards is an {@link IllegalStateException}. Safe for use by several threads,
 * also while it is closed; a {@link StreamingDecoder} serves one.
 */
public final class M3Tokenizer implements AutoCloseable {

    /** Marks the place of an image in a prompt. */
    public static final String IMAGE_MARKER = "<image>";

    /** Stands among the ids where an image goes: LLaVA's {@code IMAGE_TOKEN_INDEX}. */
    public static final long IMAGE_ID = -200;

    /** The answer of {@link #bosId} and its like where the tokenizer has no such token. */
    public static final long NO_ID = TextCodec.NO_ID;

    private final TextCodec codec;
    private final Optional<Boolean> legacy;
    private final Optional<String> chatTemplate;

    private M3Tokenizer(TextCodec codec, Optional<Boolean> legacy, Optional<String> chatTemplate) {
        this.codec = codec;
        this.legacy = legacy;
        this.chatTemplate = chatTemplate;
    }

    /**
     * Opens the tokenizer of a directory: {@code tokenizer.model} if there is one, else {@code
     * tokenizer.json}; with {@code tokenizer_config.json}, {@code special_tokens_map.json} and {@code
     * added_tokens.json} where they exist. Needs no {@code config.json}.
     *
     * @param directory the directory of a checkpoint or of a tokenizer alone
     * @return the tokenizer; the caller closes it
     * @throws M3Exception if there is no such directory, it has neither, or a file of it is broken or not supported
     */
    public static M3Tokenizer load(Path directory) {
        Path model = required(directory, "directory").resolve("tokenizer.model");
        Path json = directory.resolve("tokenizer.json");
        if (Files.notExists(directory)) {
            throw new M3Exception(
                    directory
                            + ": expected a directory with tokenizer.model or tokenizer.json, found"
                            + " nothing");
        }
        boolean hasModel = Files.isRegularFile(model);
        if (!hasModel && !Files.isRegularFile(json)) {
            throw new M3Exception(
                    directory
                            + ": no tokenizer: expected tokenizer.model or tokenizer.json in it,"
                            + " found neither; copy one from the checkpoint's origin");
        }
        TokenizerSettings settings = TokenizerSettings.read(directory);
        TextCodec codec =
                hasModel
                        ? LlamaTextCodec.read(model, settings)
                        : JsonTextCodec.read(json, settings);
        Optional<Boolean> legacy = settings.legacy();
        if (hasModel) {
            legacy = Optional.of(legacy.orElse(true));
        }
        return new M3Tokenizer(codec, legacy, settings.chatTemplate());
    }

    /**
     * @param text any text; a lone surrogate counts as U+FFFD
     * @return ids with BOS and EOS as the configuration says: transformers' {@code input_ids}
     */
    public long[] encode(String text) {
        return codec.encode(required(text, "text"));
    }

    /**
     * @param text any text; a lone surrogate counts as U+FFFD
     * @return ids without BOS and EOS; special tokens spelled out in the text still become their ids
     */
    public long[] encodeWithoutSpecials(String text) {
        return codec.encodeWithoutSpecials(required(text, "text"));
    }

    /**
     * @param text of a prompt, or of a part of it
     * @return how many images it has a place for
     */
    public static int imageMarkers(String text) {
        return required(text, "text").split(IMAGE_MARKER, -1).length - 1;
    }

    /**
     * Encodes a prompt with images: LLaVA's {@code tokenizer_image_token} (mm_utils.py). What stands
     * between markers is encoded on its own, and BOS kept only once.
     *
     * @param prompt text with an {@link #IMAGE_MARKER} for each image
     * @return ids with {@link #IMAGE_ID} at the place of each marker
     */
    public long[] encodeWithImages(String prompt) {
        String[] chunks = required(prompt, "prompt").split(IMAGE_MARKER, -1);
        LongStream.Builder ids = LongStream.builder();
        boolean dropsBos = false;
        for (int i = 0; i < chunks.length; i++) {
            long[] chunk = codec.encode(chunks[i]);
            if (i == 0) {
                dropsBos = bosId() != NO_ID && chunk.length > 0 && chunk[0] == bosId();
            } else {
                ids.add(IMAGE_ID);
            }
            LongStream.of(chunk).skip(dropsBos && i > 0 ? 1 : 0).forEach(ids);
        }
        return ids.build().toArray();
    }

    /**
     * @param ids ids of this vocabulary; image slots have no text and must be left out
     * @param skipSpecialTokens whether BOS, EOS and the like are left out
     * @return the text, as transformers decodes it
     * @throws M3Exception if the vocabulary lacks one of the ids
     */
    public String decode(long[] ids, boolean skipSpecialTokens) {
        return codec.decode(required(ids, "ids"), skipSpecialTokens);
    }

    /**
     * @return a decoder for one sequence that is being generated
     */
    public StreamingDecoder streamingDecoder() {
        return codec.streamingDecoder();
    }

    /**
     * @return how many tokens there are, added ones included
     */
    public int vocabularySize() {
        return codec.vocabularySize();
    }

    /**
     * @return the id that begins a sequence, or {@link #NO_ID}
     */
    public long bosId() {
        return codec.specialIds().bos();
    }

    /**
     * @return the id that ends a sequence, or {@link #NO_ID}
     */
    public long eosId() {
        return codec.specialIds().eos();
    }

    /**
     * @return the id of what cannot be spelled, or {@link #NO_ID}
     */
    public long unkId() {
        return codec.specialIds().unk();
    }

    /**
     * @return the id that fills a batch, or {@link #NO_ID}
     */
    public long padId() {
        return codec.specialIds().pad();
    }

    /**
     * Whether a space goes before the text after each special token: the {@code legacy} of
     * transformers' {@code LlamaTokenizer}, by which LLaVA counts the ids of a conversation's rounds.
     *
     * @return what {@code tokenizer_config.json} says; with a {@code tokenizer.model}, true where it
     *     says nothing
     */
    public Optional<Boolean> legacy() {
        return legacy;
    }

    /**
     * The conversation template that comes with the tokenizer, as evidence for {@link
     * PromptTemplate#choose}; it is never run.
     *
     * @return Jinja source, if there is any
     */
    public Optional<String> chatTemplate() {
        return chatTemplate;
    }

    /** Waits for the calls that run, then frees native memory, where there is any. */
    @Override
    public void close() {
        codec.close();
    }
}
