/** Measuring what each scale buys: benchmarks, their answers, and the report of them. */
package io.m3j.eval;
