package io.m3j.examples;

import io.m3j.core.Scale;
import io.m3j.llm.Answer;
import io.m3j.llm.M3Model;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Answers a question about pictures. */
@Command(
        name = "ask",
        description = {
            "Answer a question about pictures, at one scale or at several to compare.",
            "With one scale the answer's text is printed as it comes; with several, a table of answers"
                    + " and times. The pictures are encoded once."
        })
final class AskCommand implements Callable<Integer> {

    /** Answers in a table are compared, not read: short ones do. */
    private static final int MAX_NEW_TOKENS_OF_A_TABLE = 32;

    private static final String QUESTION = "What is in the picture?";

    private final Terminal terminal;

    @Spec private CommandSpec spec;
    @Mixin private CommonOptions common;
    @Mixin private ModelOptions modelOptions;
    @Mixin private PromptOptions promptOptions;
    @Mixin private ImageOptions imageOptions;
    @Mixin private SamplingOptions sampling;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            description =
                    "Checkpoint: a directory with config.json, the weights and the tokenizer."
                            + " Default: m3j-tiny, the small one that comes with m3.")
    private Path model;

    @Option(
            names = "--image",
            paramLabel = "FILE",
            description =
                    "Picture: PNG, JPEG, GIF, BMP or WebP. Repeat it for several: they come before"
                            + " the prompt, or where it has <image>. Default: none, or without --model"
                            + " the picture that comes with m3.")
    private List<Path> images = new ArrayList<>();

    @Option(
            names = "--prompt",
            paramLabel = "TEXT",
            description =
                    "The question. Default, where there is a picture: \""
                            + QUESTION
                            + "\"; of the picture that comes with m3: \""
                            + Home.QUESTION
                            + "\"")
    private String prompt;

    @Option(
            names = "--tokens",
            paramLabel = "LIST",
            converter = ScaleList.Converter.class,
            description =
                    "Scale, or scales between commas: visual tokens an image (1, 9, 36, 144, 576)."
                            + " Default: all of the model, as a table. 'auto' is not built yet.")
    private ScaleList tokens;

    @Option(
            names = "--json",
            description =
                    "Print one object: of one scale the answer with its ids and times in"
                            + " milliseconds, of several their list under \"answers\".")
    private boolean json;

    AskCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        List<Scale> asked = tokens == null ? List.of() : tokens.scales();
        sampling.check();
        if (prompt == null) {
            if (model != null && images.isEmpty()) {
                throw new ParameterException(
                        spec.commandLine(), "expected --image FILE, --prompt TEXT or both");
            }
            prompt = model == null && images.isEmpty() ? Home.QUESTION : QUESTION;
        }
        Path directory = model == null ? Home.model() : model;
        if (model == null && images.isEmpty()) {
            images = List.of(Home.picture());
        }
        List<M3Image> pictures = imageOptions.read(images);
        try (M3Model loaded =
                ModelOptions.load(
                        directory, promptOptions.set(modelOptions.loadOptions()), terminal)) {
            List<Scale> scales = scales(loaded, asked);
            loaded.tokenizer(); // fails, if it must, before the pictures are encoded
            boolean untrained = Untrained.is(directory);
            boolean table = !json && scales.size() > 1;
            if (untrained && !table) {
                Untrained.note(terminal);
            }
            List<EncodedImage> encoded = ImageOptions.encode(loaded, pictures, terminal);
            if (json) {
                answerAsJson(loaded, directory, encoded, scales, untrained);
            } else if (table) {
                compare(loaded, encoded, scales, untrained);
            } else {
                stream(loaded, encoded, scales.get(0));
            }
        }
        return 0;
    }

    private List<Scale> scales(M3Model loaded, List<Scale> asked) {
        asked.forEach(loaded.ladder()::require);
        if (!asked.isEmpty()) {
            return asked;
        }
        return images.isEmpty() ? List.of(loaded.ladder().finest()) : loaded.ladder().scales();
    }

    private Answer answer(
            M3Model loaded,
            List<EncodedImage> encoded,
            Scale scale,
            int defaultMaxNewTokens,
            Consumer<String> onText) {
        GenerationOptions options = sampling.builder(defaultMaxNewTokens).scale(scale).build();
        return loaded.generate(encoded, prompt, options, onText);
    }

    private void stream(M3Model loaded, List<EncodedImage> encoded, Scale scale) {
        StreamedText text = new StreamedText(terminal);
        answer(loaded, encoded, scale, GenerationOptions.DEFAULT_MAX_NEW_TOKENS, text);
        terminal.out().println();
    }

    private void compare(
            M3Model loaded, List<EncodedImage> encoded, List<Scale> scales, boolean untrained) {
        AnswerTable table = new AnswerTable();
        for (Scale scale : scales) {
            table.add(
                    scale, answer(loaded, encoded, scale, MAX_NEW_TOKENS_OF_A_TABLE, piece -> {}));
        }
        terminal.out().print(table.text(prompt, images, untrained));
    }

    private void answerAsJson(
            M3Model loaded,
            Path directory,
            List<EncodedImage> encoded,
            List<Scale> scales,
            boolean untrained) {
        AnswerJson result = new AnswerJson(directory, loaded, prompt, images, untrained);
        for (Scale scale : scales) {
            Answer answer =
                    answer(
                            loaded,
                            encoded,
                            scale,
                            GenerationOptions.DEFAULT_MAX_NEW_TOKENS,
                            piece -> {});
            result.add(scale, answer);
        }
        terminal.out().println(result.line());
    }
}
