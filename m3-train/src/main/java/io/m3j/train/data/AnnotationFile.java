package io.m3j.train.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.m3j.core.M3Exception;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * The annotations of a JSON file, any of which is read alone. The file is read once when it is
 * opened; what stays in memory are 24 bytes for each, while it is opened up to three times that. It is not held open. Safe for use by several
 * threads.
 */
final class AnnotationFile {

    /** Many times the longest conversation known. */
    static final int MAXIMUM_BYTES = 4 << 20;

    /** So many broken ones without one that is not: then this is some other file. */
    private static final int PATIENCE = 1000;

    private static final ObjectMapper JSON =
            JsonMapper.builder(
                            JsonFactory.builder()
                                    // The names of a stranger's fields do not outlive their object.
                                    .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                                    .build())
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .build();

    private final Path file;
    private final BasicFileAttributes attributes;
    private final String digest;
    private int size;
    private long[] offsets = new long[64];
    private int[] sizes = new int[64];
    private int[] lines = new int[64];
    private int[] lengths = new int[64];
    private int[] pictures = new int[64];
    private BadExample firstProblem;
    private boolean anyGood;

    /**
     * Reads the whole file once.
     *
     * @param file a JSON array, or lines of JSON
     * @throws M3Exception if it cannot be read, holds no conversation, or is an array without its end
     */
    AnnotationFile(Path file) {
        this.file = file;
        try {
            attributes = Files.readAttributes(file, BasicFileAttributes.class);
            if (!attributes.isRegularFile()) {
                throw new M3Exception(file + ": expected a file of conversations, found a folder");
            }
            digest = index();
        } catch (NoSuchFileException e) {
            throw new M3Exception(file + ": no such file; expected LLaVA's conversation JSON", e);
        } catch (IOException e) {
            throw new M3Exception(file + ": cannot be read (" + e + ")", e);
        }
        requireOneGood();
        offsets = Arrays.copyOf(offsets, size);
        sizes = Arrays.copyOf(sizes, size);
        lines = Arrays.copyOf(lines, size);
        lengths = Arrays.copyOf(lengths, size);
        pictures = Arrays.copyOf(pictures, size);
    }

    private String index() throws IOException {
        MessageDigest sha256;
        try {
            sha256 = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
        ObjectSplitter splitter = new ObjectSplitter(MAXIMUM_BYTES, this::add);
        byte[] chunk = new byte[1 << 16];
        try (InputStream in = Files.newInputStream(file)) {
            for (int read = in.read(chunk); read >= 0; read = in.read(chunk)) {
                sha256.update(chunk, 0, read);
                splitter.accept(chunk, read);
            }
        }
        String problem = splitter.end();
        if (problem != null) {
            throw new M3Exception(file + ": " + problem + "; is the file complete?");
        }
        return HexFormat.of().formatHex(sha256.digest());
    }

    private void add(long offset, int line, byte[] bytes, int length) {
        if (size == offsets.length) {
            int larger = 2 * size;
            offsets = Arrays.copyOf(offsets, larger);
            sizes = Arrays.copyOf(sizes, larger);
            lines = Arrays.copyOf(lines, larger);
            lengths = Arrays.copyOf(lengths, larger);
            pictures = Arrays.copyOf(pictures, larger);
        }
        offsets[size] = offset;
        sizes[size] = length;
        lines[size] = line;
        size++;
        try {
            Annotation annotation = parse(size - 1, bytes, length);
            lengths[size - 1] = annotation.length();
            pictures[size - 1] = annotation.images().size();
            anyGood = true;
        } catch (BadExample e) {
            lengths[size - 1] = -1;
            firstProblem = firstProblem == null ? e : firstProblem;
            if (size == PATIENCE) {
                requireOneGood();
            }
        }
    }

    private void requireOneGood() {
        if (!anyGood) {
            String found = size == 0 ? "none" : size + " broken ones, the first: ";
            String first = size == 0 ? "" : firstProblem.getMessage();
            throw new M3Exception(file + ": expected conversations, found " + found + first);
        }
    }

    /**
     * @param index of an annotation
     * @return what stands in the file
     * @throws BadExample if it is broken
     * @throws M3Exception if the file is gone or another one by now
     */
    Annotation read(int index) {
        ByteBuffer bytes = ByteBuffer.allocate(Math.min(sizes[index], MAXIMUM_BYTES));
        try (FileChannel channel = FileChannel.open(file)) {
            requireUnchanged();
            while (bytes.hasRemaining()) {
                if (channel.read(bytes, offsets[index] + bytes.position()) < 0) {
                    throw new M3Exception(file + ": has been cut short since it was opened");
                }
            }
        } catch (IOException e) {
            throw new M3Exception(where(index) + ": cannot be read (" + e + ")", e);
        }
        return parse(index, bytes.array(), sizes[index]);
    }

    private void requireUnchanged() throws IOException {
        FileTime modified = Files.getLastModifiedTime(file);
        if (Files.size(file) != attributes.size()
                || !modified.equals(attributes.lastModifiedTime())) {
            throw new M3Exception(
                    file + ": has changed since it was opened, at " + modified + "; open it again");
        }
    }

    private Annotation parse(int index, byte[] bytes, int length) {
        if (length > MAXIMUM_BYTES) {
            throw broken(index, "expected at most " + MAXIMUM_BYTES + " bytes, found more", null);
        }
        try {
            return Annotation.of(JSON.readTree(bytes, 0, length));
        } catch (JsonProcessingException e) {
            throw broken(index, "not valid JSON: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw broken(index, "not valid UTF-8: " + e.getMessage(), e);
        } catch (BadExample e) {
            throw broken(index, e.getMessage(), e);
        }
    }

    private BadExample broken(int index, String message, Exception cause) {
        return new BadExample(BadExample.Reason.BROKEN_LINE, where(index) + ": " + message, cause);
    }

    /**
     * @param index of an annotation
     * @return file and line, for messages
     */
    String where(int index) {
        return file + ", line " + lines[index];
    }

    /**
     * @return how many annotations there are, broken ones included
     */
    int size() {
        return size;
    }

    /**
     * @param index of an annotation
     * @return its words; negative if it has no picture, −1 if it is broken
     */
    int length(int index) {
        return lengths[index];
    }

    /**
     * @param index of an annotation
     * @return how many pictures it has; 0 if it is broken
     */
    int pictures(int index) {
        return pictures[index];
    }

    /**
     * @return the SHA-256 of the file as it was opened, in hexadecimal digits
     */
    String digest() {
        return digest;
    }
}
