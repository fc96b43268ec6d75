package io.m3j.llm.tokenizer;

import java.util.Set;

/**
 * Tells regular expressions that cannot backtrack without end from those that might: the native
 * library's engine gives up on the latter by a panic, which ends the JVM.
 */
final class RegexGuard {

    /** How tokenizers of Llama 3, Qwen 2 and GPT-2 cut words; used without harm everywhere. */
    private static final Set<String> KNOWN =
            Set.of(
                    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
                            + " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
                            + " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|"
                            + "\\s+");

    private static final int MAXIMUM_LENGTH = 1000;

    private RegexGuard() {}

    /**
     * Whether each alternative repeats at most one thing, and that is no group: then a match costs
     * no more than its length.
     */
    static boolean isSafe(String regex) {
        return KNOWN.contains(regex) || (regex.length() <= MAXIMUM_LENGTH && isLinear(regex));
    }

    private static boolean isLinear(String regex) {
        int depth = 0;
        int repeats = 0;
        for (int i = 0; i < regex.length(); i++) {
            switch (regex.charAt(i)) {
                case '\\' -> {
                    i++;
                    boolean refersBack =
                            i < regex.length() && "123456789kg".indexOf(regex.charAt(i)) >= 0;
                    if (refersBack) {
                        return false;
                    }
                    boolean property = regex.startsWith("p{", i) || regex.startsWith("P{", i);
                    i = property ? regex.indexOf('}', i) : i;
                    if (i < 0) {
                        return false;
                    }
                }
                case '[' -> {
                    i = endOfClass(regex, i);
                    if (i < 0) {
                        return false;
                    }
                }
                case '(' -> {
                    depth++;
                    if (!regex.substring(i).matches("(?s)\\((\\?(i?:|<?[!=]).*|[^?*].*)")) {
                        return false;
                    }
                }
                case ')' -> {
                    depth--;
                    if (i + 1 < regex.length() && "+*?{".indexOf(regex.charAt(i + 1)) >= 0) {
                        return false;
                    }
                }
                case '|' -> repeats = depth == 0 ? 0 : repeats;
                case '+', '*', '{' -> repeats++;
                default -> {}
            }
            if (repeats > 1) {
                return false;
            }
        }
        return depth == 0;
    }

    /** The place of the bracket that ends a class without nested ones; -1 if there is none. */
    private static int endOfClass(String regex, int start) {
        for (int i = start + 1; i < regex.length(); i++) {
            char character = regex.charAt(i);
            if (character == '[') {
                return -1;
            }
            if (character == ']') {
                return i;
            }
            i += character == '\\' ? 1 : 0;
        }
        return -1;
    }
}
