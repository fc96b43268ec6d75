package io.m3j.llm;

import io.m3j.core.Lifetime;
import io.m3j.core.M3Exception;

/**
 * Tokenizer and prompt template of a model, read when they are first asked for: logits and ids need
 * none.
 *
 * <p>Owns the tokenizer: whoever makes this closes it. Safe for use by several threads.
 */
final class ModelText implements AutoCloseable {

    private final M3Config config;
    private final LoadOptions options;
    private final Lifetime model;
    private M3Tokenizer tokenizer;

    /**
     * @param config of the checkpoint
     * @param options may name another tokenizer, or a template
     * @param model that must be open
     */
    ModelText(M3Config config, LoadOptions options, Lifetime model) {
        this.config = config;
        this.options = options;
        this.model = model;
    }

    /**
     * @return the tokenizer
     * @throws M3Exception if its files are missing or broken
     */
    M3Tokenizer tokenizer() {
        return model.during(this::open);
    }

    private synchronized M3Tokenizer open() {
        if (tokenizer == null) {
            tokenizer = M3Tokenizer.load(options.tokenizer().orElse(config.directory()));
        }
        return tokenizer;
    }

    /**
     * @return the caller's choice, or the one that the checkpoint was most likely trained on
     */
    PromptTemplate template() {
        return options.template()
                .map(PromptTemplate::named)
                .orElseGet(
                        () ->
                                PromptTemplate.choose(
                                        config.facts()
                                                .withChatTemplate(tokenizer().chatTemplate())));
    }

    @Override
    public synchronized void close() {
        if (tokenizer != null) {
            tokenizer.close();
        }
    }
}
