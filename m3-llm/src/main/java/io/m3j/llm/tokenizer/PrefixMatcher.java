package io.m3j.llm.tokenizer;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Finds which of some symbols begins at a place of a text: the longest that does. */
final class PrefixMatcher {

    private final Map<Character, List<String>> longestFirst = new HashMap<>();

    PrefixMatcher(Collection<String> symbols) {
        for (String symbol : symbols) {
            if (!symbol.isEmpty()) {
                longestFirst
                        .computeIfAbsent(symbol.charAt(0), first -> new ArrayList<>())
                        .add(symbol);
            }
        }
        Comparator<String> byLength = Comparator.comparingInt(String::length);
        longestFirst.values().forEach(list -> list.sort(byLength.reversed()));
    }

    /** Chars that the longest symbol starting at {@code place} takes; 0 if none starts there. */
    int match(String text, int place) {
        for (String symbol : longestFirst.getOrDefault(text.charAt(place), List.of())) {
            if (text.startsWith(symbol, place)) {
                return symbol.length();
            }
        }
        return 0;
    }

    /** Cuts a text at every symbol, leftmost first; the symbols are among the parts. */
    List<String> split(String text) {
        List<String> parts = new ArrayList<>();
        int start = 0;
        int place = 0;
        while (place < text.length()) {
            int length = match(text, place);
            if (length == 0) {
                place++;
                continue;
            }
            if (place > start) {
                parts.add(text.substring(start, place));
            }
            parts.add(text.substring(place, place + length));
            place += length;
            start = place;
        }
        if (start < text.length()) {
            parts.add(text.substring(start));
        }
        return parts;
    }
}
