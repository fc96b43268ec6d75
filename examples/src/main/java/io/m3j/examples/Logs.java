package io.m3j.examples;

/** What the libraries may say on standard error. */
final class Logs {

    private static final String PREFIX = "org.slf4j.simpleLogger.";

    private Logs() {}

    /** To be called before the first class that logs is loaded. */
    static void configure(boolean verbose) {
        System.setProperty("java.awt.headless", "true"); // pictures need no screen
        set("defaultLogLevel", verbose ? "info" : "warn");
        set("log.ai.djl", verbose ? "debug" : "error");
        set("showThreadName", "false");
        set("showShortLogName", "true");
        set("levelInBrackets", "true");
    }

    /** A setting of the user's own, by -D, stands. */
    private static void set(String key, String value) {
        if (System.getProperty(PREFIX + key) == null) {
            System.setProperty(PREFIX + key, value);
        }
    }
}
