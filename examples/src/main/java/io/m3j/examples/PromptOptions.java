package io.m3j.examples;

import io.m3j.llm.LoadOptions;
import io.m3j.llm.PromptTemplate;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** How a question becomes ids. */
final class PromptOptions {

    @Option(
            names = "--tokenizer",
            paramLabel = "DIR",
            description = "Tokenizer's files, if they are not beside the weights.")
    private Path tokenizer;

    @Option(
            names = "--template",
            paramLabel = "NAME",
            description =
                    "Prompt template, such as vicuna_v1 or mistral_instruct. Default: the one the"
                            + " checkpoint was most likely trained on.")
    private String template;

    /** Sets what was asked for; refuses an unknown template before the long work begins. */
    LoadOptions.Builder set(LoadOptions.Builder options) {
        if (tokenizer != null) {
            options.tokenizer(tokenizer);
        }
        if (template != null) {
            Refusals.naming("--template", "prompt template", () -> PromptTemplate.named(template));
            options.template(template);
        }
        return options;
    }
}
