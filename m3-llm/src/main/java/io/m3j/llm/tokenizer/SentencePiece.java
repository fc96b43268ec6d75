package io.m3j.llm.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Encodes and decodes as {@code SentencePieceProcessor} of google/sentencepiece does, given the same
 * BPE model. Knows nothing of BOS or of tokens added later; see {@link LlamaTextCodec}.
 */
public final class SentencePiece {

    /** Stands for a space inside pieces: U+2581. */
    static final String SPACE = "\u2581";

    private final SentencePieceModel model;
    private final BytePairEncoder encoder;

    /**
     * @param model a model as read
     */
    public SentencePiece(SentencePieceModel model) {
        this(model, new BytePairEncoder(model));
    }

    private SentencePiece(SentencePieceModel model, BytePairEncoder encoder) {
        this.model = model;
        this.encoder = encoder;
    }

    /** The same pieces with or without a space put before the text. */
    SentencePiece withDummyPrefix(boolean value) {
        return new SentencePiece(model.withDummyPrefix(value), encoder);
    }

    SentencePieceModel model() {
        return model;
    }

    /** The id of a piece; the unknown one's where there is no such piece. */
    int idOf(String piece) {
        return encoder.idOf(piece);
    }

    /**
     * @param text any text; a lone surrogate counts as U+FFFD
     * @return the ids, no BOS
     */
    public List<Integer> encode(String text) {
        List<Integer> ids = new ArrayList<>();
        boolean previousUnknown = false;
        for (String piece : encoder.pieces(normalize(Utf8.withoutLoneSurrogates(text)))) {
            int id = encoder.idOf(piece);
            boolean unknown = id == encoder.unknownId();
            if (unknown && model.byteFallback()) {
                for (byte one : piece.getBytes(StandardCharsets.UTF_8)) {
                    ids.add(encoder.idOf(one));
                }
            } else if (!unknown || !previousUnknown) {
                ids.add(id); // a run of unknown pieces is one id
            }
            previousUnknown = unknown;
        }
        return ids;
    }

    /**
     * @param ids ids below the number of pieces
     * @return the text
     */
    public String decode(List<Integer> ids) {
        StringBuilder text = new StringBuilder();
        PieceDecoder decoder = new PieceDecoder(model);
        for (int id : ids) {
            decoder.accept(model.pieces().get(id).text(), id, text);
        }
        decoder.flush(text);
        return text.toString();
    }

    /** As Normalizer::Normalize with the identity map. */
    private String normalize(String text) {
        boolean removes = model.removeExtraWhitespaces();
        int end = text.length();
        int place = 0;
        if (removes) {
            while (place < end && text.charAt(place) == ' ' && symbol(text, place) <= 1) {
                place++;
            }
        }
        if (place == end) {
            return "";
        }
        String space = model.escapeWhitespaces() ? SPACE : " ";
        StringBuilder normalized = new StringBuilder(text.length() + 1);
        if (model.addDummyPrefix()) {
            normalized.append(space);
        }
        boolean afterSpace = removes;
        while (place < end) {
            int length = Math.max(1, symbol(text, place));
            int from = place;
            place += length;
            while (afterSpace && from < place && text.charAt(from) == ' ') {
                from++;
            }
            if (from < place) {
                String part = text.substring(from, place);
                normalized.append(part.replace(" ", space));
                afterSpace = removes && part.endsWith(" ");
            }
        }
        int length = normalized.length();
        while (removes && length > 0 && normalized.charAt(length - 1) == space.charAt(0)) {
            length--;
        }
        normalized.setLength(length);
        return normalized.toString();
    }

    private int symbol(String text, int place) {
        return encoder.userDefined().match(text, place);
    }
}
