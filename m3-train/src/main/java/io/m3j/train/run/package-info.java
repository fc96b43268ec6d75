/** Training runs: the loop, its directory with checkpoints and metrics, and how it goes on after a stop. */
package io.m3j.train.run;
