package io.m3j.core.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import org.junit.jupiter.api.Test;

/** The fixtures themselves. */
class GoldenTest {

    @Test
    void fixturesOfEveryAreaAreRestored() throws Exception {
        assertThat(Golden.file("ckpt/edge/edge.bin")).isRegularFile();
        assertThat(Golden.checkpoint("tokenizer").resolve("tokenizer.model")).isRegularFile();
        assertThat(Files.size(Golden.image("land_640x480.png"))).isEqualTo(193826);
        assertThat(Golden.json("golden/m3.json").has("cases")).isTrue();
        assertThat(Golden.jsonLines("text/prompts/prompts.jsonl")).isNotEmpty();
    }
}
