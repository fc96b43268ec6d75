package io.m3j.llm.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.golden.Golden;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The small SentencePiece model among the golden files. */
final class OwnTokenizer {

    private OwnTokenizer() {}

    static SentencePieceModel model() {
        return SentencePieceReader.read(Golden.file("text/own_tokenizer/tokenizer.model"));
    }

    static List<JsonNode> rows(String name) {
        return Golden.jsonLines("text/own_tokenizer/" + name + ".jsonl");
    }

    static TextCodec codec(boolean legacy) {
        return new LlamaTextCodec(model(), settings(legacy, Map.of()));
    }

    static TokenizerSettings settings(boolean legacy, Map<Integer, AddedToken> added) {
        return new TokenizerSettings(
                Optional.of(legacy),
                true,
                Optional.empty(),
                Optional.empty(),
                Map.of(),
                List.of(),
                added,
                Optional.empty());
    }

    /** What a stream of these ids says in all. */
    static String streamed(TextCodec codec, long[] ids) {
        StreamingDecoder decoder = codec.streamingDecoder();
        StringBuilder text = new StringBuilder();
        for (long id : ids) {
            text.append(decoder.accept(id));
        }
        return text.append(decoder.flush()).toString();
    }
}
