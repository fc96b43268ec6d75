package io.m3j.examples;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Looks at the memory of this process again and again until it is closed. */
final class MemoryWatch implements AutoCloseable {

    private static final int MILLISECONDS_BETWEEN = 50;
    private static final double MEBIBYTE = 1 << 20;

    private final ScheduledExecutorService thread;
    private final boolean fresh;
    private ProcessMemory highest;

    /**
     * What was seen, in MiB.
     *
     * @param peak the most that was resident, as the system counts it, or else as it was seen
     * @param atPeak what it was made of when most was seen
     */
    record Seen(OptionalDouble peak, Optional<ProcessMemory> atPeak) {

        /** The one with the higher peak. */
        static Seen higher(Seen one, Seen other) {
            return one.peak.orElse(0) > other.peak.orElse(0) ? one : other;
        }
    }

    /**
     * The heap of the JVM, in MiB.
     *
     * @param used now
     * @param peak the most that was used: the sum over its parts, each at its own peak
     * @param max the most that it may take
     */
    record Heap(double used, double peak, double max) {
        static Heap now() {
            Runtime runtime = Runtime.getRuntime();
            double peak =
                    ManagementFactory.getMemoryPoolMXBeans().stream()
                            .filter(pool -> pool.getType() == MemoryType.HEAP)
                            .map(MemoryPoolMXBean::getPeakUsage)
                            .mapToLong(usage -> usage.getUsed())
                            .sum();
            return new Heap(
                    (runtime.totalMemory() - runtime.freeMemory()) / MEBIBYTE,
                    peak / MEBIBYTE,
                    runtime.maxMemory() / MEBIBYTE);
        }
    }

    /** Begins to look; what was before is forgotten, where the system can forget it. */
    MemoryWatch() {
        fresh = ProcessMemory.forgetPeak();
        look();
        thread =
                Executors.newSingleThreadScheduledExecutor(
                        task -> {
                            Thread daemon = new Thread(task, "memory-watch");
                            daemon.setDaemon(true);
                            return daemon;
                        });
        thread.scheduleWithFixedDelay(
                this::look, MILLISECONDS_BETWEEN, MILLISECONDS_BETWEEN, TimeUnit.MILLISECONDS);
    }

    private synchronized void look() {
        ProcessMemory.now()
                .filter(now -> highest == null || now.resident() > highest.resident())
                .ifPresent(now -> highest = now);
    }

    synchronized Seen seen() {
        look();
        OptionalDouble peak =
                fresh || highest == null
                        ? ProcessMemory.peak()
                        : OptionalDouble.of(highest.resident());
        return new Seen(peak, Optional.ofNullable(highest));
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
