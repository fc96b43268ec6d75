package io.m3j.core.torch;

import ai.djl.engine.Engine;
import ai.djl.pytorch.jni.JniUtils;

/**
 * The engine that computes in this process, for reports.
 *
 * @param libtorch its version
 * @param djl version of the library between it and Java
 * @param threads how many compute one operation; {@code -Dai.djl.pytorch.num_threads} sets them
 */
public record TorchRuntime(String libtorch, String djl, int threads) {

    /**
     * @return what runs, or was started for this
     */
    public static TorchRuntime current() {
        Engine engine = TorchProgram.engine();
        return new TorchRuntime(
                engine.getVersion(), Engine.getDjlVersion(), JniUtils.getNumThreads());
    }
}
