package io.m3j.train.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import io.m3j.llm.ModelFiles;
import io.m3j.train.data.ExampleSource;
import io.m3j.train.recipe.Recipe;
import io.m3j.train.run.RunReport.End;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a run's directory is to hold before it is begun, or goes on. */
class RunDirectoryTest {

    private static final ExampleSource DATA = MiniSource.of(11);

    @TempDir private Path directory;

    private RunReport start(Recipe recipe) {
        return run(recipe, false, DATA, 0);
    }

    private RunReport run(Recipe recipe, boolean resume, ExampleSource data, long stopAfter) {
        return MiniRun.run(recipe, directory.resolve("run"), resume, data, new Told(stopAfter));
    }

    private static Recipe with(String json) {
        return MiniRun.nested(MiniRun.recipe(json));
    }

    @Test
    void aRunThatIsThereIsNotOverwritten() {
        start(with("{'steps':1}"));
        assertThatThrownBy(() -> start(with("{'steps':1}")))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("holds a run already")
                .hasMessageContaining("--resume auto");
    }

    @Test
    void checkpointsWithoutARecipeAreNotTakenForANewRun() throws IOException {
        run(with("{'steps':2}"), false, DATA, 1);
        Files.delete(directory.resolve("run/recipe.json"));
        assertThatThrownBy(() -> start(with("{'steps':2}")))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("or its checkpoints")
                .hasMessageContaining("--resume auto");
        assertThat(run(with("{'steps':2}"), true, DATA, 0).steps()).isEqualTo(2);
    }

    @Test
    void aRunDoesNotGoOnWithAnotherRecipeOrOtherData() {
        run(with("{'steps':2}"), false, DATA, 1);
        assertThatThrownBy(() -> run(with("{'steps':3}"), true, DATA, 0))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("another recipe")
                .hasMessageContaining("steps was 2, is 3");
        assertThatThrownBy(() -> run(with("{'steps':2}"), true, MiniSource.of(12), 0))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("other data");
        Recipe free = with("{'steps':2,'checkpoints':{'keep':9}}");
        assertThat(run(free, true, DATA, 0).end()).isEqualTo(End.FINISHED);
    }

    @Test
    void aRunDoesNotGoOnWithAnotherStartingModel() throws IOException {
        Path base = Files.createDirectory(directory.resolve("base"));
        Path golden = Golden.checkpoint("llava-m3");
        copyFiles(golden, base);
        ObjectNode config =
                (ObjectNode) MiniRun.JSON.readTree(base.resolve("config.json").toFile());
        config.put("mm_vision_tower", golden.resolve("../clip-vision").normalize().toString());
        Files.writeString(base.resolve("config.json"), config.toString());
        ObjectNode json = MiniRun.recipe().put("steps", 2);
        json.putObject("model").put("from", base.toString());
        Recipe recipe = Recipe.of("recipe", json, directory);
        run(recipe, false, DATA, 1);
        // The same sizes, so that only the fingerprint can tell.
        Files.writeString(base.resolve("config.json"), config.put("rms_norm_eps", 1e-6).toString());
        assertThatThrownBy(() -> run(recipe, true, DATA, 0))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("another starting model");
        Files.writeString(base.resolve("config.json"), config.put("rms_norm_eps", 1e-5).toString());
        Path provenance = directory.resolve("run/provenance.json");
        ObjectNode before = (ObjectNode) MiniRun.JSON.readTree(provenance.toFile());
        before.remove("model"); // as the runs had it that were begun before
        Files.writeString(provenance, before.toString());
        assertThat(run(recipe, true, DATA, 0).end()).isEqualTo(End.FINISHED);
        JsonNode after = MiniRun.JSON.readTree(provenance.toFile());
        assertThat(after.get("model").asText()).hasSize(8);
        assertThat(after.has("vision_tower")).isFalse(); // it lies inside, only its sizes elsewhere
    }

    /** LLaVA-1.5's own checkpoints have no tower inside. */
    @Test
    void aTowerThatLiesElsewhereIsNamedInTheRecipe() throws IOException {
        Path base = Files.createDirectory(directory.resolve("base"));
        Path golden = Golden.checkpoint("llava-m3-bin-sharded");
        copyFiles(golden, base);
        ObjectNode json = MiniRun.recipe().put("steps", 1);
        json.putObject("model").put("from", "base");
        assertThatThrownBy(() -> start(Recipe.of("recipe", json, directory)))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("was not found")
                .hasMessageContaining("model.vision_tower");
        json.withObject("/model")
                .put("vision_tower", golden.resolve("../clip-full-bin").normalize().toString());
        RunReport report = start(Recipe.of("recipe", json, directory));
        try (ModelFiles trained = ModelFiles.open(report.model().orElseThrow(), Optional.empty())) {
            assertThat(trained.names()).anyMatch(name -> name.contains("tower"));
        }
    }

    /** The tower's weights are frozen, so that no checkpoint of the run holds them. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRunDoesNotGoOnWithAnotherTower(boolean inRecipe) throws IOException {
        Path golden = Golden.checkpoint("llava-m3-bin-sharded");
        Path base = Files.createDirectory(directory.resolve("base"));
        copyFiles(golden, base);
        Path tower =
                Files.createDirectory(directory.resolve("clip-full-bin")); // as config.json says
        copyFiles(Golden.checkpoint("clip-full-bin"), tower);
        if (inRecipe) {
            tower = Files.move(tower, directory.resolve("tower"));
        }
        ObjectNode json = MiniRun.recipe().put("steps", 2);
        json.putObject("model").put("from", "base");
        json.putArray("freeze").add("tower");
        if (inRecipe) {
            json.withObject("/model").put("vision_tower", "tower");
        }
        Recipe recipe = Recipe.of("recipe", json, directory);
        run(recipe, false, DATA, 1);
        Path weights = tower.resolve("pytorch_model.bin");
        byte[] before = Files.readAllBytes(weights);
        Files.delete(weights);
        Files.copy(
                Golden.checkpoint("clip-vision").resolve("model.safetensors"),
                tower.resolve("model.safetensors"));
        assertThatThrownBy(() -> run(recipe, true, DATA, 0))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("another vision tower");
        Files.delete(tower.resolve("model.safetensors"));
        Files.write(weights, before);
        Path provenance = directory.resolve("run/provenance.json");
        ObjectNode recorded = (ObjectNode) MiniRun.JSON.readTree(provenance.toFile());
        recorded.remove("vision_tower"); // as the runs had it that were begun before
        Files.writeString(provenance, recorded.toString());
        assertThat(run(recipe, true, DATA, 0).end()).isEqualTo(End.FINISHED);
        assertThat(MiniRun.JSON.readTree(provenance.toFile()).get("vision_tower").asText())
                .hasSize(8);
    }

    private static void copyFiles(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.list(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(file.getFileName()));
            }
        }
    }

    @Test
    void oneProcessAtATimeTrainsInADirectory() {
        Told told = new Told(0);
        try (M3Trainer first =
                MiniRun.open(with("{}"), directory.resolve("run"), false, DATA, told)) {
            assertThatThrownBy(
                            () ->
                                    MiniRun.open(
                                            with("{}"), directory.resolve("run"), true, DATA, told))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("another process is training in it");
            first.requestStop();
            assertThat(first.run().end()).isEqualTo(End.INTERRUPTED);
        }
    }

    @Test
    void theLastCheckpointsAreKept() throws IOException {
        start(with("{'steps':5,'checkpoints':{'every_steps':1,'keep':2}}"));
        try (Stream<Path> kept = Files.list(directory.resolve("run/checkpoints"))) {
            assertThat(kept.map(path -> path.getFileName().toString()))
                    .containsExactlyInAnyOrder("step-0000000004", "step-0000000005");
        }
    }
}
