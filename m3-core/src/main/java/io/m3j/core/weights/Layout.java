package io.m3j.core.weights;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The ways in which published checkpoints name their tensors, one table each. A row says that a
 * prefix of theirs stands for a prefix of ours; what follows is the same in all layouts, but for
 * the numbers of the projector's layers.
 */
public enum Layout {

    /**
     * LLaVA and M3 as their authors save them (llava/model/llava_arch.py). The projector is {@code
     * nn.Sequential}, whose odd members are activations, or a single {@code nn.Linear}.
     */
    ORIGINAL(
            row("model.embed_tokens.", "decoder.embed_tokens."),
            row("model.layers.", "decoder.layers."),
            row("model.norm.", "decoder.norm."),
            row("lm_head.", "decoder.lm_head."),
            numbered("model.mm_projector.", 0, 2),
            row("model.mm_projector.", "projector.0."),
            numbered("mm_projector.", 0, 2),
            row("mm_projector.", "projector.0."),
            row("model.vision_tower.vision_tower.vision_model.", "vision_tower."),
            row("model.vision_tower.vision_tower.", "vision_tower."),
            row("model.image_newline", "image_newline")),

    /** Hugging Face's LlavaForConditionalGeneration before transformers 4.52. */
    HF(
            row("language_model.model.embed_tokens.", "decoder.embed_tokens."),
            row("language_model.model.layers.", "decoder.layers."),
            row("language_model.model.norm.", "decoder.norm."),
            row("language_model.lm_head.", "decoder.lm_head."),
            numbered("multi_modal_projector.linear_", 1, 1),
            row("vision_tower.vision_model.", "vision_tower."),
            row("vision_tower.", "vision_tower."),
            row("image_newline", "image_newline")),

    /** The same since transformers 4.52, where all but the head moved under {@code model.}. */
    HF_NEW(
            row("model.language_model.embed_tokens.", "decoder.embed_tokens."),
            row("model.language_model.layers.", "decoder.layers."),
            row("model.language_model.norm.", "decoder.norm."),
            row("lm_head.", "decoder.lm_head."),
            numbered("model.multi_modal_projector.linear_", 1, 1),
            row("model.vision_tower.vision_model.", "vision_tower."),
            row("model.vision_tower.", "vision_tower."),
            row("model.image_newline", "image_newline")),

    /** A CLIP model or its vision tower alone; the text tower is passed over. */
    CLIP(
            row("visual_projection.", "vision_tower.projection."),
            row("vision_model.", "vision_tower."));

    private static final String NUMBER = "(?:0|[1-9]\\d{0,5})";
    private static final String PARAMETER = "\\.(?:weight|bias)";

    /** Of a linear layer; what stands behind the weight belongs to one that we quantised. */
    private static final String LINEAR = "\\.(?:weight(?:_scale|_offset)?|bias)";

    /** Every name that we have; a row that leads to another name does not fit. */
    private static final Pattern OURS =
            Pattern.compile(
                    String.join(
                            "|",
                            "vision_tower\\.embeddings\\.class_embedding",
                            "vision_tower\\.embeddings\\.(?:patch|position)_embedding\\.weight",
                            "vision_tower\\.(?:pre_layrnorm|post_layernorm)" + PARAMETER,
                            "vision_tower\\.encoder\\.layers\\."
                                    + NUMBER
                                    + "\\.(?:layer_norm[12]|self_attn\\.(?:[qkv]|out)_proj"
                                    + "|mlp\\.fc[12])"
                                    + LINEAR,
                            "vision_tower\\.projection\\.weight",
                            "projector\\." + NUMBER + LINEAR,
                            "decoder\\.(?:embed_tokens|norm)\\.weight",
                            "decoder\\.lm_head\\.weight(?:_scale|_offset)?",
                            "decoder\\.layers\\."
                                    + NUMBER
                                    + "\\.(?:input|post_attention)_layernorm\\.weight",
                            "decoder\\.layers\\."
                                    + NUMBER
                                    + "\\.(?:self_attn\\.[qkvo]|mlp\\.(?:gate|up|down))_proj"
                                    + LINEAR,
                            "image_newline"));

    /** Tables that the code computes, and CLIP's text tower: nothing of a vision-language model. */
    private static final Pattern NOT_NEEDED =
            Pattern.compile(
                    "(?:.*\\.)?(?:rotary_emb\\.inv_freq|position_ids)"
                            + "|text_model\\..*|text_projection\\..*|logit_scale");

    private final List<Row> rows;

    Layout(Row... rows) {
        this.rows = List.of(rows);
    }

    /**
     * @param theirs a tensor's name in a checkpoint of this layout
     * @return our name; empty if the layout has no such name
     */
    public Optional<String> ours(String theirs) {
        return rows.stream()
                .flatMap(row -> row.ours(theirs).stream())
                .filter(name -> OURS.matcher(name).matches())
                .findFirst();
    }

    /**
     * @param ours one of our names
     * @return the name that a checkpoint of this layout gives it; empty if it has none
     */
    public Optional<String> theirs(String ours) {
        if (!OURS.matcher(ours).matches()) {
            return Optional.empty();
        }
        return rows.stream().flatMap(row -> row.theirs(ours).stream()).findFirst();
    }

    /** Whether a tensor may stand in a checkpoint without our having a use for it. */
    static boolean notNeeded(String theirs) {
        return NOT_NEEDED.matcher(theirs).matches();
    }

    private static Row row(String theirs, String ours) {
        return new Row(theirs, ours, 0, 0);
    }

    /** The layers of the projector, which theirs counts from {@code first} by {@code step}. */
    private static Row numbered(String theirs, int first, int step) {
        return new Row(theirs, "projector.", first, step);
    }

    /**
     * A prefix of theirs for one of ours.
     *
     * @param step 0 if no number follows that is counted in another way
     */
    private record Row(String theirPrefix, String ourPrefix, int first, int step) {

        Optional<String> ours(String name) {
            return step == 0
                    ? swapped(name, theirPrefix, ourPrefix)
                    : renumbered(name, theirPrefix, ourPrefix, first, step, 0, 1);
        }

        Optional<String> theirs(String name) {
            return step == 0
                    ? swapped(name, ourPrefix, theirPrefix)
                    : renumbered(name, ourPrefix, theirPrefix, 0, 1, first, step);
        }

        private static Optional<String> swapped(String name, String from, String to) {
            return name.startsWith(from)
                    ? Optional.of(to + name.substring(from.length()))
                    : Optional.empty();
        }

        private static Optional<String> renumbered(
                String name,
                String from,
                String to,
                int fromFirst,
                int fromStep,
                int toFirst,
                int toStep) {
            int dot = name.startsWith(from) ? name.indexOf('.', from.length()) : -1;
            if (dot < 0 || !name.substring(from.length(), dot).matches(NUMBER)) {
                return Optional.empty();
            }
            int number = Integer.parseInt(name.substring(from.length(), dot)) - fromFirst;
            if (number < 0 || number % fromStep != 0) {
                return Optional.empty();
            }
            return Optional.of(to + (number / fromStep * toStep + toFirst) + name.substring(dot));
        }
    }
}
