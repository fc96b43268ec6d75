package io.m3j.vision;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * A decoded picture: width × height pixels of red, green and blue, 8 bits each. Immutable.
 *
 * <p>Reads PNG, JPEG (also CMYK), GIF (the first frame), BMP and WebP. The numbers are those of
 * Pillow's {@code Image.open(path).convert("RGB")}: transparency is dropped, not blended; grey is
 * repeated in the three channels; 16 bits keep the upper 8; colour profiles are ignored. Unlike
 * there, the EXIF orientation is honoured unless {@link ImageReading} says otherwise.
 *
 * <p>No side is longer than {@value #LONGEST_SIDE} pixels, the most that JPEG and GIF can say.
 */
public final class M3Image {

    /** The longest side that a picture may have, in pixels. */
    public static final int LONGEST_SIDE = 65_535;

    /** Bytes in which a file says its size; a JPEG's may stand behind a thumbnail and a colour profile. */
    private static final int BEGINNING = 1 << 18;

    private final int width;
    private final int height;
    private final byte[] rgb;

    private M3Image(int width, int height, byte[] rgb) {
        this.width = width;
        this.height = height;
        this.rgb = rgb;
    }

    /**
     * Reads a picture from a file.
     *
     * @param file PNG, JPEG, GIF, BMP or WebP, whatever its name says
     * @return the picture, turned as its EXIF orientation says
     * @throws M3Exception if there is no such file, or it is not a picture, is damaged, cut short or
     *     larger than the default {@link ImageReading} admits
     */
    public static M3Image of(Path file) {
        return of(file, ImageReading.defaults());
    }

    /**
     * Reads a picture from a file.
     *
     * @param file PNG, JPEG, GIF, BMP or WebP, whatever its name says
     * @param reading orientation and limits
     * @return the picture
     * @throws M3Exception as {@link #of(Path)}
     */
    public static M3Image of(Path file, ImageReading reading) {
        String name = "image " + required(file, "file");
        required(reading, "reading");
        if (Files.isDirectory(file)) {
            throw new M3Exception(name + ": a picture's file expected, found a directory");
        }
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new M3Exception(
                    name
                            + ": a regular file expected; read a pipe through M3Image.of(InputStream)");
        }
        try (InputStream stream = Files.newInputStream(file)) {
            return of(stream, name, reading);
        } catch (NoSuchFileException e) {
            throw new M3Exception(name + ": no such file", e);
        } catch (IOException e) {
            throw new M3Exception(name + ": cannot be read (" + e + ")", e);
        }
    }

    /**
     * The size that {@link #of(Path, ImageReading)} would find, told without decoding a pixel, and by the
     * beginning of the file where that is enough: for a great many pictures. A file of which this tells a size
     * may still be a broken one.
     *
     * @param file PNG, JPEG, GIF, BMP or WebP, whatever its name says
     * @param reading orientation and limits
     * @return width and height in pixels
     * @throws M3Exception as {@link #of(Path)}
     */
    public static Resolution size(Path file, ImageReading reading) {
        byte[] beginning;
        try (InputStream stream = Files.newInputStream(required(file, "file"))) {
            beginning = stream.readNBytes(BEGINNING);
        } catch (IOException e) {
            beginning = new byte[0]; // reading all of it says why
        }
        return PictureDecoder.size(beginning, file, reading)
                .orElseGet(
                        () -> {
                            M3Image image = of(file, reading);
                            return new Resolution(image.width(), image.height());
                        });
    }

    /**
     * Reads a picture from the bytes of its file.
     *
     * @param encoded PNG, JPEG, GIF, BMP or WebP
     * @return the picture, turned as its EXIF orientation says
     * @throws M3Exception if the bytes are not a picture or are damaged, cut short or too many
     */
    public static M3Image of(byte[] encoded) {
        return of(encoded, ImageReading.defaults());
    }

    /**
     * Reads a picture from the bytes of its file.
     *
     * @param encoded PNG, JPEG, GIF, BMP or WebP
     * @param reading orientation and limits
     * @return the picture
     * @throws M3Exception as {@link #of(byte[])}
     */
    public static M3Image of(byte[] encoded, ImageReading reading) {
        required(reading, "reading");
        String name = "image of " + required(encoded, "encoded").length + " bytes";
        requireBytes(name, encoded.length, reading);
        return PictureDecoder.decode(encoded.clone(), name, reading);
    }

    /**
     * Reads a picture from a stream up to its end.
     *
     * @param stream PNG, JPEG, GIF, BMP or WebP; the caller closes it
     * @return the picture, turned as its EXIF orientation says
     * @throws M3Exception if the stream fails, or its bytes are not a picture or are damaged, cut
     *     short or too many
     */
    public static M3Image of(InputStream stream) {
        return of(stream, ImageReading.defaults());
    }

    /**
     * Reads a picture from a stream up to its end.
     *
     * @param stream PNG, JPEG, GIF, BMP or WebP; the caller closes it
     * @param reading orientation and limits
     * @return the picture
     * @throws M3Exception as {@link #of(InputStream)}
     */
    public static M3Image of(InputStream stream, ImageReading reading) {
        required(stream, "stream");
        required(reading, "reading");
        String name = "image from a stream";
        try {
            return of(stream, name, reading);
        } catch (IOException e) {
            throw new M3Exception(name + ": cannot be read (" + e + ")", e);
        }
    }

    /**
     * Copies the pixels of a picture in memory, of any type and colour model. The samples are taken
     * as they are stored: a grey or linear colour space is not converted.
     *
     * @param image the picture; later changes to it have no effect here
     * @return its red, green and blue
     * @throws M3Exception if it is larger than the default {@link ImageReading} admits or its
     *     colour model cannot be read
     */
    public static M3Image of(BufferedImage image) {
        return of(image, ImageReading.defaults());
    }

    /**
     * Copies the pixels of a picture in memory, of any type and colour model.
     *
     * @param image the picture; later changes to it have no effect here
     * @param reading the limit of pixels; the rest concerns files only
     * @return its red, green and blue
     * @throws M3Exception as {@link #of(BufferedImage)}
     */
    public static M3Image of(BufferedImage image, ImageReading reading) {
        required(image, "image");
        required(reading, "reading");
        String name = "image in memory";
        return PictureDecoder.guarded(
                name,
                () -> {
                    requireSize(name, image.getWidth(), image.getHeight(), reading.maxPixels());
                    return RasterPixels.rgb(image);
                });
    }

    /**
     * A picture of given pixels.
     *
     * @param width pixels
     * @param height pixels
     * @param rgb height × width × 3 bytes, row after row from the top, red first; copied
     * @return the picture
     * @throws M3Exception if the number of bytes is not height × width × 3
     */
    public static M3Image ofRgb(int width, int height, byte[] rgb) {
        requireSize("image", width, height, ImageReading.MOST_PIXELS);
        if (required(rgb, "rgb").length != 3 * width * height) {
            throw new M3Exception(
                    "image: " + width + "×" + height + "×3 bytes expected, found " + rgb.length);
        }
        return new M3Image(width, height, rgb.clone());
    }

    /**
     * A picture that shows nothing, to learn what a model answers without one.
     *
     * @return 336 × 336 pixels of one grey
     */
    public static M3Image blank() {
        int side = 336;
        byte[] grey = new byte[3 * side * side];
        Arrays.fill(grey, (byte) 128);
        return adopt(side, side, grey);
    }

    /** As {@link #ofRgb} with bytes that nobody else will write. */
    static M3Image adopt(int width, int height, byte[] rgb) {
        return new M3Image(width, height, rgb);
    }

    private static M3Image of(InputStream stream, String name, ImageReading reading)
            throws IOException {
        byte[] encoded;
        try {
            encoded = stream.readNBytes((int) reading.maxBytes() + 1);
        } catch (OutOfMemoryError e) {
            throw new M3Exception(
                    name + ": does not fit into the memory; give the JVM more by -Xmx", e);
        }
        requireBytes(name, encoded.length, reading);
        return PictureDecoder.decode(encoded, name, reading);
    }

    private static void requireBytes(String name, int length, ImageReading reading) {
        if (length > reading.maxBytes()) {
            throw new M3Exception(
                    name
                            + ": at most "
                            + reading.maxBytes()
                            + " bytes expected, found more; raise ImageReading.withMaxBytes");
        }
    }

    static void requireSize(String name, int width, int height, long maxPixels) {
        if (width < 1 || height < 1 || Math.max(width, height) > LONGEST_SIDE) {
            throw new M3Exception(
                    name
                            + ": sides of 1 to "
                            + LONGEST_SIDE
                            + " pixels expected, found "
                            + width
                            + "×"
                            + height);
        }
        if ((long) width * height > maxPixels) {
            throw new M3Exception(
                    name
                            + ": at most "
                            + maxPixels
                            + " pixels expected, found "
                            + width
                            + "×"
                            + height
                            + "; raise ImageReading.withMaxPixels");
        }
    }

    /**
     * @return pixels in a row
     */
    public int width() {
        return width;
    }

    /**
     * @return rows
     */
    public int height() {
        return height;
    }

    /**
     * @return a copy of the pixels: height × width × 3 bytes, row after row from the top, red first
     */
    public byte[] rgb() {
        return rgb.clone();
    }

    /** The pixels themselves, which nobody may write. */
    byte[] bytes() {
        return rgb;
    }

    /** Two pictures are equal if their sizes and all their pixels are. */
    @Override
    public boolean equals(Object other) {
        return other instanceof M3Image image
                && width == image.width
                && height == image.height
                && Arrays.equals(rgb, image.rgb);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * width + height) + Arrays.hashCode(rgb);
    }

    @Override
    public String toString() {
        return "M3Image[" + width + "×" + height + "]";
    }
}
