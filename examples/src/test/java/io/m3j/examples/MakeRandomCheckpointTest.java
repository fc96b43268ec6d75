package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.core.golden.Golden;
import io.m3j.vision.M3Image;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What comes with m3 can be made again. */
class MakeRandomCheckpointTest {

    private static final long MOST_BYTES = 2 << 20;

    @TempDir private static Path directory;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "config.json",
                "generation_config.json",
                "model.safetensors",
                "preprocessor_config.json",
                "tokenizer.model",
                "tokenizer_config.json"
            })
    void theSeedGivesTheFilesThatComeWithM3(String name) throws IOException {
        Path made = directory.resolve("made");
        if (!Files.exists(made)) {
            Path tokenizer = Golden.file("text/own_tokenizer/tokenizer.model");
            Run run = Run.of("make-random", "--tokenizer", tokenizer, "--out", made);
            assertThat(run.status()).as(run.err()).isZero();
        }
        assertThat(made.resolve(name)).hasSameBinaryContentAs(Home.model().resolve(name));
        assertThat(Files.size(made.resolve(name))).isLessThan(MOST_BYTES);
    }

    @Test
    void anotherSeedGivesOtherWeights() throws IOException {
        Path other = directory.resolve("other");
        assertThat(Run.of("make-random", "--seed", 25, "--out", other).status()).isZero();
        assertThat(Files.mismatch(weights(other), weights(Home.model()))).isNotNegative();
        Run again = Run.of("make-random", "--out", other);
        assertThat(again.status()).isEqualTo(1);
        assertThat(again.err()).contains("holds safetensors files already");
    }

    private static Path weights(Path model) {
        return model.resolve("model.safetensors");
    }

    @Test
    void thePictureIsDrawnAgain() {
        Path file = directory.resolve("bus-stop.png");
        BusStopPicture.write(file);
        M3Image drawn = M3Image.of(file);
        M3Image shipped = M3Image.of(Home.picture());
        assertThat(drawn.width()).isEqualTo(shipped.width()).isEqualTo(BusStopPicture.WIDTH);
        assertThat(drawn.height()).isEqualTo(shipped.height()).isEqualTo(BusStopPicture.HEIGHT);
    }
}
