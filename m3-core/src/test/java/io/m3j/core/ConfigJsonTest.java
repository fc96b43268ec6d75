package io.m3j.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterTry;

class ConfigJsonTest {

    private final Path file = temporary();

    private static Path temporary() {
        try {
            return Files.createTempFile("config", ".json");
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @AfterTry
    void delete() throws IOException {
        Files.deleteIfExists(file);
    }

    @Example
    void valuesAreRead() throws IOException {
        ConfigJson json =
                read(
                        "{\"i\": 3, \"d\": 1.5, \"b\": true, \"t\": \"x\", \"n\": null, \"l\": [1, 2],"
                                + " \"o\": {\"i\": -4}}");
        assertThat(json.integer("i")).isEqualTo(3);
        assertThat(json.number("i", 0)).isEqualTo(3.0);
        assertThat(json.number("d", 0)).isEqualTo(1.5);
        assertThat(json.flag("b", false)).isTrue();
        assertThat(json.text("t")).contains("x");
        assertThat(json.integers("l")).containsExactly(1, 2);
        assertThat(json.integers("i")).containsExactly(3);
        assertThat(json.numbers("l", List.of())).containsExactly(1.0, 2.0);
        assertThat(json.numbers("n", List.of(0.5))).containsExactly(0.5);
        assertThat(json.object("o").integer("i")).isEqualTo(-4);
        assertThat(json.object("o").where()).isEqualTo(file + ", o");
        // null counts as absent
        assertThat(json.has("n")).isFalse();
        assertThat(json.integer("n", 9)).isEqualTo(9);
        assertThat(json.text("n")).isEmpty();
        assertThat(json.integers("n")).isEmpty();
        assertThat(json.object("n").has("x")).isFalse();
    }

    @Example
    void wrongTypesAreRefusedWithFileAndKey() throws IOException {
        ConfigJson json =
                read(
                        "{\"k\": \"5\", \"big\": 99999999999, \"half\": 1.5, \"zero\": 0,"
                                + " \"huge\": 1e999, \"mixed\": [1, \"2\"]}");
        List<Consumer<ConfigJson>> wrong =
                List.of(
                        c -> c.integer("k"),
                        c -> c.number("k", 0),
                        c -> c.flag("k", true),
                        c -> c.object("k"),
                        c -> c.integers("k"));
        wrong.forEach(call -> refused(() -> call.accept(json), "k: expected", "found \"5\""));
        refused(() -> json.integer("big"), "big", "99999999999");
        refused(() -> json.integer("half"), "half", "1.5");
        refused(() -> json.positive("zero", 1), "zero", "positive");
        refused(() -> json.number("huge", 1), "huge");
        refused(() -> json.integers("mixed"), "mixed", "list of integers");
        refused(() -> json.numbers("mixed", List.of()), "mixed", "list of numbers");
        refused(() -> json.numbers("half", List.of()), "half", "list of numbers");
        refused(() -> json.text("half"), "half", "a text");
        refused(() -> json.integer("none"), "none is missing");
    }

    @Example
    void filesThatAreNoObjectAreRefused() throws IOException {
        for (String text : List.of("", "  ", "[1]", "3", "null", "{", "{\"a\": 1} x", "{'a': 1}")) {
            refused(() -> read(text));
        }
        refused(
                () -> ConfigJson.read(file.resolveSibling("there is no such file")),
                "no such file");
        refused(() -> ConfigJson.read(file.toAbsolutePath().getParent()), "a regular file");
        assertThat(ConfigJson.readIfPresent(file.resolveSibling("nor this one")).has("a"))
                .isFalse();
    }

    @Example
    void whatAValueIsRefusedForNamesTheFileOnce() throws IOException {
        ConfigJson json = read("{\"scale\": 3}");
        assertThatThrownBy(() -> json.checked(() -> Scale.of(json.integer("scale"))))
                .isInstanceOf(M3Exception.class)
                .hasMessageStartingWith(file + ": scale 3");
        assertThatThrownBy(() -> json.checked(() -> json.flag("scale", true)))
                .hasMessage(file + ": scale: expected true or false, found 3");
        assertThat(json.<Integer>checked(() -> json.integer("scale"))).isEqualTo(3);
    }

    @Example
    void deepNestingIsRefused() {
        refused(() -> read("{\"a\":" + "[".repeat(200_000)));
        refused(() -> read("{\"a\":".repeat(200_000)));
    }

    @Example
    void longNumbersAreRefusedOrRead() throws IOException {
        refused(() -> read("{\"a\":" + "9".repeat(2_000_000) + "}"));
        ConfigJson exponent = read("{\"a\": 1e2147483647, \"b\": 1e-2147483647}");
        refused(() -> exponent.number("a", 0), "a");
        refused(() -> exponent.integer("a"), "a");
    }

    @Property(tries = 300)
    void damagedFilesAreReadOrRefused(@ForAll("damaged") byte[] bytes) throws IOException {
        Files.write(file, bytes);
        try {
            ConfigJson json = ConfigJson.read(file);
            json.integer("hidden_size", 1);
            json.number("rope_theta", 1);
            json.integers("eos_token_id");
            json.object("text_config").text("model_type");
        } catch (M3Exception e) {
            assertThat(e).hasMessageContaining(file.toString());
        }
    }

    @Provide
    Arbitrary<byte[]> damaged() {
        byte[] whole =
                ("{\"hidden_size\": 96, \"rope_theta\": 10000.0, \"eos_token_id\": [2, 7],"
                                + " \"text_config\": {\"model_type\": \"llama\"}}")
                        .getBytes(StandardCharsets.UTF_8);
        return Arbitraries.longs()
                .map(
                        seed -> {
                            Random random = new Random(seed);
                            byte[] bytes = whole.clone();
                            for (int i = random.nextInt(6); i >= 0; i--) {
                                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
                            }
                            int length = 1 + random.nextInt(bytes.length);
                            return random.nextBoolean()
                                    ? bytes
                                    : java.util.Arrays.copyOf(bytes, length);
                        });
    }

    private ConfigJson read(String text) throws IOException {
        Files.writeString(file, text);
        return ConfigJson.read(file);
    }

    /** A call that may fail as file access does. */
    private interface Call {
        void run() throws IOException;
    }

    private static void refused(Call call, String... parts) {
        assertThatThrownBy(call::run)
                .isInstanceOf(M3Exception.class)
                .satisfies(
                        e -> {
                            for (String part : parts) {
                                assertThat(e).hasMessageContaining(part);
                            }
                        });
    }
}
