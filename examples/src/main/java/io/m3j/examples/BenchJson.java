package io.m3j.examples;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.Scale;
import io.m3j.core.torch.Limits;
import io.m3j.core.torch.Precision;
import io.m3j.examples.ModelBenchmark.Step;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Function;

/** The report of {@code bench} as one object: what was not measured has no key. */
final class BenchJson {

    private static final Map<Step, String> KEYS =
            Map.of(
                    Step.ENCODE, "encode_ms",
                    Step.PREPROCESS, "preprocess_ms",
                    Step.TOWER, "tower_ms",
                    Step.PROJECT, "project_ms");

    private final BenchReport report;
    private final ModelBenchmark.Result times;
    private final ObjectNode object = Json.object();

    private BenchJson(BenchReport report) {
        this.report = report;
        this.times = report.times();
    }

    static ObjectNode of(BenchReport report) {
        BenchJson json = new BenchJson(report);
        json.what();
        report.limits().ifPresent(json::limits);
        json.times();
        json.work();
        report.roofline().ifPresent(json::fractions);
        json.spreads();
        json.memory();
        return json.object;
    }

    private void what() {
        object.put("model", report.model()).put("precision", report.precision().label());
        object.put("device", report.device()).put("threads", report.runtime().threads());
        object.putObject("versions")
                .put("m3j", M3.Version.number())
                .put("java", System.getProperty("java.version"))
                .put("libtorch", report.runtime().libtorch())
                .put("djl", report.runtime().djl());
    }

    private void limits(MeasuredLimits limits) {
        ObjectNode node = object.putObject("limits");
        node.put("gemm_gflops", limits.gemm()).put("read_gbs", limits.read());
        limits(node, limits.both());
        if (limits.before().isPresent()) {
            node.put("basis", "mean of before and after");
            limits(node.putObject("before"), limits.before().get());
        } else {
            node.put("basis", "after").putNull("before");
        }
        limits(node.putObject("after"), limits.after());
    }

    private static void limits(ObjectNode node, Limits limits) {
        for (Precision precision : Precision.values()) {
            Double rate = limits.gemmGflops().get(precision);
            if (rate != null) {
                node.put("gemm_gflops_" + precision.label(), rate);
            }
        }
        node.put("read_gbs_sum", limits.sumGigabytes());
        node.put("read_gbs_row_products", limits.rowGigabytes());
    }

    private void times() {
        object.put("open_ms", report.open());
        for (Step step : Step.values()) {
            Spread spread = times.steps().get(step);
            if (spread != null) {
                object.put(key(step), spread.median());
            }
        }
        byScale("pool_ms", times.pool(), Scale::toString);
        byScale("prefill_ms", times.prefill(), BenchJson::positions);
        if (times.hasTimesToFirstToken()) {
            ObjectNode first = object.putObject("ttft_ms");
            for (Scale scale : times.prefill().keySet()) {
                first.put(scale.toString(), times.timeToFirstToken(scale));
            }
        }
    }

    private String key(Step step) {
        return step == Step.DECODE ? "decode_ms_at_" + positions(report.finest()) : KEYS.get(step);
    }

    private static String positions(Scale scale) {
        return Integer.toString(ModelBenchmark.positions(scale));
    }

    private void byScale(String key, Map<Scale, Spread> spreads, Function<Scale, String> name) {
        if (!spreads.isEmpty()) {
            ObjectNode node = object.putObject(key);
            spreads.forEach((scale, spread) -> node.put(name.apply(scale), spread.median()));
        }
    }

    private void work() {
        ObjectNode work = object.putObject("work");
        work.put("tower_gflop", report.work().towerFlops() / 1e9);
        work.put("project_gflop", report.work().projectorFlops() / 1e9);
        ObjectNode prefill = work.putObject("prefill_gflop");
        for (Scale scale : report.scales()) {
            double operations = report.work().prefillFlops(ModelBenchmark.positions(scale));
            prefill.put(positions(scale), operations / 1e9);
        }
        int positions = ModelBenchmark.positions(report.finest());
        Precision precision = report.precision();
        work.put("decode_weight_bytes", report.work().decoderWeightBytes(precision));
        work.put("decode_cache_bytes", report.work().cacheBytes(positions, precision));
    }

    /** What the limits promise, and how much of it is reached. */
    private void fractions(Roofline roofline) {
        ObjectNode fraction = object.putObject("of_limit");
        fraction(fraction, "tower", roofline.tower(), times.steps().get(Step.TOWER));
        fraction(fraction, "project", roofline.projector(), times.steps().get(Step.PROJECT));
        if (!times.prefill().isEmpty()) {
            ObjectNode prefill = fraction.putObject("prefill");
            times.prefill()
                    .forEach(
                            (scale, spread) ->
                                    fraction(
                                            prefill,
                                            positions(scale),
                                            roofline.products(scale),
                                            spread));
        }
        fraction(fraction, "decode", roofline.weights(), times.steps().get(Step.DECODE));
        ObjectNode line = object.putObject("roofline");
        ObjectNode first = line.putObject("ttft_ms");
        report.scales()
                .forEach(scale -> first.put(scale.toString(), roofline.timeToFirstToken(scale)));
        report.saving()
                .ifPresent(
                        saving ->
                                line.put("from", saving.from().tokens())
                                        .put("to", saving.to().tokens())
                                        .put("saving_promised", saving.promised())
                                        .put("saving_measured", saving.measured())
                                        .put("saving_of_promise", saving.fractionOfPromise()));
    }

    private static void fraction(ObjectNode node, String key, double limit, Spread measured) {
        if (measured != null) {
            node.put(key, limit / measured.median());
        }
    }

    private void spreads() {
        ObjectNode node = object.putObject("spread");
        times.steps().forEach((step, spread) -> spread(node, key(step), spread));
        if (!times.pool().isEmpty()) {
            ObjectNode pool = node.putObject("pool_ms");
            times.pool().forEach((scale, spread) -> spread(pool, scale.toString(), spread));
        }
        if (!times.prefill().isEmpty()) {
            ObjectNode prefill = node.putObject("prefill_ms");
            times.prefill().forEach((scale, spread) -> spread(prefill, positions(scale), spread));
        }
    }

    private static void spread(ObjectNode node, String key, Spread spread) {
        node.putObject(key)
                .put("min", spread.least())
                .put("max", spread.most())
                .put("runs", spread.runs());
    }

    private void memory() {
        BenchReport.Memory memory = report.memory();
        put(object, "peak_rss_mb", memory.most().peak());
        ObjectNode resident = object.putObject("resident");
        put(resident, "after_open", memory.afterOpen());
        put(resident, "at_peak", memory.most().atPeak());
        MemoryWatch.Heap heap = memory.heap();
        object.putObject("jvm_heap")
                .put("used_mb", heap.used())
                .put("peak_mb", heap.peak())
                .put("max_mb", heap.max());
    }

    private static void put(ObjectNode node, String key, OptionalDouble value) {
        if (value.isPresent()) {
            node.put(key, value.getAsDouble());
        } else {
            node.putNull(key);
        }
    }

    private static void put(ObjectNode node, String key, Optional<ProcessMemory> value) {
        if (value.isPresent()) {
            node.putObject(key)
                    .put("rss_mb", value.get().resident())
                    .put("anon_mb", value.get().anonymous())
                    .put("file_mb", value.get().file());
        } else {
            node.putNull(key);
        }
    }
}
