package io.m3j.vision;

import io.m3j.core.M3Exception;
import java.awt.image.BufferedImage;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;

/** From the bytes of a file to a picture, through the ImageIO reader of its format. */
final class PictureDecoder {

    /** What can fail when a picture is made. */
    @FunctionalInterface
    interface Source {
        M3Image get() throws IOException;
    }

    static {
        // ImageIO looks for plug-ins with the context class loader of whoever comes first, which in
        // containers need not see our libraries.
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(PictureDecoder.class.getClassLoader());
        try {
            ImageIO.scanForPlugins();
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    private PictureDecoder() {}

    /**
     * @param encoded the file's bytes, which are no longer the caller's
     * @param name how messages call the picture
     */
    static M3Image decode(byte[] encoded, String name, ImageReading reading) {
        if (encoded.length == 0) {
            throw new M3Exception(name + ": a picture expected, found nothing (0 bytes)");
        }
        PictureFormat format = PictureFormat.of(encoded);
        if (format == null) {
            throw new M3Exception(
                    name
                            + ": not a picture that can be read (PNG, JPEG, GIF, BMP or WebP"
                            + " expected); it starts with the bytes "
                            + HexFormat.ofDelimiter(" ")
                                    .formatHex(encoded, 0, Math.min(8, encoded.length)));
        }
        return guarded(
                name + " (" + format + ")",
                () -> {
                    M3Image stored = read(format, encoded, name, reading);
                    return reading.orientation() == ImageReading.Orientation.IGNORE
                            ? stored
                            : ExifOrientation.of(format, encoded).apply(stored);
                });
    }

    /**
     * @param beginning of the file
     * @param file the rest of it, where a PNG or a WebP may say its orientation
     * @return the size of the picture, as {@link #decode} would find it; empty if this does not tell it
     */
    static Optional<Resolution> size(byte[] beginning, Path file, ImageReading reading) {
        PictureFormat format = PictureFormat.of(beginning);
        if (format == null || format == PictureFormat.GIF) {
            return Optional.empty(); // a GIF's size is that of its canvas
        }
        ImageReader reader = reader(format, "image");
        try (ImageInputStream stream =
                new MemoryCacheImageInputStream(new ByteArrayInputStream(beginning))) {
            reader.setInput(stream, true, true);
            Resolution stored = new Resolution(reader.getWidth(0), reader.getHeight(0));
            return Optional.of(
                    reading.orientation() == ImageReading.Orientation.IGNORE
                                    || stored.width() == stored.height()
                            ? stored
                            : orientation(format, beginning, file).apply(stored));
        } catch (IOException
                | RuntimeException
                | StackOverflowError
                | InternalError
                | OutOfMemoryError e) {
            return Optional.empty(); // cut off too early, or broken: decoding says why
        } finally {
            reader.dispose();
        }
    }

    private static ExifOrientation orientation(PictureFormat format, byte[] beginning, Path file)
            throws IOException {
        if (format == PictureFormat.JPEG) {
            return ExifOrientation.of(format, beginning); // it says so before its pixels
        }
        try (InputStream whole = Files.newInputStream(file)) {
            return ExifOrientation.of(format, whole);
        }
    }

    /** Turns whatever a decoder throws at a broken picture into a failure that names the picture. */
    static M3Image guarded(String name, Source source) {
        try {
            return source.get();
        } catch (M3Exception e) {
            throw e;
        } catch (IOException | RuntimeException | StackOverflowError | InternalError e) {
            throw new M3Exception(
                    name
                            + ": not a picture that can be read (PNG, JPEG, GIF, BMP or WebP"
                            + " expected): damaged or cut short ("
                            + e
                            + ")",
                    e);
        } catch (OutOfMemoryError e) {
            throw new M3Exception(
                    name
                            + ": does not fit into the memory; give the JVM more by -Xmx, or refuse"
                            + " such pictures early by ImageReading.withMaxPixels",
                    e);
        }
    }

    private static M3Image read(
            PictureFormat format, byte[] encoded, String name, ImageReading reading)
            throws IOException {
        format.prepare(encoded);
        ImageReader reader = reader(format, name);
        List<String> warnings = new ArrayList<>();
        reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
        try (ImageInputStream stream =
                new MemoryCacheImageInputStream(new ByteArrayInputStream(encoded))) {
            // Only GIF has metadata that matter here; the other kinds can hide bombs in theirs.
            reader.setInput(stream, true, format != PictureFormat.GIF);
            int width = reader.getWidth(0);
            int height = reader.getHeight(0);
            M3Image.requireSize(name, width, height, reading.maxPixels());
            format.requireWhole(encoded, width, height);
            M3Image image = pixels(format, reader, encoded, name, reading);
            for (String warning : warnings) {
                // "Premature end of JPEG file", "premature end of data segment": the rest is grey.
                if (warning.contains("remature end")) {
                    throw new IOException(warning);
                }
            }
            return image;
        } finally {
            reader.dispose();
        }
    }

    private static M3Image pixels(
            PictureFormat format,
            ImageReader reader,
            byte[] encoded,
            String name,
            ImageReading reading)
            throws IOException {
        switch (format) {
            case JPEG:
                JpegLayout layout = JpegLayout.of(encoded);
                Raster raster = reader.readRaster(0, null);
                return layout.rgb(raster);
            case GIF:
                return GifCanvas.of(encoded, reader)
                        .paint(
                                () -> reader.read(0),
                                (width, height) ->
                                        M3Image.requireSize(
                                                name, width, height, reading.maxPixels()));
            default:
                BufferedImage image = reader.read(0);
                return RasterPixels.rgb(image);
        }
    }

    private static ImageReader reader(PictureFormat format, String name) {
        ImageReader any = null;
        Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(format.plugin());
        while (readers.hasNext()) {
            ImageReader reader = readers.next();
            if (reader.getClass().getName().startsWith(format.preferred())) {
                return reader;
            }
            any = any == null ? reader : any;
        }
        if (any == null) {
            throw new M3Exception(
                    name
                            + ": the class path has no ImageIO plug-in for "
                            + format
                            + "; m3-vision brings one, look whether it was excluded");
        }
        return any;
    }
}
