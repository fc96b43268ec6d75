package io.m3j.llm.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import io.m3j.core.Lifetime;
import io.m3j.core.M3Exception;
import io.m3j.core.torch.NativeLibraries;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A {@code tokenizer.json}, run by Hugging Face's own library through DJL. Holds native memory until
 * it is closed; an {@link IllegalStateException} afterwards. Safe for use by several threads.
 *
 * <p>BOS and EOS are put where {@code tokenizer_config.json} says so in as many words, else where
 * the post-processor of the file puts them.
 */
public final class JsonTextCodec implements TextCodec {

    /** The largest known are some 30 MB. */
    private static final long MAXIMUM_BYTES = 256L << 20;

    private static final Map<String, String> OPTIONS =
            Map.of("truncation", "false", "padding", "false");

    private final HuggingFaceTokenizer tokenizer;
    private final JsonVocabulary vocabulary;
    private final TokenizerSettings settings;
    private final SpecialIds specialIds;

    /** What decoding leaves out. */
    private final Set<Long> skipped;

    private final Lifetime lifetime = new Lifetime("the tokenizer");

    private JsonTextCodec(
            HuggingFaceTokenizer tokenizer, JsonVocabulary vocabulary, TokenizerSettings settings) {
        this.tokenizer = tokenizer;
        this.vocabulary = vocabulary;
        this.settings = settings;
        specialIds =
                new SpecialIds(
                        idOf("bos_token"), idOf("eos_token"), idOf("unk_token"), idOf("pad_token"));
        skipped =
                vocabulary.specialIds().stream()
                        .map(Integer::longValue)
                        .filter(id -> skips(tokenizer, id))
                        .collect(Collectors.toUnmodifiableSet());
    }

    /**
     * @param file a {@code tokenizer.json}
     * @param settings what stands beside it
     * @return the codec; the caller closes it
     * @throws M3Exception if it is not a tokenizer that the library can read
     */
    public static JsonTextCodec read(Path file, TokenizerSettings settings) {
        byte[] bytes;
        try {
            long size = Files.size(file);
            if (size > MAXIMUM_BYTES) {
                throw new M3Exception(
                        file + ": " + size + " bytes, expected at most " + MAXIMUM_BYTES);
            }
            bytes = Files.readAllBytes(file);
        } catch (IOException e) {
            throw new M3Exception(file + ": cannot be read: " + e.getMessage(), e);
        }
        JsonVocabulary vocabulary =
                JsonVocabulary.parse(new String(bytes, StandardCharsets.UTF_8), file.toString());
        keepOffTheNetwork();
        try {
            HuggingFaceTokenizer tokenizer =
                    HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(bytes), OPTIONS);
            return new JsonTextCodec(tokenizer, vocabulary, settings);
        } catch (IOException | RuntimeException e) {
            throw new M3Exception(
                    file + ": not a tokenizer that the library reads: " + e.getMessage(), e);
        }
    }

    /** On a machine with CUDA the library would download a build of its own that is no faster. */
    private static void keepOffTheNetwork() {
        NativeLibraries.keepOffline();
        if (System.getenv("RUST_FLAVOR") == null && System.getProperty("RUST_FLAVOR") == null) {
            System.setProperty("RUST_FLAVOR", "cpu");
        }
    }

    /**
     * Whether the library takes an id for special, as the file says. It goes by the token's content:
     * where the vocabulary has another under that id, the id is that other token's.
     */
    private static boolean skips(HuggingFaceTokenizer tokenizer, long id) {
        // More than once, since a decoder may strip the first space and the last of a text.
        return tokenizer.decode(new long[] {id, id, id}, true).isEmpty();
    }

    private long idOf(String name) {
        return vocabulary.idOf(settings.namedSpecials().get(name));
    }

    @Override
    public long[] encode(String text) {
        if (settings.addBos().isEmpty() && settings.addEos().isEmpty()) {
            return ids(text, true);
        }
        long[] plain = ids(text, false);
        boolean bos = settings.addBos().orElse(false) && specialIds.bos() != NO_ID;
        boolean eos = settings.addEos().orElse(false) && specialIds.eos() != NO_ID;
        long[] ids = new long[plain.length + (bos ? 1 : 0) + (eos ? 1 : 0)];
        System.arraycopy(plain, 0, ids, bos ? 1 : 0, plain.length);
        if (bos) {
            ids[0] = specialIds.bos();
        }
        if (eos) {
            ids[ids.length - 1] = specialIds.eos();
        }
        return ids;
    }

    @Override
    public long[] encodeWithoutSpecials(String text) {
        return ids(text, false);
    }

    private long[] ids(String text, boolean addSpecialTokens) {
        String repaired = Utf8.withoutLoneSurrogates(text);
        return lifetime.during(() -> tokenizer.encode(repaired, addSpecialTokens, false).getIds());
    }

    @Override
    public String decode(long[] ids, boolean skipSpecialTokens) {
        for (long id : ids) {
            require(id);
        }
        return lifetime.during(
                () -> ids.length == 0 ? "" : tokenizer.decode(ids, skipSpecialTokens));
    }

    @Override
    public boolean contains(long id) {
        return vocabulary.contains(id);
    }

    @Override
    public StreamingDecoder streamingDecoder() {
        return new Streaming();
    }

    /**
     * Decodes a window of the last ids and gives what is new in it. The first ids of the window were
     * given out already and have text, so that whatever a decoder does at the start of a text (strip
     * a space, say) it does to what is not given again.
     */
    private final class Streaming implements StreamingDecoder {

        private final List<Long> window = new ArrayList<>();
        private int given;

        @Override
        public String accept(long id) {
            if (!contains(id) || skipped.contains(id)) {
                return "";
            }
            window.add(id);
            if (vocabulary.isByte(id)) {
                return ""; // one broken byte turns its whole run of bytes into U+FFFD
            }
            String all = text(0, window.size());
            if (all.endsWith("\uFFFD")) {
                return ""; // a character that is not whole yet, where tokens are parts of bytes
            }
            String fresh = fresh(all);
            if (!text(given, window.size()).isEmpty()) {
                window.subList(0, given).clear();
            }
            given = window.size();
            return fresh;
        }

        @Override
        public String flush() {
            String fresh = fresh(text(0, window.size()));
            window.clear();
            given = 0;
            return fresh;
        }

        private String fresh(String all) {
            int length = text(0, given).length();
            return all.length() > length ? all.substring(length) : "";
        }

        private String text(int from, int to) {
            return decode(window.subList(from, to).stream().mapToLong(id -> id).toArray(), true);
        }
    }

    @Override
    public int vocabularySize() {
        return vocabulary.size();
    }

    @Override
    public SpecialIds specialIds() {
        return specialIds;
    }

    /** Waits for the calls that run, then frees the native memory. */
    @Override
    public void close() {
        if (lifetime.close()) {
            tokenizer.close();
        }
    }
}
