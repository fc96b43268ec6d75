package io.m3j.llm;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.m3j.core.M3Exception;
import io.m3j.llm.Turn.Role;
import io.m3j.llm.tokenizer.Whitespace;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * How a conversation is written down for the model: the templates of LLaVA's conversation.py, whose
 * every character matters to a checkpoint that was trained on it.
 *
 * @param name the template's name there, such as {@code vicuna_v1}
 * @param system the system text
 * @param userRole what stands before what the user says
 * @param assistantRole what stands before what the assistant says
 * @param style how the parts are joined
 * @param separator ends a turn, or the user's turns
 * @param secondSeparator ends the assistant's turns where the style has two separators; else null
 * @param version the family, as conversation.py has it
 * @param examples turns that the template opens with when one asks for them; they are not put in by
 *     {@link #prompt}
 */
public record PromptTemplate(
        String name,
        String system,
        String userRole,
        String assistantRole,
        Style style,
        String separator,
        String secondSeparator,
        String version,
        List<Turn> examples) {

    /** How system text, roles, messages and separators are joined: {@code SeparatorStyle}. */
    public enum Style {
        /** {@code ROLE: message}, one separator. */
        SINGLE,
        /** {@code ROLE: message}, separators in turn. */
        TWO,
        /** {@code ROLEmessage}, one separator. */
        MPT,
        /** Messages only, separators in turn. */
        PLAIN,
        /** {@code [INST] message [/INST]}, the system text inside the first. */
        LLAMA_2
    }

    private static final String IMAGE = M3Tokenizer.IMAGE_MARKER;
    private static final Map<String, String> ALIASES =
            Map.of("mistral", "mistral_instruct", "chatml", "chatml_direct");
    private static final Map<String, PromptTemplate> TEMPLATES = readTemplates();

    /** Copies the examples. */
    public PromptTemplate {
        examples = List.copyOf(examples);
    }

    /**
     * @param name one of {@link #names}, or {@code mistral} or {@code chatml} for short
     * @return the template
     * @throws M3Exception if there is none of that name; the message lists those there are
     */
    public static PromptTemplate named(String name) {
        PromptTemplate template = TEMPLATES.get(ALIASES.getOrDefault(name, name));
        if (template == null) {
            throw new M3Exception(
                    "prompt template '"
                            + name
                            + "': expected one of "
                            + String.join(", ", TEMPLATES.keySet()));
        }
        return template;
    }

    /**
     * @return the names of all templates
     */
    public static Set<String> names() {
        return TEMPLATES.keySet();
    }

    /**
     * The template that a checkpoint was most likely trained on. A guess from its files: who knows
     * better uses {@link #named}.
     *
     * <p>In this order: a chat template tells by its marks ({@code <|im_start|>}: chatml_direct;
     * {@code [INST]} with {@code <<SYS>>}: llava_llama_2; {@code USER:}: vicuna_v1; {@code [INST]}
     * alone: mistral_instruct); then the kind of decoder (mistral, mpt); then the names (vicuna,
     * mistral, llama-2 chat, mpt, and hermes or 34b for chatml_direct); else vicuna_v1. LLaVA's own
     * choice looks for {@code v1} in the directory's name, which for llava-next-vicuna-7b-m3 is
     * wrong.
     *
     * @param facts what the checkpoint says about itself
     * @return the template
     */
    public static PromptTemplate choose(CheckpointFacts facts) {
        String chat = facts.chatTemplate().orElse("");
        if (chat.contains("<|im_start|>")) {
            return named("chatml_direct");
        }
        if (chat.contains("[INST]") && chat.contains("<<SYS>>")) {
            return named("llava_llama_2");
        }
        if (chat.contains("USER:")) {
            return named("vicuna_v1");
        }
        if (chat.contains("[INST]")) {
            return named("mistral_instruct");
        }
        List<String> kinds = new ArrayList<>(facts.architectures());
        facts.modelType().ifPresent(kinds::add);
        facts.textModelType().ifPresent(kinds::add);
        Predicate<String> isKind = word -> mentions(kinds, word);
        Predicate<String> isNamed = word -> mentions(facts.names(), word);
        if (isKind.test("mistral")) {
            return named("mistral_instruct");
        }
        if (isKind.test("mpt")) {
            return named("mpt");
        }
        if (isNamed.test("vicuna")) {
            return named("vicuna_v1");
        }
        if (isNamed.test("mistral")) {
            return named("mistral_instruct");
        }
        if (isNamed.test("hermes") || isNamed.test("34b")) {
            return named("chatml_direct");
        }
        if (isNamed.test("llama-2") && isNamed.test("chat")) {
            return named("llava_llama_2");
        }
        return named(isNamed.test("mpt") ? "mpt" : "vicuna_v1");
    }

    private static boolean mentions(List<String> texts, String word) {
        return texts.stream().anyMatch(text -> text.toLowerCase(Locale.ROOT).contains(word));
    }

    /**
     * Writes a conversation down: {@code Conversation.get_prompt} of conversation.py.
     *
     * @param conversation what was said
     * @return the prompt, an {@code <image>} for each image still in it
     * @throws M3Exception if this style cannot write it: LLAMA_2 wants a user's text first, PLAIN
     *     with one separator only one message
     */
    public String prompt(Conversation conversation) {
        String systemText = conversation.system().orElse(system);
        List<Turn> turns = withImageFirst(conversation.turns());
        return switch (style) {
            case SINGLE, TWO -> systemText + separator + joined(turns, ": ", ":");
            case MPT -> systemText + separator + joined(turns, "", "");
            case PLAIN -> systemText + plain(turns);
            case LLAMA_2 -> llama2(systemText, turns);
        };
    }

    /**
     * @return what the model writes when its turn is over; generation stops there
     */
    public List<String> stopStrings() {
        boolean ownSeparator = style == Style.TWO || style == Style.LLAMA_2;
        return List.of(ownSeparator ? secondSeparator : separator);
    }

    private List<Turn> withImageFirst(List<Turn> turns) {
        if (turns.isEmpty() || !turns.get(0).imageFirst() || turns.get(0).text() == null) {
            return turns;
        }
        Role role = turns.get(0).role();
        String text = Whitespace.strip(turns.get(0).text().replace(IMAGE, ""));
        List<Turn> result = new ArrayList<>(turns);
        if (version.contains("mmtag")) {
            result.set(0, new Turn(role, text, false));
            result.add(0, Turn.user("<Image>" + IMAGE + "</Image>"));
            result.add(1, Turn.assistant("Received."));
        } else {
            result.set(0, new Turn(role, IMAGE + "\n" + text, false));
        }
        return result;
    }

    private String joined(List<Turn> turns, String beforeText, String beforeNothing) {
        StringBuilder prompt = new StringBuilder();
        for (int i = 0; i < turns.size(); i++) {
            Turn turn = turns.get(i);
            prompt.append(turn.role() == Role.USER ? userRole : assistantRole);
            if (turn.isEmpty()) {
                prompt.append(beforeNothing);
            } else {
                prompt.append(beforeText).append(turn.text());
                prompt.append(style == Style.TWO ? separatorAfter(i) : separator);
            }
        }
        return prompt.toString();
    }

    private String plain(List<Turn> turns) {
        StringBuilder prompt = new StringBuilder();
        for (int i = 0; i < turns.size(); i++) {
            if (!turns.get(i).isEmpty()) {
                prompt.append(turns.get(i).text()).append(separatorAfter(i));
            }
        }
        return prompt.toString();
    }

    private String llama2(String systemText, List<Turn> turns) {
        StringBuilder prompt = new StringBuilder();
        for (int i = 0; i < turns.size(); i++) {
            Turn turn = turns.get(i);
            if (i == 0 && (turn.isEmpty() || turn.role() != Role.USER)) {
                throw new M3Exception(
                        "prompt template "
                                + name
                                + ": expected the conversation to begin with a user's text, found "
                                + (turn.isEmpty() ? "an empty turn" : "the assistant's"));
            }
            if (turn.isEmpty()) {
                continue;
            }
            if (i % 2 == 1) {
                prompt.append(' ').append(turn.text()).append(' ').append(secondSeparator);
                continue;
            }
            boolean first = i == 0 && !systemText.isEmpty();
            String preface = first ? "<<SYS>>\n" + systemText + "\n<</SYS>>\n\n" : "";
            prompt.append(separator);
            prompt.append("[INST] ").append(preface).append(turn.text()).append(" [/INST]");
        }
        // As the reference: every leading character that occurs in the separator goes.
        int start = 0;
        while (start < prompt.length() && separator.indexOf(prompt.charAt(start)) >= 0) {
            start++;
        }
        return prompt.substring(start);
    }

    private String separatorAfter(int turn) {
        String result = turn % 2 == 0 ? separator : secondSeparator;
        if (result == null) {
            throw new M3Exception(
                    "prompt template "
                            + name
                            + ": has no separator for an assistant's text, found one in turn "
                            + (turn + 1)
                            + "; use a template for conversations, such as vicuna_v1");
        }
        return result;
    }

    private static Map<String, PromptTemplate> readTemplates() {
        String resource = "prompt-templates.json";
        try (InputStream in = PromptTemplate.class.getResourceAsStream(resource)) {
            Map<String, PromptTemplate> templates = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> entry : new ObjectMapper().readTree(in).properties()) {
                templates.put(entry.getKey(), template(entry.getKey(), entry.getValue()));
            }
            return Collections.unmodifiableMap(templates);
        } catch (IOException e) {
            throw new UncheckedIOException(resource, e);
        }
    }

    private static PromptTemplate template(String name, JsonNode fields) {
        List<Turn> examples = new ArrayList<>();
        for (JsonNode text : fields.path("examples")) {
            boolean user = examples.size() % 2 == 0;
            examples.add(user ? Turn.user(text.asText()) : Turn.assistant(text.asText()));
        }
        return new PromptTemplate(
                name,
                fields.get("system").asText(),
                fields.get("roles").get(0).asText(),
                fields.get("roles").get(1).asText(),
                Style.valueOf(fields.get("style").asText()),
                fields.get("separator").asText(),
                fields.get("secondSeparator").textValue(),
                fields.get("version").asText(),
                examples);
    }
}
