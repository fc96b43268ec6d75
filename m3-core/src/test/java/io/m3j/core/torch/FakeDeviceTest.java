package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Every kernel on a device that is not the CPU: none makes an array on the CPU in secret. */
class FakeDeviceTest {

    private static final String MIXED = "Expected all tensors to be on the same device";

    /** Of two operands or more, and refuses those of two devices on {@code meta} as on a GPU. */
    private static final Map<String, String> CHECKED =
            Map.ofEntries(
                    Map.entry("add", "torch.add(x, y)"),
                    Map.entry("sub", "torch.sub(x, y)"),
                    Map.entry("mul", "torch.mul(x, y)"),
                    Map.entry("div", "torch.div(x, y)"),
                    Map.entry("sub_", "torch.sub_(x, y)"),
                    Map.entry("div_", "torch.div_(x, y)"),
                    Map.entry("add_", "torch.add_(x, y)"),
                    Map.entry("mul_", "torch.mul_(x, y)"),
                    Map.entry("addcmul_", "torch.addcmul_(x, y, y, value=-1)"));

    /** Of one operand: the result lies where the operand does. */
    private static final Set<String> OF_ONE =
            Set.of(
                    ("amax amin avg_pool2d bitwise_and bitwise_right_shift clamp_ clamp_min clone constant_pad_nd contiguous"
                                    + " expand flatten gelu linalg_vector_norm permute reshape round_"
                                    + " rsqrt select silu silu_ slice softmax to transpose triu"
                                    + " unsqueeze upsample_bilinear2d view")
                            .split(" "));

    /** Of numbers and lists, or questions about an array. */
    private static final Set<String> OF_NUMBERS =
            Set.of(
                    "append device dtype eq floordiv ge gt len min numel size storage_offset"
                            .split(" "));

    private static final Set<String> FACTORIES = Set.of("empty", "full", "tensor", "zeros");

    /** Numbers of Java come in and go out through these; the second on a CPU alone, to files. */
    private static final List<String> DOORS = List.of("reinterpret", "bytes_of");

    private static final Set<String> AT_THE_DOOR = Set.of("set_");

    @Test
    void everyOperatorOfTheProgramIsOneWhoseDeviceIsLookedAt() {
        Set<String> known = new TreeSet<>(CHECKED.keySet());
        List.of(OF_ONE, OF_NUMBERS, FACTORIES, AT_THE_DOOR, FakeDevice.replaced())
                .forEach(known::addAll);
        assertThat(known)
                .as("a new operator needs its row here, and one that is gone needs none")
                .isEqualTo(FakeDevice.operators(Kernels.plainSource()));
        String rest = Kernels.plainSource();
        for (String door : DOORS) {
            rest = rest.replace(FakeDevice.methods(Kernels.plainSource()).get(door), "");
        }
        assertThat(FakeDevice.operators(rest)).doesNotContainAnyElementsOf(AT_THE_DOOR);
    }

    static Set<String> checked() {
        return CHECKED.keySet();
    }

    @ParameterizedTest
    @MethodSource("checked")
    void theOperatorRefusesOperandsOfTwoDevices(String operator) {
        String method = "  def both(self: __torch__.Kernels, x: Tensor, y: Tensor) -> Tensor:\n";
        String source = Kernels.plainSource() + method + "    return " + CHECKED.get(operator);
        try (Kernels kernels = Kernels.plain(Device.cpu(), FakeDevice.program(source));
                NDManager owner = kernels.newManager()) {
            NDArray here = owner.ones(new Shape(2, 3));
            NDArray there = kernels.zeros(owner, FloatType.FLOAT32, 2, 3);
            assertThat(kernels.call(owner, "both", there, there).getShape())
                    .isEqualTo(new Shape(2, 3));
            assertMixed(() -> kernels.call(owner, "both", here, there));
            assertMixed(() -> kernels.call(owner, "both", there, here));
        }
    }

    @ParameterizedTest
    @EnumSource(FloatType.class)
    void everyKernelStaysOnItsDevice(FloatType type) {
        try (Kernels kernels = TestKernels.onFakeDevice();
                NDManager owner = kernels.newManager()) {
            Map<String, Supplier<NDArray>> calls = calls(kernels, owner, type);
            Set<String> all = new TreeSet<>(FakeDevice.methods(Kernels.plainSource()).keySet());
            DOORS.forEach(all::remove);
            all.removeAll(FakeDevice.methods(Kernels.source(Kernels.NO_NATIVE)).keySet());
            assertThat(calls.keySet()).as("every kernel has a call here").containsAll(all);
            calls.forEach(
                    (kernel, call) -> {
                        NDArray result = call.get();
                        NDArray other = owner.ones(result.getShape());
                        assertMixed(
                                () -> kernels.call(owner, "concatenate", pair(result, other), 0));
                    });
        }
    }

    /** What the tests of this class are for: kernels as they must not be. */
    @ParameterizedTest
    @CsvSource({
        "decoder_attention, ops.prim.device(q)",
        "embed, ops.prim.device(table)",
        "zeros, ops.prim.device(like)"
    })
    void anArrayMadeOnTheCpuInSecretIsFound(String kernel, String device) {
        String hidden = Kernels.plainSource().replace(device, "torch.device(\"cpu\")");
        try (Kernels kernels = Kernels.plain(Device.cpu(), FakeDevice.program(hidden));
                NDManager owner = kernels.newManager()) {
            assertThatThrownBy(
                            () -> {
                                NDArray result =
                                        calls(kernels, owner, FloatType.FLOAT32).get(kernel).get();
                                NDArray there = floats(kernels, owner, result.getShape());
                                kernels.call(owner, "concatenate", pair(result, there), 0);
                            })
                    .isInstanceOf(EngineException.class)
                    .hasMessageContaining(MIXED);
        }
    }

    private static NDArray floats(Kernels kernels, NDManager owner, Shape shape) {
        return kernels.array(
                owner, FloatBuffer.allocate((int) shape.size()), shape, FloatType.FLOAT32);
    }

    private static List<NDArray> pair(NDArray a, NDArray b) {
        return List.of(a, b);
    }

    private static void assertMixed(Supplier<NDArray> call) {
        assertThatThrownBy(call::get)
                .isInstanceOf(EngineException.class)
                .hasMessageContaining(MIXED);
    }

    /** A call of each kernel: tiles of 2×2 patches, 2 heads of 4, 1 key/value head, 150 new rows. */
    private static Map<String, Supplier<NDArray>> calls(
            Kernels kernels, NDManager owner, FloatType type) {
        int rows = 150; // more than one block of attention
        double eps = 1e-5;
        Map<String, Supplier<NDArray>> calls = new LinkedHashMap<>();
        Arrays a = new Arrays(kernels, owner, type);
        LinearKernels linears = new LinearKernels(kernels);
        NDArray x = a.of(2, 4, 8);
        NDArray row = a.of(rows, 8);
        List<NDArray> clip = a.operands(List.of(a.of(8), a.of(8)), new long[][] {{24, 8}, {8, 8}});
        List<NDArray> clipMlp =
                a.operands(List.of(a.of(8), a.of(8)), new long[][] {{16, 8}, {8, 16}});
        List<NDArray> fused = a.operands(List.of(a.of(8)), new long[][] {{16, 8}, {8, 8}});
        List<NDArray> apart =
                a.operands(List.of(a.of(8)), new long[][] {{8, 8}, {4, 8}, {4, 8}, {8, 8}});
        List<NDArray> mlp = a.operands(List.of(a.of(8)), new long[][] {{32, 8}, {8, 16}});
        List<NDArray> mlpApart =
                a.operands(List.of(a.of(8)), new long[][] {{16, 8}, {16, 8}, {8, 16}});
        NDArray turn = a.of(rows, 1, 4);
        List<NDArray> cache = List.of(a.of(1, 200, 4));
        long[] start = {3};
        long[] length = {rows};
        NDArray weight = a.of(32, 64);
        QuantisedWeight int8 = linears.quantise(owner, weight, Precision.INT8);
        QuantisedWeight int4 = linears.quantise(owner, weight, Precision.INT4);
        NDArray steps = int4.scales().get(0);
        NDArray offsets = int4.scales().get(1);
        NDArray both = kernels.call(owner, "pack_int4_scales", steps, offsets);
        a.put(calls, "convert", x, 15);
        a.put(calls, "zeros", x, 6, new long[] {2});
        a.put(calls, "rows", row, new long[] {0, 2}, new long[] {1, 3});
        a.put(calls, "concatenate", List.of(x, x), 1);
        a.put(
                calls,
                "clip_embed",
                a.of(2, 3, 4, 4),
                a.of(8, 3, 2, 2),
                a.of(8),
                a.of(5, 8),
                a.of(8),
                a.of(8),
                eps);
        a.put(calls, "clip_attention", x, clip, 0, 2, eps);
        a.put(calls, "patches_only", x);
        a.put(calls, "clip_pool", x, a.of(8), a.of(8), eps);
        a.put(calls, "clip_project", row, a.of(3, 8));
        a.put(calls, "pool_average", x, 2, 2);
        a.put(calls, "pool_spatial", x, 2, 2, 0);
        a.put(calls, "pool_sequential", x, 1);
        a.put(calls, "resample", row, 1, Math.toIntExact(row.getShape().get(0)), 2, 3);
        a.put(calls, "embed", a.of(10, 8), new long[] {1, 2, 3});
        a.put(calls, "rms_norm", row, a.of(8), eps);
        a.put(calls, "rotate", a.of(rows, 2, 4), turn, turn);
        a.put(calls, "attend", a.of(1, 2, 4), cache.get(0), cache.get(0), 199);
        Object[] attention = {
            row, fused, 0, true, turn, turn, cache, cache, start, length, false, 2, eps
        };
        a.put(calls, "attention", attention);
        a.put(calls, "decoder_attention", attention);
        a.put(
                calls,
                "decoder_attention apart",
                row,
                apart,
                0,
                false,
                turn,
                turn,
                cache,
                cache,
                start,
                length,
                true,
                2,
                eps);
        a.put(calls, "linear_onto", row, row, fused, 5, 0, length);
        List<NDArray> whole = new ArrayList<>(fused);
        whole.addAll(mlp);
        a.put(
                calls,
                "decoder_layers",
                row,
                whole,
                fused.size(),
                mlp.size(),
                0,
                true,
                2,
                eps,
                turn,
                turn,
                cache,
                cache,
                start,
                length,
                true);
        a.put(calls, "decoder_mlp", row, mlp, 0, true, eps, length);
        a.put(calls, "decoder_mlp apart", row, mlpApart, 0, false, eps, length);
        a.put(
                calls,
                "decoder_logits",
                row,
                a.operands(List.of(a.of(8)), new long[][] {{10, 8}}),
                0,
                eps,
                length);
        a.put(calls, "copy_positions", a.of(2, 9, 16), a.of(2, 8, 16), 3);
        a.put(calls, "row", weight, 1);
        a.put(calls, "int8_scales", weight);
        a.put(calls, "int8_levels", weight, int8.scales().get(0));
        a.put(calls, "int8_weight", int8.levels(), int8.scales().get(0), type.number());
        a.put(calls, "int4_scales", weight);
        a.put(calls, "int4_levels", weight, steps, offsets);
        a.put(calls, "int4_apart", int4.levels());
        a.put(calls, "int4_weight", int4.levels(), steps, offsets, type.number());
        a.put(calls, "pack_int8", int8.levels(), 640);
        a.put(calls, "pack_int4", int4.levels());
        a.put(calls, "pack_int4_scales", steps, offsets);
        a.put(calls, "unpack_int4", int4.levels(), both, type.number());
        for (Activation activation : Activation.values()) {
            String name = activation.kernelName();
            a.put(calls, "activation " + name, x, name);
        }
        calls.put("activation", calls.get("activation silu"));
        a.put(calls, "clip_mlp", x, clipMlp, 0, "quick_gelu", eps);
        a.put(calls, "project", x, a.operands(List.of(), new long[][] {{6, 8}, {6, 6}}), 0, "gelu");
        for (Precision precision : Precision.values()) {
            Linear layer = linears.linear(owner, weight, a.of(32), precision, true);
            calls.put("linear " + precision, () -> linears.apply(owner, a.of(3, 64), layer));
        }
        calls.put("linear", calls.get("linear FLOAT32"));
        return calls;
    }

    /** Operands on the device of the kernels. */
    private record Arrays(Kernels kernels, NDManager owner, FloatType type) {

        NDArray of(long... shape) {
            return kernels.convert(owner, floats(kernels, owner, new Shape(shape)), type);
        }

        List<NDArray> operands(List<NDArray> first, long[]... weights) {
            List<NDArray> operands = new ArrayList<>(first);
            for (long[] weight : weights) {
                operands.addAll(List.of(of(weight), of(weight[0]), of(0), of(0)));
            }
            return operands;
        }

        void put(Map<String, Supplier<NDArray>> calls, String name, Object... arguments) {
            String method = name.split(" ")[0];
            calls.put(name, () -> kernels.call(owner, method, arguments));
        }
    }
}
