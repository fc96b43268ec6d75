package io.m3j.llm;

import static io.m3j.core.Arguments.required;

import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.scale.ScalePolicy;
import io.m3j.llm.tokenizer.StreamingDecoder;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** From a question to ids: template, tokenizer, checks. Touches no native memory of the model, unless a policy looks at
 * tokens. */
final class Preparation {

    private final M3Config config;
    private final Ladder ladder;
    private final Decoder decoder;
    private final Fusion fusion;
    private final ModelText text;

    /**
     * @param config of the checkpoint
     * @param ladder the scales
     * @param decoder that will read
     * @param fusion checks ids against images
     * @param text asked for only where there is some
     */
    Preparation(M3Config config, Ladder ladder, Decoder decoder, Fusion fusion, ModelText text) {
        this.config = config;
        this.ladder = ladder;
        this.decoder = decoder;
        this.fusion = fusion;
        this.text = text;
    }

    /**
     * @param request whose pictures are encoded
     * @return the same, checked and in ids
     * @throws M3Exception if it cannot be answered
     */
    PreparedRequest prepare(Request request) {
        if (!request.pictures().isEmpty()) {
            throw new M3Exception(
                    "request: its pictures must be encoded first, with M3Model.encode and"
                            + " Request.with");
        }
        if (request.prompt() instanceof Request.Question question) {
            return question(request.images(), question.text(), request.options());
        }
        long[] ids =
                ((Request.Ids) request.prompt())
                        .ids().stream().mapToLong(Long::longValue).toArray();
        return ids(request.images(), ids, request.options());
    }

    /**
     * @param images in the order of their slots
     * @param question without template
     * @param options may name a template
     * @return the request in ids
     */
    PreparedRequest question(
            List<EncodedImage> images, String question, GenerationOptions options) {
        List<ImageScales> scales = scales(images, question, options);
        Conversation asked = Conversation.ask(withMarkers(images.size(), question));
        return conversation(asked, images, scales, options);
    }

    /**
     * @param conversation up to the answer that is to come, a marker for each image
     * @param images of all turns; those that were read before may be closed
     * @param scales of each image
     * @param options may name a template
     * @return the request in ids
     */
    PreparedRequest conversation(
            Conversation conversation,
            List<EncodedImage> images,
            List<ImageScales> scales,
            GenerationOptions options) {
        PromptTemplate chosen =
                options.template().map(PromptTemplate::named).orElseGet(text::template);
        M3Tokenizer tokenizer = text.tokenizer();
        long[] ids = tokenizer.encodeWithImages(chosen.prompt(conversation));
        return prepared(
                images,
                ids,
                scales,
                options,
                chosen.stopStrings(),
                Optional.of(tokenizer.streamingDecoder()));
    }

    /**
     * LLaVA's own form: each picture on a line of its own before the question.
     *
     * @param images how many there are
     * @param question may have a marker for each
     * @return the question with one for each
     */
    String withMarkers(int images, String question) {
        String marker = M3Tokenizer.IMAGE_MARKER;
        String wrapped = config.imageStartEnd() ? "<im_start>" + marker + "<im_end>" : marker;
        return question.contains(marker)
                ? question.replace(marker, wrapped)
                : (wrapped + "\n").repeat(images) + question;
    }

    /**
     * @param images that are to be read
     * @param question that is asked about them, without template
     * @param options one scale, or a policy
     * @return the scales of each image
     * @throws IllegalStateException if an image was closed
     */
    List<ImageScales> scales(
            List<EncodedImage> images, String question, GenerationOptions options) {
        return scales(images, Optional.of(question), options);
    }

    private List<ImageScales> scales(
            List<EncodedImage> images, Optional<String> question, GenerationOptions options) {
        required(images, "images").forEach(image -> required(image, "image").tiles()); // open
        if (options.scales().isEmpty()) {
            return Fusion.same(images, ladder.require(options.scale().orElse(ladder.finest())));
        }
        ScalePolicy policy = options.scales().get();
        List<ImageScales> scales = new ArrayList<>();
        for (int i = 0; i < images.size(); i++) {
            ImageScales chosen = policy.choose(new ScalePolicy.Shown(images, i, question));
            scales.add(required(chosen, "scales of a ScalePolicy"));
        }
        return scales;
    }

    /**
     * @param images one for each slot
     * @param ids a whole prompt
     * @param options scale, sampling and limits
     * @return the request, whose answer has no text
     */
    PreparedRequest ids(List<EncodedImage> images, long[] ids, GenerationOptions options) {
        return ids(images, ids, options, List.of(), Optional.empty());
    }

    /**
     * @param images one for each slot
     * @param ids a whole prompt
     * @param options scale, sampling and limits
     * @param stopStrings beside those of the options
     * @param text ids to text; empty if only ids are wanted
     * @return the request
     */
    PreparedRequest ids(
            List<EncodedImage> images,
            long[] ids,
            GenerationOptions options,
            List<String> stopStrings,
            Optional<StreamingDecoder> text) {
        required(stopStrings, "stopStrings");
        List<ImageScales> scales = scales(images, Optional.empty(), required(options, "options"));
        return prepared(images, ids, scales, options, stopStrings, text);
    }

    private PreparedRequest prepared(
            List<EncodedImage> images,
            long[] ids,
            List<ImageScales> scales,
            GenerationOptions options,
            List<String> stopStrings,
            Optional<StreamingDecoder> text) {
        Prompt prompt = fusion.prompt(images, ids, scales, options.maxNewTokens());
        return new PreparedRequest(
                decoder,
                prompt,
                options,
                stopStrings,
                config.endOfSequence(),
                text,
                decoder.cacheBytes(prompt.length() + options.maxNewTokens()));
    }
}
