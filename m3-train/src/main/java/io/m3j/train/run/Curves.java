package io.m3j.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.m3j.core.DurableFiles;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws a run's metrics: loss by scale, loss of validation examples, gradient norm, learning rates. */
final class Curves {

    private static final int WIDTH = 760;
    private static final int HEIGHT = 420;
    private static final int MOST_POINTS = 400;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Map<String, Line> loss = new TreeMap<>(Curves::byScale);
    private final Map<String, Line> validation = new TreeMap<>(Curves::byScale);
    private final Map<String, Line> norm = new LinkedHashMap<>();
    private final Map<String, Line> rates = new LinkedHashMap<>();

    private Curves() {}

    /** Points of one line. */
    private record Line(List<Double> steps, List<Double> values) {

        Line() {
            this(new ArrayList<>(), new ArrayList<>());
        }

        /** As many points as can be told apart, each the mean of those it stands for. */
        Line thinned() {
            int each = (steps.size() + MOST_POINTS - 1) / MOST_POINTS;
            if (each <= 1) {
                return this;
            }
            Line thinned = new Line();
            for (int start = 0; start < steps.size(); start += each) {
                int end = Math.min(steps.size(), start + each);
                thinned.steps.add(mean(steps.subList(start, end)));
                thinned.values.add(mean(values.subList(start, end)));
            }
            return thinned;
        }

        private static double mean(List<Double> numbers) {
            return numbers.stream().mapToDouble(number -> number).average().orElseThrow();
        }
    }

    /**
     * @param metrics lines as {@link MetricsLog} writes them
     * @param picture a PNG, replaced at once when it is complete
     * @throws IOException if a file cannot be read or written
     */
    static void draw(Path metrics, Path picture) throws IOException {
        Curves curves = new Curves();
        try (BufferedReader lines = Files.newBufferedReader(metrics)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                curves.add(JSON.readTree(line));
            }
        }
        DurableFiles.replace(picture, curves.png());
    }

    private void add(JsonNode line) {
        double step = line.path("step").asDouble();
        if (line.has("evaluation")) {
            addAll(validation, step, line.get("evaluation").path("loss_by_scale"));
        } else if (line.has("loss")) {
            addAll(loss, step, line.path("loss_by_scale"));
            addAll(rates, step, line.path("learning_rate"));
            point(norm, "gradient norm", step, line.path("gradient_norm").asDouble());
        }
    }

    private static void addAll(Map<String, Line> lines, double step, JsonNode values) {
        values.properties()
                .forEach(each -> point(lines, each.getKey(), step, each.getValue().asDouble()));
    }

    private static void point(Map<String, Line> lines, String name, double step, double value) {
        Line line = lines.computeIfAbsent(name, key -> new Line());
        line.steps.add(step);
        line.values.add(value);
    }

    private byte[] png() throws IOException {
        List<BufferedImage> charts = new ArrayList<>();
        charts.add(chart("Loss by visual tokens", loss));
        charts.add(chart("Loss of validation examples", validation));
        charts.add(chart("Gradient norm before clipping", norm));
        charts.add(chart("Learning rate", rates));
        BufferedImage all = new BufferedImage(2 * WIDTH, 2 * HEIGHT, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = all.createGraphics();
        for (int i = 0; i < charts.size(); i++) {
            graphics.drawImage(charts.get(i), i % 2 * WIDTH, i / 2 * HEIGHT, null);
        }
        graphics.dispose();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(all, "png", bytes);
        return bytes.toByteArray();
    }

    private static BufferedImage chart(String title, Map<String, Line> lines) {
        XYChart chart =
                new XYChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title(title)
                        .xAxisTitle("step")
                        .build();
        lines.forEach(
                (name, line) -> {
                    Line thinned = line.thinned();
                    chart.addSeries(name, thinned.steps, thinned.values)
                            .setMarker(SeriesMarkers.NONE);
                });
        return BitmapEncoder.getBufferedImage(chart);
    }

    private static int byScale(String a, String b) {
        return Integer.compare(Integer.parseInt(a), Integer.parseInt(b));
    }
}
