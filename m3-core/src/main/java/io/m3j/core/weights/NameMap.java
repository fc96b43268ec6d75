package io.m3j.core.weights;

import io.m3j.core.M3Exception;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The tensors of one checkpoint under our names.
 *
 * <p>Our names are those of Hugging Face's blocks behind {@code vision_tower.}, {@code projector.}
 * and {@code decoder.}: {@code vision_tower.embeddings.class_embedding}, {@code
 * vision_tower.encoder.layers.N.self_attn.q_proj.weight}, {@code vision_tower.projection.weight},
 * {@code projector.I.weight} with the linear layers counted from 0, {@code
 * decoder.layers.N.mlp.gate_proj.weight}, {@code decoder.lm_head.weight}; and {@code
 * image_newline}.
 */
public final class NameMap {

    private static final int SHOWN = 5;

    private final Layout layout;
    private final Map<String, String> theirsByOurs = new LinkedHashMap<>();
    private final List<String> unknown = new ArrayList<>();

    private NameMap(Layout layout, Collection<String> names) {
        this.layout = layout;
        for (String name : names) {
            Optional<String> ours = layout.ours(name);
            if (ours.isPresent()) {
                String other = theirsByOurs.put(ours.get(), name);
                if (other != null) {
                    throw new M3Exception(
                            "tensors "
                                    + Names.shown(other)
                                    + " and "
                                    + Names.shown(name)
                                    + ": both are "
                                    + ours.get()
                                    + " in the layout "
                                    + layout
                                    + "; keep one of them");
                }
            } else if (!Layout.notNeeded(name)) {
                unknown.add(name);
            }
        }
    }

    /**
     * Finds the layout that knows most of the names. A checkpoint may hold a part of a model: a
     * projector or a vision tower alone.
     *
     * @param names the names of a checkpoint's tensors
     * @return the map of its names
     * @throws M3Exception if no layout knows any name, or two names mean the same tensor
     */
    public static NameMap detect(Collection<String> names) {
        Layout best =
                Collections.max(
                        Arrays.asList(Layout.values()),
                        Comparator.<Layout>comparingLong(
                                        layout ->
                                                names.stream()
                                                        .filter(
                                                                name ->
                                                                        layout.ours(name)
                                                                                .isPresent())
                                                        .count())
                                .thenComparing(Comparator.reverseOrder()));
        NameMap map = new NameMap(best, names);
        if (map.theirsByOurs.isEmpty()) {
            throw new M3Exception(
                    "tensor names: expected those of LLaVA, M3, Hugging Face's LLaVA or CLIP,"
                            + " found "
                            + names.size()
                            + " others, such as "
                            + names.stream().limit(SHOWN).map(Names::shown).toList());
        }
        return map;
    }

    /**
     * @return the layout of the checkpoint
     */
    public Layout layout() {
        return layout;
    }

    /**
     * @param theirs a name in the checkpoint
     * @return our name; empty if it is not one of the layout's
     */
    public Optional<String> ours(String theirs) {
        return layout.ours(theirs);
    }

    /**
     * @param ours one of our names
     * @return the name in the checkpoint; where the checkpoint has no such tensor, the name that
     *     its layout would give it
     * @throws M3Exception if the layout has no name for it
     */
    public String theirs(String ours) {
        String theirs = theirsByOurs.get(ours);
        return theirs != null
                ? theirs
                : layout.theirs(ours)
                        .orElseThrow(
                                () ->
                                        new M3Exception(
                                                "tensor "
                                                        + Names.shown(ours)
                                                        + ": the layout "
                                                        + layout
                                                        + " has no name for it"));
    }

    /**
     * @return the names of the checkpoint by ours, in the checkpoint's order
     */
    public Map<String, String> theirsByOurs() {
        return Collections.unmodifiableMap(theirsByOurs);
    }

    /**
     * @return the checkpoint's names that we have no use for and did not expect; tables that the
     *     code computes ({@code inv_freq}, {@code position_ids}) and CLIP's text tower are expected
     */
    public List<String> unknown() {
        return Collections.unmodifiableList(unknown);
    }
}
