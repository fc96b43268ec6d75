package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.Devices;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code ask}, mostly with the checkpoint that comes with m3. */
class AskCommandTest {

    private static final String SAYS_UNTRAINED = "untrained";

    @Test
    void withoutAnyOptionEveryScaleAnswersInATableAPersonCanRead() {
        Run run = Run.of("ask", "--max-new-tokens", 8);
        assertThat(run.status()).isZero();
        assertThat(run.err()).isEmpty();
        String[] lines = run.out().split("\n");
        assertThat(lines).allMatch(line -> line.length() <= 100);
        assertThat(run.out()).contains(SAYS_UNTRAINED, "scene.png", Home.QUESTION);
        for (String scale : new String[] {"1", "9", "36", "144", "576"}) {
            assertThat(lines)
                    .anyMatch(line -> line.strip().matches(scale + " .* [0-9.]+ ms +[0-9.]+ ms"));
        }
    }

    @Test
    void oneScaleStreamsTheTextThatJsonHolds() {
        Run streamed = Run.of("ask", "--tokens", 36, "--max-new-tokens", 12);
        JsonNode answer = Run.of("ask", "--tokens", 36, "--max-new-tokens", 12, "--json").json();
        assertThat(streamed.status()).isZero();
        assertThat(streamed.out()).isEqualTo(answer.get("text").textValue() + "\n");
        assertThat(streamed.out().strip()).isNotEmpty();
    }

    @Test
    void eachPartMayHaveAScaleOfItsOwn() {
        Run run = Run.of("ask", "--tokens=base:9,tiles:36", "--max-new-tokens=2", "--json");
        JsonNode answer = run.json();
        assertThat(answer.get("tokens").textValue()).isEqualTo("base:9,tiles:36");
        // The model in the box sees a picture as one tile: its base.
        assertThat(answer.get("visual_tokens").intValue()).isEqualTo(9);
        Run none = Run.of("ask", "--tokens=base:9,tiles:36,tile2:9", "--max-new-tokens=2");
        assertThat(none.status()).isEqualTo(1);
        assertThat(none.err()).contains("tile 2: expected 0 for the base");
        assertThat(Run.of("ask", "--tokens=base:9,tiles:7").err()).contains("scale 7");
        assertThat(Run.of("ask", "--tokens=base:9,tiles:4").err()).contains("has the scales 1, 9");
        assertThat(Run.of("ask", "--tokens=base:9").err()).contains("base and tiles are both");
        assertThat(Run.of("ask", "--tokens=base:9,tile0:9,tiles:9").err())
                .contains("'tile0:9'", "base:36,tiles:144");
    }

    @Test
    void jsonOfOneScaleIsOneFlatObject() {
        Run run =
                Run.of("ask", "--tokens=9", "--max-new-tokens=3", "--prompt", "Où ? 🚌", "--json");
        JsonNode answer = run.json();
        assertThat(answer.get("device").textValue()).isEqualTo(Devices.label(Devices.best()));
        assertThat(answer.get("prompt").textValue()).isEqualTo("Où ? 🚌");
        assertThat(answer.get("untrained").booleanValue()).isTrue();
        assertThat(answer.get("images")).hasSize(1);
        assertThat(answer.get("tokens").intValue()).isEqualTo(9);
        assertThat(answer.get("visual_tokens").intValue()).isEqualTo(9);
        assertThat(answer.get("prompt_tokens").intValue()).isGreaterThan(9);
        assertThat(answer.get("ids")).hasSize(3);
        assertThat(answer.get("finish_reason").textValue()).isEqualTo("length");
        JsonNode timings = answer.get("timings");
        for (String name :
                new String[] {
                    "encode_ms",
                    "prefill_ms",
                    "decode_ms",
                    "time_to_first_token_ms",
                    "time_per_token_ms"
                }) {
            assertThat(timings.get(name).doubleValue()).as(name).isPositive();
        }
        assertThat(run.err()).contains(SAYS_UNTRAINED);
    }

    @Test
    void jsonOfSeveralScalesIsAListThatEncodedOnce() {
        JsonNode all = Run.of("ask", "--tokens=1,144", "--max-new-tokens=2", "--json").json();
        assertThat(all.get("answers")).hasSize(2);
        assertThat(all.at("/answers/0/tokens").intValue()).isEqualTo(1);
        assertThat(all.at("/answers/1/tokens").intValue()).isEqualTo(144);
        assertThat(all.at("/answers/0/timings/encode_ms"))
                .isEqualTo(all.at("/answers/1/timings/encode_ms"));
    }

    @Test
    void drawsRepeatWithTheirSeedAndDifferWithoutIt() {
        String[] draw = {"ask", "--tokens=1", "--max-new-tokens=12", "--temperature=2", "--json"};
        assertThat(ids(draw, "--seed=1")).isEqualTo(ids(draw, "--seed=1"));
        assertThat(ids(draw, "--seed=1")).isNotEqualTo(ids(draw, "--seed=2"));
        assertThat(ids(draw, "--top-k=1")).isNotEqualTo(ids(draw, "--seed=1"));
    }

    private static JsonNode ids(String[] arguments, String last) {
        Object[] all = Arrays.copyOf(arguments, arguments.length + 1, Object[].class);
        all[arguments.length] = last;
        return Run.of(all).json().get("ids");
    }

    @Test
    void aStopTextEndsTheAnswerAndIsNotPartOfIt() {
        String whole =
                Run.of("ask", "--tokens=36", "--max-new-tokens=12", "--json")
                        .json()
                        .get("text")
                        .textValue();
        String stop = whole.substring(whole.length() / 2, whole.length() / 2 + 3);
        JsonNode cut =
                Run.of("ask", "--tokens=36", "--max-new-tokens=12", "--json", "--stop", stop)
                        .json();
        assertThat(cut.get("finish_reason").textValue()).isEqualTo("stop_string");
        assertThat(whole).startsWith(cut.get("text").textValue());
        assertThat(cut.get("text").textValue()).doesNotContain(stop);
    }

    @Test
    void aModelWithoutAnImageAnswersTextAlone() {
        JsonNode answer =
                Run.of(
                                "ask",
                                "--model",
                                Home.model(),
                                "--prompt",
                                "Hello",
                                "--max-new-tokens=2",
                                "--json")
                        .json();
        assertThat(answer.get("images")).isEmpty();
        assertThat(answer.get("visual_tokens").intValue()).isZero();
    }

    @Test
    void severalImagesAreTakenTogether() {
        Path picture = Home.picture();
        JsonNode answer =
                Run.of(
                                "ask",
                                "--image",
                                picture,
                                "--image",
                                Golden.image("tiny_3x5.png"),
                                "--tokens=9",
                                "--max-new-tokens=1",
                                "--json")
                        .json();
        assertThat(answer.get("images")).hasSize(2);
        assertThat(answer.get("visual_tokens").intValue()).isEqualTo(18);
    }

    private static final Path TINY = Golden.image("tiny_3x5.png");

    @Test
    void eachImageMayHaveAScaleOfItsOwn() {
        Object[] two = {
            "ask", "--image", Home.picture(), "--image", TINY, "--tokens=144", "--max-new-tokens=1"
        };
        JsonNode answer = Run.of(with(two, "--tokens=base:9,tiles:1", "--json")).json();
        assertThat(answer.get("tokens").toString()).isEqualTo("[144,\"base:9,tiles:1\"]");
        assertThat(answer.get("visual_tokens").intValue()).isEqualTo(144 + 9);
        Run three = Run.of(with(two, "--tokens=9", "--tokens=1"));
        assertThat(three.status()).isEqualTo(2);
        assertThat(three.err()).contains("once for each --image; found it 3 times for 2");
        Run list = Run.of(with(two, "--tokens=1,9"));
        assertThat(list.status()).isEqualTo(1);
        assertThat(list.err()).contains("--tokens 1,9: expected one scale");
        assertThat(Run.of(with(two, "--tokens=4")).err()).contains("has the scales 1, 9");
    }

    private static Object[] with(Object[] arguments, Object... more) {
        return Stream.concat(Arrays.stream(arguments), Arrays.stream(more)).toArray();
    }

    @Test
    void severalPromptsAreTheTurnsOfOneConversation() {
        Object[] talk = {
            "ask",
            "--image",
            Home.picture(),
            "--tokens=9",
            "--max-new-tokens=6",
            "--prompt",
            "What is it?",
            "--prompt",
            "Where?"
        };
        JsonNode said = Run.of(with(talk, "--json")).json();
        assertThat(said.get("tokens").intValue()).isEqualTo(9);
        assertThat(said.get("images")).hasSize(1);
        JsonNode turns = said.get("turns");
        assertThat(turns).hasSize(2);
        assertThat(turns.at("/0/prompt").textValue()).isEqualTo("What is it?");
        assertThat(turns.at("/1/visual_tokens").intValue()).isEqualTo(9);
        assertThat(turns.at("/1/reused_tokens").intValue())
                .isGreaterThanOrEqualTo(turns.at("/0/prompt_tokens").intValue());
        assertThat(turns.at("/1/timings/encode_ms").doubleValue()).isZero();
        Run shown = Run.of(talk);
        assertThat(shown.out())
                .isEqualTo(
                        "> What is it?\n"
                                + turns.at("/0/text").textValue()
                                + "\n> Where?\n"
                                + turns.at("/1/text").textValue()
                                + "\n");
    }

    @Test
    void picturesGoWhereThePromptsHaveThem() {
        Object[] talk = {
            "ask",
            "--image",
            Home.picture(),
            "--image",
            TINY,
            "--tokens=9",
            "--tokens=36",
            "--max-new-tokens=2",
            "--prompt=Hello",
            "--prompt=What is <image>?",
            "--prompt=And <image>?"
        };
        JsonNode turns = Run.of(with(talk, "--json")).json().get("turns");
        assertThat(turns.at("/0/visual_tokens").intValue()).isZero();
        assertThat(turns.at("/1/visual_tokens").intValue()).isEqualTo(9);
        assertThat(turns.at("/2/visual_tokens").intValue()).isEqualTo(45);
        Run more = Run.of(with(talk, "--prompt=<image>"));
        assertThat(more.status()).isEqualTo(1);
        assertThat(more.err()).contains("found it 3 times for 2");
        Run scales = Run.of("ask", "--tokens=1,9", "--prompt=a", "--prompt=b");
        assertThat(scales.status()).isEqualTo(2);
        assertThat(scales.err()).contains("one scale for a conversation").contains("1,9");
    }

    /** Widths of the model in the box are no multiples of 32, which int4 needs. */
    @ParameterizedTest
    @ValueSource(strings = {"float32", "bfloat16", "int8", "int4"})
    void everyPrecisionAnswersAboutThePictureInTheBox(String precision) {
        Run run =
                Run.of(
                        "ask",
                        "--precision=" + precision,
                        "--tokens=9",
                        "--max-new-tokens=3",
                        "--json");
        assertThat(run.json().get("ids")).hasSize(3);
        assertThat(run.err()).hasLineCount(1).contains(SAYS_UNTRAINED);
    }

    @Test
    void aTokenizerElsewhereAndBfloat16AreHonoured() {
        Run run =
                Run.of(
                        "ask",
                        "--model",
                        Golden.checkpoint("llava-m3"),
                        "--tokenizer",
                        Golden.checkpoint("tokenizer"),
                        "--precision=bfloat16",
                        "--image-mode=crop",
                        "--template=plain",
                        "--ignore-exif",
                        "--image",
                        Home.picture(),
                        "--tokens=1",
                        "--max-new-tokens=2",
                        "--json");
        assertThat(run.json().has("untrained")).isFalse();
        assertThat(run.err()).isEmpty();
    }
}
