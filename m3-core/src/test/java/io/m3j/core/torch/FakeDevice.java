package io.m3j.core.torch;

import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A program as it is, but for two things: what comes from Java arrives on libtorch's device {@code
 * meta}, and the operators that do not look at their devices there, or cannot be had there, are the
 * ones of {@code fake-device.torchscript}, which do.
 */
final class FakeDevice {

    private static final Pattern OPERATOR = Pattern.compile("\\b(?:torch|ops\\.\\w+)\\.(\\w+)\\(");
    private static final Pattern METHOD = Pattern.compile("  def (\\w+)\\(");
    private static final String DOOR = "  def reinterpret(";

    private FakeDevice() {}

    /** The program on the fake device. */
    static String program(String source) {
        String fakes = TestKernels.resource("fake-device.torchscript");
        int door = source.indexOf(DOOR);
        int next = source.indexOf("  def ", door + DOOR.length());
        String rest = source.substring(0, door) + source.substring(next);
        for (String operator : replaced()) {
            rest = rest.replaceAll("\\btorch\\." + operator + "\\(", "self.fake_" + operator + "(");
        }
        return rest + fakes;
    }

    /** The operators that are replaced. */
    static Set<String> replaced() {
        Set<String> names = new TreeSet<>();
        for (String method : methods(TestKernels.resource("fake-device.torchscript")).keySet()) {
            if (method.startsWith("fake_") && !method.equals("fake_same")) {
                names.add(method.substring("fake_".length()));
            }
        }
        return names;
    }

    /** Names of all operators of a program. */
    static Set<String> operators(String source) {
        Set<String> names = new TreeSet<>();
        Matcher matcher = OPERATOR.matcher(withoutComments(source));
        while (matcher.find()) {
            names.add(matcher.group(1));
        }
        return names;
    }

    /** The text of each method by its name. */
    static Map<String, String> methods(String source) {
        Map<String, String> methods = new java.util.LinkedHashMap<>();
        Matcher matcher = METHOD.matcher(source);
        int start = -1;
        String name = null;
        while (matcher.find()) {
            if (name != null) {
                methods.put(name, source.substring(start, matcher.start()));
            }
            name = matcher.group(1);
            start = matcher.start();
        }
        methods.put(name, source.substring(start));
        return methods;
    }

    static String withoutComments(String source) {
        return source.replaceAll("(?m)#.*$", "");
    }
}
