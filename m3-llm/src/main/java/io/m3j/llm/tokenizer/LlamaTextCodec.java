package io.m3j.llm.tokenizer;

import io.m3j.core.M3Exception;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * transformers' slow {@code LlamaTokenizer} over a {@code tokenizer.model}, in both its behaviours.
 *
 * <p>Legacy: SentencePiece puts a space before every stretch of text between special tokens.
 * Non-legacy ({@code "legacy": false}): only before the first. Each method names the one of
 * tokenization_llama.py or tokenization_utils.py (transformers 4) whose result it gives.
 */
public final class LlamaTextCodec implements TextCodec {

    private static final String BOS = "bos_token";
    private static final String EOS = "eos_token";
    private static final String UNK = "unk_token";
    private static final String PAD = "pad_token";
    private static final Map<String, String> DEFAULTS =
            Map.of(BOS, "<s>", EOS, "</s>", UNK, "<unk>");

    private final SentencePiece pieces;
    private final int pieceCount;
    private final boolean legacy;
    private final boolean addPrefixSpace;
    private final boolean addBos;
    private final boolean addEos;
    private final Map<String, Integer> addedIds = new LinkedHashMap<>();
    private final Map<Integer, String> addedTexts = new HashMap<>();

    /** The tokens that the configuration names: {@code all_special_tokens}. */
    private final Set<String> specials = new HashSet<>();

    /** Those, and the added ones marked special: what skipping special tokens leaves out. */
    private final Set<String> skipped = new HashSet<>();

    private final AddedTokenSplitter splitter;
    private final String unknownToken;
    private final SpecialIds specialIds;

    /**
     * @param model a {@code tokenizer.model}
     * @param settings what stands beside it
     * @return the codec
     * @throws M3Exception if the model is broken or not supported
     */
    public static LlamaTextCodec read(Path model, TokenizerSettings settings) {
        return new LlamaTextCodec(SentencePieceReader.read(model), settings);
    }

    LlamaTextCodec(SentencePieceModel model, TokenizerSettings settings) {
        legacy = settings.legacy().orElse(true);
        addPrefixSpace = settings.addPrefixSpace();
        addBos = settings.addBos().orElse(true);
        addEos = settings.addEos().orElse(false);
        SentencePiece given = new SentencePiece(model);
        pieces = legacy ? given : given.withDummyPrefix(false);
        pieceCount = model.pieces().size();

        Map<String, AddedToken> splits = new LinkedHashMap<>();
        settings.added()
                .forEach(
                        (id, token) -> {
                            add(token.content(), id);
                            splits.put(token.content(), token);
                            if (token.special()) {
                                skipped.add(token.content());
                            }
                        });
        Map<String, String> named = new LinkedHashMap<>(DEFAULTS);
        named.putAll(settings.namedSpecials());
        for (String name : TokenizerSettings.SPECIAL_NAMES) {
            if (named.containsKey(name)) {
                addSpecial(named.get(name), splits);
            }
        }
        settings.additionalSpecials().forEach(token -> addSpecial(token, splits));
        splitter = new AddedTokenSplitter(splits.values());
        unknownToken = named.get(UNK);
        specialIds =
                new SpecialIds(
                        addedIds.get(named.get(BOS)),
                        addedIds.get(named.get(EOS)),
                        addedIds.get(unknownToken),
                        named.containsKey(PAD) ? addedIds.get(named.get(PAD)) : NO_ID);
    }

    private void add(String token, int id) {
        addedIds.put(token, id);
        addedTexts.put(id, token);
    }

    /** A special token keeps its id in the vocabulary, or is given the next free one. */
    private void addSpecial(String token, Map<String, AddedToken> splits) {
        specials.add(token);
        skipped.add(token);
        splits.putIfAbsent(token, AddedToken.plain(token, true));
        if (!addedIds.containsKey(token)) {
            int id = pieces.idOf(token);
            boolean known = pieces.model().pieces().get(id).text().equals(token);
            add(token, known ? id : freeId());
        }
    }

    private int freeId() {
        int id = vocabularySize();
        while (addedTexts.containsKey(id)) {
            id++;
        }
        return id;
    }

    @Override
    public long[] encode(String text) {
        List<Integer> ids = tokenIds(Utf8.withoutLoneSurrogates(text));
        if (addBos) {
            ids.add(0, (int) specialIds.bos());
        }
        if (addEos) {
            ids.add((int) specialIds.eos());
        }
        return array(ids);
    }

    @Override
    public long[] encodeWithoutSpecials(String text) {
        return array(tokenIds(Utf8.withoutLoneSurrogates(text)));
    }

    /** {@code LlamaTokenizer.tokenize}, straight to ids. */
    private List<Integer> tokenIds(String text) {
        if (legacy || text.isEmpty()) {
            return splitIds(text);
        }
        String spaced = text.replace(SentencePiece.SPACE, " ");
        List<Integer> ids = splitIds(addPrefixSpace ? SentencePiece.SPACE + spaced : spaced);
        boolean loneSpace =
                ids.size() > 1
                        && textOf(ids.get(0)).equals(SentencePiece.SPACE)
                        && specials.contains(textOf(ids.get(1)));
        return loneSpace ? new ArrayList<>(ids.subList(1, ids.size())) : ids;
    }

    /** {@code PreTrainedTokenizer.tokenize}. */
    private List<Integer> splitIds(String text) {
        List<Integer> ids = new ArrayList<>();
        for (String part : splitter.split(text)) {
            Integer added = addedIds.get(part);
            if (added != null) {
                ids.add(added);
            } else {
                ids.addAll(partIds(part));
            }
        }
        return ids;
    }

    /** {@code LlamaTokenizer._tokenize}. */
    private List<Integer> partIds(String part) {
        if (legacy || !(part.startsWith(SentencePiece.SPACE) || part.startsWith(" "))) {
            return pieces.encode(part);
        }
        // Something must stand before the space, or SentencePiece may strip it.
        int unknownLength = pieces.encode(unknownToken).size();
        List<Integer> ids = pieces.encode(unknownToken + part);
        return ids.size() >= unknownLength ? ids.subList(unknownLength, ids.size()) : ids;
    }

    @Override
    public String decode(long[] ids, boolean skipSpecialTokens) {
        for (long id : ids) {
            require(id);
        }
        if (skipSpecialTokens) {
            StreamingDecoder decoder = streamingDecoder();
            StringBuilder text = new StringBuilder();
            for (long id : ids) {
                text.append(decoder.accept(id));
            }
            return text.append(decoder.flush()).toString();
        }
        // PreTrainedTokenizer._decode: added tokens stand between stretches, joined by spaces.
        List<String> stretches = new ArrayList<>();
        List<Integer> stretch = new ArrayList<>();
        for (long one : ids) {
            int id = (int) one;
            if (!isAdded(id)) {
                stretch.add(id);
                continue;
            }
            if (!stretch.isEmpty()) {
                String text = stretchText(stretch);
                if (!text.isEmpty()) {
                    stretches.add(text);
                }
                stretch = new ArrayList<>();
            }
            stretches.add(textOf(id));
        }
        if (!stretch.isEmpty()) {
            stretches.add(stretchText(stretch));
        }
        return String.join(" ", stretches);
    }

    /** {@code LlamaTokenizer.convert_tokens_to_string}. */
    private String stretchText(List<Integer> ids) {
        StringBuilder text = new StringBuilder();
        PieceDecoder decoder = new PieceDecoder(pieces.model());
        StringBuilder pending = new StringBuilder();
        boolean afterSpecial = false;
        for (int i = 0; i < ids.size(); i++) {
            String token = textOf(ids.get(i));
            if (i == 0) {
                token = withoutFirstSpace(token);
            }
            if (specials.contains(token)) {
                if (!afterSpecial && i != 0 && legacy) {
                    text.append(' '); // before what precedes the token, not before the token
                }
                decoder.flush(pending);
                text.append(pending).append(token);
                pending.setLength(0);
                decoder = new PieceDecoder(pieces.model());
                afterSpecial = true;
            } else {
                decoder.accept(token, pieces.idOf(token), pending);
                afterSpecial = false;
            }
        }
        decoder.flush(pending);
        return text.append(pending).toString();
    }

    private String withoutFirstSpace(String token) {
        return addPrefixSpace && token.startsWith(SentencePiece.SPACE) ? token.substring(1) : token;
    }

    @Override
    public StreamingDecoder streamingDecoder() {
        return new Streaming();
    }

    /** {@link #decode} with special tokens skipped, one id at a time. */
    private final class Streaming implements StreamingDecoder {

        private PieceDecoder stretch;
        private boolean separatorDue;

        @Override
        public String accept(long one) {
            if (!contains(one)) {
                return "";
            }
            int id = (int) one;
            String token = textOf(id);
            if (skipped.contains(token)) {
                return "";
            }
            StringBuilder text = new StringBuilder();
            if (isAdded(id)) {
                endStretch(text);
                text.append(separatorDue ? " " : "").append(token);
                separatorDue = true;
                return text.toString();
            }
            if (stretch == null) {
                stretch = new PieceDecoder(pieces.model());
                token = withoutFirstSpace(token);
            }
            stretch.accept(token, pieces.idOf(token), text);
            return separated(text);
        }

        @Override
        public String flush() {
            StringBuilder text = new StringBuilder();
            PieceDecoder last = stretch;
            endStretch(text);
            // The last stretch counts even when it is empty.
            boolean empty = last != null && !last.hasText();
            String end = empty && separatorDue ? " " : text.toString();
            separatorDue = false;
            return end;
        }

        private void endStretch(StringBuilder text) {
            if (stretch == null) {
                return;
            }
            stretch.flush(text);
            String separated = separated(text);
            text.setLength(0);
            text.append(separated);
            separatorDue |= stretch.hasText();
            stretch = null;
        }

        private String separated(StringBuilder text) {
            if (separatorDue && text.length() > 0) {
                separatorDue = false;
                return " " + text;
            }
            return text.toString();
        }
    }

    /** Whether an id is of an added token that is not one of the named specials. */
    private boolean isAdded(int id) {
        String text = addedTexts.get(id);
        return text != null && !specials.contains(text);
    }

    private String textOf(int id) {
        String added = addedTexts.get(id);
        return added != null ? added : pieces.model().pieces().get(id).text();
    }

    @Override
    public boolean contains(long id) {
        boolean piece = id >= 0 && id < pieceCount;
        return piece || (id == (int) id && addedTexts.containsKey((int) id));
    }

    @Override
    public int vocabularySize() {
        long outside = addedTexts.keySet().stream().filter(id -> id >= pieceCount).count();
        return pieceCount + (int) outside;
    }

    @Override
    public SpecialIds specialIds() {
        return specialIds;
    }

    /** Nothing to release. */
    @Override
    public void close() {}

    private static long[] array(List<Integer> ids) {
        return ids.stream().mapToLong(Integer::longValue).toArray();
    }
}
