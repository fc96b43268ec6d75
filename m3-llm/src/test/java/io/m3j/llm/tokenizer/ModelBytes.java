package io.m3j.llm.tokenizer;

import com.google.protobuf.CodedOutputStream;
import io.m3j.llm.tokenizer.SentencePieceModel.Type;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Writes small {@code tokenizer.model} files for tests. */
final class ModelBytes {

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    private interface Body {
        void write(CodedOutputStream out) throws IOException;
    }

    private static byte[] written(Body body) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        try {
            body.write(out);
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private ModelBytes message(int field, Body body) {
        byte[] inner = written(body);
        bytes.writeBytes(written(out -> out.writeByteArray(field, inner)));
        return this;
    }

    ModelBytes piece(String text, float score, Type type) {
        return message(
                1,
                out -> {
                    out.writeString(1, text);
                    out.writeFloat(2, score);
                    out.writeEnum(3, type.ordinal() + 1);
                });
    }

    ModelBytes specials() {
        return piece("<unk>", 0, Type.UNKNOWN)
                .piece("<s>", 0, Type.CONTROL)
                .piece("</s>", 0, Type.CONTROL);
    }

    ModelBytes trainer(int modelType, boolean suffix) {
        return message(
                2,
                out -> {
                    out.writeEnum(3, modelType);
                    out.writeBool(24, suffix);
                });
    }

    ModelBytes normalizer(String name, byte[] map, boolean removeExtraWhitespaces) {
        return message(
                3,
                out -> {
                    out.writeString(1, name);
                    out.writeByteArray(2, map);
                    out.writeBool(4, removeExtraWhitespaces);
                });
    }

    byte[] toBytes() {
        return bytes.toByteArray();
    }

    SentencePiece build() {
        return new SentencePiece(SentencePieceReader.parse(toBytes(), "test.model"));
    }
}
