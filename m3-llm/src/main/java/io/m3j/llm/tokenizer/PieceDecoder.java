package io.m3j.llm.tokenizer;

import io.m3j.llm.tokenizer.SentencePieceModel.Piece;

/**
 * Joins pieces to text as {@code SentencePieceProcessor::Decode} does, one at a time: {@code ▁}
 * becomes a space, the space that encoding put before the text is dropped, byte pieces are joined to
 * characters, and a byte that fits none becomes U+FFFD.
 */
final class PieceDecoder {

    private static final char REPLACEMENT = '\uFFFD';

    private final SentencePieceModel model;
    private final int[] bytes = new int[4];
    private int byteCount;
    private boolean expectsFirstSpace = true;
    private boolean firstSpaceSeen;
    private boolean hasText;

    PieceDecoder(SentencePieceModel model) {
        this.model = model;
    }

    /** Whether any text came out so far. */
    boolean hasText() {
        return hasText;
    }

    /**
     * Takes one piece.
     *
     * @param text its spelling, which for the unknown piece may be another than the vocabulary's
     * @param id its id
     * @param out receives what became certain
     */
    void accept(String text, int id, StringBuilder out) {
        Piece piece = model.pieces().get(id);
        int before = out.length();
        if (piece.type() == SentencePieceModel.Type.BYTE) {
            bytes[byteCount++] = piece.byteValue();
            takeCharacters(out, false);
        } else {
            takeCharacters(out, true);
            hasText |= out.length() > before;
            if (firstSpaceSeen || hasText) {
                expectsFirstSpace = false;
            }
            firstSpaceSeen = false;
            switch (piece.type()) {
                case CONTROL -> {}
                case UNKNOWN ->
                        out.append(text.equals(piece.text()) ? model.unknownSurface() : text);
                default -> appendSpelling(text, out);
            }
        }
        hasText |= out.length() > before;
    }

    /** Lets out the bytes that were waiting for more. */
    void flush(StringBuilder out) {
        int before = out.length();
        takeCharacters(out, true);
        hasText |= out.length() > before;
    }

    private void appendSpelling(String text, StringBuilder out) {
        String spelling = text;
        boolean dropsSpace = model.addDummyPrefix() || model.removeExtraWhitespaces();
        if (expectsFirstSpace && dropsSpace && text.startsWith(SentencePiece.SPACE)) {
            spelling = text.substring(1);
            firstSpaceSeen = !model.removeExtraWhitespaces();
        }
        out.append(spelling.replace(SentencePiece.SPACE, " "));
    }

    /** Takes whole characters off the waiting bytes; at an end also those that will stay broken. */
    private void takeCharacters(StringBuilder out, boolean atEnd) {
        while (byteCount > 0) {
            int length = Utf8.length(bytes[0]);
            int taken = 1;
            if (byteCount < length && !atEnd && Utf8.continues(bytes, byteCount)) {
                return;
            }
            int codePoint = byteCount < length ? Utf8.INVALID : Utf8.decode(bytes, length);
            if (codePoint == Utf8.INVALID) {
                out.append(REPLACEMENT);
            } else {
                out.appendCodePoint(codePoint);
                taken = length;
            }
            byteCount -= taken;
            System.arraycopy(bytes, taken, bytes, 0, byteCount);
        }
    }
}
