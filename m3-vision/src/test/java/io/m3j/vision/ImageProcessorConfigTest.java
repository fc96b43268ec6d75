package io.m3j.vision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import io.m3j.vision.ImageProcessorConfig.Framing;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ImageProcessorConfigTest {

    private static final ImageProcessorConfig CLIP =
            ImageProcessorConfig.clip().withFraming(Framing.SQUARE);

    @TempDir private Path directory;

    @Test
    void checkpointsSayWhatClipSays() {
        assertThat(ImageProcessorConfig.read(Golden.checkpoint("clip-vision"))).isEqualTo(CLIP);
    }

    @Test
    void withoutAFileTheSettingsAreThoseOfClip() {
        assertThat(ImageProcessorConfig.read(directory)).isEqualTo(CLIP);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{'size':336,'crop_size':336}",
                "{'size':{'shortest_edge':336},'crop_size':{'height':336,'width':336}}",
                "{'size':336,'crop_size':336,'do_resize':true,'feature_extractor_type':"
                        + "'CLIPFeatureExtractor','resample':3,'rescale_factor':null}"
            })
    void bothFormsOfTheSizeAreRead(String json) {
        assertThat(read(json)).isEqualTo(CLIP);
    }

    @Test
    void everySettingIsRead() {
        assertThat(
                        read(
                                "{'size':{'height':64,'width':64},'crop_size':48,'resample':2,"
                                        + "'rescale_factor':0.5,'do_normalize':false,"
                                        + "'image_mean':[0,0.5,1],'image_std':[1,2,3]}"))
                .isEqualTo(
                        new ImageProcessorConfig(
                                Framing.STRETCH,
                                64,
                                48,
                                ResampleFilter.BILINEAR,
                                0.5,
                                false,
                                List.of(0.0, 0.5, 1.0),
                                List.of(1.0, 2.0, 3.0)));
        assertThat(read("{'do_rescale':false}").rescaleFactor()).isEqualTo(1);
        assertThat(read("{}").imageSize()).isEqualTo(224);
    }

    @Test
    void paddingThatTheFileAsksForIsTheFraming() {
        assertThat(read("{'do_pad':true}").framing()).isEqualTo(Framing.PAD);
        assertThat(read("{'do_pad':false}").framing()).isEqualTo(Framing.SQUARE);
        assertThat(read("{'do_pad':null}").framing()).isEqualTo(Framing.SQUARE);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'do_resize':false} | do_resize",
                "{'do_center_crop':false} | do_center_crop",
                "{'do_rescale':1} | do_rescale",
                "{'resample':0} | resample",
                "{'resample':'x'} | resample",
                "{'size':{'longest_edge':336}} | size",
                "{'size':{'height':1,'width':2}} | size",
                "{'size':1e99} | size",
                "{'size':2000000000} | size",
                "{'size':100,'crop_size':224} | crop_size",
                "{'crop_size':{'height':336,'width':224}} | crop_size",
                "{'crop_size':-1} | crop_size",
                "{'image_mean':[1,2]} | image_mean",
                "{'image_mean':'x'} | image_mean",
                "{'image_std':[1,0,1]} | image_std",
                "{'image_std':[1,null,1]} | image_std",
                "{'rescale_factor':0} | rescale_factor",
                "{'image_processor_type':'SiglipImageProcessor'} | image_processor_type",
                "[] | object",
                "{'size': | JSON"
            })
    void whatIsNotSupportedIsRefusedByName(String json, String culprit) {
        assertThatThrownBy(() -> read(json))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("preprocessor_config.json")
                .hasMessageContaining(culprit);
    }

    @Test
    void brokenFilesAreRefused() {
        byte[] whole =
                "{\"size\":{\"shortest_edge\":336},\"crop_size\":336,\"image_mean\":[0.1,0.2,0.3]}"
                        .getBytes(StandardCharsets.UTF_8);
        Random random = new Random(11);
        for (int i = 0; i < 2000; i++) {
            byte[] changed = whole.clone();
            changed[random.nextInt(changed.length)] = (byte) random.nextInt();
            changed[random.nextInt(changed.length)] = (byte) random.nextInt();
            try {
                read(changed);
            } catch (M3Exception e) {
                assertThat(e).hasMessageContaining("preprocessor_config.json");
            }
        }
        assertThatThrownBy(() -> read("[".repeat(100_000))).isInstanceOf(M3Exception.class);
    }

    private ImageProcessorConfig read(String json) {
        return read(json.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
    }

    private ImageProcessorConfig read(byte[] bytes) {
        try {
            Files.write(directory.resolve("preprocessor_config.json"), bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return ImageProcessorConfig.read(directory);
    }
}
