/** Video files as frames, read by FFmpeg. No other room names it. */
package io.m3j.video;
