package io.m3j.vision;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.IOException;
import javax.imageio.ImageReader;
import javax.imageio.metadata.IIOMetadata;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * The logical screen of a GIF, on which its first frame may cover only a part.
 *
 * <p>What the frame leaves bare has the transparent colour, or else the first of the palette, as in
 * Pillow.
 */
record GifCanvas(int width, int height, int left, int top, int bare) {

    private static final String FORMAT = "javax_imageio_gif_image_1.0";
    private static final int SCREEN_SIZE = 6;

    /** Reads the frame's pixels. */
    @FunctionalInterface
    interface Frame {
        BufferedImage read() throws IOException;
    }

    /** Refuses a size. */
    @FunctionalInterface
    interface Limit {
        void check(int width, int height);
    }

    static GifCanvas of(byte[] encoded, ImageReader reader) throws IOException {
        IIOMetadata metadata = reader.getImageMetadata(0);
        Element root = (Element) metadata.getAsTree(FORMAT);
        Element frame = (Element) root.getElementsByTagName("ImageDescriptor").item(0);
        int left = Integer.parseInt(frame.getAttribute("imageLeftPosition"));
        int top = Integer.parseInt(frame.getAttribute("imageTopPosition"));
        NodeList controls = root.getElementsByTagName("GraphicControlExtension");
        int bare = 0;
        if (controls.getLength() > 0) {
            Element control = (Element) controls.item(0);
            if ("TRUE".equalsIgnoreCase(control.getAttribute("transparentColorFlag"))) {
                bare = Integer.parseInt(control.getAttribute("transparentColorIndex"));
            }
        }
        return new GifCanvas(
                Math.max(unsignedShort(encoded, SCREEN_SIZE), left + reader.getWidth(0)),
                Math.max(unsignedShort(encoded, SCREEN_SIZE + 2), top + reader.getHeight(0)),
                left,
                top,
                bare);
    }

    M3Image paint(Frame frame, Limit limit) throws IOException {
        limit.check(width, height);
        BufferedImage image = frame.read();
        M3Image pixels = RasterPixels.rgb(image);
        if (pixels.width() == width && pixels.height() == height) {
            return pixels;
        }
        byte[] rgb = new byte[3 * width * height];
        IndexColorModel palette = (IndexColorModel) image.getColorModel();
        int colour = bare < palette.getMapSize() ? palette.getRGB(bare) : 0;
        for (int i = 0; i < rgb.length; i += 3) {
            rgb[i] = (byte) (colour >> 16);
            rgb[i + 1] = (byte) (colour >> 8);
            rgb[i + 2] = (byte) colour;
        }
        int stride = 3 * pixels.width();
        for (int y = 0; y < pixels.height(); y++) {
            System.arraycopy(
                    pixels.bytes(), y * stride, rgb, 3 * ((top + y) * width + left), stride);
        }
        return M3Image.adopt(width, height, rgb);
    }

    private static int unsignedShort(byte[] encoded, int offset) {
        return encoded[offset] & 0xff | (encoded[offset + 1] & 0xff) << 8;
    }
}
