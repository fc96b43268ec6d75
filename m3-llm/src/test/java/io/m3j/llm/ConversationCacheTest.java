package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.Precision;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a conversation's cache may keep, and what it may not. */
class ConversationCacheTest {

    /** More than half of what is allocated: then one row reads all of the cache. */
    private static final int LENGTH = 150;

    private static final int NEW_TOKENS = 4;

    private static Prompt prompt(LoadedParts parts, int last) {
        long[] ids = LongStream.range(0, LENGTH).map(i -> 3 + i % 400).toArray();
        ids[LENGTH - 3] = last;
        return parts.fusion.prompt(List.of(), ids, List.of(), NEW_TOKENS);
    }

    @Test
    void numbersThatAreNoneDoNotOutliveTheirTurn() {
        try (LoadedParts parts = new LoadedParts(Golden.checkpoint("llava-m3"));
                ConversationCache kept = new ConversationCache(parts.decoder());
                NDManager scope = parts.kernels.newManager()) {
            Prompt prompt = prompt(parts, 5);
            KvCache cache = kept.begin(prompt, NEW_TOKENS);
            read(parts, scope, cache, parts.fusion.fuse(scope, prompt));
            NDArray none = parts.decoder().embed(scope, 7, 8).mul(Float.NaN);
            read(parts, scope, cache, none);
            kept.holds(prompt.with(List.of(7L, 8L)));
            kept.spoil();

            Prompt next = prompt(parts, 6);
            assertThat(kept.known(next)).isEqualTo(LENGTH - 3);
            KvCache again = kept.begin(next, NEW_TOKENS);
            Prompt rest = next.from(again.length()).prompt();
            read(parts, scope, again, parts.fusion.fuse(scope, rest));
            float[] one = read(parts, scope, again, parts.decoder().embed(scope, 9));
            assertThat(one).doesNotContain(Float.NaN);
        }
    }

    private static float[] read(LoadedParts parts, NDManager scope, KvCache cache, NDArray rows) {
        return parts.decoder().forward(scope, rows, cache, true).toFloatArray();
    }

    @Test
    void whatIsKnownIsNeverAllAndNeverMoreThanWasRead() {
        try (LoadedParts parts = new LoadedParts(Golden.checkpoint("llava-m3"));
                ConversationCache kept = new ConversationCache(parts.decoder());
                NDManager scope = parts.kernels.newManager()) {
            Prompt prompt = prompt(parts, 5);
            assertThat(kept.known(prompt)).isZero();
            KvCache cache = kept.begin(prompt, NEW_TOKENS);
            assertThat(kept.known(prompt)).as("nothing was read yet").isZero();
            read(parts, scope, cache, parts.fusion.fuse(scope, prompt));
            assertThat(kept.known(prompt)).isEqualTo(LENGTH - 2);
            kept.holds(prompt.with(List.of(7L, 8L)));
            assertThat(kept.known(prompt.with(List.of(7L, 8L, 9L)))).isEqualTo(LENGTH);
            assertThat(kept.missing(LENGTH)).isZero();
            assertThat(kept.missing(256)).isZero();
            assertThat(kept.missing(257)).isEqualTo(512);
            int context = parts.decoder().config().maximumPositions();
            assertThat(kept.missing(context - 1)).isEqualTo(context);
        }
    }

    /** Angles of the dynamic rule depend on how many positions there are: nothing old is of use. */
    @Test
    void pastTheTrainedLengthAllIsReadAnew(@TempDir Path parent) throws IOException {
        Path directory = TestCheckpoint.link("llava-m3", parent, "dynamic");
        TestCheckpoint.edit(
                directory,
                config -> {
                    config.put("max_position_embeddings", 230);
                    config.putObject("rope_scaling").put("type", "dynamic").put("factor", 8.0);
                });
        LoadOptions options =
                LoadOptions.builder()
                        .precision(Precision.FLOAT32)
                        .tokenizer(Golden.checkpoint("tokenizer"))
                        .build();
        try (M3Model model = M3Model.load(directory, options);
                Chat chat = model.chat()) {
            ChatCheck check = new ChatCheck(model, chat, PromptTemplate.named("vicuna_v1"));
            check.ask(List.of(), "Who?", o -> o.maxNewTokens(2));
            check.ask(List.of(), "What?", o -> o.maxNewTokens(2));
            assertThat(chat.promptIds()).hasSizeLessThan(230);
            assertThat(chat.reusedPositions()).isPositive();
            check.forgetRead();
            check.ask(List.of(), "Where is it? ".repeat(20), o -> o.maxNewTokens(2));
            assertThat(chat.promptIds()).hasSizeGreaterThan(230);
            assertThat(chat.reusedPositions()).isZero();
            chat.undo();
            check.undone();
            check.forgetRead();
            check.ask(List.of(), "Where?", o -> o.maxNewTokens(2));
            assertThat(chat.promptIds()).hasSizeLessThan(230);
            assertThat(chat.reusedPositions()).isZero();
        }
    }
}
