package io.m3j.llm.generate;

import io.m3j.core.M3Exception;
import java.util.List;

/**
 * Finds stop strings in a stream of pieces. Text that may be the beginning of a stop string is held
 * back until that is decided, so that no part of one is ever shown.
 *
 * <p>Holds the state of one answer; for one thread at a time.
 */
public final class StopRules {

    private final List<String> stopStrings;
    private final StringBuilder held = new StringBuilder();
    private boolean stopped;

    /**
     * @param stopStrings texts that end the answer
     * @throws M3Exception if one of them is empty
     */
    public StopRules(List<String> stopStrings) {
        if (stopStrings.contains("")) {
            throw new M3Exception(
                    "stop strings " + stopStrings + ": the empty one would end every answer");
        }
        this.stopStrings = List.copyOf(stopStrings);
    }

    /**
     * @param piece the next text
     * @return what can be shown now; up to the stop string if one was found
     */
    public String accept(String piece) {
        if (stopped) {
            return "";
        }
        held.append(piece);
        int end = stopStart();
        stopped = end >= 0;
        if (!stopped) {
            end = held.length() - longestBeginning();
        }
        String text = held.substring(0, end);
        held.delete(0, end);
        return text;
    }

    /**
     * @return what was held back, once nothing more will come
     */
    public String finish() {
        String text = stopped ? "" : held.toString();
        held.setLength(0);
        return text;
    }

    /**
     * @return whether a stop string was found
     */
    public boolean stopped() {
        return stopped;
    }

    /**
     * Where the stop string begins that is complete first, so that the pieces a text comes in make no
     * difference; the longest, if several are complete at once.
     *
     * @return its first character in what is held, −1 if there is none
     */
    private int stopStart() {
        int start = -1;
        int end = Integer.MAX_VALUE;
        for (String stop : stopStrings) {
            int found = held.indexOf(stop);
            int foundEnd = found + stop.length();
            if (found >= 0 && (foundEnd < end || foundEnd == end && found < start)) {
                start = found;
                end = foundEnd;
            }
        }
        return start;
    }

    /** Characters at the end that some stop string begins with. */
    private int longestBeginning() {
        int longest = 0;
        for (String stop : stopStrings) {
            int length = Math.min(stop.length() - 1, held.length());
            while (length > longest && !endsWith(stop, length)) {
                length--;
            }
            longest = Math.max(longest, length);
        }
        return longest;
    }

    private boolean endsWith(String stop, int length) {
        int start = held.length() - length;
        for (int i = 0; i < length; i++) {
            if (held.charAt(start + i) != stop.charAt(i)) {
                return false;
            }
        }
        return true;
    }
}
