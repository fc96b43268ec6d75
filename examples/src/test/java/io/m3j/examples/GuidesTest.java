package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The guides' Java compiles and runs: a class in a block after {@code <!-- compiled -->}. */
class GuidesTest {

    private static final Path GUIDES = Path.of("../docs/guides");
    private static final Pattern BLOCK =
            Pattern.compile("<!-- compiled -->\\s*```java\\n(.*?)```", Pattern.DOTALL);
    private static final Pattern CLASS = Pattern.compile("public class (\\w+)");

    @TempDir private Path directory;

    @Test
    void theServingGuidesProgramRuns() throws Exception {
        run("serving.md", "" + Home.model(), "" + Home.picture());
    }

    @Test
    void theEvaluationGuidesProgramRuns() throws Exception {
        run("evaluation.md", "" + Home.model(), "" + Home.picture());
    }

    @Test
    void theConversationGuidesProgramRuns() throws Exception {
        String picture = "" + Home.picture();
        run("conversations.md", "" + Home.model(), picture, picture);
    }

    private void run(String guide, String... arguments) throws Exception {
        Matcher block = BLOCK.matcher(Files.readString(GUIDES.resolve(guide)));
        assertThat(block.find()).as("a compiled block in %s", guide).isTrue();
        String name = compile(block.group(1));
        try (URLClassLoader loader = new URLClassLoader(new URL[] {directory.toUri().toURL()})) {
            loader.loadClass(name)
                    .getMethod("main", String[].class)
                    .invoke(null, (Object) arguments);
        } catch (InvocationTargetException e) {
            throw new AssertionError(guide, e.getCause());
        }
    }

    private String compile(String code) throws IOException {
        Matcher name = CLASS.matcher(code);
        assertThat(name.find()).isTrue();
        Path file = Files.writeString(directory.resolve(name.group(1) + ".java"), code);
        int status =
                ToolProvider.getSystemJavaCompiler()
                        .run(
                                null,
                                null,
                                null,
                                "-cp",
                                System.getProperty("java.class.path"),
                                "-d",
                                directory.toString(),
                                file.toString());
        assertThat(status).as("exit status of javac, whose messages stand above").isZero();
        return name.group(1);
    }
}
