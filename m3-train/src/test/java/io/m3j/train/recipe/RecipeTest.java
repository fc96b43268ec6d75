package io.m3j.train.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.Pooling;
import io.m3j.core.Scale;
import io.m3j.core.torch.FloatType;
import io.m3j.train.LoraOptions;
import io.m3j.train.LossOptions;
import io.m3j.train.Part;
import io.m3j.train.Schedule;
import io.m3j.train.data.OnFault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RecipeTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    private static final String PLAIN =
            "{'model':{'from':'base'},'data':[{'llava':{'annotations':'a.json','images':'i'}}],"
                    + "'steps':10,'batch':{'size':2},'optimizer':{'learning_rate':0.01}}";

    private static final String FULL =
            "{'model':{'random':'shape','seed':24},'run':'runs/x','epochs':1.5,"
                    + "'data':[{'scenes':{'seed':7,'count':10,'questions_per_scene':6}},"
                    + "        {'llava':{'annotations':'a.json','images':'i'}}],"
                    + "'batch':{'size':4,'accumulation':8,'group_by_length':true,'loaders':2},"
                    + "'max_length':300,'scales':[576,1,9],'pooling':'spatial',"
                    + "'loss':{'weights':{'1':1,'9':2,'576':5},'distillation':0.5,'consistency':0.25,'temperature':2,'grounding':0.75},"
                    + "'optimizer':{'learning_rate':{'tower':1e-5,'projector':2e-5,'decoder':3e-5},"
                    + "             'weight_decay':0.1,'betas':[0.8,0.95],'epsilon':1e-6,'clip_norm':1},"
                    + "'schedule':{'kind':'linear','warm_up_ratio':0.03},"
                    + "'precision':'bfloat16','save_precision':'float32','activation_checkpointing':1,"
                    + "'tiles_at_once':8,"
                    + "'curriculum':[{'until_fraction':0.2,'scales':[1]},"
                    + "              {'until_fraction':0.5,'scales':[9,1]}],"
                    + "'evaluation':{'every_steps':5,'examples':100,"
                    + "              'data':[{'scenes':{'seed':8,'count':3}}],"
                    + "              'early_stopping':{'metric':'loss.9','patience':3}},"
                    + "'checkpoints':{'every_steps':50,'every_minutes':5,'keep':3},"
                    + "'faults':{'bad_example':'skip','non_finite_loss':'skip','limit':7},'seed':42}";

    @TempDir private Path directory;

    @Test
    void aShortRecipeHasTheDefaults() throws IOException {
        Recipe recipe = read(PLAIN);
        assertThat(recipe.model().directory()).isEqualTo(directory.resolve("base"));
        assertThat(recipe.model().seed()).isEmpty();
        assertThat(recipe.run()).isEmpty();
        assertThat(recipe.length().steps(3)).isEqualTo(10);
        assertThat(recipe.batching()).isEqualTo(new Batching(2, 1, false, 1));
        assertThat(recipe.rates()).containsEntry(Part.TOWER, 0.01).hasSize(3);
        assertThat(recipe.step().longest()).isEqualTo(2048);
        assertThat(recipe.step().pooling()).isEqualTo(Pooling.AVERAGE);
        assertThat(recipe.step().type()).isEqualTo(FloatType.FLOAT32);
        assertThat(recipe.clipNorm()).isInfinite();
        assertThat(recipe.schedule()).isEqualTo(new Schedule(Schedule.Kind.COSINE, 0, 0));
        assertThat(recipe.faults().badExample()).isEqualTo(OnFault.STOP);
        assertThat(recipe.checkpoints()).isEqualTo(new CheckpointPlan(0, 10, 2));
        Ladder ladder = Ladder.ofGrid(24);
        assertThat(recipe.loss().scales(ladder)).isEqualTo(ladder.scales());
        assertThat(recipe.loss().options(ladder, ladder.scales()))
                .isEqualTo(LossOptions.mean(ladder.scales()));
    }

    @Test
    void everyKeyIsRead() throws IOException {
        Recipe recipe = read(FULL);
        assertThat(recipe.model().seed()).contains(24L);
        assertThat(recipe.run()).contains(directory.resolve("runs/x"));
        assertThat(recipe.data())
                .containsExactly(
                        new DataSource.Scenes(7, 10, 6, false, 2, false, false, false),
                        new DataSource.Llava(directory.resolve("a.json"), directory.resolve("i")));
        assertThat(recipe.length().steps(100)).isEqualTo(150);
        assertThat(recipe.batching()).isEqualTo(new Batching(4, 8, true, 2));
        assertThat(recipe.step().longest()).isEqualTo(300);
        assertThat(recipe.step().layersAgain()).isEqualTo(1);
        assertThat(recipe.step().tilesAtOnce()).isEqualTo(8);
        assertThat(recipe.step().pooling()).isEqualTo(Pooling.SPATIAL);
        assertThat(recipe.step().type()).isEqualTo(FloatType.BFLOAT16);
        assertThat(recipe.saved()).isEqualTo(FloatType.FLOAT32);
        assertThat(recipe.loss().scales()).containsExactly(Scale.of(1), Scale.of(9), Scale.of(576));
        assertThat(recipe.loss().distillation()).isEqualTo(0.5);
        assertThat(recipe.loss().consistency()).isEqualTo(0.25);
        assertThat(recipe.loss().temperature()).isEqualTo(2);
        assertThat(recipe.loss().grounding()).isEqualTo(0.75);
        assertThat(recipe.rates()).containsEntry(Part.DECODER, 3e-5);
        assertThat(recipe.optimizer().beta2()).isEqualTo(0.95);
        assertThat(recipe.optimizer().decay()).isEqualTo(0.1);
        assertThat(recipe.clipNorm()).isEqualTo(1);
        assertThat(recipe.schedule()).isEqualTo(new Schedule(Schedule.Kind.LINEAR, 0, 0.03));
        assertThat(recipe.evaluation().orElseThrow().earlyStopping())
                .contains(new EvaluationPlan.EarlyStopping("loss.9", 3));
        assertThat(recipe.checkpoints()).isEqualTo(new CheckpointPlan(50, 5, 3));
        assertThat(recipe.faults()).isEqualTo(new FaultPlan(OnFault.SKIP, OnFault.SKIP, 7));
        assertThat(recipe.seed()).isEqualTo(42);
    }

    @Test
    void aFrozenPartNeedsNoRate() throws IOException {
        Recipe recipe =
                read(
                        PLAIN.replace(
                                "'learning_rate':0.01}",
                                "'learning_rate':{'projector':1e-5,'decoder':2e-4}},"
                                        + "'loss':{'mode':'one_random_scale'},"
                                        + "'freeze':['tower'],'lora':{'targets':['q_proj'],'r':4,"
                                        + "'alpha':8,'dropout':0.1},"
                                        + "'curriculum':[{'until_step':2,'scales':[1],"
                                        + "'learning_rate':{'projector':0.5,'decoder':0.25}}]"));
        assertThat(recipe.frozen()).containsExactly(Part.TOWER);
        assertThat(recipe.loss().mode()).isEqualTo(LossOptions.Mode.ONE_RANDOM_SCALE);
        assertThat(recipe.lora()).contains(new LoraOptions(List.of("q_proj"), false, 4, 8, 0.1));
        assertThat(recipe.rates())
                .isEqualTo(Map.of(Part.TOWER, 0.0, Part.PROJECTOR, 1e-5, Part.DECODER, 2e-4));
        assertThat(recipe.curriculum().get(0).rates())
                .isEqualTo(Map.of(Part.TOWER, 0.0, Part.PROJECTOR, 0.5, Part.DECODER, 0.25));
    }

    @Test
    void aCurriculumAddsFinerScales() throws IOException {
        Recipe recipe = read(FULL);
        List<Scale> all = recipe.loss().scales();
        assertThat(recipe.scalesAt(0, 100, all)).containsExactly(Scale.of(1));
        assertThat(recipe.scalesAt(19, 100, all)).containsExactly(Scale.of(1));
        assertThat(recipe.scalesAt(20, 100, all)).containsExactly(Scale.of(1), Scale.of(9));
        assertThat(recipe.scalesAt(50, 100, all)).isEqualTo(all);
    }

    @Test
    void aStageMayHaveRatesOfItsOwn() throws IOException {
        Recipe recipe =
                read(
                        PLAIN.replace(
                                "'steps':10",
                                "'steps':10,'schedule':{'kind':'constant','decay_ratio':0.2},"
                                        + "'curriculum':[{'until_step':2,'scales':[1],'learning_rate':0.5},"
                                        + "{'until_step':4,'scales':[1],'learning_rate':"
                                        + "{'tower':1e-3,'projector':2e-3,'decoder':3e-3}},"
                                        + "{'until_step':6,'scales':[1]}]"));
        assertThat(recipe.ratesAt(1, 10))
                .isEqualTo(Map.of(Part.TOWER, 0.5, Part.PROJECTOR, 0.5, Part.DECODER, 0.5));
        assertThat(recipe.ratesAt(2, 10))
                .isEqualTo(Map.of(Part.TOWER, 1e-3, Part.PROJECTOR, 2e-3, Part.DECODER, 3e-3));
        assertThat(recipe.ratesAt(5, 10)).isEqualTo(recipe.rates());
        assertThat(recipe.ratesAt(9, 10)).containsEntry(Part.TOWER, 0.005);
    }

    @Test
    void aStageMayHaveDataOfItsOwn() throws IOException {
        Recipe recipe =
                read(
                        PLAIN.replace(
                                "'steps':10",
                                "'steps':10,'curriculum':[{'until_step':2,'scales':[1]},"
                                        + "{'until_step':4,'scales':[1],'data':[{'scenes':{'seed':3,"
                                        + "'count':9,'crowded':true,'forms_asked':5,'number_asked':true,'blank':true}},"
                                        + "{'scenes':{'count':8,'number_asked':true}}]}]"));
        List<DataSource> own =
                List.of(
                        new DataSource.Scenes(3, 9, 1, true, 5, true, false, true),
                        new DataSource.Scenes(0, 8, 1, false, 2, true, false, false));
        assertThat(recipe.dataAt(1, 10)).isEqualTo(recipe.data());
        assertThat(recipe.dataAt(2, 10)).isEqualTo(own);
        assertThat(recipe.dataAt(3, 10)).isEqualTo(own);
        assertThat(recipe.dataAt(4, 10)).isEqualTo(recipe.data());
    }

    @Test
    void theWeightsOfFewerScalesSumUpToThoseOfAll() throws IOException {
        LossOptions some =
                read(FULL).loss().options(Ladder.ofGrid(24), List.of(Scale.of(1), Scale.of(9)));
        assertThat(some.weights().get(Scale.of(1))).isEqualTo(8.0 / 3);
        assertThat(some.weights().get(Scale.of(9))).isEqualTo(16.0 / 3);
    }

    /** Each line: where a value goes, the value, and what the refusal says of it. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "/stepz | 3 | expected only the keys#found stepz; did you mean steps?",
                "/batch/sise | 3 | recipe.json, batch#found sise; did you mean size?",
                "/model/form | 'x' | recipe.json, model#did you mean from?",
                "/model | null | model is missing, expected an object",
                "/model | {} | either from#found neither",
                "/model | {'from':'a','random':'b'} | either from#found both",
                "/model | {'random':'b','vision_tower':'c'} | vision_tower#draws the tower, too",
                "/model | {'from':'a','seed':1} | model: seed: expected nothing",
                "/model/from | 3 | model: from: expected a text, found 3",
                "/data | [] | data: expected one source or more, found none",
                "/data | 'x' | data: expected a list of objects, found \"x\"",
                "/data | [{'laion':{}}] | data 1: expected only the keys llava, scenes, found laion",
                "/data | [{'llava':{'images':'i'}}] | data 1, llava: annotations is missing",
                "/data | [{'scenes':{'count':0}}] | data 1, scenes: count: expected an integer of 1 or more, found 0",
                "/data | [{'scenes':{'count':1,'seed':2000000}}] | data 1, scenes: seed: expected one to learn from (0 to 999999)#found 2000000, which is among those to report",
                "/evaluation | {'every_steps':1,'data':[{'scenes':{'count':1,'seed':2999999}}]} | evaluation, data 1, scenes: seed: expected#to tune by (1000000 to 1999999)",
                "/data | [{'scenes':{}}] | data 1, scenes: count is missing",
                "/steps | -1 | steps: expected an integer of 1 or more, found -1",
                "/steps | 1.5 | steps: expected an integer, found 1.5",
                "/steps | null | expected steps or epochs, found neither",
                "/epochs | 2 | either steps or epochs, found both",
                "/batch/size | 0 | batch: size: expected an integer of 1 or more, found 0",
                "/batch/size | 'many' | batch: size: expected an integer, found \"many\"",
                "/batch | null | batch is missing",
                "/batch/accumulation | 0 | accumulation: expected an integer of 1 or more",
                "/batch/loaders | 0 | loaders: expected an integer of 1 or more",
                "/batch/group_by_length | 1 | group_by_length: expected true or false, found 1",
                "/max_length | 1 | longest of 2 or more",
                "/tiles_at_once | -1 | tiles_at_once: expected 0 or more",
                "/scales | [8] | scale 8: a scale is a square number",
                "/scales | ['a'] | scales: expected an integer or a list of integers",
                "/pooling | 'averag' | pooling: expected average or spatial or sequential, found averag; did you mean average?",
                "/loss | {'mode':'random'} | mode: expected all_scales or one_random_scale, found random",
                "/loss | {'weights':{'x':1}} | expected scales such as 36 as keys, found x",
                "/loss | {'weights':{'9':-1}} | weight of scale 9: expected a number above 0, found -1",
                "/loss | {'weights':{'9':'a'}} | weights: 9: expected a number, found \"a\"",
                "/loss | {'temperature':0} | temperature: expected a number above 0",
                "/loss | {'distillation':-1} | distillation: expected a number not below 0",
                "/loss | {'mode':'one_random_scale','consistency':1} | one random scale",
                "/optimizer/learning_rate | 0 | learning_rate: expected a number above 0, found 0",
                "/optimizer/learning_rate | null | learning_rate is missing",
                "/optimizer/learning_rate | {'tower':1,'decoder':1} | learning_rate: projector is missing",
                "/optimizer/learning_rate | {'vision':1} | expected only the keys tower, projector, decoder, found vision",
                "/optimizer/betas | [0.9] | betas: expected two numbers",
                "/optimizer/betas | [0.9,1] | betas from 0 to below 1",
                "/optimizer/weight_decay | -1 | decay not below 0",
                "/optimizer/clip_norm | 0 | clip_norm: expected a number above 0, found 0",
                "/schedule | {'kind':'sine'} | kind: expected cosine or linear or constant, found sine",
                "/schedule | {'warm_up_ratio':2} | warm_up_ratio: expected 0 to 1, found 2",
                "/freeze | ['towr'] | freeze: expected tower or projector or decoder, found towr; did you mean tower?",
                "/freeze | ['tower','projector','decoder'] | freeze: expected a part that learns",
                "/model | {'random':'x'}, \"freeze\":[\"tower\"] | freeze: expected nothing frozen",
                "/lora | {'r':0,'alpha':1} | lora: r: expected an integer of 1 or more, found 0",
                "/lora | {'r':4} | alpha is missing",
                "/lora | {'r':4,'alpha':8,'dropout':1} | lora: dropout: expected 0 to below 1, found 1",
                "/lora | {'r':4,'alpha':8,'dropout':-0.1} | lora: dropout: expected 0 to below 1, found -0.1",
                "/lora | {'r':4,'alpha':8,'dropout':'a'} | dropout: expected a number, found",
                "/lora | {'r':4,'alpha':8,'targets':'('} | targets: expected a regular expression, found (",
                "/precision | 'int8' | precision: expected float32 or bfloat16, found int8",
                "/activation_checkpointing | -1 | layersAgain of 0 or more",
                "/curriculum | [{'until_step':3}] | curriculum 1: scales is missing, expected a list",
                "/curriculum | [{'until_step':3,'scales':[]}] | curriculum, scales: expected one or more, since the loss has no grounding",
                "/curriculum | [{'until_step':3,'scales':[1],'tower_window':-1}] | tower_window: expected an integer of 0 or more",
                "/curriculum | [{'until_step':3,'scales':[1],'learning_rate':-1}] | learning_rate: expected a number above 0, found -1",
                "/curriculum | [{'until_step':3,'scales':[1],'learning_rate':{'tower':1}}] | projector is missing",
                "/schedule | {'kind':'linear','decay_ratio':0.1} | decay_ratio: expected nothing",
                "/loss | {'grounding':-1} | grounding: expected a number not below 0, found -1",
                "/curriculum | [{'scales':[1]}] | until_step or until_fraction, found neither",
                "/curriculum | [{'until_step':3,'scales':[1],'data':[{'scenes':{'count':0}}]}] | count: expected an integer of 1 or more, found 0",
                "/curriculum | [{'until_step':3,'scales':[1],'data':[]}] | data: expected one source or more, found none; leave it out",
                "/data | [{'scenes':{'count':1,'forms_asked':3}}] | forms_asked: expected nothing, since the scenes are not crowded",
                "/data | [{'scenes':{'count':1,'crowded':true,'forms_asked':7}}] | forms_asked: expected 0 to 6, found 7",
                "/curriculum | [{'until_step':3,'scales':[1]},{'until_step':2,'scales':[9]}] | each stage to end behind the one before",
                "/evaluation | {'every_steps':0,'data':[{'scenes':{'count':1}}]} | every_steps: expected an integer of 1 or more",
                "/evaluation | {'every_steps':1} | evaluation: data is missing",
                "/evaluation | {'every_steps':1,'data':[{'scenes':{'count':1}}],'early_stopping':{'patience':1,'metric':'accuracy'}} | early_stopping: metric: expected loss, or loss.36",
                "/evaluation | {'every_steps':1,'data':[{'scenes':{'count':1}}],'early_stopping':{'patience':1,'metric':'loss.35'}} | scale 35: a scale is a square number",
                "/evaluation | {'every_steps':1,'data':[{'scenes':{'count':1}}],'early_stopping':{'patience':1,'metric':'loss.36'}}, 'scales':[1,9] | early_stopping, metric: expected one of loss, loss.1, loss.9, since#found loss.36",
                "/checkpoints | {'keep':0} | checkpoints: keep: expected an integer of 1 or more",
                "/faults | {'bad_example':'ignore'} | bad_example: expected stop or skip, found ignore",
                "/seed | 1.5 | seed: expected an integer, found 1.5",
            })
    void aWrongValueIsRefusedByFileAndKey(String at, String value, String parts)
            throws IOException {
        ObjectNode json = (ObjectNode) JSON.readTree(PLAIN.replace('\'', '"'));
        int slash = at.lastIndexOf('/');
        ObjectNode parent = (ObjectNode) json.at(at.substring(0, slash));
        ObjectNode given =
                (ObjectNode)
                        JSON.readTree(
                                "{\""
                                        + at.substring(slash + 1)
                                        + "\":"
                                        + value.replace('\'', '"')
                                        + "}");
        parent.setAll(given);
        Path file = Files.writeString(directory.resolve("recipe.json"), json.toString());
        var thrown =
                assertThatThrownBy(() -> Recipe.read(file))
                        .isInstanceOf(M3Exception.class)
                        .hasMessageStartingWith(file.toString());
        for (String part : parts.split("#")) {
            thrown.hasMessageContaining(part.strip());
        }
    }

    private Recipe read(String json) throws IOException {
        return Recipe.read(
                Files.writeString(directory.resolve("recipe.json"), json.replace('\'', '"')));
    }
}
