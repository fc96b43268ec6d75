package io.m3j.examples;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.StringJoiner;

/** Golden ids as an argument of the command line. */
final class Ids {

    private Ids() {}

    static String argument(JsonNode ids) {
        StringJoiner joined = new StringJoiner(",");
        ids.forEach(id -> joined.add(id.asText()));
        return joined.toString();
    }
}
