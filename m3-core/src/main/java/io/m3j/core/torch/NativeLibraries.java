package io.m3j.core.torch;

/**
 * What is said to DJL before one of its native libraries is first loaded. The libraries come from
 * jars on the class path, or from a libtorch that the user names; left to itself, DJL would download
 * others where it thinks them better, and report its start to its makers.
 */
public final class NativeLibraries {

    private NativeLibraries() {}

    /**
     * Turns silent downloads into errors, unless the user has decided that otherwise ({@code
     * DJL_OFFLINE} or {@code ai.djl.offline}). Without effect once a library is loaded.
     */
    public static void keepOffline() {
        if (System.getenv("DJL_OFFLINE") == null && System.getProperty("ai.djl.offline") == null) {
            System.setProperty("ai.djl.offline", "true");
        }
    }
}
