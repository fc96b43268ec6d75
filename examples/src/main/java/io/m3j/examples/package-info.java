/** The {@code m3} command line. */
package io.m3j.examples;
