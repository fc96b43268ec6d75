package io.m3j.eval;

import io.m3j.core.DurableFiles;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.awt.BasicStroke;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries;
import org.knowm.xchart.CategorySeries.CategorySeriesRenderStyle;
import org.knowm.xchart.style.Styler.ChartTheme;
import org.knowm.xchart.style.Styler.LegendPosition;

/** Accuracy over scales as a picture: a line for each category, and a black one for all. */
public final class ReportPlot {

    /** Its name beside the report. */
    public static final String FILE = "accuracy.png";

    private static final int WIDTH = 900;
    private static final int HEIGHT = 560;
    private static final float ALL_WIDTH = 4;

    /** Okabe and Ito's, which people with any colour vision tell apart; its black is for all. */
    private static final Color[] COLOURS = {
        new Color(0x0072B2),
        new Color(0xE69F00),
        new Color(0x009E73),
        new Color(0xD55E00),
        new Color(0x56B4E9),
        new Color(0xCC79A7)
    };

    private ReportPlot() {}

    /**
     * @param report to draw
     * @param file PNG to write, replaced as a whole
     */
    public static void write(EvaluationReport report, Path file) {
        try {
            byte[] png = BitmapEncoder.getBitmapBytes(chart(report), BitmapFormat.PNG);
            DurableFiles.replace(file, png);
        } catch (IOException e) {
            throw new M3Exception(file + ": cannot be drawn: " + e, e);
        }
    }

    private static CategoryChart chart(EvaluationReport report) {
        CategoryChart chart =
                new CategoryChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .theme(ChartTheme.XChart)
                        .title(report.benchmark() + ", " + report.samples() + " questions")
                        .xAxisTitle("visual tokens")
                        .yAxisTitle("accuracy, %")
                        .build();
        chart.getStyler()
                .setDefaultSeriesRenderStyle(CategorySeriesRenderStyle.Line)
                .setOverlapped(true) // each scale at one place, not the categories side by side
                .setYAxisMin(0.0)
                .setYAxisMax(100.0)
                .setLegendPosition(LegendPosition.OutsideE)
                .setChartBackgroundColor(Color.WHITE)
                .setSeriesColors(COLOURS);
        report.byCategory().forEach((name, accuracy) -> line(chart, name, accuracy));
        CategorySeries all = line(chart, "all questions", report.accuracy());
        all.setMarkerColor(Color.BLACK);
        all.setLineColor(Color.BLACK).setLineStyle(new BasicStroke(ALL_WIDTH));
        return chart;
    }

    private static CategorySeries line(
            CategoryChart chart, String name, Map<Scale, Double> accuracy) {
        List<String> scales = accuracy.keySet().stream().map(Scale::toString).toList();
        List<Double> percent = accuracy.values().stream().map(rate -> 100 * rate).toList();
        return chart.addSeries(name, scales, percent);
    }
}
