package io.m3j.examples;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.M3Model;
import io.m3j.llm.M3Tokenizer;
import io.m3j.vision.M3Image;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A prompt of ids with image slots, at some scales: no tokenizer is needed. */
final class IdsOptions {

    @Mixin private CheckpointOptions checkpoint;
    @Mixin private ImageOptions imageOptions;

    @Option(
            names = "--image",
            paramLabel = "FILE",
            description =
                    "Picture for one image slot: PNG, JPEG, GIF, BMP or WebP. Repeat it for"
                            + " further slots, in their order.")
    private List<Path> images = new ArrayList<>();

    @Option(
            names = "--ids",
            paramLabel = "LIST",
            required = true,
            converter = PromptIds.Converter.class,
            description =
                    "The whole prompt: ids between commas, with -200 (or the checkpoint's image"
                            + " token) where an image goes. Nothing is added.")
    private PromptIds ids;

    @Option(
            names = "--tokens",
            paramLabel = "LIST",
            converter = ScaleList.Converter.class,
            description =
                    "Scales between commas: visual tokens an image. Default: all of the model.")
    private ScaleList tokens;

    List<M3Image> pictures() {
        return imageOptions.read(images);
    }

    /** Loads the model, once {@code --tokens} was looked at. */
    M3Model load(Terminal terminal) {
        if (tokens != null) {
            tokens.scales();
        }
        return checkpoint.load(terminal);
    }

    long[] ids() {
        return ids.toArray();
    }

    /** Whether scales make no difference, and none was asked for. */
    boolean withoutScale() {
        return images.isEmpty() && tokens == null;
    }

    List<Scale> scales(M3Model loaded) {
        return withoutScale()
                ? List.of(loaded.ladder().coarsest())
                : ScaleList.orAll(tokens, loaded.ladder());
    }

    /** Refuses unknown ids, and other slots than pictures, before any picture is encoded. */
    void checkSlots(M3Model loaded) {
        int vocabulary = loaded.config().decoder().vocabularySize();
        int slots = 0;
        for (int i = 0; i < ids.values().size(); i++) {
            long id = ids.values().get(i);
            if (isSlot(loaded, id)) {
                slots++;
            } else if (id < 0 || id >= vocabulary) {
                throw new M3Exception(
                        "--ids: prompt id "
                                + id
                                + " at position "
                                + i
                                + ": expected 0 to "
                                + (vocabulary - 1)
                                + ", or -200 for an image");
            }
        }
        if (slots != images.size()) {
            throw new M3Exception(
                    "--ids: "
                            + counted(slots, "image slot")
                            + " for "
                            + counted(images.size(), "image")
                            + "; write one slot (-200) for each --image");
        }
    }

    private static String counted(int count, String noun) {
        return count + " " + noun + (count == 1 ? "" : "s");
    }

    private static boolean isSlot(M3Model loaded, long id) {
        return id == M3Tokenizer.IMAGE_ID || id == loaded.config().imageToken();
    }
}
