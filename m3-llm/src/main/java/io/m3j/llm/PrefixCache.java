package io.m3j.llm;

import io.m3j.core.M3Exception;
import io.m3j.vision.EncodedImage;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.function.Consumer;

/**
 * Keys and values of the beginnings of prompts, for the prompts that begin alike: the system prompt,
 * and everything up to the last visual token of a picture that is asked again at one scale.
 *
 * <p>Each is a copy of its own, copied again into the cache of the request that uses it: a copy costs
 * the reading of some memory, computing it costs the reading of all weights and more. The one used
 * longest ago goes first when there is no more room; those of a picture go when it is closed.
 *
 * <p>Owns native memory: whoever makes it closes it. Safe for use by several threads.
 */
final class PrefixCache implements AutoCloseable {

    /** Fewer positions are not worth their copy. */
    private static final int FEWEST_POSITIONS = 16;

    /** One row alone takes another path through attention: with two the numbers stay the same. */
    static final int LEFT_TO_READ = 2;

    /** Every prompt is compared with each. */
    private static final int MOST_PREFIXES = 256;

    private record Prefix(Prompt prompt, KvCache cache) {}

    private final Decoder decoder;
    private final long capacity;
    private final Deque<Prefix> prefixes = new ArrayDeque<>(); // the last used first
    // One object, so that a picture keeps it once.
    private final Consumer<EncodedImage> forgetting = this::forget;
    private long bytes;
    private boolean closed;

    /**
     * @param decoder whose keys and values are kept
     * @param capacity bytes to keep at most; 0 keeps nothing
     */
    PrefixCache(Decoder decoder, long capacity) {
        this.decoder = decoder;
        this.capacity = capacity;
    }

    /**
     * Fills an empty cache with what is known of a prompt's beginning.
     *
     * @param prompt to be read
     * @param cache of its request; then holds none or some of its positions, never all
     */
    synchronized void reuse(Prompt prompt, KvCache cache) {
        if (prefixes.isEmpty() || !decoder.readsInPieces(prompt.length())) {
            return;
        }
        Prefix best = null;
        int most = FEWEST_POSITIONS - 1;
        for (Prefix prefix : prefixes) {
            int shared = prefix.prompt().sharedWith(prompt);
            if (shared > most) {
                best = prefix;
                most = shared;
            }
        }
        int positions = Math.min(most, prompt.length() - LEFT_TO_READ);
        positions -= positions % decoder.rowsTogether();
        if (best != null && positions >= FEWEST_POSITIONS) {
            use(best);
            cache.copyFrom(best.cache(), positions);
        }
    }

    private void use(Prefix prefix) {
        prefixes.remove(prefix);
        prefixes.addFirst(prefix);
    }

    /**
     * Keeps the beginnings of a prompt that are worth it.
     *
     * @param prompt that was read
     * @param cache holds at least its positions; not kept
     * @param withImages whether its pictures may be asked again
     */
    void keep(Prompt prompt, KvCache cache, boolean withImages) {
        if (capacity == 0 || prompt.images().isEmpty()) {
            return; // text alone does not say where the system prompt ends
        }
        if (!decoder.readsInPieces(prompt.length())) {
            return;
        }
        keep(prompt.beforeImages(), cache);
        if (withImages) {
            keep(prompt.throughImages(), cache);
        }
    }

    private synchronized void keep(Prompt beginning, KvCache cache) {
        int positions = beginning.length();
        long needed = decoder.cacheBytes(positions);
        if (closed || positions < FEWEST_POSITIONS || needed > capacity) {
            return;
        }
        for (Prefix prefix : prefixes) {
            if (prefix.prompt().length() == positions
                    && prefix.prompt().sharedWith(beginning) == positions) {
                use(prefix);
                return;
            }
        }
        while (bytes + needed > capacity || prefixes.size() == MOST_PREFIXES) {
            drop(prefixes.removeLast());
        }
        KvCache copy;
        try {
            copy = decoder.newCache(positions);
        } catch (M3Exception e) {
            return; // no memory to spare: the request itself goes on
        }
        try {
            copy.copyFrom(cache, positions);
        } catch (RuntimeException e) {
            copy.close();
            throw e;
        }
        prefixes.addFirst(new Prefix(beginning, copy));
        bytes += needed;
        // One that was closed meanwhile is forgotten at once.
        beginning.images().forEach(image -> image.whenClosed(forgetting));
    }

    private synchronized void forget(EncodedImage image) {
        Iterator<Prefix> all = prefixes.iterator();
        while (all.hasNext()) {
            Prefix prefix = all.next();
            if (shows(prefix, image)) {
                all.remove();
                drop(prefix);
            }
        }
    }

    /** A prefix that was taken out: a picture that none is left of does not hold on to this. */
    private void drop(Prefix prefix) {
        bytes -= prefix.cache().bytes();
        prefix.cache().close();
        prefix.prompt().images().stream()
                .filter(image -> prefixes.stream().noneMatch(p -> shows(p, image)))
                .forEach(image -> image.forget(forgetting));
    }

    private static boolean shows(Prefix prefix, EncodedImage image) {
        return prefix.prompt().images().contains(image);
    }

    /**
     * @return bytes kept
     */
    synchronized long bytes() {
        return bytes;
    }

    /**
     * @return beginnings kept
     */
    synchronized int size() {
        return prefixes.size();
    }

    @Override
    public synchronized void close() {
        closed = true;
        while (!prefixes.isEmpty()) {
            drop(prefixes.removeLast());
        }
    }
}
