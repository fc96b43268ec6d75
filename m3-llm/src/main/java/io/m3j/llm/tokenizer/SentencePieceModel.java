package io.m3j.llm.tokenizer;

import io.m3j.core.M3Exception;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a {@code tokenizer.model} file says: its pieces, the id of a piece being its place in the
 * list, and how text is prepared for them.
 *
 * @param pieces the vocabulary
 * @param byteFallback whether what no piece spells is spelled in bytes
 * @param addDummyPrefix whether a space is put before the text
 * @param removeExtraWhitespaces whether runs of spaces become one, and those at the ends none
 * @param escapeWhitespaces whether a space becomes {@code ▁} (U+2581)
 * @param unknownSurface the text that the unknown piece decodes to
 */
public record SentencePieceModel(
        List<Piece> pieces,
        boolean byteFallback,
        boolean addDummyPrefix,
        boolean removeExtraWhitespaces,
        boolean escapeWhitespaces,
        String unknownSurface) {

    /** What a piece is for; numbered as in sentencepiece_model.proto. */
    public enum Type {
        /** Made by merging. */
        NORMAL,
        /** Stands for what cannot be spelled; exactly one. */
        UNKNOWN,
        /** Has no text, such as BOS. */
        CONTROL,
        /** Cut out of the text before merging. */
        USER_DEFINED,
        /** Takes part in merging, but is never a result. */
        UNUSED,
        /** One byte, written {@code <0x00>} to {@code <0xFF>}. */
        BYTE
    }

    /**
     * One entry of the vocabulary.
     *
     * @param text its spelling
     * @param score merges of higher score come first
     * @param type what it is for
     */
    public record Piece(String text, float score, Type type) {

        /**
         * @return the byte that a piece of type {@link Type#BYTE} stands for, 0 to 255
         */
        int byteValue() {
            return Integer.parseInt(text.substring(3, 5), 16);
        }
    }

    /** Copies the list. */
    public SentencePieceModel {
        pieces = List.copyOf(pieces);
    }

    /**
     * @param value whether a space is put before the text
     * @return the same model with that one thing changed
     */
    SentencePieceModel withDummyPrefix(boolean value) {
        return new SentencePieceModel(
                pieces,
                byteFallback,
                value,
                removeExtraWhitespaces,
                escapeWhitespaces,
                unknownSurface);
    }

    /**
     * Checks what SentencePiece itself checks when it loads a model.
     *
     * @param source the file, for messages
     * @return this model
     */
    SentencePieceModel validated(String source) {
        Map<String, Integer> mergeable = new HashMap<>();
        Map<String, Integer> reserved = new HashMap<>();
        int unknown = 0;
        int bytes = 0;
        for (int id = 0; id < pieces.size(); id++) {
            Piece piece = pieces.get(id);
            if (piece.text().isEmpty()) {
                throw broken(source, "piece " + id + " is empty");
            }
            if (Float.isNaN(piece.score())) {
                throw broken(source, "the score of piece " + id + " is not a number");
            }
            Map<String, Integer> place =
                    switch (piece.type()) {
                        case NORMAL, USER_DEFINED, UNUSED -> mergeable;
                        case UNKNOWN, CONTROL, BYTE -> reserved;
                    };
            Integer first = place.putIfAbsent(piece.text(), id);
            if (first != null) {
                throw broken(source, "pieces " + first + " and " + id + " are the same");
            }
            if (piece.type() == Type.UNKNOWN) {
                unknown++;
            }
            if (piece.type() == Type.BYTE) {
                bytes++;
                if (!piece.text().matches("<0x[0-9A-F]{2}>")) {
                    throw broken(
                            source, "byte piece " + id + " is not written as <0x00> to <0xFF>");
                }
            }
        }
        if (unknown != 1) {
            throw broken(source, "expected one unknown piece, found " + unknown);
        }
        if (byteFallback ? bytes != 256 : bytes != 0) {
            throw broken(
                    source,
                    "byte fallback is "
                            + (byteFallback ? "on, expected 256" : "off, expected 0")
                            + " byte pieces, found "
                            + bytes);
        }
        return this;
    }

    private static M3Exception broken(String source, String finding) {
        return new M3Exception(
                source + ": not a usable SentencePiece model: " + finding + "; copy it anew");
    }
}
