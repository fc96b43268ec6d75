package io.m3j.examples;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.TextNode;
import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.scale.ScalePolicy;
import java.util.List;
import java.util.Optional;

/**
 * How pictures are looked at for one answer: all at one scale, all part by part, or each in its own way.
 *
 * @param scale of all, if it is one
 * @param parts of all, if they have their own
 * @param each one of the two for each picture; else none
 */
record Look(Optional<Scale> scale, Optional<PartScales> parts, List<Look> each) {

    static Look at(Scale scale) {
        return new Look(Optional.of(scale), Optional.empty(), List.of());
    }

    /** Those of one {@code --tokens}, for an answer each. */
    static List<Look> of(ScaleList tokens) {
        return tokens.parts().isPresent()
                ? List.of(new Look(Optional.empty(), tokens.parts(), List.of()))
                : tokens.scales().stream().map(Look::at).toList();
    }

    /** One of several {@code --tokens}, for a picture each. */
    static Look ofEach(List<ScaleList> tokens) {
        return new Look(
                Optional.empty(),
                Optional.empty(),
                tokens.stream().map(Look::of).map(Look::only).toList());
    }

    /** A scale for each picture. */
    static Look ofScales(List<Scale> scales) {
        return new Look(Optional.empty(), Optional.empty(), scales.stream().map(Look::at).toList());
    }

    /** The finest scale that this needs, of a picture that is not cut; all that there are if in doubt. */
    Scale finest(Ladder ladder) {
        return scale.orElse(ladder.finest());
    }

    private static Look only(List<Look> looks) {
        if (looks.size() != 1) {
            throw new M3Exception(
                    "--tokens "
                            + String.join(",", looks.stream().map(Look::toString).toList())
                            + ": expected one scale, or parts such as base:36,tiles:144, where --tokens is"
                            + " given for each --image");
        }
        return looks.get(0);
    }

    void require(Ladder ladder) {
        scale.ifPresent(ladder::require);
        parts.ifPresent(all -> all.require(ladder));
        each.forEach(look -> look.require(ladder));
    }

    /** Sets the scales of some of the pictures. */
    GenerationOptions.Builder set(GenerationOptions.Builder options, int first, int count) {
        scale.ifPresent(options::scale);
        parts.ifPresent(options::scales);
        if (!each.isEmpty()) {
            List<Look> shown = each.subList(first, first + count);
            options.scales(ScalePolicy.each(shown.stream().map(Look::policy).toList()));
        }
        return options;
    }

    private ScalePolicy policy() {
        return parts.<ScalePolicy>map(own -> own)
                .orElseGet(() -> ScalePolicy.fixed(scale.orElseThrow()));
    }

    /** A number, a text where parts have scales of their own, or a list of them. */
    JsonNode json() {
        if (!each.isEmpty()) {
            ArrayNode all = JsonNodeFactory.instance.arrayNode();
            each.forEach(look -> all.add(look.json()));
            return all;
        }
        return scale.<JsonNode>map(one -> IntNode.valueOf(one.tokens()))
                .orElseGet(() -> TextNode.valueOf(toString()));
    }

    @Override
    public String toString() {
        if (!each.isEmpty()) {
            return String.join(" ", each.stream().map(Look::toString).toList());
        }
        return scale.map(Scale::toString).orElseGet(() -> parts.orElseThrow().toString());
    }
}
