package io.m3j.llm;

import io.m3j.core.M3Exception;
import io.m3j.core.torch.Kernels;

/** Begins the requests of one model, each once. */
final class Sequences {

    private final Kernels kernels;
    private final Decoder decoder;
    private final Fusion fusion;

    /**
     * @param kernels to make managers with
     * @param decoder that reads
     * @param fusion makes embeddings of prompts
     */
    Sequences(Kernels kernels, Decoder decoder, Fusion fusion) {
        this.kernels = kernels;
        this.decoder = decoder;
        this.fusion = fusion;
    }

    /**
     * @return to make managers with
     */
    Kernels kernels() {
        return kernels;
    }

    /**
     * @return that reads
     */
    Decoder decoder() {
        return decoder;
    }

    /**
     * @param request that is to be answered
     * @throws M3Exception if another model prepared it: its ids and its cache would mean something else
     */
    void requireOwn(PreparedRequest request) {
        if (!request.preparedFor(decoder)) {
            throw new M3Exception(
                    "request: it was prepared by another model; prepare it with the model that is"
                            + " asked");
        }
    }

    /**
     * @param request of this model, not begun before
     * @param prefixes beginnings that were read before
     * @param keptImages whether the prompt's pictures may be asked again
     * @return the request on its way through the decoder, to be closed by the caller
     * @throws M3Exception if another model prepared it, or it was begun before
     */
    Sequence begin(PreparedRequest request, PrefixCache prefixes, boolean keptImages) {
        requireOwn(request);
        request.begin();
        int newTokens = request.options().maxNewTokens();
        return new Sequence(
                kernels, decoder, fusion, prefixes, request.prompt(), newTokens, keptImages);
    }
}
