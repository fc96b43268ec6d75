package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Looking templates up, and guessing them. */
class PromptTemplateTest {

    @Test
    void shortNamesAreUnderstoodAndOthersListed() {
        assertThat(PromptTemplate.named("mistral").name()).isEqualTo("mistral_instruct");
        assertThat(PromptTemplate.named("chatml").name()).isEqualTo("chatml_direct");
        assertThatThrownBy(() -> PromptTemplate.named("vicuna"))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("'vicuna'")
                .hasMessageContaining("vicuna_v1")
                .hasMessageContaining("chatml_direct");
    }

    @ParameterizedTest
    @CsvSource({
        "vicuna_v1, </s>",
        "llava_v1, </s>",
        "llava_llama_2, </s>",
        "mistral_instruct, </s>",
        "chatml_direct, <|im_end|>",
        "mpt, <|im_end|>",
        "v0, ###"
    })
    void generationStopsWhereTheTurnEnds(String name, String stop) {
        assertThat(PromptTemplate.named(name).stopStrings()).containsExactly(stop);
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            value = {
                "llava_llama, LlavaLlamaForCausalLM, -, -, llava-v1.5-7b, vicuna_v1",
                "llava_llama, LlavaLlamaForCausalLM, -, -, llava-next-vicuna-7b-m3, vicuna_v1",
                "llava, LlavaForConditionalGeneration, llama, -, vicuna-7b-v1.5, vicuna_v1",
                "llava, LlavaForConditionalGeneration, llama, USER: x ASSISTANT:, x, vicuna_v1",
                "llava_mistral, LlavaMistralForCausalLM, -, -, llava-v1.6-7b, mistral_instruct",
                "llava_next, LlavaNextForConditionalGeneration, mistral, -, x, mistral_instruct",
                "llava_llama, LlavaMistralForCausalLM, -, -, x, mistral_instruct",
                "llava_llama, LlavaLlamaForCausalLM, -, <|im_start|>user, x, chatml_direct",
                "llava_llama, LlavaLlamaForCausalLM, -, -, llava-v1.6-34b, chatml_direct",
                "llava_llama, LlavaLlamaForCausalLM, -, [INST] <<SYS>> x, x, llava_llama_2",
                "llava_llama, LlavaLlamaForCausalLM, -, [INST] x [/INST], x, mistral_instruct",
                "llava_llama, LlavaLlamaForCausalLM, -, -, Llama-2-7b-chat-hf, llava_llama_2",
                "llava_mpt, LlavaMptForCausalLM, -, -, x, mpt",
                "-, -, -, -, -, vicuna_v1"
            })
    void theTemplateIsGuessedFromTheCheckpoint(
            String modelType,
            String architecture,
            String textModelType,
            String chatTemplate,
            String name,
            String expected) {
        CheckpointFacts facts =
                new CheckpointFacts(
                        Optional.ofNullable(modelType),
                        architecture == null ? List.of() : List.of(architecture),
                        Optional.ofNullable(textModelType),
                        Optional.ofNullable(chatTemplate),
                        name == null ? List.of() : List.of(name));
        assertThat(PromptTemplate.choose(facts).name()).isEqualTo(expected);
    }

    @Test
    void aConversationGrowsWithoutChanging() {
        Conversation asked = Conversation.ask("Hi?").withSystem("S.");
        assertThat(PromptTemplate.named("vicuna_v1").prompt(asked))
                .isEqualTo("S. USER: Hi? ASSISTANT:");
        Conversation more =
                Conversation.of(Turn.user("Hi?"), Turn.assistant("Ho."))
                        .with(Turn.user("And?"))
                        .with(Turn.open())
                        .withSystem("S.");
        assertThat(PromptTemplate.named("vicuna_v1").prompt(more))
                .isEqualTo("S. USER: Hi? ASSISTANT: Ho.</s>USER: And? ASSISTANT:");
        assertThat(asked.turns()).hasSize(2);
    }
}
