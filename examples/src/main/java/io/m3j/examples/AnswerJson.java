package io.m3j.examples;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.torch.Devices;
import io.m3j.llm.Answer;
import io.m3j.llm.M3Model;
import io.m3j.llm.PrecisionChoice;
import io.m3j.llm.generate.Timings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Answers as one JSON object: flat for one scale, a list under {@code answers} for several. */
final class AnswerJson {

    private final ObjectNode question = Json.object();
    private final List<ObjectNode> answers = new ArrayList<>();

    AnswerJson(Path model, M3Model loaded, String prompt, List<Path> images, boolean untrained) {
        question.put("model", model.toString());
        PrecisionChoice precision = loaded.precision();
        question.put("device", Devices.label(loaded.device()));
        question.put("precision", precision.precision().label());
        question.put("precision_reason", precision.reason());
        question.put("prompt", prompt);
        ArrayNode files = question.putArray("images");
        images.forEach(image -> files.add(image.toString()));
        if (untrained) {
            question.put("untrained", true);
        }
    }

    /** Tokens are a number, or a text where each part has a scale of its own. */
    void add(String scale, Answer answer) {
        ObjectNode node = Json.object();
        if (PartScales.is(scale)) {
            node.put("tokens", scale);
        } else {
            node.put("tokens", Integer.parseInt(scale));
        }
        node.put("text", answer.text())
                .put("visual_tokens", answer.visualTokens())
                .put("prompt_tokens", answer.promptTokens());
        ArrayNode ids = node.putArray("ids");
        answer.ids().forEach(ids::add);
        node.put("finish_reason", answer.finishReason().name().toLowerCase(Locale.ROOT));
        Timings timings = answer.timings();
        node.putObject("timings")
                .put("encode_ms", Milliseconds.of(timings.encode()))
                .put("prefill_ms", Milliseconds.of(timings.prefill()))
                .put("decode_ms", Milliseconds.of(timings.decode()))
                .put("time_to_first_token_ms", Milliseconds.of(timings.timeToFirstToken()))
                .put("time_per_token_ms", Milliseconds.of(timings.timePerToken()));
        answers.add(node);
    }

    String line() {
        ObjectNode object = question.deepCopy();
        if (answers.size() == 1) {
            object.setAll(answers.get(0));
        } else {
            object.putArray("answers").addAll(answers);
        }
        return Json.line(object);
    }
}
