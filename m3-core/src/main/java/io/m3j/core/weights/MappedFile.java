package io.m3j.core.weights;

import io.m3j.core.M3Exception;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A file of which pieces are mapped into memory, each below 2 GiB; the file may be larger. Safe for
 * use by several threads.
 */
final class MappedFile implements Closeable {

    private final Path path;
    private final FileChannel channel;
    private final long size;
    private volatile boolean closed;

    private MappedFile(Path path, FileChannel channel, long size) {
        this.path = path;
        this.channel = channel;
        this.size = size;
    }

    static MappedFile open(Path path) {
        if (Files.isDirectory(path)) {
            throw new M3Exception(path + ": expected a file, found a directory");
        }
        try {
            FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
            try {
                return new MappedFile(path, channel, channel.size());
            } catch (IOException e) {
                channel.close();
                throw e;
            }
        } catch (NoSuchFileException e) {
            throw new M3Exception(path + ": no such file", e);
        } catch (IOException e) {
            throw new M3Exception(path + ": cannot be opened: " + e.getMessage(), e);
        }
    }

    Path path() {
        return path;
    }

    long size() {
        return size;
    }

    /**
     * Maps a piece.
     *
     * @param alignment bytes of one element: where the piece does not begin at a multiple of it, the
     *     bytes are copied to memory that does, since native code may need it
     * @param what names the piece in messages
     * @return a direct buffer, little-endian, from 0 to {@code length}
     */
    ByteBuffer map(long offset, long length, int alignment, String what) {
        if (closed) {
            throw new IllegalStateException(path + " is closed; get its tensors before");
        }
        if (offset < 0 || length < 0 || offset > size - length) {
            throw new M3Exception(
                    path
                            + ": "
                            + what
                            + " claims "
                            + length
                            + " bytes at "
                            + offset
                            + ", but the file has "
                            + size
                            + "; it is truncated or damaged, fetch it again");
        }
        if (length > Integer.MAX_VALUE) {
            throw new M3Exception(
                    path + ": " + what + " has " + length + " bytes, expected less than 2 GiB");
        }
        if (length == 0) {
            return allocate(0, path, what);
        }
        ByteBuffer mapped;
        try {
            mapped = channel.map(FileChannel.MapMode.READ_ONLY, offset, length);
        } catch (ClosedChannelException e) {
            if (closed) {
                throw new IllegalStateException(path + " is closed; get its tensors before", e);
            }
            throw new M3Exception(
                    path + ": closed because a thread that read it was interrupted; open again", e);
        } catch (IOException e) {
            throw new M3Exception(path + ": " + what + " cannot be read: " + e.getMessage(), e);
        }
        if (offset % alignment != 0) {
            mapped = allocate(length, path, what).put(mapped).flip();
        }
        return mapped.order(ByteOrder.LITTLE_ENDIAN);
    }

    /** A little-endian 64-bit number, read without mapping. */
    long int64(long offset, String what) {
        ByteBuffer number = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        try {
            while (number.hasRemaining()
                    && channel.read(number, offset + number.position()) >= 0) {}
        } catch (IOException e) {
            throw new M3Exception(path + ": " + what + " cannot be read: " + e.getMessage(), e);
        }
        if (number.hasRemaining()) {
            throw new M3Exception(
                    path + ": ends before " + what + "; it is truncated, fetch it again");
        }
        return number.getLong(0);
    }

    /** Memory outside the heap; lack of it is a message, not an error of the virtual machine. */
    static ByteBuffer allocate(long length, Path path, String what) {
        try {
            return ByteBuffer.allocateDirect(Math.toIntExact(length))
                    .order(ByteOrder.LITTLE_ENDIAN);
        } catch (ArithmeticException | OutOfMemoryError e) {
            throw new M3Exception(
                    path
                            + ": "
                            + what
                            + " needs "
                            + length
                            + " bytes of memory outside the heap, which are not there; raise"
                            + " -XX:MaxDirectMemorySize, or save it as safetensors, which needs no"
                            + " copy",
                    e);
        }
    }

    @Override
    public void close() {
        closed = true;
        try {
            channel.close();
        } catch (IOException e) {
            throw new M3Exception(path + ": cannot be closed: " + e.getMessage(), e);
        }
    }
}
