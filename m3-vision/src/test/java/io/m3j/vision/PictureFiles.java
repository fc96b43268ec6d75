package io.m3j.vision;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.StreamSupport;
import javax.imageio.ImageIO;

/**
 * Small pictures of every kind, written by Pillow 11.3; {@code pictures.json} holds the RGB bytes
 * that Pillow reads from each.
 */
final class PictureFiles {

    private PictureFiles() {}

    static byte[] bytes(String name) {
        try (InputStream stream = PictureFiles.class.getResourceAsStream("/pictures/" + name)) {
            return stream.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(name, e);
        }
    }

    static List<String> names() {
        JsonNode all = expectations();
        Iterable<String> names = all::fieldNames;
        return StreamSupport.stream(names.spliterator(), false).toList();
    }

    /** What Pillow reads. */
    static M3Image expected(String name) {
        JsonNode picture = expectations().path(name);
        return M3Image.ofRgb(
                picture.path("width").asInt(),
                picture.path("height").asInt(),
                HexFormat.of().parseHex(picture.path("rgb").asText()));
    }

    static byte[] written(BufferedImage image, String format) {
        ByteArrayOutputStream stream = new ByteArrayOutputStream();
        try {
            if (!ImageIO.write(image, format, stream)) {
                throw new IllegalArgumentException("no writer for " + format);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return stream.toByteArray();
    }

    static int largestDifference(M3Image one, M3Image other) {
        byte[] a = one.rgb();
        byte[] b = other.rgb();
        int largest = 0;
        for (int i = 0; i < a.length; i++) {
            largest = Math.max(largest, Math.abs((a[i] & 0xff) - (b[i] & 0xff)));
        }
        return largest;
    }

    private static JsonNode expectations() {
        try {
            return new ObjectMapper().readTree(bytes("pictures.json"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
