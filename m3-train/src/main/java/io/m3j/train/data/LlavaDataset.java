package io.m3j.train.data;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.llm.Conversation;
import io.m3j.llm.M3Tokenizer;
import io.m3j.train.data.BadExample.Reason;
import io.m3j.vision.ImageReading;
import io.m3j.vision.M3Image;
import io.m3j.vision.Resolution;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;

/**
 * Conversations in LLaVA's JSON, an array of objects or one object a line, with pictures in a folder.
 *
 * <p>An object has {@code conversations}, whose turns are {@code from} human or gpt with a {@code
 * value}; {@code image}, a file name below the folder or an array of them, unless it is a text alone;
 * and an {@code id} for messages. With one picture each turn's {@code <image>} goes before its text,
 * as LLaVA has it; with several, a turn's only one does ({@link LabelMask#lonelyImagesFirst}). There
 * must be as many places as pictures.
 *
 * <p>Opening reads the JSON once (its pictures not) and keeps 24 bytes an example; {@link #get} reads
 * one object and decodes its pictures. No file is held open. Nothing is cut to a length: that is for
 * after the pictures are put in.
 */
public final class LlavaDataset implements ExampleSource {

    private final AnnotationFile annotations;
    private final Path images;
    private final ImageReading reading;
    private final LabelMask mask;

    /**
     * As the other constructor, with pictures read by {@link ImageReading#defaults}: turned as their
     * EXIF says, which LLaVA does not do.
     *
     * @param annotations the JSON file
     * @param images the folder that file names are relative to
     * @param mask template and tokenizer; the tokenizer stays the caller's to close
     * @throws M3Exception as the other constructor
     */
    public LlavaDataset(Path annotations, Path images, LabelMask mask) {
        this(annotations, images, mask, ImageReading.defaults());
    }

    /**
     * @param annotations the JSON file
     * @param images the folder that file names are relative to
     * @param mask template and tokenizer; the tokenizer stays the caller's to close
     * @param reading orientation and limits of pictures
     * @throws M3Exception if the file cannot be read, has no conversation, or is an array without its
     *     end. A single broken object is found by {@link #get}
     */
    public LlavaDataset(Path annotations, Path images, LabelMask mask, ImageReading reading) {
        this.images = required(images, "images");
        this.mask = required(mask, "mask");
        this.reading = required(reading, "reading");
        this.annotations = new AnnotationFile(required(annotations, "annotations"));
    }

    @Override
    public int size() {
        return annotations.size();
    }

    /**
     * {@inheritDoc}
     *
     * @throws BadExample if the example itself is the trouble; the message names file, line and id
     */
    @Override
    public Example get(int index) {
        Objects.checkIndex(index, size());
        Annotation annotation = annotations.read(index);
        String id = annotation.id().isEmpty() ? "" : ", id " + annotation.id();
        String name = annotations.where(index) + id;
        LabelledIds labelled = labelled(name, annotation);
        int places = (int) Arrays.stream(labelled.ids()).filter(LlavaDataset::isSlot).count();
        if (places != annotation.images().size()) {
            throw new BadExample(
                    Reason.IMAGE_COUNT,
                    name
                            + ": expected an <image> for each of "
                            + annotation.images().size()
                            + " pictures, found "
                            + places);
        }
        // A picture is read, never written, also where it stands in an answer.
        long[] labels =
                Arrays.stream(labelled.labels())
                        .map(label -> isSlot(label) ? Example.IGNORED : label)
                        .toArray();
        if (Arrays.stream(labels).skip(1).allMatch(label -> label == Example.IGNORED)) {
            throw new BadExample(
                    Reason.NO_LABELS, name + ": expected an answer to learn, found none");
        }
        List<M3Image> pictures = new ArrayList<>();
        for (String image : annotation.images()) {
            pictures.add(picture(name, image));
        }
        return new Example(name, labelled.ids(), labels, pictures);
    }

    private LabelledIds labelled(String name, Annotation annotation) {
        int pictures = annotation.images().size();
        Conversation conversation = annotation.conversation();
        if (pictures == 1) {
            conversation = mask.imagesFirst(conversation);
        } else if (pictures > 1) {
            conversation = mask.lonelyImagesFirst(conversation);
        }
        LabelledIds labelled;
        try {
            labelled = mask.apply(conversation, pictures > 0);
        } catch (M3Exception e) {
            throw new BadExample(Reason.WRONG_TURNS, name + ": " + e.getMessage(), e);
        }
        labelled.mismatch()
                .ifPresent(
                        why -> {
                            throw new BadExample(Reason.MISMATCH, name + ": " + why);
                        });
        return labelled;
    }

    private static boolean isSlot(long id) {
        return id == M3Tokenizer.IMAGE_ID;
    }

    private M3Image picture(String name, String image) {
        Path file = file(name, image);
        try {
            return M3Image.of(file, reading);
        } catch (M3Exception e) {
            throw new BadExample(Reason.BROKEN_IMAGE, name + ": " + e.getMessage(), e);
        }
    }

    private Path file(String name, String image) {
        Path file;
        try {
            file = images.resolve(image);
        } catch (InvalidPathException e) {
            throw new BadExample(
                    Reason.MISSING_IMAGE,
                    name + ": expected a file name, found " + Annotation.shortened(e.getMessage()),
                    e);
        }
        if (!Files.exists(file)) {
            throw new BadExample(
                    Reason.MISSING_IMAGE,
                    name
                            + ": expected a picture, found no file "
                            + Annotation.shortened(file.toString()));
        }
        return file;
    }

    @Override
    public int length(int index) {
        return annotations.length(Objects.checkIndex(index, size()));
    }

    @Override
    public int pictures(int index) {
        return annotations.pictures(Objects.checkIndex(index, size()));
    }

    /**
     * {@inheritDoc} Reads the beginning of each file ({@link M3Image#size}).
     *
     * @throws BadExample if a file is missing
     */
    @Override
    public List<Resolution> pictureSizes(int index) {
        Annotation annotation = annotations.read(Objects.checkIndex(index, size()));
        List<Resolution> sizes = new ArrayList<>();
        for (String image : annotation.images()) {
            sizes.add(M3Image.size(file(annotations.where(index), image), reading));
        }
        return sizes;
    }

    /**
     * {@inheritDoc}
     *
     * @return SHA-256, in hexadecimal digits, of the JSON file's SHA-256 and of the template; the
     *     pictures have no part in it
     */
    @Override
    public String fingerprint() {
        try {
            String text = annotations.digest() + "\n" + mask.template();
            byte[] digest =
                    MessageDigest.getInstance("SHA-256")
                            .digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
