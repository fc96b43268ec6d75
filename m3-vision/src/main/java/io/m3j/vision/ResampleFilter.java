package io.m3j.vision;

/** The kernel that a resize weighs its source pixels with; Pillow's, by Pillow's numbers. */
public enum ResampleFilter {
    /** Windowed sinc over three lobes. */
    LANCZOS(1, 3) {
        @Override
        double weight(double x) {
            return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
        }
    },
    /** A triangle. */
    BILINEAR(2, 1) {
        @Override
        double weight(double x) {
            return Math.max(0, 1 - Math.abs(x));
        }
    },
    /** Keys' cubic with a = −0.5 (not the −0.75 of PyTorch and OpenCV). */
    BICUBIC(3, 2) {
        private static final double A = -0.5;

        @Override
        double weight(double x) {
            double d = Math.abs(x);
            if (d < 1) {
                return ((A + 2) * d - (A + 3)) * d * d + 1;
            }
            return d < 2 ? (((d - 5) * d + 8) * d - 4) * A : 0;
        }
    };

    private final int code;
    private final double support;

    ResampleFilter(int code, double support) {
        this.code = code;
        this.support = support;
    }

    /** The number by which {@code preprocessor_config.json} names the filter. */
    int code() {
        return code;
    }

    /** Half the width of the kernel, in source pixels where nothing is shrunk. */
    double support() {
        return support;
    }

    abstract double weight(double x);

    private static double sinc(double x) {
        double angle = x * Math.PI;
        return x == 0 ? 1 : Math.sin(angle) / angle;
    }
}
