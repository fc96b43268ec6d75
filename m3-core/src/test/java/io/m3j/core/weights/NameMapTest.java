package io.m3j.core.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class NameMapTest {

    private static final List<String> OURS =
            List.of(
                    "vision_tower.embeddings.class_embedding",
                    "vision_tower.embeddings.patch_embedding.weight",
                    "vision_tower.embeddings.position_embedding.weight",
                    "vision_tower.pre_layrnorm.bias",
                    "vision_tower.encoder.layers.23.self_attn.out_proj.weight",
                    "vision_tower.encoder.layers.0.layer_norm1.weight",
                    "vision_tower.encoder.layers.10.mlp.fc2.bias",
                    "vision_tower.post_layernorm.weight",
                    "projector.0.weight",
                    "projector.1.bias",
                    "decoder.embed_tokens.weight",
                    "decoder.layers.31.input_layernorm.weight",
                    "decoder.layers.0.self_attn.q_proj.bias",
                    "decoder.layers.0.self_attn.o_proj.weight",
                    "decoder.layers.7.mlp.gate_proj.weight",
                    "decoder.norm.weight",
                    "decoder.lm_head.weight",
                    "image_newline");

    @ParameterizedTest
    @CsvSource({
        "ORIGINAL, model.embed_tokens.weight, decoder.embed_tokens.weight",
        "ORIGINAL, model.layers.3.mlp.up_proj.weight, decoder.layers.3.mlp.up_proj.weight",
        "ORIGINAL, lm_head.weight, decoder.lm_head.weight",
        "ORIGINAL, model.mm_projector.0.weight, projector.0.weight",
        "ORIGINAL, model.mm_projector.4.bias, projector.2.bias",
        "ORIGINAL, model.mm_projector.weight, projector.0.weight",
        "ORIGINAL, mm_projector.2.weight, projector.1.weight",
        "ORIGINAL, model.image_newline, image_newline",
        "HF, language_model.model.norm.weight, decoder.norm.weight",
        "HF, multi_modal_projector.linear_2.bias, projector.1.bias",
        "HF, vision_tower.vision_model.pre_layrnorm.weight, vision_tower.pre_layrnorm.weight",
        "HF, image_newline, image_newline",
        "HF_NEW, model.language_model.norm.weight, decoder.norm.weight",
        "HF_NEW, lm_head.weight, decoder.lm_head.weight",
        "HF_NEW, model.multi_modal_projector.linear_1.weight, projector.0.weight",
        "HF_NEW, model.vision_tower.post_layernorm.bias, vision_tower.post_layernorm.bias",
        "HF_NEW, model.vision_tower.vision_model.embeddings.class_embedding,"
                + " vision_tower.embeddings.class_embedding",
        "CLIP, vision_model.encoder.layers.2.mlp.fc1.weight,"
                + " vision_tower.encoder.layers.2.mlp.fc1.weight",
        "CLIP, visual_projection.weight, vision_tower.projection.weight"
    })
    void eachLayoutHasItsNameForOurs(Layout layout, String theirs, String ours) {
        assertThat(layout.ours(theirs)).contains(ours);
        NameMap map = NameMap.detect(List.of(theirs));
        assertThat(map.theirs(ours)).isEqualTo(theirs);
        assertThat(map.unknown()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(Layout.class)
    void aNameTranslatedThereAndBackIsTheSame(Layout layout) {
        List<String> theirs = OURS.stream().flatMap(name -> layout.theirs(name).stream()).toList();
        assertThat(theirs.stream().map(name -> layout.ours(name).orElseThrow()).toList())
                .isSubsetOf(OURS)
                .doesNotHaveDuplicates();
        NameMap map = NameMap.detect(theirs);
        assertThat(map.layout()).isEqualTo(layout);
        assertThat(map.theirsByOurs()).hasSize(theirs.size());
        if (layout != Layout.CLIP) {
            assertThat(theirs).hasSize(OURS.size());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "ORIGINAL, model.mm_projector.1.weight", // an activation has no weight
        "ORIGINAL, model.layers.0.self_attn.q_norm.weight",
        "ORIGINAL, model.layers.x.mlp.up_proj.weight",
        "ORIGINAL, model.layers.0.mlp.up_proj.weight.x",
        "HF, multi_modal_projector.linear_0.weight",
        "HF, multi_modal_projector.linear_99999999999.weight"
    })
    void whatNoLayoutKnowsIsReported(Layout layout, String name) {
        assertThat(layout.ours(name)).isEmpty();
        String known = layout.theirs("decoder.norm.weight").orElseThrow();
        NameMap map = NameMap.detect(List.of(known, name));
        assertThat(map.unknown()).containsExactly(name);
        assertThat(map.ours(known)).contains("decoder.norm.weight");
    }

    @Test
    void computedTablesAndTheTextTowerArePassedOver() {
        NameMap map =
                NameMap.detect(
                        List.of(
                                "vision_model.post_layernorm.weight",
                                "vision_model.embeddings.position_ids",
                                "text_model.final_layer_norm.weight",
                                "text_projection.weight",
                                "logit_scale",
                                "model.layers.0.self_attn.rotary_emb.inv_freq"));
        assertThat(map.unknown()).isEmpty();
        assertThat(map.theirsByOurs()).hasSize(1);
    }

    @Test
    void namesOfNoLayoutAreShown() {
        assertThatThrownBy(() -> NameMap.detect(List.of("transformer.h.0.attn", "wte.weight")))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("wte.weight");
        assertThatThrownBy(() -> NameMap.detect(List.of())).isInstanceOf(M3Exception.class);
    }

    @Test
    void twoNamesForOneTensorAreRefused() {
        assertThatThrownBy(
                        () ->
                                NameMap.detect(
                                        List.of(
                                                "model.mm_projector.weight",
                                                "model.mm_projector.0.weight")))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("projector.0.weight");
    }

    @Test
    void aNameThatTheLayoutLacksIsAMessage() {
        NameMap clip = NameMap.detect(List.of("visual_projection.weight"));
        assertThatThrownBy(() -> clip.theirs("decoder.norm.weight"))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("CLIP");
    }
}
