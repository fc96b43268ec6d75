package io.m3j.examples;

import ai.djl.ndarray.types.Shape;
import io.m3j.core.Scale;
import io.m3j.llm.M3Model;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** The logits of a prompt of ids. */
@Command(
        name = "logits",
        description = {
            "Write the logits of every position of a prompt of ids.",
            "Float32 tensors logits.1 … logits.576, one for each scale: [positions, vocabulary], each"
                    + " image slot counting as many positions as the scale has tokens. Without --image"
                    + " and --tokens: one tensor, logits. Needs no tokenizer."
        })
final class LogitsCommand implements Callable<Integer> {

    private final Terminal terminal;

    @Mixin private CommonOptions common;
    @Mixin private IdsOptions prompt;
    @Mixin private OutputFile output;

    LogitsCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        output.check();
        List<M3Image> pictures = prompt.pictures();
        long[] ids = prompt.ids();
        try (M3Model model = prompt.load(terminal)) {
            List<Scale> scales = prompt.scales(model);
            prompt.checkSlots(model);
            List<EncodedImage> images = ImageOptions.encode(model, pictures, terminal);
            for (Scale scale : scales) {
                int visual = images.stream().mapToInt(image -> image.tokenCount(scale)).sum();
                Shape shape =
                        new Shape(
                                ids.length - images.size() + visual,
                                model.config().decoder().vocabularySize());
                String name = prompt.withoutScale() ? "logits" : "logits." + scale;
                output.add(name, shape, () -> model.logits(images, ids, scale));
            }
            output.write();
        }
        return 0;
    }
}
