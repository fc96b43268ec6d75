package io.m3j.examples;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.torch.Devices;
import io.m3j.llm.Answer;
import io.m3j.llm.M3Model;
import io.m3j.llm.PrecisionChoice;
import io.m3j.llm.generate.Timings;
import io.m3j.llm.video.EncodedVideo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Answers as one JSON object: flat for one scale, a list under {@code answers} for several; the turns of a
 * conversation under {@code turns}.
 */
final class AnswerJson {

    private static final double MILLISECONDS = 1000;

    private final ObjectNode question = Json.object();
    private final List<ObjectNode> answers = new ArrayList<>();

    AnswerJson(Path model, M3Model loaded, List<Path> images, boolean untrained) {
        question.put("model", model.toString());
        PrecisionChoice precision = loaded.precision();
        question.put("device", Devices.label(loaded.device()));
        question.put("precision", precision.precision().label());
        question.put("precision_reason", precision.reason());
        ArrayNode files = question.putArray("images");
        images.forEach(image -> files.add(image.toString()));
        if (untrained) {
            question.put("untrained", true);
        }
    }

    /** The frames that were shown, with their times. */
    AnswerJson frames(EncodedVideo video) {
        ArrayNode frames = question.putArray("frames");
        video.frames()
                .forEach(
                        frame ->
                                frames.addObject()
                                        .put("seconds", frame.time().toMillis() / MILLISECONDS));
        return this;
    }

    /** One question, however many answers. */
    AnswerJson prompt(String prompt) {
        question.put("prompt", prompt);
        return this;
    }

    void add(Look look, Answer answer) {
        ObjectNode node = Json.object();
        node.set("tokens", look.json());
        answers.add(describe(node, answer));
    }

    void addTurn(String prompt, Answer answer, int reused) {
        ObjectNode node = Json.object().put("prompt", prompt);
        answers.add(describe(node, answer).put("reused_tokens", reused));
    }

    private static ObjectNode describe(ObjectNode node, Answer answer) {
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
        return node;
    }

    /** Turns that were all looked at in the same way. */
    String turns(Look look) {
        ObjectNode object = question.deepCopy();
        object.set("tokens", look.json());
        object.putArray("turns").addAll(answers);
        return Json.line(object);
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
