package io.m3j.llm.generate;

import java.time.Duration;

/**
 * Where the time of an answer went.
 *
 * @param encode preprocessing, tower and projector of all images; as long ago as they were encoded
 * @param prefill from the fused prompt to the first token
 * @param decode all further tokens together
 * @param decodedTokens how many tokens {@code decode} stands for
 */
public record Timings(Duration encode, Duration prefill, Duration decode, int decodedTokens) {

    /**
     * @return encode and prefill: what a caller waits for the first token of a new picture
     */
    public Duration timeToFirstToken() {
        return encode.plus(prefill);
    }

    /**
     * @return mean time of one further token; zero if there was none
     */
    public Duration timePerToken() {
        return decodedTokens == 0 ? Duration.ZERO : decode.dividedBy(decodedTokens);
    }
}
