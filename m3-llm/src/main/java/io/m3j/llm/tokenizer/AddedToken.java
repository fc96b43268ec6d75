package io.m3j.llm.tokenizer;

/**
 * A token that is looked for in the text before anything else, as transformers' {@code AddedToken}.
 *
 * @param content its spelling
 * @param leftStrip whether it swallows the white space before it
 * @param rightStrip whether it swallows the white space after it
 * @param singleWord whether it counts only between spaces
 * @param special whether it is left out when special tokens are skipped
 */
record AddedToken(
        String content,
        boolean leftStrip,
        boolean rightStrip,
        boolean singleWord,
        boolean special) {

    static AddedToken plain(String content, boolean special) {
        return new AddedToken(content, false, false, false, special);
    }
}
