package io.m3j.examples;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Set;

/** The house as it was planned: arrows run one way, and one room alone knows the engine. */
@AnalyzeClasses(
        packages = "io.m3j",
        importOptions = {
            ImportOption.DoNotIncludeTests.class,
            ArchitectureTest.NoJarsOfTests.class
        })
class ArchitectureTest {

    /** The fixtures of other modules, which come in a jar once they are packaged. */
    static final class NoJarsOfTests implements ImportOption {
        @Override
        public boolean includes(Location location) {
            return !location.contains("-tests.jar");
        }
    }

    @ArchTest
    static final ArchRule ARROWS_RUN_ONE_WAY =
            layeredArchitecture()
                    .consideringOnlyDependenciesInLayers()
                    .withOptionalLayers(true)
                    .layer("core")
                    .definedBy("io.m3j.core..")
                    .layer("vision")
                    .definedBy("io.m3j.vision..")
                    .layer("video")
                    .definedBy("io.m3j.video..")
                    .layer("llm")
                    .definedBy("io.m3j.llm..")
                    .layer("train")
                    .definedBy("io.m3j.train..", "io.m3j.eval..")
                    .layer("examples")
                    .definedBy("io.m3j.examples..")
                    .whereLayer("examples")
                    .mayNotBeAccessedByAnyLayer()
                    .whereLayer("train")
                    .mayOnlyBeAccessedByLayers("examples")
                    .whereLayer("llm")
                    .mayOnlyBeAccessedByLayers("train", "examples")
                    .whereLayer("video")
                    .mayOnlyBeAccessedByLayers("examples")
                    .whereLayer("vision")
                    .mayOnlyBeAccessedByLayers("video", "llm", "train", "examples");

    @ArchTest
    static final ArchRule ONE_ROOM_KNOWS_FFMPEG =
            noClasses()
                    .that()
                    .resideOutsideOfPackage("io.m3j.video..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("org.bytedeco..");

    @ArchTest
    static final ArchRule ONE_ROOM_KNOWS_THE_ENGINE =
            noClasses()
                    .that()
                    .resideOutsideOfPackage("io.m3j.core.torch..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("ai.djl.pytorch..");

    /** What makes an array from numbers of Java, or takes one elsewhere: the kernels alone do. */
    private static final Set<String> DOORS =
            Set.of(
                    ("arange create createCSR createCoo createRowSparse decode eye from full"
                                    + " hanningWindow linspace load newBaseManager ones"
                                    + " randomInteger randomMultinomial randomNormal"
                                    + " randomPermutation randomUniform sampleGamma sampleNormal"
                                    + " samplePoisson toDevice truncatedNormal zeros")
                            .split(" "));

    @ArchTest
    static final ArchRule ARRAYS_ARE_MADE_ON_THE_DEVICE_OF_THE_KERNELS =
            noClasses()
                    .that()
                    .resideOutsideOfPackage("io.m3j.core.torch..")
                    .should()
                    .callMethodWhere(
                            DescribedPredicate.describe(
                                    "an array comes from elsewhere than the kernels",
                                    call -> isDoor(call)));

    private static boolean isDoor(JavaCall<?> call) {
        return DOORS.contains(call.getTarget().getName())
                && (call.getTargetOwner().isAssignableTo(NDManager.class)
                        || call.getTargetOwner().isAssignableTo(NDArray.class));
    }

    @ArchTest
    static final ArchRule READERS_OF_FILES_KNOW_NEITHER_MODELS_NOR_ENGINES =
            noClasses()
                    .that()
                    .resideInAPackage("io.m3j.core.weights..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "io.m3j.core.torch..", "io.m3j.core.nn..", "ai.djl.engine..");
}
