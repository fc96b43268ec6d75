package io.m3j.train;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Low-rank adapters (Hu et al., arXiv 2106.09685) as Hugging Face PEFT counts them.
 *
 * <p>Targets are names of linear layers as the checkpoint has them, without {@code .weight}, such as
 * {@code model.layers.0.self_attn.q_proj}. As in PEFT, a text is a regular expression of whole names, and
 * a list holds names or their last parts.
 *
 * @param targets of the adapters: one expression, or names
 * @param expression whether targets is a regular expression
 * @param rank of the adapters, r
 * @param alpha the adapters' products are multiplied by alpha / rank
 * @param dropout probability that a number of what goes into an adapter is dropped while it learns, from
 *     0 to below 1; what is kept is multiplied by 1 / (1 − dropout)
 */
public record LoraOptions(
        List<String> targets, boolean expression, int rank, double alpha, double dropout) {

    /** The linear layers of the decoder in any layout, the authors' or Hugging Face's; neither head nor tower. */
    public static final String DECODER_LAYERS =
            "(language_model\\.)?model\\.(language_model\\.)?layers\\.\\d+\\."
                    + "(self_attn\\.[qkvo]_proj|mlp\\.(gate|up|down)_proj)";

    /** Checks the numbers and the expression. */
    public LoraOptions {
        targets = List.copyOf(required(targets, "targets"));
        if (targets.isEmpty() || expression && targets.size() > 1) {
            throw new M3Exception("targets: expected an expression or a list of names");
        }
        if (rank < 1) {
            throw new M3Exception("r: expected an integer of 1 or more, found " + rank);
        }
        if (!(alpha > 0) || Double.isInfinite(alpha)) {
            throw new M3Exception("alpha: expected a number above 0, found " + alpha);
        }
        if (!(dropout >= 0 && dropout < 1)) {
            throw new M3Exception("dropout: expected 0 to below 1, found " + dropout);
        }
        if (expression) {
            try {
                Pattern.compile(targets.get(0));
            } catch (PatternSyntaxException e) {
                throw new M3Exception(
                        "targets: expected a regular expression, found "
                                + targets.get(0)
                                + " ("
                                + e.getDescription()
                                + ")",
                        e);
            }
        }
    }

    /**
     * Adapters without dropout.
     *
     * @param targets of the adapters: one expression, or names
     * @param expression whether targets is a regular expression
     * @param rank of the adapters, r
     * @param alpha the adapters' products are multiplied by alpha / rank
     */
    public LoraOptions(List<String> targets, boolean expression, int rank, double alpha) {
        this(targets, expression, rank, alpha, 0);
    }

    /**
     * @return what an adapter's product is multiplied by
     */
    public double factor() {
        return alpha / rank;
    }

    /**
     * @param module name of a linear layer in the checkpoint
     * @return whether it is to be adapted
     */
    public boolean matches(String module) {
        return targets.stream().anyMatch(target -> matches(target, module));
    }

    /** Whether one of the targets means a linear layer. */
    boolean matches(String target, String module) {
        return expression
                ? Pattern.matches(target, module)
                : module.equals(target) || module.endsWith("." + target);
    }
}
