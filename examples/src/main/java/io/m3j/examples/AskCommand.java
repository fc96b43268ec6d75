package io.m3j.examples;

import io.m3j.core.Scale;
import io.m3j.llm.Answer;
import io.m3j.llm.Chat;
import io.m3j.llm.M3Model;
import io.m3j.llm.M3Tokenizer;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.video.EncodedVideo;
import io.m3j.llm.video.EncodedVideo.EncodedFrame;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import io.m3j.vision.video.VideoFrames;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
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
            "Answer a question about pictures or a video, at one scale or at several to compare.",
            "With one scale the answer's text is printed as it comes; with several, a table of answers"
                    + " and times. The pictures are encoded once. Several prompts are the turns of one"
                    + " conversation."
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
    @Mixin private VideoOptions video;
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
                    "The question. Repeat it to go on: each is asked with all before it and their answers;"
                            + " the pictures go with the first, or where prompts have <image>. Default, where"
                            + " there is a picture: \""
                            + QUESTION
                            + "\"; of the picture that comes with m3: \""
                            + Home.QUESTION
                            + "\"")
    private List<String> prompts = new ArrayList<>();

    @Option(
            names = "--tokens",
            paramLabel = "LIST",
            converter = ScaleList.Converter.class,
            description =
                    "Scale, or scales between commas: visual tokens an image, or of each of its tiles"
                            + " (1, 9, 36, 144, 576). base:36,tiles:144 gives the whole picture and its"
                            + " tiles scales of their own, tile2:576 one tile. Repeat it, once for each"
                            + " --image, to give each a scale of its own. Default: all of the model, as a"
                            + " table; of several prompts the finest. 'auto' is not built yet.")
    private List<ScaleList> tokens = new ArrayList<>();

    @Option(
            names = "--json",
            description =
                    "Print one object: of one scale the answer with its ids and times in"
                            + " milliseconds, of several their list under \"answers\", of several"
                            + " prompts under \"turns\".")
    private boolean json;

    private EncodedVideo frames; // those of a video, if they are images of their own

    AskCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        List<Look> asked = looks();
        sampling.check();
        video.check(spec, !images.isEmpty(), !tokens.isEmpty());
        if (video.given()) {
            images = List.of(video.file());
        }
        if (prompts.isEmpty()) {
            if (model != null && images.isEmpty()) {
                throw new ParameterException(
                        spec.commandLine(), "expected --image FILE, --prompt TEXT or both");
            }
            prompts.add(model == null && images.isEmpty() ? Home.QUESTION : QUESTION);
        }
        Path directory = model == null ? Home.model() : model;
        if (model == null && images.isEmpty()) {
            images = List.of(Home.picture());
        }
        requireFitting(asked);
        if (video.given()) {
            try (VideoFrames opened = video.open(imageOptions.reading())) {
                answer(directory, asked, opened);
            }
        } else {
            answer(directory, asked, null);
        }
        return 0;
    }

    /** What was opened of a video is null where pictures are asked about. */
    private void answer(Path directory, List<Look> asked, VideoFrames opened) {
        List<AskTurn> turns = video.apart() ? List.of() : AskTurn.of(prompts, images.size());
        List<M3Image> pictures =
                opened == null
                        ? imageOptions.read(images)
                        : video.apart() ? List.of() : List.of(video.collage(opened));
        try (M3Model loaded =
                ModelOptions.load(
                        directory, promptOptions.set(modelOptions.loadOptions()), terminal)) {
            List<Look> looks = looks(loaded, asked);
            loaded.tokenizer(); // fails, if it must, before the pictures are encoded
            boolean untrained = Untrained.is(directory);
            List<EncodedImage> encoded;
            if (video.apart()) {
                frames = encodeFrames(loaded, opened, asked);
                encoded = frames.images();
                turns = AskTurn.of(prompts, encoded.size());
                looks = asked.isEmpty() ? List.of(Look.ofScales(scales(frames))) : asked;
            } else {
                encoded = ImageOptions.encode(loaded, pictures, terminal);
            }
            boolean table = !json && looks.size() > 1;
            if (untrained && !table) {
                Untrained.note(terminal);
            }
            if (turns.size() > 1) {
                converse(loaded, directory, encoded, looks.get(0), turns, untrained);
            } else if (json) {
                answerAsJson(loaded, directory, encoded, looks, untrained);
            } else if (table) {
                compare(loaded, encoded, looks, untrained);
            } else {
                stream(loaded, encoded, looks.get(0));
            }
        }
    }

    private EncodedVideo encodeFrames(M3Model loaded, VideoFrames opened, List<Look> asked) {
        Optional<Scale> finest =
                asked.stream()
                        .map(look -> look.finest(loaded.ladder()))
                        .max(Comparator.naturalOrder());
        // A search looks at one frame at a time; the places of all of them are for the end.
        String question = prompts.get(0).replace(M3Tokenizer.IMAGE_MARKER, "").strip();
        return video.encode(loaded, opened, question, finest, terminal);
    }

    private static List<Scale> scales(EncodedVideo video) {
        return video.frames().stream().map(EncodedFrame::scale).toList();
    }

    /** Those that were asked for; none if all of the model are meant. */
    private List<Look> looks() {
        return switch (tokens.size()) {
            case 0 -> List.of();
            case 1 -> Look.of(tokens.get(0));
            default -> List.of(Look.ofEach(tokens));
        };
    }

    private void requireFitting(List<Look> asked) {
        if (tokens.size() > 1 && video.given()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "expected --tokens once with --video, found it " + tokens.size() + " times");
        }
        if (tokens.size() > 1 && tokens.size() != images.size()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "expected --tokens once, or once for each --image; found it "
                            + tokens.size()
                            + " times for "
                            + images.size());
        }
        if (prompts.size() > 1 && asked.size() > 1) {
            throw new ParameterException(
                    spec.commandLine(),
                    "expected one scale for a conversation of several --prompt, found --tokens "
                            + String.join(",", asked.stream().map(Look::toString).toList())
                            + "; run m3 ask once for each scale");
        }
    }

    private List<Look> looks(M3Model loaded, List<Look> asked) {
        asked.forEach(look -> look.require(loaded.ladder()));
        if (!asked.isEmpty()) {
            return asked;
        }
        return images.isEmpty() || prompts.size() > 1
                ? List.of(Look.at(loaded.ladder().finest()))
                : loaded.ladder().scales().stream().map(Look::at).toList();
    }

    private Answer answer(
            M3Model loaded,
            List<EncodedImage> encoded,
            Look look,
            int defaultMaxNewTokens,
            Consumer<String> onText) {
        GenerationOptions options =
                look.set(sampling.builder(defaultMaxNewTokens), 0, encoded.size()).build();
        return loaded.generate(encoded, prompts.get(0), options, onText);
    }

    private void converse(
            M3Model loaded,
            Path directory,
            List<EncodedImage> encoded,
            Look look,
            List<AskTurn> turns,
            boolean untrained) {
        AnswerJson result = json(loaded, directory, untrained);
        try (Chat chat = loaded.chat()) {
            for (AskTurn turn : turns) {
                GenerationOptions.Builder options =
                        sampling.builder(GenerationOptions.DEFAULT_MAX_NEW_TOKENS);
                look.set(options, turn.first(), turn.count());
                if (!json) {
                    terminal.out().println("> " + Printable.line(turn.prompt()));
                }
                Consumer<String> onText = json ? piece -> {} : new StreamedText(terminal);
                Answer answer =
                        chat.ask(turn.shown(encoded), turn.prompt(), options.build(), onText);
                if (!json) {
                    terminal.out().println();
                }
                result.addTurn(turn.prompt(), answer, chat.reusedPositions());
            }
        }
        if (json) {
            terminal.out().println(result.turns(look));
        }
    }

    private AnswerJson json(M3Model loaded, Path directory, boolean untrained) {
        AnswerJson result = new AnswerJson(directory, loaded, images, untrained);
        return frames == null ? result : result.frames(frames);
    }

    private void stream(M3Model loaded, List<EncodedImage> encoded, Look look) {
        StreamedText text = new StreamedText(terminal);
        answer(loaded, encoded, look, GenerationOptions.DEFAULT_MAX_NEW_TOKENS, text);
        terminal.out().println();
    }

    private void compare(
            M3Model loaded, List<EncodedImage> encoded, List<Look> looks, boolean untrained) {
        AnswerTable table = new AnswerTable();
        for (Look look : looks) {
            table.add(
                    look.toString(),
                    answer(loaded, encoded, look, MAX_NEW_TOKENS_OF_A_TABLE, piece -> {}));
        }
        terminal.out().print(table.text(prompts.get(0), images, untrained));
    }

    private void answerAsJson(
            M3Model loaded,
            Path directory,
            List<EncodedImage> encoded,
            List<Look> looks,
            boolean untrained) {
        AnswerJson result = json(loaded, directory, untrained).prompt(prompts.get(0));
        for (Look look : looks) {
            Answer answer =
                    answer(
                            loaded,
                            encoded,
                            look,
                            GenerationOptions.DEFAULT_MAX_NEW_TOKENS,
                            piece -> {});
            result.add(look, answer);
        }
        terminal.out().println(result.line());
    }
}
