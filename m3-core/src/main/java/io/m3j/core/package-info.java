/** Scales, ladders and nested visual tokens. */
package io.m3j.core;
