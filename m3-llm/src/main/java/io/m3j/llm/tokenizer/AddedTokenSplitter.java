package io.m3j.llm.tokenizer;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Cuts added tokens out of a text, as transformers' {@code PreTrainedTokenizer.tokenize}. */
final class AddedTokenSplitter {

    private final Map<String, AddedToken> tokens = new HashMap<>();
    private final PrefixMatcher matcher;

    AddedTokenSplitter(Collection<AddedToken> added) {
        added.forEach(token -> tokens.put(token.content(), token));
        matcher = new PrefixMatcher(tokens.keySet());
    }

    /** The parts in order, none of them empty; an added token is a part of its own. */
    List<String> split(String text) {
        List<String> parts = matcher.split(text);
        for (int i = 0; i < parts.size(); i++) {
            AddedToken token = tokens.get(parts.get(i));
            if (token == null) {
                continue;
            }
            String left = i > 0 ? parts.get(i - 1) : "";
            String right = i + 1 < parts.size() ? parts.get(i + 1) : "";
            if (token.rightStrip() && !right.isEmpty()) {
                parts.set(i + 1, Whitespace.stripStart(right));
            }
            if (token.leftStrip() && !left.isEmpty()) {
                parts.set(i - 1, Whitespace.stripEnd(left));
            }
            if (token.singleWord() && !left.isEmpty() && !left.endsWith(" ")) {
                parts.set(i - 1, parts.get(i - 1) + token.content());
                parts.set(i, "");
            } else if (token.singleWord() && !right.isEmpty() && !right.startsWith(" ")) {
                parts.set(i + 1, token.content() + parts.get(i + 1));
                parts.set(i, "");
            }
        }
        List<String> kept = new ArrayList<>(parts);
        kept.removeIf(String::isEmpty);
        return kept;
    }
}
