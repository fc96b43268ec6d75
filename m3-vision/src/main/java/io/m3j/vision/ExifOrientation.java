package io.m3j.vision;

import com.drew.imaging.ImageProcessingException;
import com.drew.imaging.jpeg.JpegMetadataReader;
import com.drew.imaging.png.PngChunk;
import com.drew.imaging.png.PngChunkReader;
import com.drew.imaging.png.PngChunkType;
import com.drew.imaging.webp.WebpMetadataReader;
import com.drew.lang.ByteArrayReader;
import com.drew.lang.StreamReader;
import com.drew.metadata.Metadata;
import com.drew.metadata.exif.ExifIFD0Directory;
import com.drew.metadata.exif.ExifReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a stored picture must be turned to be upright: the tag Orientation of EXIF, 1 to 8.
 *
 * <p>Each is a mirroring of columns, then of rows, then an exchange of the two.
 */
enum ExifOrientation {
    UPRIGHT(false, false, false),
    MIRRORED(true, false, false),
    TURNED_HALF(true, true, false),
    FLIPPED(false, true, false),
    TRANSPOSED(false, false, true),
    TURNED_RIGHT(false, true, true),
    TRANSVERSE(true, true, true),
    TURNED_LEFT(true, false, true);

    private static final Logger LOGGER = LoggerFactory.getLogger(ExifOrientation.class);

    private final boolean mirrorColumns;
    private final boolean mirrorRows;
    private final boolean transpose;

    ExifOrientation(boolean mirrorColumns, boolean mirrorRows, boolean transpose) {
        this.mirrorColumns = mirrorColumns;
        this.mirrorRows = mirrorRows;
        this.transpose = transpose;
    }

    /** The orientation of a file; upright if it says none, or one that makes no sense. */
    static ExifOrientation of(PictureFormat format, byte[] encoded) {
        return of(format, new ByteArrayInputStream(encoded));
    }

    /** The same of a stream, of which no pixel is decoded, and only what is needed read where it can skip. */
    static ExifOrientation of(PictureFormat format, InputStream encoded) {
        try {
            return of(metadata(format, encoded));
        } catch (ImageProcessingException | IOException | RuntimeException | StackOverflowError e) {
            // The pixels are whole, and viewers too show a picture whose EXIF is broken.
            LOGGER.warn("EXIF of a {} cannot be read ({}); taken as upright", format, e.toString());
            return UPRIGHT;
        }
    }

    private static ExifOrientation of(Metadata metadata) {
        for (ExifIFD0Directory directory : metadata.getDirectoriesOfType(ExifIFD0Directory.class)) {
            Integer number = directory.getInteger(ExifIFD0Directory.TAG_ORIENTATION);
            if (number != null) {
                return number >= 1 && number <= values().length ? values()[number - 1] : UPRIGHT;
            }
        }
        return UPRIGHT;
    }

    /** Only EXIF is parsed: other chunks, such as compressed text, could be bombs. */
    private static Metadata metadata(PictureFormat format, InputStream stream)
            throws ImageProcessingException, IOException {
        switch (format) {
            case JPEG:
                return JpegMetadataReader.readMetadata(stream, List.of(new ExifReader()));
            case WEBP:
                return WebpMetadataReader.readMetadata(stream);
            case PNG:
                Metadata metadata = new Metadata();
                for (PngChunk chunk :
                        new PngChunkReader()
                                .extract(new StreamReader(stream), Set.of(PngChunkType.eXIf))) {
                    new ExifReader().extract(new ByteArrayReader(chunk.getBytes()), metadata);
                }
                return metadata;
            default:
                return new Metadata();
        }
    }

    /** The size of the upright picture. */
    Resolution apply(Resolution stored) {
        return transpose ? new Resolution(stored.height(), stored.width()) : stored;
    }

    /** The upright picture. */
    M3Image apply(M3Image stored) {
        if (this == UPRIGHT) {
            return stored;
        }
        int width = transpose ? stored.height() : stored.width();
        int height = transpose ? stored.width() : stored.height();
        byte[] source = stored.bytes();
        byte[] rgb = new byte[source.length];
        int target = 0;
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int column = transpose ? y : x;
                int row = transpose ? x : y;
                if (mirrorColumns) {
                    column = stored.width() - 1 - column;
                }
                if (mirrorRows) {
                    row = stored.height() - 1 - row;
                }
                int from = 3 * (row * stored.width() + column);
                rgb[target++] = source[from];
                rgb[target++] = source[from + 1];
                rgb[target++] = source[from + 2];
            }
        }
        return M3Image.adopt(width, height, rgb);
    }
}
