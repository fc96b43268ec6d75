package io.m3j.llm.tokenizer;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.llm.tokenizer.SentencePieceModel.Piece;
import io.m3j.llm.tokenizer.SentencePieceModel.Type;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The own tokenizer as a {@code tokenizer.json}, converted as transformers does it
 * (convert_slow_tokenizer.py, LlamaConverter in legacy behaviour).
 */
public final class OwnTokenizerJson {

    private static final ObjectMapper JSON = new ObjectMapper();

    private OwnTokenizerJson() {}

    /**
     * @param model a {@code tokenizer.model} to convert
     * @param directory where the {@code tokenizer.json} is put
     */
    public static void convert(Path model, Path directory) throws IOException {
        String json = tree(SentencePieceReader.read(model).pieces()).toString();
        Files.writeString(directory.resolve("tokenizer.json"), json);
    }

    static ObjectNode tree() {
        return tree(OwnTokenizer.model().pieces());
    }

    private static ObjectNode tree(List<Piece> pieces) {
        ObjectNode root = JSON.createObjectNode();
        root.put("version", "1.0");
        ArrayNode added = root.putArray("added_tokens");
        for (int id = 0; id < pieces.size(); id++) {
            Type type = pieces.get(id).type();
            if (type == Type.CONTROL || type == Type.UNKNOWN) {
                added.addObject()
                        .put("id", id)
                        .put("content", pieces.get(id).text())
                        .put("single_word", false)
                        .put("lstrip", false)
                        .put("rstrip", false)
                        .put("normalized", false)
                        .put("special", true);
            }
        }
        root.set(
                "normalizer",
                read(
                        "{'type':'Sequence','normalizers':[{'type':'Prepend','prepend':'\u2581'},"
                                + "{'type':'Replace','pattern':{'String':' '},'content':'\u2581'}]}"));
        root.putNull("pre_tokenizer");
        root.set(
                "post_processor",
                read(
                        "{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':'<s>',"
                                + "'type_id':0}},{'Sequence':{'id':'A','type_id':0}}],'pair':[],"
                                + "'special_tokens':{'<s>':{'id':'<s>','ids':[1],'tokens':['<s>']}}}"));
        root.set(
                "decoder",
                read(
                        "{'type':'Sequence','decoders':[{'type':'Replace','pattern':{'String':"
                                + "'\u2581'},'content':' '},{'type':'ByteFallback'},{'type':'Fuse'},"
                                + "{'type':'Strip','content':' ','start':1,'stop':0}]}"));
        ObjectNode model = root.putObject("model");
        model.put("type", "BPE").put("unk_token", "<unk>");
        model.put("fuse_unk", true).put("byte_fallback", true);
        ObjectNode vocabulary = model.putObject("vocab");
        for (int id = 0; id < pieces.size(); id++) {
            vocabulary.put(pieces.get(id).text(), id);
        }
        ArrayNode merges = model.putArray("merges");
        merges(pieces).forEach(merge -> merges.add(merge.left + " " + merge.right));
        return root;
    }

    private static ObjectNode read(String singleQuoted) {
        try {
            return (ObjectNode) JSON.readTree(singleQuoted.replace('\'', '"'));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private record Merge(String left, String right, float score) {}

    private static List<Merge> merges(List<Piece> pieces) {
        Map<String, Integer> ids = new HashMap<>();
        for (int id = 0; id < pieces.size(); id++) {
            ids.put(pieces.get(id).text(), id);
        }
        List<Merge> merges = new ArrayList<>();
        for (Piece piece : pieces) {
            List<Merge> local = new ArrayList<>();
            for (int i = 1; i < piece.text().length(); i++) {
                String left = piece.text().substring(0, i);
                String right = piece.text().substring(i);
                if (ids.containsKey(left) && ids.containsKey(right)) {
                    local.add(new Merge(left, right, piece.score()));
                }
            }
            local.sort(
                    Comparator.<Merge>comparingInt(m -> ids.get(m.left))
                            .thenComparingInt(m -> ids.get(m.right)));
            merges.addAll(local);
        }
        merges.sort(Comparator.comparing(Merge::score).reversed());
        return merges;
    }
}
