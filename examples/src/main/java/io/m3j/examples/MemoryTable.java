package io.m3j.examples;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.torch.Precision;
import io.m3j.llm.MemoryPlan;
import io.m3j.llm.ModelInfo;
import io.m3j.llm.generate.GenerationOptions;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToLongFunction;

/**
 * The plan of memory by precision and scale: a picture, a question and an answer of the default length
 * in each request.
 *
 * @param info of the checkpoint
 * @param batch requests at once
 */
record MemoryTable(ModelInfo info, int batch) {

    private static final double MEBIBYTE = 1 << 20;
    private static final int ANSWER = GenerationOptions.DEFAULT_MAX_NEW_TOKENS;

    private static int rows(ModelInfo.ScaleCost cost) {
        return cost.visualTokens() + MemoryPlan.TEXT_POSITIONS;
    }

    private static int positions(ModelInfo.ScaleCost cost) {
        return rows(cost) + ANSWER;
    }

    private long peak(MemoryPlan plan, ModelInfo.ScaleCost cost) {
        return plan.peak(rows(cost), positions(cost), batch);
    }

    /** In bytes. */
    ObjectNode json() {
        ObjectNode object = Json.object();
        object.put("batch", batch);
        object.put("text_positions", MemoryPlan.TEXT_POSITIONS).put("answer_positions", ANSWER);
        object.put("engine_bytes", MemoryPlan.ENGINE);
        for (Map.Entry<Precision, MemoryPlan> entry : info.plans().entrySet()) {
            MemoryPlan plan = entry.getValue();
            ObjectNode each = object.putObject(entry.getKey().label());
            each.put("weights_in_memory_bytes", plan.copied());
            each.put("weights_in_file_bytes", plan.mapped());
            each.put("while_loading_bytes", plan.loading());
            each.put("encode_bytes", plan.encode());
            ObjectNode scales = each.putObject("by_scale");
            for (ModelInfo.ScaleCost cost : info.scales()) {
                scales.putObject(cost.scale().toString())
                        .put("kv_cache_bytes", batch * plan.cache(positions(cost)))
                        .put("prefill_bytes", plan.prefill(rows(cost)))
                        .put("peak_bytes", peak(plan, cost));
            }
        }
        return object;
    }

    String text() {
        if (info.plans().isEmpty()) {
            return "memory               ? (the vision tower was not found)\n";
        }
        StringBuilder text = new StringBuilder();
        text.append("memory in MiB, the most at any time for ");
        text.append(batch == 1 ? "one request" : batch + " requests");
        text.append(
                String.format(
                        Locale.ROOT,
                        " (%d positions of text, an answer of %d)%n",
                        MemoryPlan.TEXT_POSITIONS,
                        ANSWER));
        row(text, "", plan -> plan.precision().label());
        number(text, "weights, in memory", MemoryPlan::copied);
        number(text, "weights, in the file", MemoryPlan::mapped);
        number(text, "while loading", MemoryPlan::loading);
        number(text, "engine", plan -> MemoryPlan.ENGINE);
        number(text, "encoding", MemoryPlan::encode);
        for (ModelInfo.ScaleCost cost : info.scales()) {
            String at = "at scale " + cost.scale();
            number(text, at + ": cache", plan -> batch * plan.cache(positions(cost)));
            number(text, "  prefill", plan -> plan.prefill(rows(cost)));
            number(text, "  in all", plan -> peak(plan, cost));
        }
        return text.toString();
    }

    private void number(StringBuilder text, String name, ToLongFunction<MemoryPlan> bytes) {
        row(
                text,
                name,
                plan -> String.format(Locale.ROOT, "%,.1f", bytes.applyAsLong(plan) / MEBIBYTE));
    }

    private void row(StringBuilder text, String name, Function<MemoryPlan, String> cell) {
        text.append(String.format(Locale.ROOT, "%-22s", name));
        for (Precision precision : Precision.values()) {
            String shown = Optional.ofNullable(info.plans().get(precision)).map(cell).orElse("-");
            text.append(String.format(Locale.ROOT, "%14s", shown));
        }
        text.append('\n');
    }
}
