package io.m3j.video;

import io.m3j.core.M3Exception;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The blocks that a GIF is made of (Graphics Interchange Format 89a, CompuServe 1990). The file says neither
 * its length nor how many frames it has, but its last block says that it ends: FFmpeg does not ask for it, and
 * takes a file that was cut for a shorter one.
 */
final class GifBlocks {

    private static final int EXTENSION = 0x21;
    private static final int IMAGE = 0x2c;
    private static final int TRAILER = 0x3b;

    private static final int SIGNATURE_AND_SCREEN_SIZE = 10;
    private static final int PLACE_AND_SIZE = 8;
    private static final int HAS_PALETTE = 0x80;
    private static final int PALETTE_BITS = 7;

    private final DataInputStream in;

    private GifBlocks(DataInputStream in) {
        this.in = in;
    }

    /**
     * @param name for messages
     * @param file a GIF
     * @throws M3Exception if it has no last block
     */
    static void requireLast(String name, Path file) {
        try (DataInputStream in =
                new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
            new GifBlocks(in).skipToLast();
        } catch (EOFException e) {
            throw new M3Exception(
                    name
                            + ": expected the block that ends a GIF (3b), found the end of the file before"
                            + " it; it was cut short or is damaged, copy it anew",
                    e);
        } catch (IOException e) {
            throw new M3Exception(name + ": cannot be read (" + e + ")", e);
        }
    }

    private void skipToLast() throws IOException {
        in.skipNBytes(SIGNATURE_AND_SCREEN_SIZE);
        int flags = in.readUnsignedByte();
        in.skipNBytes(2); // background and shape of pixels
        skipPalette(flags);
        int block = in.readUnsignedByte();
        while (block != TRAILER) {
            if (block == IMAGE) {
                in.skipNBytes(PLACE_AND_SIZE);
                skipPalette(in.readUnsignedByte());
            }
            if (block == IMAGE
                    || block == EXTENSION) { // stray bytes between blocks are passed over
                in.skipNBytes(1); // width of a code, or kind of extension
                skipData();
            }
            block = in.readUnsignedByte();
        }
    }

    private void skipPalette(int flags) throws IOException {
        if ((flags & HAS_PALETTE) != 0) {
            in.skipNBytes(3L << 1 + (flags & PALETTE_BITS));
        }
    }

    private void skipData() throws IOException {
        for (int length = in.readUnsignedByte(); length > 0; length = in.readUnsignedByte()) {
            in.skipNBytes(length);
        }
    }
}
