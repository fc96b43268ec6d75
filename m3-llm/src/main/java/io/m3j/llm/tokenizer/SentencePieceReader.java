package io.m3j.llm.tokenizer;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import io.m3j.core.M3Exception;
import io.m3j.llm.tokenizer.SentencePieceModel.Piece;
import io.m3j.llm.tokenizer.SentencePieceModel.Type;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads the protocol buffer of a {@code tokenizer.model}. Field numbers and defaults are those of
 * sentencepiece_model.proto (google/sentencepiece); fields that encoding does not need are skipped.
 */
public final class SentencePieceReader {

    /** Some hundred times the file of Llama; a larger one is not a tokenizer. */
    private static final long MAXIMUM_BYTES = 64L << 20;

    private static final int UNIGRAM = 1;
    private static final int BYTE_PAIR = 2;

    private static final int PIECES = 1;
    private static final int TRAINER = 2;
    private static final int NORMALIZER = 3;
    private static final int DENORMALIZER = 5;

    private final String source;
    private final List<Piece> pieces = new ArrayList<>();
    private int modelType = UNIGRAM;
    private boolean byteFallback;
    private boolean whitespaceAsSuffix;
    private String unknownSurface = " \u2047 ";
    private String normalizerName = "";
    private boolean hasCharacterMap;
    private boolean hasDenormalizer;
    private boolean addDummyPrefix = true;
    private boolean removeExtraWhitespaces = true;
    private boolean escapeWhitespaces = true;

    private SentencePieceReader(String source) {
        this.source = source;
    }

    /**
     * @param file a {@code tokenizer.model}
     * @return what it says
     * @throws M3Exception if it cannot be read, is no SentencePiece model, or is of a kind that is
     *     not supported: anything but BPE, or with a normalizer other than identity
     */
    public static SentencePieceModel read(Path file) {
        try {
            long size = Files.size(file);
            if (size > MAXIMUM_BYTES) {
                throw new M3Exception(
                        file + ": " + size + " bytes, expected at most " + MAXIMUM_BYTES);
            }
            return parse(Files.readAllBytes(file), file.toString());
        } catch (IOException e) {
            throw new M3Exception(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * @param bytes the content of a {@code tokenizer.model}
     * @param source what to call it in messages
     * @return what it says
     * @throws M3Exception as {@link #read}
     */
    public static SentencePieceModel parse(byte[] bytes, String source) {
        return new SentencePieceReader(source).parse(bytes);
    }

    private SentencePieceModel parse(byte[] bytes) {
        CodedInputStream in = CodedInputStream.newInstance(bytes);
        try {
            for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
                switch (field(tag, WireFormat.WIRETYPE_LENGTH_DELIMITED)) {
                    case PIECES -> message(in, this::readPiece);
                    case TRAINER -> message(in, this::readTrainer);
                    case NORMALIZER -> message(in, this::readNormalizer);
                    case DENORMALIZER -> hasDenormalizer |= in.readByteArray().length > 0;
                    default -> in.skipField(tag);
                }
            }
        } catch (IOException e) {
            throw new M3Exception(
                    source
                            + ": not a SentencePiece model, or a damaged one: "
                            + e.getMessage()
                            + "; copy it anew",
                    e);
        }
        refuseWhatIsNotSupported();
        return new SentencePieceModel(
                        pieces,
                        byteFallback,
                        addDummyPrefix,
                        removeExtraWhitespaces,
                        escapeWhitespaces,
                        unknownSurface)
                .validated(source);
    }

    private void refuseWhatIsNotSupported() {
        if (pieces.isEmpty()) {
            throw new M3Exception(source + ": not a SentencePiece model: it has no pieces");
        }
        if (modelType != BYTE_PAIR) {
            String found =
                    switch (modelType) {
                        case UNIGRAM -> "Unigram";
                        case 3 -> "Word";
                        case 4 -> "Char";
                        default -> "number " + modelType;
                    };
            throw unsupported("a BPE model", found);
        }
        if (hasCharacterMap) {
            throw unsupported("the identity normalizer", "'" + normalizerName + "'");
        }
        if (hasDenormalizer) {
            throw unsupported("no denormalizer", "one");
        }
        if (whitespaceAsSuffix) {
            throw unsupported("spaces before words", "treat_whitespace_as_suffix");
        }
    }

    private M3Exception unsupported(String expected, String found) {
        return new M3Exception(
                source
                        + ": expected "
                        + expected
                        + ", found "
                        + found
                        + "; use the tokenizer.json of this model instead, without tokenizer.model"
                        + " beside it");
    }

    private void readPiece(CodedInputStream in) throws IOException {
        String text = "";
        float score = 0;
        int type = 1;
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            switch (tag) {
                case (1 << 3) | WireFormat.WIRETYPE_LENGTH_DELIMITED ->
                        text = in.readStringRequireUtf8();
                case (2 << 3) | WireFormat.WIRETYPE_FIXED32 -> score = in.readFloat();
                case (3 << 3) | WireFormat.WIRETYPE_VARINT -> type = in.readEnum();
                default -> in.skipField(tag);
            }
        }
        if (type < 1 || type > Type.values().length) {
            throw new M3Exception(
                    source
                            + ": piece "
                            + pieces.size()
                            + " is of type "
                            + type
                            + ", expected 1 to "
                            + Type.values().length);
        }
        pieces.add(new Piece(text, score, Type.values()[type - 1]));
    }

    private void readTrainer(CodedInputStream in) throws IOException {
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            switch (tag) {
                case (3 << 3) | WireFormat.WIRETYPE_VARINT -> modelType = in.readEnum();
                case (24 << 3) | WireFormat.WIRETYPE_VARINT -> whitespaceAsSuffix = in.readBool();
                case (35 << 3) | WireFormat.WIRETYPE_VARINT -> byteFallback = in.readBool();
                case (44 << 3) | WireFormat.WIRETYPE_LENGTH_DELIMITED ->
                        unknownSurface = in.readStringRequireUtf8();
                default -> in.skipField(tag);
            }
        }
    }

    private void readNormalizer(CodedInputStream in) throws IOException {
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            switch (tag) {
                case (1 << 3) | WireFormat.WIRETYPE_LENGTH_DELIMITED ->
                        normalizerName = in.readStringRequireUtf8();
                case (2 << 3) | WireFormat.WIRETYPE_LENGTH_DELIMITED ->
                        hasCharacterMap = in.readByteArray().length > 0;
                case (3 << 3) | WireFormat.WIRETYPE_VARINT -> addDummyPrefix = in.readBool();
                case (4 << 3) | WireFormat.WIRETYPE_VARINT ->
                        removeExtraWhitespaces = in.readBool();
                case (5 << 3) | WireFormat.WIRETYPE_VARINT -> escapeWhitespaces = in.readBool();
                default -> in.skipField(tag);
            }
        }
    }

    private static int field(int tag, int wireType) {
        return (tag & 7) == wireType ? tag >>> 3 : -1;
    }

    private static void message(CodedInputStream in, Body body) throws IOException {
        int limit = in.pushLimit(in.readRawVarint32());
        body.read(in);
        in.checkLastTagWas(0);
        in.popLimit(limit);
    }

    @FunctionalInterface
    private interface Body {
        void read(CodedInputStream in) throws IOException;
    }
}
