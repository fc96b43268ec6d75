package io.m3j.llm;

import java.util.List;
import java.util.Optional;

/**
 * What a checkpoint says about itself, as far as it bears on how its prompts are written.
 *
 * @param modelType {@code model_type} of config.json, such as {@code llava_llama} or {@code llava}
 * @param architectures {@code architectures} of config.json
 * @param textModelType {@code text_config.model_type}, such as {@code mistral}
 * @param chatTemplate the chat template, as {@link M3Tokenizer#chatTemplate}
 * @param names whatever names it goes by: directory, {@code _name_or_path}, also of the text config
 */
public record CheckpointFacts(
        Optional<String> modelType,
        List<String> architectures,
        Optional<String> textModelType,
        Optional<String> chatTemplate,
        List<String> names) {

    /** Copies the lists. */
    public CheckpointFacts {
        architectures = List.copyOf(architectures);
        names = List.copyOf(names);
    }

    /**
     * @param template as {@link M3Tokenizer#chatTemplate}
     * @return these facts with that chat template
     */
    public CheckpointFacts withChatTemplate(Optional<String> template) {
        return new CheckpointFacts(modelType, architectures, textModelType, template, names);
    }
}
