package io.m3j.core.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.core.weights.TorchBytes.Pickle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Pickles that want to run code, or to eat time or memory, and views that reach too far. */
class HostilePickleTest {

    @TempDir Path directory;

    private Checkpoint open(byte[] pickle) throws IOException {
        byte[] zip = TorchBytes.zip(pickle, List.of(new byte[48]), false);
        return Checkpoint.open(Files.write(directory.resolve("pytorch_model.bin"), zip));
    }

    static Stream<Arguments> hostile() {
        Pickle deepLists = new Pickle();
        Pickle bigMemo = new Pickle().op("}");
        Pickle calls = new Pickle().global("collections", "OrderedDict").op("q").raw(0);
        for (int i = 0; i < 300_000; i++) {
            deepLists.op("](");
            bigMemo.op("r").int32(i + 1_000_000L);
            calls.op("h").raw(0).op(")R0");
        }
        return Stream.of(
                Arguments.of(
                        "os.system",
                        new Pickle().global("os", "system").op("(").text("id").op("tR.")),
                Arguments.of(
                        "posix.system",
                        new Pickle()
                                .text("posix")
                                .text("system")
                                .raw(0x93)
                                .op("(")
                                .text("id")
                                .op("tR.")),
                Arguments.of(
                        "builtins.eval",
                        new Pickle().global("builtins", "eval").op("(").text("1").op("tR.")),
                Arguments.of(
                        "builtins.getattr", new Pickle().op("}").global("builtins", "getattr")),
                Arguments.of("javax.script", new Pickle().global("javax.script", "Engine").op(".")),
                Arguments.of("operation 0x69", new Pickle().op("(ios\nsystem\n.")), // INST
                Arguments.of("operation 0x6f", new Pickle().op("(o.")), // OBJ
                Arguments.of("operation 0x82", new Pickle().raw(0x82, 1).op(".")), // EXT1
                Arguments.of("operation 0x31", new Pickle().op("(1.")), // POP_MARK
                Arguments.of("operation 0x8b", new Pickle().raw(0x8b).int32(1 << 30).op(".")),
                Arguments.of("a length of", new Pickle().op("X").int32(-1).op("abc.")),
                Arguments.of("a length of", new Pickle().op("B").int32(1 << 30).op(".")),
                Arguments.of("no end", new Pickle().op("}")),
                Arguments.of("nested too deep", deepLists),
                Arguments.of("memo slot", bigMemo.op(".")),
                Arguments.of("operation 0x30", calls),
                Arguments.of("not closed", new Pickle().op("u.")),
                Arguments.of("damaged", new Pickle().op(".")),
                Arguments.of("damaged", new Pickle().op("R.")),
                Arguments.of("damaged", new Pickle().op("}h").raw(9).op(".")),
                Arguments.of("key of a dictionary", new Pickle().op("})Ns.")),
                Arguments.of("key of a dictionary", new Pickle().op("}]Ns.")),
                Arguments.of("expected a dictionary", new Pickle().op("].")),
                Arguments.of("a function", new Pickle().op("})R.")),
                Arguments.of("protocol", new Pickle().raw(0x80, 9).op("}.")));
    }

    @ParameterizedTest
    @MethodSource("hostile")
    void isRefusedWithTheReasonAndNothingIsRun(String reason, Pickle pickle) {
        assertThatThrownBy(() -> open(pickle.bytes()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("data.pkl")
                .hasMessageContaining(reason);
    }

    @Test
    void aDictionaryThatHoldsItselfEnds() {
        Pickle pickle = new Pickle().op("}q").raw(0).text("a").op("h").raw(0).op("s.");
        assertThatThrownBy(() -> open(pickle.bytes()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("nested dictionaries");
    }

    @Test
    void dictionariesSharedManyTimesAreBounded() {
        Pickle pickle = new Pickle().op("}q").raw(0);
        for (int level = 1; level < 30; level++) {
            pickle.op("}q").raw(level).op("(");
            pickle.text("a").op("h").raw(level - 1).text("b").op("h").raw(level - 1).op("u");
        }
        assertThatThrownBy(() -> open(pickle.op(".").bytes()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("too many");
    }

    static Stream<Arguments> views() {
        long max = Long.MAX_VALUE;
        return Stream.of(
                Arguments.of("reaches to byte", 12, 1, new long[] {12}, new long[] {1}),
                Arguments.of("reaches to byte", 12, 0, new long[] {2, 2}, new long[] {11, 1}),
                Arguments.of("strides reach", 12, 0, new long[] {3}, new long[] {max}),
                Arguments.of("strides reach", 12, max, new long[] {3}, new long[] {1}),
                Arguments.of("more bytes", 12, 0, new long[] {max, max}, new long[] {0, 0}),
                Arguments.of("expand()", 12, 0, new long[] {1L << 31}, new long[] {0}),
                Arguments.of("strides as", 12, 0, new long[] {3}, new long[] {1, 1}),
                Arguments.of("count", 12, -1, new long[] {3}, new long[] {1}),
                Arguments.of("count", 12, 0, new long[] {-3}, new long[] {1}),
                Arguments.of("count", 12, 0, new long[] {3}, new long[] {-1}),
                Arguments.of("expected 52 bytes", 13, 0, new long[] {3}, new long[] {1}),
                Arguments.of("damaged", max, 0, new long[] {3}, new long[] {1}));
    }

    @ParameterizedTest
    @MethodSource("views")
    void aViewThatReachesTooFarIsRefused(
            String reason, long elements, long offset, long[] shape, long[] strides) {
        Pickle pickle =
                new Pickle()
                        .op("}")
                        .text("w")
                        .view("FloatStorage", "0", elements, offset, shape, strides)
                        .op("s.");
        assertThatThrownBy(() -> open(pickle.bytes()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining(reason);
    }

    @Test
    void aStorageThatIsNotThereIsNamed() {
        Pickle pickle =
                new Pickle()
                        .op("}")
                        .text("w")
                        .view("FloatStorage", "7", 12, 0, new long[] {3}, new long[] {1})
                        .op("s.");
        assertThatThrownBy(() -> open(pickle.bytes()))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("tensor w")
                .hasMessageContaining("data/7");
    }

    @Test
    void nestedDictionariesGiveDottedNamesAndAttributesAreIgnored() throws IOException {
        long[] shape = {3};
        long[] strides = {1};
        Pickle pickle =
                new Pickle()
                        .op("}(")
                        .text("a")
                        .op("}")
                        .text("w")
                        .view("FloatStorage", "0", 12, 0, shape, strides)
                        .op("s")
                        .text("steps")
                        .number(3)
                        .text("w")
                        .view("FloatStorage", "0", 12, 3, shape, strides)
                        .op("u}")
                        .text("_metadata")
                        .op("Nsb.");
        try (Checkpoint checkpoint = open(pickle.bytes())) {
            assertThat(checkpoint.names()).containsExactly("a.w", "w");
            assertThat(checkpoint.get("w").shape().getShape()).containsExactly(3);
        }
    }

    @Test
    void storagesOfBytesTakeTheTypeOfTheTensor() throws IOException {
        Pickle pickle =
                new Pickle()
                        .op("}")
                        .text("w")
                        .global("torch._utils", "_rebuild_tensor_v3")
                        .op("((")
                        .text("storage")
                        .global("torch.storage", "UntypedStorage")
                        .text("0")
                        .text("cpu")
                        .number(48)
                        .op("tQ")
                        .number(2)
                        .numbers(5)
                        .numbers(1)
                        .raw(0x89)
                        .global("collections", "OrderedDict")
                        .op(")R")
                        .global("torch", "bfloat16")
                        .op("tRs.");
        try (Checkpoint checkpoint = open(pickle.bytes())) {
            assertThat(checkpoint.info("w").type()).isEqualTo(ElementType.BFLOAT16);
            assertThat(checkpoint.get("w").data().remaining()).isEqualTo(10);
        }
    }

    @Test
    void onlyAllowedClassesHaveAMeaning() {
        Map.of("torch FloatStorage", true, "os system", false, "torch load", false)
                .forEach(
                        (name, allowed) ->
                                assertThat(TorchGlobal.of(name).isPresent()).isEqualTo(allowed));
    }
}
