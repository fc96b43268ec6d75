package io.m3j.eval;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.KeyDeserializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.module.SimpleModule;
import io.m3j.core.Scale;
import java.io.IOException;

/** Reports as JSON: keys as the components of their records, in snake case; scales as numbers. */
final class ReportJson {

    static final ObjectMapper MAPPER =
            new ObjectMapper()
                    .setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                    .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                    .registerModule(
                            new SimpleModule().addKeyDeserializer(Scale.class, new ScaleOfAKey()));

    private ReportJson() {}

    private static final class ScaleOfAKey extends KeyDeserializer {
        @Override
        public Object deserializeKey(String key, DeserializationContext context)
                throws IOException {
            try {
                return Scale.of(Integer.parseInt(key));
            } catch (IllegalArgumentException e) {
                return context.handleWeirdKey(Scale.class, key, "expected a scale");
            }
        }
    }

    static String line(Object value) {
        try {
            return MAPPER.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("plain values cannot be written", e);
        }
    }

    static String pretty(Object value) {
        try {
            return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(value) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("plain values cannot be written", e);
        }
    }
}
